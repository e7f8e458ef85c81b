"""A whole benchmark, and what people and machines read of it."""

import dataclasses
import datetime
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saltation.experiments.bench.cases import BATCH, CASES, Case
from saltation.experiments.bench.measure import compare, has_torch, measure
from saltation.experiments.results import ResultFolder

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["NAIVE_CASE", "SCHEMA_VERSION", "benchmark", "header", "in_words", "plan", "table", "write_json"]

SCHEMA_VERSION = 1
NAIVE_CASE = "ratio 2"
# What tells who measured and not on what.
_NOT_MACHINE = ("location", "kernel cache")


def header(name: str, machine: Mapping[str, Any]) -> dict[str, Any]:
    """Begin the record of a benchmark: what, when and where."""
    return {
        "schema_version": SCHEMA_VERSION,
        "benchmark": name,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {key: value for key, value in machine.items() if key not in _NOT_MACHINE},
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def plan(threads: int, *, quick: bool = False) -> Iterator[tuple[str, Case, int]]:
    """Give the cases in order, each with one thread and then, where there are more, with all."""
    for name, case in CASES.items():
        if case.quick or not quick:
            for used in (1,) if threads == 1 or quick else (1, threads):
                yield name, case, used


def benchmark(
    machine: Mapping[str, Any],
    threads: int,
    repeats: int,
    *,
    quick: bool = False,
    batch: int = BATCH,
    on_case: Callable[[str], None] = lambda what: None,
) -> dict[str, Any]:
    """Time all cases, or the few of a quick look, and the plain kernel; `on_case` hears of each before it starts."""
    record = {
        **header("bench", machine),
        "unit": "us a sample",
        "batch": batch,
        "repeats": repeats,
        "dtype": "float64",
        "quick": quick,
        "cases": [],
    }
    step = has_torch()
    for name, case, used in plan(threads, quick=quick):
        on_case(name if used == 1 else f"{name}, {used} threads")
        record["cases"].append(dataclasses.asdict(measure(name, case, used, repeats, batch, step=step)))
    on_case("the plain kernel")
    record["naive"] = dataclasses.asdict(compare(NAIVE_CASE, CASES[NAIVE_CASE], repeats, batch))
    return record


def table(record: Mapping[str, Any]) -> "Table":
    """Lay out the timings for people."""
    from rich.table import Table

    columns = ("hidden\nspikes", "run", "gradient", "torch\nstep", "ns a\nspike", "ns an\nupdate")
    result = Table(title=f"microseconds a sample, batch {record['batch']}", title_justify="left")
    result.add_column("case", no_wrap=True)
    several = any(case["threads"] > 1 for case in record["cases"])
    for column in ("threads", *columns) if several else columns:
        result.add_column(column, justify="right")
    for case in record["cases"]:
        both_by_spike = case["run_ns_per_spike"] + case["gradient_ns_per_spike"]
        both_by_update = case["run_ns_per_update"] + case["gradient_ns_per_update"]
        result.add_row(
            f"{case['case']}\n  {case['shape']}" if case["shape"] != "5-120-3" else case["case"],
            *([str(case["threads"])] if several else []),
            f"{case['hidden_spikes']:.0f}",
            f"{case['run']:.1f}",
            f"{case['gradient']:.1f}",
            "-" if case["step"] is None else f"{case['step']:.1f}",
            f"{both_by_spike:.0f}",
            f"{both_by_update:.1f}",
        )
    return result


def in_words(record: Mapping[str, Any]) -> str:
    """Say how to read the table, what a plain kernel takes, and where this was measured."""
    plain, machine = record["naive"], record["machine"]
    return "\n".join(
        [
            f"Networks of 5-120-3 neurons on Yin-Yang points, float64; medians of up to {record['repeats']} repeats.",
            "ns a spike, ns an update: run and gradient together, by all spikes, and by arrivals at single neurons.",
            f"Plain Numba kernel, {plain['case']}, one thread: run {plain['naive_run']:.1f}, gradient "
            f"{plain['naive_gradient']:.1f} us a sample.",
            f"Plain / ours: {plain['ratio_run']:.2f} for the run, {plain['ratio_gradient']:.2f} for the gradient, "
            f"{plain['ratio_both']:.2f} for both.",
            f"{machine['processor']}, {machine['cores']} cores, load {_load(record)}; saltation "
            f"{machine['saltation']}, {record['date']}.",
        ]
    )


def _load(record: Mapping[str, Any]) -> str:
    load = record["load_average"]
    return "not known" if load is None else f"{load:.1f}"


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write `record` beside its place and move it there, so that nobody reads half of it."""
    text = json.dumps(record, indent=1, allow_nan=False) + "\n"
    ResultFolder(path.parent).write_bytes(path.name, text.encode())
