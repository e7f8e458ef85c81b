"""The CUBA network, and the statistics of its spikes; runs inside each simulator's own environment.

4,000 leaky integrate-and-fire neurons, 3,200 excitatory and 800 inhibitory, each pair connected with probability 2 %,
after Vogels and Abbott (2005) in the form of Brette et
al. (2007), benchmark 2, with the current-based synapses of Brian's example ``CUBA``::

    tau_mem dv/dt = v_leak - v + i_exc + i_inh      (v held at v_reset for t_refrac after a spike)
    tau_exc di_exc/dt = -i_exc,  tau_inh di_inh/dt = -i_inh

Every simulator reads the same connections and the same initial voltages from one file. Only NumPy is imported here.

References
----------
T. P. Vogels, L. F. Abbott, J. Neurosci. 25, 10786 (2005), DOI 10.1523/JNEUROSCI.3508-05.2005;
R. Brette et al., J. Comput. Neurosci. 23, 349 (2007), DOI 10.1007/s10827-007-0038-6.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# seconds; voltages in mV
PARAMETERS: dict[str, float] = {
    "tau_mem": 20e-3,
    "tau_exc": 5e-3,
    "tau_inh": 10e-3,
    "v_leak": -49.0,
    "v_th": -50.0,
    "v_reset": -60.0,
    "t_refrac": 5e-3,
    "w_exc": 60 * 0.27 / 10,
    "w_inh": -20 * 4.5 / 10,
}
NEURONS, EXCITATORY, PROBABILITY = 4000, 3200, 0.02
TRANSIENT = 0.2  # seconds that the statistics leave out
BIN = 5e-3  # seconds, of the counts of all neurons
LEAST = 5  # spikes of a neuron whose intervals count


class Cuba(NamedTuple):
    """Connections, sorted by the neuron that sends, and initial voltages; the first ``excitatory`` neurons excite."""

    pre: np.ndarray
    post: np.ndarray
    v_init: np.ndarray
    excitatory: int

    @property
    def neurons(self) -> int:
        return self.v_init.size


class Stretch(NamedTuple):
    """What one run gave: spikes in seconds, and what it cost."""

    times: np.ndarray
    units: np.ndarray
    seconds: float
    cpu_seconds: float


def make(seed: int, neurons: int = NEURONS, probability: float = PROBABILITY) -> Cuba:
    """Draw a network: each ordered pair, also of a neuron with itself, is connected with the same probability."""
    rng = np.random.default_rng([seed, 17])
    targets: list[np.ndarray] = []
    counts = rng.binomial(neurons, probability, neurons)
    for count in counts:
        # distinct and in order, without a permutation of all neurons for each of them
        drawn = np.unique(rng.integers(0, neurons, count))
        while drawn.size < count:
            drawn = np.unique(np.concatenate([drawn, rng.integers(0, neurons, count - drawn.size)]))
        targets.append(drawn.astype(np.int32))
    v_init = rng.uniform(PARAMETERS["v_reset"], PARAMETERS["v_th"], neurons)
    pre = np.repeat(np.arange(neurons, dtype=np.int32), counts)
    return Cuba(pre, np.concatenate(targets), v_init, neurons * EXCITATORY // NEURONS)


def save(path: Path, network: Cuba) -> None:
    np.savez(path, **network._asdict())


def load(path: str) -> Cuba:
    with np.load(path) as stored:
        return Cuba(stored["pre"], stored["post"], stored["v_init"], int(stored["excitatory"]))


def statistics(times: np.ndarray, units: np.ndarray, neurons: int, seconds: float) -> dict[str, Any]:
    """Rates, irregularity and synchrony of the spikes after `TRANSIENT`.

    ::

        cv    = std / mean of a neuron's intervals, averaged over neurons of `LEAST` spikes or more
        fano  = variance / mean of the number of spikes of all neurons in bins of `BIN`
        chi   = that variance over what it would be for independent neurons:
                var(sum of counts) / sum of var(counts), 1 where no neuron knows of another
    """
    late = (times >= TRANSIENT) & (times <= seconds)
    times, units = times[late], units[late]
    length = seconds - TRANSIENT
    counts = np.bincount(units, minlength=neurons)
    rates = counts / length
    order = np.lexsort((times, units))
    intervals = np.diff(times[order])
    same = np.diff(units[order]) == 0
    owner, intervals = units[order][1:][same], intervals[same]
    n = np.bincount(owner, minlength=neurons)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(owner, intervals, neurons) / n
        spread = np.sqrt(np.bincount(owner, (intervals - mean[owner]) ** 2, neurons) / n)
        cvs = (spread / mean)[counts >= LEAST]
    bins = round(length / BIN)
    edges = TRANSIENT + BIN * np.arange(bins + 1)
    at = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, bins - 1)
    whole = np.bincount(at, minlength=bins)
    pairs, many = np.unique(units.astype(np.int64) * bins + at, return_counts=True)
    squares = np.bincount(pairs // bins, many.astype(float) ** 2, neurons) / bins
    alone = float((squares - (counts / bins) ** 2).sum())
    return {
        "seconds": seconds,
        "rate": float(rates.mean()),
        "rate_std": float(rates.std()),
        "rate_quartiles": np.quantile(rates, [0.25, 0.5, 0.75]).tolist(),
        "rate_max": float(rates.max()),
        "silent": float((counts == 0).mean()),
        "cv": float(cvs.mean()) if cvs.size else None,
        "cv_std": float(cvs.std()) if cvs.size else None,
        "fano": float(whole.var() / whole.mean()) if whole.any() else None,
        "chi": float(whole.var() / alone) if alone else None,
    }


def compare(
    one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray], tolerance: float = 1e-9
) -> dict[str, Any]:
    """Two rasters, spike by spike, until a neuron or, by more than ``tolerance``, a time is another.

    ``differ``: when that is, None where all is the same; ``largest``: the largest difference of times before.
    """
    (times, units), (others, of) = (
        (raster[0][order], raster[1][order]) for raster in (one, other) for order in [np.lexsort(raster[::-1])]
    )
    n = min(times.size, others.size)
    apart = np.abs(times[:n] - others[:n])
    bad = np.flatnonzero((units[:n] != of[:n]) | (apart > tolerance))
    first = bad[0] if bad.size else n
    whole = first == n and times.size == others.size
    ends = [each[first] for each in (times, others) if first < each.size]
    return {
        "spikes": [int(times.size), int(others.size)],
        "same": int(first),
        "differ": None if whole else float(min(ends)),
        "largest": float(apart[:first].max(initial=0.0)),
    }


def report(
    network: Cuba,
    seconds: float,
    repeats: int,
    run: Callable[[], Stretch],
    spikes: Path | None = None,
) -> dict[str, Any]:
    """Time `run`, which starts anew each time; the first one warms up and does not count if there are more."""
    stretches = [run() for _ in range(repeats + (repeats > 1))]
    timed = stretches[-repeats:]
    last = stretches[-1]
    if spikes is not None:
        np.savez(spikes, times=last.times, units=last.units)
    each = [stretch.seconds / seconds for stretch in timed]
    return {
        "neurons": network.neurons,
        "synapses": int(network.pre.size),
        "seconds": seconds,
        "wall": float(np.median(each)),
        "wall_least": min(each),
        "walls": each,
        "cpu": float(np.median([stretch.cpu_seconds / seconds for stretch in timed])),
        "spikes": int(last.times.size),
        "statistics": statistics(last.times, last.units, network.neurons, seconds) if seconds > 2 * TRANSIENT else None,
        "peak_mb": peak_memory(),
    }


def peak_memory(pid: int | str = "self") -> float | None:
    """Largest resident memory of a process so far, in 10^6 bytes; None where it is not told."""
    try:
        # not ru_maxrss, which a new program inherits from the one that started it
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), None)
