"""What a peer must offer, and how it is measured; runs inside the peer's own environment.

    python protocol.py MODULE[:VARIANT] --data data.npz --cpus 1 --threads 1 --out result.json

A peer is a file ``peer_MODULE.py`` with ``build(data, setup) -> Built``.  Only the standard library and NumPy are
imported here, so that nothing but the peer decides its start-up and its memory.
"""

import time

START = time.perf_counter()  # before NumPy, which is part of everyone's start-up

import argparse  # noqa: E402
import importlib  # noqa: E402
import importlib.metadata  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import platform  # noqa: E402
import statistics  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, NamedTuple  # noqa: E402

import numpy as np  # noqa: E402


class Setup(NamedTuple):
    """Threads to use, and which of a file's variants."""

    threads: int
    variant: str


class Look(NamedTuple):
    """What a network does with all training points as it is now."""

    hidden_spikes: float
    accuracy: float


class Built(NamedTuple):
    """A network with its optimiser.

    ``epoch`` trains on all samples in the order it is given, batch by batch, waits until that is done and returns
    the mean loss.  ``look`` runs without training and is not timed.  ``info`` says in words what was run.
    """

    epoch: Callable[[np.ndarray], float]
    look: Callable[[], Look]
    info: dict[str, Any]


class Data(NamedTuple):
    """Yin-Yang as spike times and the weights that all begin with; seconds.

    latencies [sample, 5], labels [sample], w_hid [5, hidden], w_out [hidden, 3].  The weights are those of
    ``tau_mem dv/dt = -v + i``, where an input spike makes ``i`` jump by its weight, and a threshold of 1.
    """

    latencies: np.ndarray
    labels: np.ndarray
    w_hid: np.ndarray
    w_out: np.ndarray
    batch: int
    steps: int
    dt: float
    duration: float
    tau_mem: float
    tau_syn: float
    learning_rate: float


def load(path: str) -> Data:
    with np.load(path) as stored:
        return Data(**{name: stored[name] if stored[name].ndim else stored[name].item() for name in Data._fields})


def binned(data: Data) -> np.ndarray:
    """Input spikes on the grid of the time-stepped peers, float32 [sample, step, 5]."""
    at = np.floor(data.latencies / data.dt + 1e-9).astype(int)
    grid = np.zeros((*at.shape[:1], data.steps, at.shape[1]), np.float32)
    samples, inputs = np.indices(at.shape)
    grid[samples, at, inputs] = 1.0
    return grid


def batches(order: np.ndarray, batch: int) -> np.ndarray:
    """Indices of the samples of each batch, [batch, sample]."""
    return order.reshape(-1, batch)


def peak_memory() -> float | None:
    """Largest resident memory so far in MB."""
    try:
        # not ru_maxrss, which a new program inherits from the one that started it
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)


def measure(name: str, data: Data, threads: int, warm_up: int, epochs: int) -> dict[str, Any]:
    module, _, variant = name.partition(":")
    built = importlib.import_module(f"peer_{module}").build(data, Setup(threads, variant))
    ready = time.perf_counter() - START
    rng = np.random.default_rng(1)
    losses, seconds, cpu_seconds = [], [], []
    for _ in range(warm_up + epochs):
        order = rng.permutation(len(data.labels))
        wall, cpu = time.perf_counter(), time.process_time()
        losses.append(float(built.epoch(order)))
        seconds.append(time.perf_counter() - wall)
        cpu_seconds.append(time.process_time() - cpu)
    memory = peak_memory()
    look = built.look()
    per_sample = 1e6 / len(data.labels)
    steady = statistics.median(seconds[warm_up:])
    return {
        "us_per_sample": steady * per_sample,
        "cpu_us_per_sample": statistics.median(cpu_seconds[warm_up:]) * per_sample,
        "epoch_seconds": seconds[warm_up:],
        # all that comes before the second epoch, beyond what an epoch takes: imports, building, compilation
        "startup_seconds": ready + seconds[0] - steady,
        "ready_seconds": ready,
        "warm_up_seconds": seconds[:warm_up],
        "peak_memory_mb": memory,
        "hidden_spikes": look.hidden_spikes,
        "losses": losses,
        "learns": bool(np.all(np.isfinite(losses)) and losses[warm_up - 1] < losses[0] and losses[-1] < losses[0]),
        "accuracy_seen": look.accuracy,
        "info": built.info,
        "python": platform.python_version(),
        "versions": {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure one peer.")
    parser.add_argument("name")
    parser.add_argument("--data", required=True)
    parser.add_argument("--cpus", required=True, help="numbers of the processors to use, such as 0,1")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--warm-up", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--out", required=True)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(cpu) for cpu in given.cpus.split(",")})
    # peers import this file too: without this they would get a second copy of it
    sys.modules["protocol"] = sys.modules["__main__"]
    result = measure(given.name, load(given.data), given.threads, given.warm_up, given.epochs)
    Path(given.out).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
