"""Where the time of a run and its gradient goes, kernel by kernel, and the floor that its parts set.

    taskset -c 0 python benchmarks/breakdown.py [--append LABEL]

Yin-Yang points, 5-120-3, batch 150, float64, one thread.  Every kernel is timed where the engine calls it; what is left
of the call is Python.  The floor counts what has to be done, neuron updates, roots, exponentials, spikes to sort and
bytes to write, and times each of these by itself, in the loops that the kernels use.  ``--append`` adds the kernels'
times to the history; with another tree on PYTHONPATH, those of an older version.
"""

import datetime
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import click
import numpy as np

import saltation as sal
from saltation.cli import installation
from saltation.data import yinyang
from saltation.engine import adjoint, forward, sources

FOLDER = Path(__file__).parent / "results"
BATCH, DURATION, TAU = 150, 60e-3, 20e-3
NOT_MACHINE = ("location", "kernel cache")
CASES: dict[str, dict[str, Any]] = {
    "one spike": {"ratio": 2.0, "max_spikes": 1},
    "all spikes": {"ratio": 2.0},
    "ratio 4": {"ratio": 4.0},
    "ratio 4, per neuron": {"ratio": 4.0, "each": True},
    "two receptors": {"ratio": 4.0, "two": True},
    "adaptive": {"ratio": 4.0, "adaptive": True},
    "recurrent, delays": {"ratio": 4.0, "recurrent": True},
}


def network(
    ratio: float,
    max_spikes: int | None = None,
    each: bool = False,
    two: bool = False,
    adaptive: bool = False,
    recurrent: bool = False,
) -> sal.Network:
    rng = np.random.default_rng(0)

    def neurons(n: int) -> Any:
        tau = TAU * (rng.uniform(0.9, 1.1, n) if each else 1.0)
        if adaptive:
            return sal.ALIF(n, tau_mem=tau, tau_syn=TAU / ratio, max_spikes=max_spikes)
        if two:
            return sal.LIF(n, tau_mem=tau, tau_syn_exc=TAU / ratio, tau_syn_inh=1.5 * TAU / ratio)
        return sal.LIF(n, tau_mem=tau, tau_syn=tau / ratio, max_spikes=max_spikes)

    peak = ratio ** (-ratio / (ratio - 1.0))
    net = sal.Network()
    net.add("in", sal.Input(5))
    net.add("hid", neurons(120))
    net.add("out", neurons(3))
    net.connect("in", "hid", weight=rng.normal(0.37 / peak, 0.2 / peak, (5, 120)))
    net.connect("hid", "out", weight=rng.normal(0.0125 / peak, 0.025 / peak, (120, 3)))
    if recurrent:
        net.connect("hid", "hid", weight=rng.normal(0.0, 0.0183 / peak, (120, 120)), delay=1e-3)
    return net


def timed(table: dict[str, float], name: str, function: Any) -> Any:
    def call(*arguments: Any) -> Any:
        start = time.perf_counter()
        result = function(*arguments)
        table[name] = table.get(name, 0.0) + time.perf_counter() - start
        return result

    return call


def by_kernel(options: dict[str, Any], repeats: int) -> tuple[dict[str, float], Any]:
    """Microseconds a sample in each kernel and in all, the medians of repeats; and the last run."""
    net = network(**options)
    points, _ = yinyang(BATCH, 42)
    stim = {"in": sal.latency(points, 0.0, 30e-3, bias_time=0.0)}
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
    from breakdown_parts import bytes_written, exponentials, roots, sorts, updates, updates_back

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


def write(path: Path, record: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)


@click.command()
@click.option("--repeats", default=40, show_default=True)
@click.option("--append", metavar="LABEL", help="Add the kernels' times to the history under this label, and stop.")
def main(repeats: int, append: str | None) -> None:
    record: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {name: value for name, value in installation().items() if name not in NOT_MACHINE},
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "unit": "us a sample",
        "cases": {},
    }
    runs: dict[str, Any] = {}
    for name, options in CASES.items():
        record["cases"][name], runs[name] = by_kernel(options, repeats if name != "recurrent, delays" else 5)
        parts = "   ".join(f"{kernel} {value:.2f}" for kernel, value in record["cases"][name].items())
        click.echo(f"{name:22s} {runs[name].spikes['hid'].n_events / BATCH:4.0f} hidden spikes   {parts}")
    if append is not None:
        path = FOLDER / "breakdown_history.json"
        history = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"schema_version": 1, "steps": []}
        history["steps"].append({"label": append, **record})
        write(path, history)
        return
    record["floor"] = {}
    for name in ("one spike", "all spikes"):
        parts = floor(runs[name])
        record["floor"][name] = [{"what": what, "count": count, "ns": ns} for what, count, ns in parts]
        click.echo(f"\n{name}: the floor")
        for what, count, ns in parts:
            click.echo(f"  {what:30s} {count:8.0f} a sample, {ns:7.3f} ns each: {1e-3 * count * ns:6.2f} us")
        click.echo(f"  {'in all':30s} {sum(1e-3 * count * ns for _, count, ns in parts):38.2f} us")
    write(FOLDER / "breakdown.json", {"schema_version": 1, "benchmark": "breakdown", **record})


if __name__ == "__main__":
    main()
