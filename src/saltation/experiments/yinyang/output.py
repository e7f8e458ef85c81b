"""The figures that a run leaves in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saltation.engine import simulate
from saltation.experiments.output import learning, new_figure, save_figures
from saltation.experiments.results import ResultFolder
from saltation.experiments.yinyang.evaluation import observe, run_network
from saltation.experiments.yinyang.readout import make_readout
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import Labelled, make_backend, make_network
from saltation.model import Spikes, Voltage

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["write_figures"]

Floats = npt.NDArray[np.float64]

_RESOLUTION = 160
_RESOLUTION_ON_CHIP = 60  # a point takes a millisecond
_TIMES = 301
_MS = 1e3
_FAINT, _FAINT_INK = "#D5D8DC", "#777777"
_INK = "#22252B"
_NAMES_AT = ((0.6, 0.15), (0.4, 0.85), (0.25, 0.5))  # inside the area of each class


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
        "learning": learning(history),
        "raster": _raster(settings, weights, test, threads),
        "decision_map": _decision_map(settings, weights, test, threads),
    }
    return save_figures(folder, figures)


def _raster(settings: Settings, weights: Mapping[str, Floats], test: Labelled, threads: int | None) -> "Figure":
    """Draw a test point of each class: spikes or voltages of outputs above, hidden spikes below, inputs as lines."""
    from saltation.data.yinyang import CLASS_NAMES
    from saltation.plot import CLASS_COLOURS, raster

    classes = [label for label in range(3) if np.any(test.labels == label)]
    chosen = np.array([int(np.argmax(test.labels == label)) for label in classes])
    run, readout = run_network(settings, weights, test.stimulus[chosen], threads), make_readout(settings)
    answers = readout.answers(readout.observe(run))
    spiking = [name for name in ("hid", "out") if name in run.spikes]
    last = max(float(run.spikes[name].times.max(initial=0.0)) for name in spiking)
    end = min(settings.duration, max(1.05 * last, settings.t_late))
    times, traces = _traces(settings, weights, test.stimulus[chosen], threads)
    figure = new_figure(3.2 * len(chosen), 4.4)
    grid = figure.subplots(2, len(chosen), sharex=True, squeeze=False, height_ratios=[1, 3.2])
    for column, (sample, label) in enumerate(zip(chosen, classes, strict=True)):
        out, hidden = grid[:, column]
        leftmost = column == 0
        raster(run.spikes["hid"], column, hidden, duration=end, label="hidden neuron" if leftmost else "")
        if "out" in run.spikes:
            label_of = "output" if leftmost else ""
            raster(run.spikes["out"], column, out, duration=end, color=CLASS_COLOURS, label=label_of)
            out.collections[0].set_linewidth(1.8)
            out.set_yticks(range(3), CLASS_NAMES if leftmost else [""] * 3)
        else:
            for neuron, color in enumerate(CLASS_COLOURS):
                out.plot(times * _MS, traces[column, :, neuron], color=color)
            out.set_ylabel("output voltage" if leftmost else "")
        out.set_xlabel("")
        out.tick_params(labelbottom=False)
        hidden.tick_params(labelleft=leftmost)
        for axes in (out, hidden):
            axes.vlines(
                run.spikes["in"].sample(column)[0] * _MS, *axes.get_ylim(), color=_FAINT, linewidth=1.0, zorder=0
            )
        x, y = test.points[sample, :2]
        answer = CLASS_NAMES[answers[column]] if answers[column] >= 0 else "none"
        verdict = "" if answers[column] == label else f" ({answer} wins)"
        out.set_title(f"{CLASS_NAMES[label]} at ({x:.2f}, {y:.2f}){verdict}", fontsize="medium", loc="left")
    figure.supxlabel("grey: input spikes", fontsize="small", color=_FAINT_INK)
    return figure


def _traces(
    settings: Settings, weights: Mapping[str, Floats], stimulus: Spikes, threads: int | None
) -> tuple[Floats, Floats]:
    """Times, and the voltages of the outputs there, [sample, time, 3]."""
    times = np.linspace(0.0, settings.duration, _TIMES)
    network, backend = make_network(settings, weights), make_backend(settings, threads)
    run = simulate(network, {"in": stimulus}, settings.duration, backend=backend, record={"out": Voltage(times)})
    return times, run.voltage["out"]


def _decision_map(settings: Settings, weights: Mapping[str, Floats], test: Labelled, threads: int | None) -> "Figure":
    """Draw the probabilities of the classes over the disc, and the test points that are got wrong."""
    from saltation.data.yinyang import CLASS_NAMES
    from saltation.plot import decision_map

    readout = make_readout(settings)

    def classify(points: Floats) -> Floats:
        return readout.probabilities(observe(settings, weights, points, threads))

    wrong = readout.answers(observe(settings, weights, test.points, threads)) != test.labels
    figure = new_figure(4.6, 4.8)
    axes = figure.subplots()
    resolution = _RESOLUTION_ON_CHIP if settings.backend == "bss2" else _RESOLUTION
    decision_map(classify, resolution, axes, samples=(test.points[wrong], test.labels[wrong]))
    points = "point" if wrong.sum() == 1 else "points"
    for (x, y), name, color in zip(_NAMES_AT, CLASS_NAMES, ("white", _INK, "white"), strict=True):
        axes.text(x, y, name, color=color, ha="center", va="center", fontsize="large")
    axes.set_title(
        f"{wrong.sum()} of {len(test)} test {points} wrong: dots, in the colour of their class",
        fontsize="small",
        loc="left",
    )
    return figure
