"""Time of a run and its gradient by shape and kind of neuron, and where working side by side begins to pay.

    taskset -c 0 python benchmarks/kernels.py

Yin-Yang points, 5 inputs, ``hidden`` neurons, 3 outputs, batch 150, float64, one thread; microseconds a sample, the
median of repeats after one call that compiles.  The whole call is timed, with what is done in Python.
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
from saltation.engine import forward

RESULTS = Path(__file__).parent / "results" / "kernels.json"
SCHEMA_VERSION = 1
BATCH = 150
NOT_MACHINE = ("location", "kernel cache")

CASES: dict[str, dict[str, Any]] = {
    "one spike, ratio 2": {"ratio": 2.0, "max_spikes": 1},
    "ratio 1": {"ratio": 1.0},
    "ratio 2": {"ratio": 2.0},
    "ratio 4": {"ratio": 4.0},
    "ratio 4, per neuron": {"ratio": 4.0, "each": True},
    "ratio 4, refractory": {"ratio": 4.0, "t_refrac": 2e-3},
    "two receptors": {"ratio": 4.0, "two": True},
    "adaptive": {"ratio": 4.0, "adaptive": True},
}


def network(
    hidden: int,
    ratio: float,
    *,
    max_spikes: int | None = None,
    each: bool = False,
    two: bool = False,
    adaptive: bool = False,
    t_refrac: float = 0.0,
) -> sal.Network:
    rng = np.random.default_rng(0)

    def neurons(n: int) -> Any:
        tau_mem = 20e-3 * (rng.uniform(0.9, 1.1, n) if each else 1.0)
        common = {"tau_mem": tau_mem, "t_refrac": t_refrac, "max_spikes": max_spikes}
        if adaptive:
            return sal.ALIF(n, tau_syn=20e-3 / ratio, **common)
        if two:
            return sal.LIF(n, tau_syn_exc=20e-3 / ratio, tau_syn_inh=30e-3 / ratio, **common)
        return sal.LIF(n, tau_syn=tau_mem / ratio, **common)

    net = sal.Network()
    net.add("in", sal.Input(5))
    net.add("hid", neurons(hidden))
    net.add("out", neurons(3))
    # so that neurons spike about as often for all ratios: by the peak that a unit of current causes
    peak = np.exp(-1.0) if ratio == 1.0 else ratio ** (-ratio / (ratio - 1.0))
    net.connect("in", "hid", weight=rng.normal(0.37 / peak, 0.2 / peak, (5, hidden)))
    net.connect("hid", "out", weight=rng.normal(1.5 / (hidden * peak), 3.0 / (hidden * peak), (hidden, 3)))
    return net


def stimulus() -> sal.Spikes:
    points, _ = yinyang(BATCH, 42)
    return sal.latency(points, 0.0, 30e-3, bias_time=0.0)


def measure(net: sal.Network, stim: sal.Spikes, repeats: int) -> dict[str, float]:
    backend = sal.Exact(threads=1)
    times: dict[str, list[float]] = {"run": [], "gradient": []}
    spikes = 0
    for repeat in range(repeats + 1):
        start = time.perf_counter()
        run = sal.simulate(net, {"in": stim}, 60e-3, backend=backend)
        middle = time.perf_counter()
        run.gradient({"out": np.ones(run.spikes["out"].n_events)}, time_constants=False)
        if repeat:
            times["run"].append(middle - start)
            times["gradient"].append(time.perf_counter() - middle)
        spikes = run.spikes["hid"].n_events
    result = {name: 1e6 * statistics.median(values) / BATCH for name, values in times.items()}
    return {"hidden_spikes": spikes / BATCH, **result}


@click.command()
@click.option("--repeats", default=60, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(repeats: int, out: Path) -> None:
    stim = stimulus()
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "benchmark": "kernels",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {name: value for name, value in installation().items() if name not in NOT_MACHINE},
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "unit": "us a sample",
        "cases": {},
        "side_by_side": {},
    }
    for name, options in CASES.items():
        record["cases"][name] = measure(network(120, **options), stim, repeats)
        show(name, record["cases"][name])
    for hidden in (4, 8, 16, 32, 64, 128, 256):
        both: dict[str, Any] = {}
        # the three output neurons go one by one in both
        for way, least in (("side by side", 4), ("one by one", 1 << 60)):
            forward.WIDE = least
            both[way] = measure(network(hidden, 4.0), stim, repeats)
            show(f"{hidden} hidden, {way}", both[way])
        record["side_by_side"][str(hidden)] = both
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_suffix(".tmp")
    temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, out)


def show(name: str, result: dict[str, float]) -> None:
    click.echo(
        f"{name:32s} {result['hidden_spikes']:6.0f} hidden spikes   run {result['run']:6.1f}   "
        f"gradient {result['gradient']:6.1f} us a sample"
    )


if __name__ == "__main__":
    main()
