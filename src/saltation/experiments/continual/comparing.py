"""Runs that differ in momentum, width or seed: which there are, and what they say together."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saltation.experiments.continual.settings import Settings
from saltation.experiments.output import new_figure, save_figures
from saltation.experiments.results import ResultFolder

__all__ = ["VARIED", "in_words", "runs_of", "summary", "write_figures"]

VARIED = ("momentum", "hidden", "seed")
"""Settings that may have several values."""

_MEASURED = {
    "average_accuracy": ("average_accuracy",),
    "learning_accuracy": ("learning_accuracy",),
    "forgetting": ("forgetting", "chaudhry"),
    "first_task_first": ("first_task", "first"),
    "first_task_last": ("first_task", "last"),
    "train_seconds": ("train_seconds",),
}

Results = Sequence[Mapping[str, Any]]


def runs_of(settings: Settings, varied: Mapping[str, Sequence[Any]]) -> dict[str, Settings]:
    """Give the settings of each run, by the name of its folder: all combinations of the values.

    Examples
    --------
    >>> from saltation.experiments.continual import Settings
    >>> from saltation.experiments.continual.comparing import runs_of
    >>> list(runs_of(Settings(), {"momentum": [0.0, 0.9], "seed": [1, 2]}))
    ['momentum-0.0_seed-1', 'momentum-0.0_seed-2', 'momentum-0.9_seed-1', 'momentum-0.9_seed-2']
    """
    runs: dict[str, Settings] = {}
    for values in itertools.product(*varied.values()):
        chosen = dict(zip(varied, values, strict=True))
        runs["_".join(f"{name}-{value}" for name, value in chosen.items())] = dataclasses.replace(settings, **chosen)
    return runs


def summary(results: Results) -> list[dict[str, Any]]:
    """Give mean and standard deviation over seeds, for each momentum and width; None where there is one seed.

    Examples
    --------
    >>> from saltation.experiments.continual.comparing import summary
    >>> runs = [
    ...     {
    ...         "momentum": 0.0, "hidden": 10, "seed": seed, "parameters": 99, "average_accuracy": value,
    ...         "learning_accuracy": 1.0, "forgetting": {"chaudhry": 0.1}, "first_task": {"first": 1.0, "last": 0.9},
    ...         "train_seconds": 1.0,
    ...     }
    ...     for seed, value in ((1, 0.7), (2, 0.9))
    ... ]  # fmt: skip
    >>> row = summary(runs)[0]
    >>> row["seeds"], round(row["average_accuracy"]["mean"], 3), round(row["average_accuracy"]["std"], 3)
    (2, 0.8, 0.141)
    """
    groups: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for result in results:
        groups.setdefault((result["momentum"], result["hidden"]), []).append(result)
    rows: list[dict[str, Any]] = []
    for (momentum, hidden), group in groups.items():
        row: dict[str, Any] = {
            "momentum": momentum,
            "hidden": hidden,
            "parameters": group[0]["parameters"],
            "seeds": len(group),
        }
        for name, path in _MEASURED.items():
            values = [_at(result, path) for result in group]
            row[name] = None if None in values else _spread(values)
        rows.append(row)
    return rows


def write_figures(folder: ResultFolder, results: Results) -> list[Path]:
    """Draw ``momentum.png`` and ``width.png``, of what has several values."""
    from saltation.experiments.continual.drawing import against_momentum, against_width

    momenta, widths = (sorted({result[name] for result in results}) for name in ("momentum", "hidden"))
    forgotten, retained = (_values(results, name) for name in ("forgetting", "first_task_last"))
    method = results[0]["method"]
    figures = {}
    if len(momenta) > 1 and all(result["forgetting"] is not None for result in results):
        curves = {f"{method}, {width} wide": [forgotten[momentum, width] for momentum in momenta] for width in widths}
        figures["momentum"] = new_figure(4.6, 3.2)
        against_momentum(momenta, curves, figures["momentum"].subplots())
    if len(widths) > 1:
        curves = {
            f"{method}, momentum {momentum:g}": [retained[momentum, width] for width in widths] for momentum in momenta
        }
        numbers = {result["hidden"]: result["parameters"] for result in results}
        figures["width"] = new_figure(4.6, 3.2)
        against_width([numbers[width] for width in widths], curves, figures["width"].subplots())
    return save_figures(folder, figures)


def in_words(rows: Sequence[Mapping[str, Any]], out: str) -> str:
    """Give a table of the summary, in percent."""
    head = ["momentum", "hidden", "parameters", "seeds", "average accuracy", "forgetting", "first task, last"]
    table = [head]
    for row in rows:
        cells = [f"{row['momentum']:g}", f"{row['hidden']}", f"{row['parameters']:,}", f"{row['seeds']}"]
        table.append(cells + [_percent(row[name]) for name in ("average_accuracy", "forgetting", "first_task_last")])
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    return "\n".join(
        [
            *lines,
            "In percent, mean and standard deviation over seeds; forgetting as Chaudhry et al. define it.",
            f"Results are in {out}",
        ]
    )


def _at(result: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = result
    for name in path:
        if value is None:
            return None
        value = value[name]
    return value


def _values(results: Results, name: str) -> dict[tuple[Any, Any], list[float]]:
    """Values of all seeds by momentum and width."""
    found: dict[tuple[Any, Any], list[float]] = {}
    for result in sorted(results, key=lambda each: each["seed"]):
        found.setdefault((result["momentum"], result["hidden"]), []).append(_at(result, _MEASURED[name]))
    return found


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    return {"mean": float(np.mean(values)), "std": float(np.std(values, ddof=1)) if len(values) > 1 else None}


def _percent(value: Mapping[str, float | None] | None) -> str:
    if value is None or value["mean"] is None:
        return "-"
    mean = f"{100 * value['mean']:.2f}"
    return mean if value["std"] is None else f"{mean} ± {100 * value['std']:.2f}"
