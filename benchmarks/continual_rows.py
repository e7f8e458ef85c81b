"""Rows of `continual_mlp.py`: which of them belong together, and numbers over their seeds."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from saltation.continual import average_accuracy, forgetting

Row = dict[str, Any]
Measure = Callable[[Row], float]


def first(row: Row) -> float:
    """Accuracy on the first task after it."""
    return float(row["accuracies"][0][0])


def kept(row: Row) -> float:
    """Accuracy on the first task after all of them."""
    return float(row["accuracies"][-1][0])


def average(row: Row) -> float:
    return average_accuracy(np.array(row["accuracies"]))


def forgotten(row: Row) -> float:
    return forgetting(np.array(row["accuracies"]), "chaudhry")


def chosen(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    """Rows whose settings are these, by seed."""
    found = [row for row in rows if all(row["settings"][name] == value for name, value in wanted.items())]
    return sorted(found, key=lambda row: row["settings"]["seed"])


def spread(rows: Iterable[Row], measure: Measure, scale: float = 100.0, digits: int = 1) -> str:
    """Mean and standard deviation over seeds, and how many runs ended in numbers that are not finite."""
    rows = list(rows)
    values = [scale * measure(row) for row in rows if not row.get("failed")]
    failed = f" ({len(rows) - len(values)} of {len(rows)} failed)" if len(values) < len(rows) else ""
    if not values:
        return f"–{failed}"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}{failed}"
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}{failed}"


def paired(a: list[Row], b: list[Row], measure: Measure) -> tuple[float, float, float]:
    """Mean difference of runs with the same seeds, its standard error, and p of a paired t test."""
    from scipy.stats import ttest_rel

    seeds = sorted({row["settings"]["seed"] for row in a} & {row["settings"]["seed"] for row in b})
    x, y = (
        np.array([next(measure(row) for row in rows if row["settings"]["seed"] == seed) for seed in seeds])
        for rows in (a, b)
    )
    return float(np.mean(x - y)), float(np.std(x - y, ddof=1) / len(seeds) ** 0.5), float(ttest_rel(x, y).pvalue)


def markdown(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join(lines + [f"| {' | '.join(cells)} |" for cells in rows])


def read(*paths: Path) -> list[Row]:
    """Rows of some files, the settings whole, each once."""
    from continual_mlp import load

    found: dict[str, Row] = {}
    for path in paths:
        found |= load(path)
    return [row | {"settings": json.loads(name)[0]} for name, row in found.items()]
