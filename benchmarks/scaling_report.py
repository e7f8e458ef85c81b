"""Exponents, figure and page of `scaling.py`."""

import math
from pathlib import Path
from typing import Any

import numpy as np

QUANTITIES = {
    "run": "run_best",
    "gradient": "gradient_best",
    "memory": "peak_bytes",
}
TITLES = {
    "neurons": "neurons",
    "events": "input events a sample",
    "spikes": "spikes a sample",
    "batch": "batch",
    "duration": "duration (s), same spikes",
}

INTRODUCTION = """\
One layer, `tau_mem = 2 tau_syn`, float64, one thread; from 256 neurons, 100 input events a sample and a batch of 64,
one quantity grows at a time. Time is the processor time of a whole call, the least of the repeats; memory is the peak
of what NumPy holds during a run and its gradient, the network and the stimulus not counted. Exponents are slopes of
logarithms over the upper half of each range; that of spikes counts the spikes there were.""".splitlines()
THREADS = """\
Two threads on two cores, Yin-Yang's 5-120-3, ratio 2. The serial share is what Amdahl's law gives for the ratio; it
holds whatever keeps the second core from helping, other programs among it.""".splitlines()


def exponents(name: str, points: list[dict[str, Any]]) -> dict[str, float]:
    """Slopes of logarithms over the upper half of the range, also on a logarithmic scale."""
    x = np.array([point[name] for point in points], dtype=float)
    upper = x >= math.sqrt(x.min() * x.max()) * (1.0 - 1e-9)
    return {
        what: float(np.polyfit(np.log(x[upper]), np.log(np.array([point[key] for point in points])[upper]), 1)[0])
        for what, key in QUANTITIES.items()
    }


def draw(record: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    sweeps = record["sweeps"]
    figure, axes = plt.subplots(2, len(sweeps), figsize=(3.0 * len(sweeps), 5.4), sharex="col", squeeze=False)
    for column, (name, points) in enumerate(sweeps.items()):
        x = [point[name] for point in points]
        above, below = axes[:, column]
        slopes = record["exponents"][name]
        for what, marker in (("run", "o"), ("gradient", "s")):
            y = [1e3 * point[QUANTITIES[what]] for point in points]
            above.loglog(x, y, marker=marker, ms=4, lw=1.2, label=f"{what}, exponent {slopes[what]:.2f}")
        y = [point["peak_bytes"] / 1e6 for point in points]
        below.loglog(x, y, marker="o", ms=4, lw=1.2, color="C2", label=f"exponent {slopes['memory']:.2f}")
        below.set_xlabel(TITLES[name])
        for axis in (above, below):
            axis.grid(alpha=0.3)
            axis.legend(fontsize=7, frameon=False)
            low, high = axis.get_ylim()
            # a flat line is shown as one, not as a magnification of its noise
            if high < 30.0 * low:
                middle = math.sqrt(low * high)
                axis.set_ylim(middle / 30.0, middle * 30.0)
    axes[0, 0].set_ylabel("time of a call (ms)")
    axes[1, 0].set_ylabel("peak memory (MB)")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def section(record: dict[str, Any]) -> str:
    machine = record["machine"]
    lines = [
        "## How time and memory grow",
        "",
        *INTRODUCTION,
        f"{machine['processor']}, {record['date'][:10]}, load {record['load_average']:.1f} when it began; "
        "`python benchmarks/scaling.py`.",
        "",
        "![Time and memory against neurons, events, spikes, batch and duration](images/scaling.png)",
        "",
        "| | range | exponent: run | gradient | memory | largest: run | gradient | memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, points in record["sweeps"].items():
        first, last, slopes = points[0], points[-1], record["exponents"][name]
        lines.append(
            f"| {TITLES[name]} | {first[name]:,.4g} to {last[name]:,.5g} | {slopes['run']:.2f} | "
            f"{slopes['gradient']:.2f} | {slopes['memory']:.2f} | {1e3 * last['run_best']:,.1f} ms | "
            f"{1e3 * last['gradient_best']:,.1f} ms | {last['peak_bytes'] / 1e6:,.1f} MB |"
        )
    if "threads" in record:
        lines += [
            "",
            *THREADS,
            "",
            "| batch | run: 1 thread / 2 | gradient: 1 / 2 | both: 1 / 2 | serial share of both | load before |",
            "|---|---|---|---|---|---|",
        ]
        for entry in record["threads"]:
            ratios = [f"{entry[what]['ratio']:.2f}" for what in ("run", "gradient", "both")]
            share = 100.0 * entry["both"]["serial_share"]
            lines.append(f"| {entry['batch']} | {' | '.join(ratios)} | {share:.0f} % | {entry['load_average']:.1f} |")
    return "\n".join(lines)
