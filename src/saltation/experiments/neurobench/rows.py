"""Rows of the table: means and standard errors over seeds or series, in the harness' words."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["NUMBERS", "Record", "mean_and_error", "number_of", "rows_of"]

Record = dict[str, Any]

NUMBERS = (
    "Footprint",
    "ParameterCount",
    "ConnectionSparsity",
    "ActivationSparsity",
    "SynapticOperations.Effective_MACs",
    "SynapticOperations.Effective_ACs",
    "SynapticOperations.Dense",
    "MembraneUpdates",
    "Neuron_Updates",
    "Event_Dense",
    "ModelExecutionRate",
    "Spikes",
    "Synapse_Events",
    "Modelled_Hardware_Time",
    "Modelled_Settling",
)
"""All numbers but the correctness; a point parts a key from one inside it."""


def number_of(record: Mapping[str, Any], name: str) -> float | None:
    """A number of a measurement or a row; None where it is not defined.

    Examples
    --------
    >>> from saltation.experiments.neurobench.rows import number_of
    >>> number_of({"SynapticOperations": {"Dense": 12.0}}, "SynapticOperations.Dense")
    12.0
    """
    first, _, rest = name.partition(".")
    value = record.get(first)
    if rest:
        return number_of(value, rest) if isinstance(value, Mapping) else None
    return value


def mean_and_error(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Mean, and its standard error: the sample deviation over the root of the number.

    None where a value is not defined; the error is None of one value too.

    Examples
    --------
    >>> from saltation.experiments.neurobench.rows import mean_and_error
    >>> mean_and_error([1.0, 3.0]), mean_and_error([2.0]), mean_and_error([2.0, None])
    ((2.0, 1.0), (2.0, None), (None, None))
    """
    known = [value for value in values if value is not None]
    n = len(known)
    if not n or n < len(values):
        return None, None
    mean = math.fsum(known) / n
    if n == 1:
        return mean, None
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (n - 1) / n)


def rows_of(measurements: Iterable[Record]) -> list[Record]:
    """Bring measurements of the same model, training, backend and settings together.

    Where rows differ in settings alone, those that tell them apart are in their ``training``.

    Examples
    --------
    >>> from saltation.experiments.neurobench.rows import rows_of
    >>> common = {"task": "t", "model": "m", "training": "", "backend": "exact", "settings": {}, "metric": "MSE"}
    >>> row, = rows_of([{**common, "repeat": f"seed {n}", "MSE": float(n)} for n in (1, 3)])
    >>> row["MSE"], row["StandardError"]["MSE"], row["repeats"], row["Footprint"]
    (2.0, 1.0, ['seed 1', 'seed 3'], None)
    """
    groups: dict[str, list[Record]] = {}
    for each in measurements:
        same = [each[name] for name in ("task", "model", "training", "backend", "settings")]
        groups.setdefault(json.dumps(same, sort_keys=True), []).append(each)
    rows = [_row(group) for group in groups.values()]
    alike: dict[tuple[str, ...], list[Record]] = {}
    for row in rows:
        alike.setdefault(tuple(row[name] for name in ("task", "model", "training", "backend")), []).append(row)
    for same in alike.values():
        _tell_apart(same)
    return rows


def _tell_apart(rows: Sequence[Record]) -> None:
    """Write into the training of rows that are alike in all labels the settings that tell them apart."""
    labels = [""] * len(rows)
    for name in dict.fromkeys(key for row in rows for key in row["settings"]):
        finer = [f"{label}, {name} {row['settings'].get(name)}" for label, row in zip(labels, rows, strict=True)]
        if len(set(finer)) > len(set(labels)):
            labels = finer
    for label, row in zip(labels, rows, strict=True):
        row["training"] += label


def _row(group: Sequence[Record]) -> Record:
    first = group[0]
    row: Record = {name: first[name] for name in ("task", "model", "training", "backend", "metric", "settings")}
    row["repeats"] = [each["repeat"] for each in group]
    row["kind"] = first.get("Counts", {}).get("kind")
    errors: Record = {}
    for name in (first["metric"], *NUMBERS):
        mean, error = mean_and_error([number_of(each, name) for each in group])
        _put(row, name, mean)
        _put(errors, name, error)
    row["StandardError"] = errors
    return row


def _put(record: Record, name: str, value: float | None) -> None:
    first, _, rest = name.partition(".")
    if rest:
        record.setdefault(first, {})[rest] = value
    else:
        record[first] = value
