"""What float32 would gain and cost: the vectorised parts of a run in both precisions, and the error of spike times.

    taskset -c 0 python benchmarks/float32.py

The two things a gap costs every neuron, its bound and its flow, and the closed form of a crossing for ``tau_mem = 2
tau_syn``, in loops of the same text, once for float64 and once for float32, with the library's logarithm in both.  The
error is that of the spike time and of its derivative by the current, against float64, for neurons at random below the
threshold.
"""

import time
from pathlib import Path
from typing import Any

import click
import numba as nb
import numpy as np

from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json

RESULTS = Path(__file__).parent / "results" / "float32.json"
TAU_MEM = 20e-3
SIZE = 128


def _gap(rows, g, h, rounds, four, one, two):
    """Bound and flow of all neurons over a gap."""
    picked = 0
    for _ in range(rounds):
        for m in range(rows.shape[1]):
            v = rows[0, m]
            i = rows[1, m]
            u = i - v
            m0 = one - v
            end = v * g + i * h
            peak = (u > 0) & (u * u >= four * i * m0) & (u <= two * i * (one - g))
            picked += (end >= one) | peak
        for m in range(rows.shape[1]):
            v = rows[0, m]
            i = rows[1, m]
            rows[0, m] = v * g + i * h
            rows[1, m] = i * g * g + rows[2, m]
    return picked


def _crossing(rows, times, tau, rounds, four, one, two):
    """Closed-form crossings of all neurons; nan where there is none."""
    for _ in range(rounds):
        for m in range(rows.shape[1]):
            v = rows[0, m]
            i = rows[1, m]
            u = i - v
            m0 = one - v
            y = two * m0 / (u + np.sqrt(u * u - four * i * m0))
            times[m] = -np.log1p(-y) * tau


gap_all = nb.njit(_gap)
crossing_all = nb.njit(_crossing)


def arguments(kind: Any) -> tuple[Any, ...]:
    return kind(4.0), kind(1.0), kind(2.0)


def best(function: Any, *given: Any, repeats: int = 40) -> float:
    function(*given)
    least = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function(*given)
        least = min(least, time.perf_counter() - start)
    return least


def states(n: int) -> np.ndarray:
    """Neurons at random below the threshold: voltage, current, what arrives."""
    rng = np.random.default_rng(0)
    return np.stack([rng.uniform(-1.0, 0.99, n), rng.uniform(3.0, 12.0, n), rng.uniform(-0.1, 0.1, n)])


def errors(n: int) -> dict[str, float]:
    """Relative errors of float32's spike times and of their slopes by the current."""
    exact = states(n)
    found: dict[str, list[np.ndarray]] = {"times": [], "slopes": []}
    for kind in (np.float64, np.float32):
        rows = exact.astype(kind)
        times = np.empty(n, kind)
        crossing_all(rows, times, kind(TAU_MEM), 1, *arguments(kind))
        # dt/di = -kappa(t) / (dV/dt), kappa = e - e^2 with e = exp(-t / tau_mem)
        e = np.exp(-times / kind(TAU_MEM))
        slope = -(e - e * e) * kind(TAU_MEM) / (rows[1] * e * e - kind(1.0))
        found["times"].append(times.astype(np.float64))
        found["slopes"].append(slope.astype(np.float64))
    result: dict[str, float] = {}
    for name, (a, b) in found.items():
        good = np.isfinite(a)
        wrong = np.abs(b[good] - a[good]) / np.abs(a[good])
        result[f"{name}, median"] = float(np.nanmedian(wrong))
        result[f"{name}, 99.9 %"] = float(np.nanquantile(wrong, 0.999))
        result[f"{name}, largest"] = float(np.nanmax(wrong))
        result[f"{name}, lost or made up"] = float((np.isfinite(a) != np.isfinite(b)).sum())
    return result


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(out: Path) -> None:
    rounds = 4000
    ns: dict[str, dict[str, float]] = {"gap": {}, "crossing": {}}
    for kind in (np.float64, np.float32):
        rows = states(SIZE).astype(kind)
        g, h = kind(0.95), kind(0.95 - 0.95**2)
        name = np.dtype(kind).name
        ns["gap"][name] = 1e9 * best(gap_all, rows, g, h, rounds, *arguments(kind)) / (SIZE * rounds)
        times = np.empty(SIZE, kind)
        rows = states(SIZE).astype(kind)
        given = (rows, times, kind(TAU_MEM), rounds // 10, *arguments(kind))
        ns["crossing"][name] = 1e9 * best(crossing_all, *given) / (SIZE * (rounds // 10))
    record = {
        **header("float32", installation()),
        "ns a neuron": ns,
        "relative errors of float32": errors(1_000_000),
    }
    for what, value in ns.items():
        ratio = value["float64"] / value["float32"]
        click.echo(f"{what:10s} float64 {value['float64']:.3f} ns   float32 {value['float32']:.3f} ns   {ratio:.2f} x")
    for what, value in record["relative errors of float32"].items():
        click.echo(f"{what:24s} {value:.3g}")
    write_json(out, record)


if __name__ == "__main__":
    main()
