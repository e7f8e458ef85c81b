"""The figures that a run leaves in its folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.experiments.output import learning, new_figure, save_figures
from saltation.experiments.results import ResultFolder
from saltation.experiments.yinyang_mac.settings import Settings
from saltation.experiments.yinyang_mac.training import classify

__all__ = ["write_figures"]

Floats = npt.NDArray[np.float64]
_RESOLUTION = 160


def write_figures(
    folder: ResultFolder,
    settings: Settings,
    weights: Mapping[str, Floats],
    history: list[dict[str, Any]],
    test: tuple[Floats, npt.NDArray[np.int64]],
) -> list[Path]:
    """Draw ``learning.png`` and ``decision_map.png``, of what the chip makes of the disc."""
    from saltation.plot import decision_map

    def on_chip(points: Floats) -> Floats:
        whole = np.concatenate([points, 1.0 - points], axis=1) if points.shape[1] == 2 else points
        return classify(settings, weights, np.clip(whole, 0.0, 1.0), mock=None)

    points, labels = test
    wrong = on_chip(points).argmax(axis=1) != labels
    figure = new_figure(4.6, 4.8)
    axes = figure.subplots()
    decision_map(on_chip, _RESOLUTION, axes, samples=(points[wrong], labels[wrong]))
    axes.set_title(
        f"{wrong.sum()} of {len(labels)} test points wrong: dots, in the colour of their class",
        fontsize="small",
        loc="left",
    )
    figures = {"decision_map": figure}
    if history:
        figures["learning"] = learning(history)
    return save_figures(folder, figures)
