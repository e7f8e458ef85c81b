"""The figures that a run leaves in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saltation.data import Images
from saltation.experiments.labelled import Labelled
from saltation.experiments.mnist.evaluation import peaks, run_network
from saltation.experiments.mnist.settings import Settings
from saltation.experiments.mnist.task import brightness
from saltation.experiments.output import learning, new_figure, save_figures
from saltation.experiments.results import ResultFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["write_figures"]

Floats = npt.NDArray[np.float64]

_SHOWN = 3  # pictures in the raster
_GRID = (4, 8)  # of mistakes
_GREY = "#777777"


def write_figures(
    folder: ResultFolder,
    settings: Settings,
    weights: Mapping[str, Floats],
    history: list[dict[str, Any]],
    test: tuple[Images, Labelled],
    threads: int | None = None,
) -> list[Path]:
    """Draw ``learning.png``, ``raster.png`` and ``mistakes.png``."""
    figures = {
        "learning": learning(history),
        "raster": _raster(settings, weights, test, threads),
        "mistakes": _mistakes(settings, weights, test, threads),
    }
    return save_figures(folder, figures)


def _raster(
    settings: Settings, weights: Mapping[str, Floats], test: tuple[Images, Labelled], threads: int | None
) -> "Figure":
    """Draw the first test pictures: the picture, its input spikes, hidden spikes, and the largest voltages."""
    from saltation.plot import raster

    images, data = test
    shown = min(_SHOWN, len(data))
    run = run_network(settings, weights, data.stimulus[:shown], threads)
    seen = brightness(images[:shown], settings)
    figure = new_figure(3.2 * shown, 6.6)
    grid = figure.subplots(4, shown, squeeze=False, height_ratios=[1.2, 1.4, 2.2, 1.0])
    for column in range(shown):
        picture, inputs, hidden, readout = grid[:, column]
        leftmost = column == 0
        picture.imshow(seen[column], cmap="gray_r", vmin=0, vmax=1)
        picture.set_axis_off()
        answer = int(run.voltage["out"][column].argmax())
        verdict = "" if answer == data.labels[column] else f" (answer: {images.names[answer]})"
        picture.set_title(f"{images.names[data.labels[column]]}{verdict}", fontsize="medium", loc="left")
        raster(run.spikes["in"], column, inputs, duration=settings.duration, label="pixel" if leftmost else "")
        raster(run.spikes["hid"], column, hidden, duration=settings.duration, label="hidden neuron" if leftmost else "")
        inputs.set_xlabel("")
        places = np.arange(len(images.names))
        readout.bar(places, run.voltage["out"][column], color=["#33608C" if n == answer else "#D5D8DC" for n in places])
        readout.set_xticks(places, [name[:8] for name in images.names], rotation=0 if len(images.names[0]) < 3 else 90)
        readout.set_ylabel("largest voltage" if leftmost else "")
        readout.spines[["top", "right"]].set_visible(False)
    return figure


def _mistakes(
    settings: Settings, weights: Mapping[str, Floats], test: tuple[Images, Labelled], threads: int | None
) -> "Figure":
    """Draw the test pictures that are got wrong with the greatest confidence."""
    images, data = test
    peak, _ = peaks(settings, weights, data.stimulus, threads)
    answers = peak.argmax(axis=1)
    margin = peak.max(axis=1) - peak[np.arange(len(data)), data.labels]
    wrong = np.flatnonzero(answers != data.labels)
    worst = wrong[np.argsort(-margin[wrong], kind="stable")][: _GRID[0] * _GRID[1]]
    figure = new_figure(1.1 * _GRID[1], 1.35 * _GRID[0])
    grid = figure.subplots(*_GRID, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, sample in zip(grid, worst, strict=False):
        axes.imshow(images.pixels[sample], cmap="gray_r", vmin=0, vmax=images.brightest)
        label, answer = images.names[data.labels[sample]], images.names[answers[sample]]
        axes.set_title(f"{label}, not {answer}", fontsize="x-small", color=_GREY)
    figure.suptitle(
        f"{len(wrong)} of {len(data)} test pictures are got wrong; those with the greatest margin",
        fontsize="small",
        x=0.01,
        ha="left",
    )
    return figure
