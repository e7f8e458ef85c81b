"""Figures of docs/continual_results.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from continual_rows import Measure, Row, chosen, first, kept

COLOURS = {"nte": "#C05020", "sgd": "#2060A0", "adam": "#508040", "scaled-sgd": "#805090"}
NAMES = {"nte": "NTE", "sgd": "SGD", "adam": "Adam", "scaled-sgd": "SGD at a rate of |w|"}


def canvas(columns: int, height: float = 3.0) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.0 * columns, height), layout="constrained")
    axes = [figure.add_subplot(1, columns, i + 1) for i in range(columns)]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def curve(axes: Any, x: Sequence[float], groups: Sequence[Sequence[float]], **style: Any) -> None:
    """Means with standard deviations; a group of one has none."""
    mean = [100 * np.mean(group) for group in groups]
    bars = [100 * np.std(group, ddof=1) if len(group) > 1 else 0.0 for group in groups]
    axes.errorbar(x, mean, yerr=bars, marker="o", markersize=3, capsize=2, linewidth=1.2, **style)


def momentum(rows: Sequence[Row], streams: Mapping[str, int], path: Path) -> None:
    figure, axes = canvas(len(streams))
    for each, (stream, hidden) in zip(axes, streams.items(), strict=True):
        mine = chosen(rows, method="sgd", stream=stream, hidden=hidden, lr=0.01, reset=False)
        values = sorted({row["settings"]["momentum"] for row in mine})
        for measure, label, colour in ((first, "after it", "#999999"), (kept, "after all tasks", COLOURS["sgd"])):
            groups = [[measure(row) for row in chosen(mine, momentum=value)] for value in values]
            curve(each, values, groups, label=label, color=colour)
        each.set(title=stream, xlabel="momentum", ylabel="accuracy on the first task, %")
        each.legend(frameon=False)
    figure.savefig(path, dpi=120)


def width(rows: Sequence[Row], path: Path) -> None:
    figure, axes = canvas(2)
    for each, measure, title in zip(axes, (kept, first), ("after all five", "after it"), strict=True):
        for method in ("nte", "sgd", "adam"):
            mine = chosen(rows, method=method)
            sizes = sorted({row["parameters"] for row in mine})
            groups = [[measure(row) for row in mine if row["parameters"] == size] for size in sizes]
            curve(each, sizes, groups, label=NAMES[method], color=COLOURS[method])
        each.set(xscale="log", xlabel="parameters", ylabel="accuracy on the first task, %", title=title)
        each.legend(frameon=False)
    figure.savefig(path, dpi=120)


def against_first(rows: Sequence[Row], path: Path) -> None:
    """What is kept, against how well one task is learned: each learning rate a point."""
    figure, (axes,) = canvas(1, height=3.6)
    for method in ("nte", "scaled-sgd", "sgd", "adam"):
        mine = chosen(rows, method=method)
        rates = sorted({row["settings"]["lr"] for row in mine})
        x, y = (
            [100 * np.mean([measure(row) for row in mine if row["settings"]["lr"] == rate]) for rate in rates]
            for measure in (first, kept)
        )
        axes.plot(x, y, marker="o", markersize=3, linewidth=1.2, color=COLOURS[method], label=NAMES[method])
    axes.set(xlabel="accuracy on the first task after it, %", ylabel="after all five, %")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


def reseeding(rows: Sequence[Row], current: Sequence[Row], path: Path) -> None:
    figure, axes = canvas(2)
    for each, measure, title in zip(axes, (first, kept), ("after it", "after all five"), strict=True):
        values = sorted({row["settings"]["reseed_every"] for row in rows} - {None})
        groups = [[measure(row) for row in chosen(rows, reseed_every=value)] for value in values]
        curve(each, values, groups, color=COLOURS["nte"], label="gradients at a point that moves")
        level = 100 * np.mean([measure(row) for row in current])
        each.axhline(level, color="#999999", linestyle="--", label="current gradients")
        each.set(xscale="log", xlabel="updates between moves", ylabel="accuracy on the first task, %", title=title)
        each.legend(frameon=False)
    figure.savefig(path, dpi=120)


def methods(rows: Mapping[str, Sequence[Row]], measure: Measure, path: Path) -> None:
    """Average accuracy of each method on each stream."""
    figure, axes = canvas(len(rows), height=3.6)
    for each, (stream, mine) in zip(axes, rows.items(), strict=True):
        names = sorted({row["settings"]["method"] for row in mine})
        groups = {name: [measure(row) for row in mine if row["settings"]["method"] == name] for name in names}
        names.sort(key=lambda name: float(np.mean(groups[name])))
        means = [100 * np.mean(groups[name]) for name in names]
        bars = [100 * np.std(groups[name], ddof=1) for name in names]
        colours = [COLOURS["nte"] if name.startswith("nte") else "#B0B8C0" for name in names]
        each.barh(names, means, xerr=bars, color=colours, error_kw={"linewidth": 0.8})
        each.set(title=stream, xlabel="average accuracy, %")
    figure.savefig(path, dpi=120)
