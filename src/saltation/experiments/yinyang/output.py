"""What a run leaves in its folder beside configuration and checkpoint: weights, records, pictures."""

import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saltation._version import __version__
from saltation.experiments.results import SCHEMA_VERSION, ResultFolder
from saltation.experiments.yinyang.evaluation import first_spikes, run_network
from saltation.experiments.yinyang.loss import softmax, winner
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import Labelled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["has_matplotlib", "write_figures", "write_weights"]

Floats = npt.NDArray[np.float64]

_RESOLUTION = 160
_MS = 1e3
_FAINT, _FAINT_INK = "#D5D8DC", "#777777"
_INK = "#22252B"
_NAMES_AT = ((0.6, 0.15), (0.4, 0.85), (0.25, 0.5))  # inside the area of each class


def write_weights(folder: ResultFolder, weights: Mapping[str, Floats]) -> Path:
    """Write ``weights.safetensors``, or ``weights.npz`` where the package safetensors is not installed.

    The names are those of the parameters of `saltation.torch.SNN`.
    """
    if importlib.util.find_spec("safetensors") is None:
        return folder.write_arrays("weights", **weights)
    from safetensors.numpy import save

    about = {"schema_version": str(SCHEMA_VERSION), "saltation_version": __version__}
    arrays = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    return folder.write_bytes("weights.safetensors", save(arrays, about))


def has_matplotlib() -> bool:
    """Say whether figures can be drawn."""
    return importlib.util.find_spec("matplotlib") is not None


def write_figures(
    folder: ResultFolder,
    settings: Settings,
    weights: Mapping[str, Floats],
    history: list[dict[str, Any]],
    test: Labelled,
    threads: int | None = None,
) -> list[Path]:
    """Draw ``learning.png``, ``raster.png`` and ``decision_map.png``."""
    figures = {
        "learning": _learning(history),
        "raster": _raster(settings, weights, test, threads),
        "decision_map": _decision_map(settings, weights, test, threads),
    }
    paths: list[Path] = []
    for name, figure in figures.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150)
        paths.append(folder.write_bytes(f"{name}.png", buffer.getvalue()))
    return paths


def _figure(width: float, height: float) -> "Figure":
    # Not by pyplot, which would keep it, and may want a display.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _learning(history: list[dict[str, Any]]) -> "Figure":
    from saltation.plot import learning_curves

    figure = _figure(9.0, 3.2)
    left, right = figure.subplots(1, 2)
    learning_curves(history, "loss", left)
    learning_curves(history, "accuracy", right)
    return figure


def _raster(settings: Settings, weights: Mapping[str, Floats], test: Labelled, threads: int | None) -> "Figure":
    """Draw a test point of each class: output spikes above, hidden spikes below, inputs as lines."""
    from saltation.data.yinyang import CLASS_NAMES
    from saltation.plot import CLASS_COLOURS, raster

    classes = [label for label in range(3) if np.any(test.labels == label)]
    chosen = np.array([int(np.argmax(test.labels == label)) for label in classes])
    run = run_network(settings, weights, test.stimulus[chosen], threads)
    answers = winner(run.spikes["out"].first())
    last = max((float(run.spikes[name].times.max(initial=0.0)) for name in ("hid", "out")), default=0.0)
    end = min(settings.duration, max(1.05 * last, settings.t_late))
    figure = _figure(3.2 * len(chosen), 4.4)
    grid = figure.subplots(2, len(chosen), sharex=True, squeeze=False, height_ratios=[1, 3.2])
    for column, (sample, label) in enumerate(zip(chosen, classes, strict=True)):
        out, hidden = grid[:, column]
        leftmost = column == 0
        raster(run.spikes["out"], column, out, duration=end, color=CLASS_COLOURS, label="output" if leftmost else "")
        raster(run.spikes["hid"], column, hidden, duration=end, label="hidden neuron" if leftmost else "")
        out.collections[0].set_linewidth(1.8)
        out.set_yticks(range(3), CLASS_NAMES if leftmost else [""] * 3)
        out.set_xlabel("")
        out.tick_params(labelbottom=False)
        hidden.tick_params(labelleft=leftmost)
        for axes in (out, hidden):
            axes.vlines(
                run.spikes["in"].sample(column)[0] * _MS, *axes.get_ylim(), color=_FAINT, linewidth=1.0, zorder=0
            )
        x, y = test.points[sample, :2]
        answer = CLASS_NAMES[answers[column]] if answers[column] >= 0 else "none"
        verdict = "" if answers[column] == label else f" ({answer} is first)"
        out.set_title(f"{CLASS_NAMES[label]} at ({x:.2f}, {y:.2f}){verdict}", fontsize="medium", loc="left")
    figure.supxlabel("grey: input spikes", fontsize="small", color=_FAINT_INK)
    return figure


def _decision_map(settings: Settings, weights: Mapping[str, Floats], test: Labelled, threads: int | None) -> "Figure":
    """Draw the probabilities of the classes over the disc, and the test points that are got wrong."""
    from saltation.data.yinyang import CLASS_NAMES
    from saltation.plot import decision_map

    def classify(points: Floats) -> Floats:
        return softmax(first_spikes(settings, weights, points, threads), settings.tau0)

    wrong = winner(first_spikes(settings, weights, test.points, threads)) != test.labels
    figure = _figure(4.6, 4.8)
    axes = figure.subplots()
    decision_map(classify, _RESOLUTION, axes, samples=(test.points[wrong], test.labels[wrong]))
    points = "point" if wrong.sum() == 1 else "points"
    for (x, y), name, color in zip(_NAMES_AT, CLASS_NAMES, ("white", _INK, "white"), strict=True):
        axes.text(x, y, name, color=color, ha="center", va="center", fontsize="large")
    axes.set_title(
        f"{wrong.sum()} of {len(test)} test {points} wrong: dots, in the colour of their class",
        fontsize="small",
        loc="left",
    )
    return figure
