"""Where the time of a run and its gradient goes, kernel by kernel, and the floor that its parts set.

    taskset -c 0 python benchmarks/breakdown.py [--append LABEL]

Cases of ``saltation bench``, batch 150, float64, one thread.  Every kernel is timed where the engine calls it; what is
left of the call is Python.  The floor counts what has to be done, neuron updates, roots, exponentials, spikes to sort
and bytes to write, and times each of these by itself, in the loops that the kernels use.  ``--append`` adds the
kernels' times to the history; with another tree on PYTHONPATH, those of an older version.
"""

import json
import statistics
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from breakdown_parts import bytes_written, exponentials, roots, sorts, updates, updates_back

import saltation as sal
from saltation.cli import installation
from saltation.engine import adjoint, forward, sources
from saltation.experiments.bench.cases import BATCH, CASES, DURATION, Case, network, stimulus
from saltation.experiments.bench.report import header, write_json

FOLDER = Path(__file__).parent / "results"
NAMES = (
    "one spike, ratio 2",
    "ratio 2",
    "ratio 4",
    "ratio 4, per neuron",
    "two receptors",
    "adaptive",
    "recurrent, delays",
    "MNIST's shape",
)
FLOOR = NAMES[:2]
# of these a few repeats tell enough
SLOW = NAMES[-2:]


def timed(table: dict[str, float], name: str, function: Any) -> Any:
    def call(*arguments: Any) -> Any:
        start = time.perf_counter()
        result = function(*arguments)
        table[name] = table.get(name, 0.0) + time.perf_counter() - start
        return result

    return call


def by_kernel(case: Case, repeats: int) -> tuple[dict[str, float], Any]:
    """Microseconds a sample in each kernel and in all, the medians of repeats; and the last run."""
    net, stim = network(case), {"in": stimulus(case)}
    table: dict[str, float] = {}
    kernel, make_events = forward.kernel, sources.make_events
    try:
        for module in (forward, adjoint):
            module.kernel = lambda name, *rest: timed(table, name, kernel(name, *rest))
        sources.make_events = timed(table, "make_events", make_events)
        seen: list[dict[str, float]] = []
        for repeat in range(repeats + 1):
            table.clear()
            start = time.perf_counter()
            run = sal.simulate(net, stim, DURATION, backend=sal.Exact(threads=1))
            run.gradient({"out": np.full(run.spikes["out"].n_events, 1e-3)}, time_constants=False)
            whole = time.perf_counter() - start
            if repeat:
                seen.append({**table, "in all": whole})
    finally:
        forward.kernel = adjoint.kernel = kernel
        sources.make_events = make_events
    return {name: statistics.median(one[name] for one in seen) / BATCH * 1e6 for name in seen[0]}, run


def best(function: Any, *arguments: Any, repeats: int = 30) -> float:
    function(*arguments)
    least = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function(*arguments)
        least = min(least, time.perf_counter() - start)
    return least


def floor(run: Any) -> list[tuple[str, float, float]]:
    """``(what, how often a sample, ns each)`` of what a run and its gradient of ratio 2 cannot do without."""
    size, rounds = 128, 2000
    hidden = run.spikes["hid"].n_events / BATCH
    out = run.spikes["out"].n_events / BATCH
    arrivals = 6 * 120 + (hidden + 1) * 3
    rows = np.random.default_rng(0).uniform(0.1, 0.9, (6, size))
    spikes = np.random.default_rng(1).uniform(0.0, 1.0, (1, 24 * rounds))
    per_update = best(updates, rows, rounds) / (size * rounds)
    per_back = best(updates_back, rows, rounds) / (size * rounds)
    per_root = best(roots, rows, rounds) / (size * rounds)
    per_exp = best(exponentials, rows, rounds) / (size * rounds)
    per_sort = best(sorts, spikes, rounds) / (24 * rounds)
    per_byte = best(bytes_written, np.empty(1 << 19), np.ones(1 << 19)) / (8 << 19)
    # an event of the next layer: time and four numbers; a spike on the tape: five floats, three integers; in order: 3
    written = 8 * (11 * (hidden + out) + 5 * hidden)
    return [
        ("neuron updates, forward", arrivals, 1e9 * per_update),
        ("neuron updates, backward", arrivals, 1e9 * per_back),
        ("roots, with their logarithm", hidden + out, 1e9 * per_root),
        ("exponentials", 4 * (hidden + out) + hidden + 12, 1e9 * per_exp),
        ("spikes brought into order", hidden + out, 1e9 * per_sort),
        ("bytes written, and read back", 2 * written, 1e9 * per_byte),
    ]


@click.command()
@click.option("--repeats", default=40, show_default=True)
@click.option("--append", metavar="LABEL", help="Add the kernels' times to the history under this label, and stop.")
def main(repeats: int, append: str | None) -> None:
    record: dict[str, Any] = {**header("breakdown", installation()), "unit": "us a sample", "cases": {}}
    runs: dict[str, Any] = {}
    for name in NAMES:
        record["cases"][name], runs[name] = by_kernel(CASES[name], min(repeats, 8) if name in SLOW else repeats)
        parts = "   ".join(f"{kernel} {value:.2f}" for kernel, value in record["cases"][name].items())
        click.echo(f"{name:22s} {runs[name].spikes['hid'].n_events / BATCH:4.0f} hidden spikes   {parts}")
    if append is not None:
        path = FOLDER / "breakdown_history.json"
        history = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"schema_version": 1, "steps": []}
        history["steps"].append({"label": append, **record})
        write_json(path, history)
        return
    record["floor"] = {}
    for name in FLOOR:
        parts = floor(runs[name])
        record["floor"][name] = [{"what": what, "count": count, "ns": ns} for what, count, ns in parts]
        click.echo(f"\n{name}: the floor")
        for what, count, ns in parts:
            click.echo(f"  {what:30s} {count:8.0f} a sample, {ns:7.3f} ns each: {1e-3 * count * ns:6.2f} us")
        click.echo(f"  {'in all':30s} {sum(1e-3 * count * ns for _, count, ns in parts):38.2f} us")
    write_json(FOLDER / "breakdown.json", record)


if __name__ == "__main__":
    main()
