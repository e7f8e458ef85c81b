"""`solve_spiking`: the network on the exact backend, in pieces, until the time is over."""

import time
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.engine import Exact, State, simulate
from saltation.model import Network, Spikes, poisson
from saltation.neurobench.qubo.network import SpikingSettings, spiking_network
from saltation.neurobench.qubo.problem import MISProblem
from saltation.neurobench.qubo.readout import Readout
from saltation.neurobench.qubo.solution import Solution, check_limit, check_stop, solution_of

__all__ = ["solve_spiking"]

Floats = npt.NDArray[np.float64]

_FIRST = 10e-3  # seconds of the model in the first piece
_SHARE = 0.1  # of the time so far that a piece may take, so that improvements are known when they are there
_LONGEST = 0.25  # seconds that a piece may take: what a run keeps of its spikes is memory
_CAUTION = 0.8  # of what is left that a piece is planned to take: its speed is an estimate


def solve_spiking(
    problem: MISProblem,
    limit: float = 1.0,
    *,
    seed: int = 0,
    settings: SpikingSettings | None = None,
    threads: int = 1,
    stop_at: int | None = None,
) -> Solution:
    """Solve a problem by a spiking network on the exact backend.

    The network runs in pieces, each from the state of the one before, and each is read out (`Readout`). Making the
    noise, running and reading are part of the time; building the network, and compiling kernels where they are not kept
    yet, is loading, as the benchmark has it. What a piece finds that ends after the limit does not count.

    Parameters
    ----------
    problem : MISProblem
    limit : float
        Seconds of wall time.
    seed : int
        Of the noise.
    settings : SpikingSettings, optional
        What the network is built of.
    threads : int
        Over samples; results at equal time are for one core.
    stop_at : int, optional
        Cost at which it is done, below 0: minus the number of nodes.

    Returns
    -------
    Solution
        ``extra`` has the simulated seconds, the spikes, and how often the readout added and removed a node.
        ``operations`` are spikes times synapses, the noise's among them, up to the limit.

    Raises
    ------
    ParameterError
        If the limit or ``stop_at`` is not allowed.

    Examples
    --------
    >>> from saltation.neurobench.qubo import mis_problem, solve_spiking
    >>> solve_spiking(mis_problem(25, 0.25, seed=0), limit=5.0, stop_at=-10).gap
    0.0
    """
    wanted, enough = check_limit("solve_spiking", limit), check_stop("solve_spiking", stop_at)
    own = SpikingSettings() if settings is None else settings
    net = spiking_network(problem, own)
    backend = Exact(threads=threads, max_events=10**9)
    rng = np.random.default_rng(seed)
    rates = np.full((own.samples, problem.nodes), own.noise_rate)
    _load(net, backend, problem, own.samples)

    readout = Readout(problem, own.samples)
    best = readout.best.copy()
    fan_out = problem.degree + 1
    history: list[tuple[float, int]] = []
    spikes = operations = 0
    simulated, piece = 0.0, _FIRST
    state: State | None = None
    begin = time.perf_counter()
    now = 0.0
    while True:
        noise = _noise(rng, rates, piece, own, first=state is None)
        run = simulate(net, {"noise": noise}, piece, backend=backend, state=state)
        cost = readout.read(run.spikes["nodes"])
        state = run.state
        before, now = now, time.perf_counter() - begin
        if now > wanted:
            break
        counts = run.spikes["nodes"].counts().sum(axis=0)
        simulated += piece
        spikes += int(counts.sum())
        operations += int(counts @ fan_out) + noise.n_events
        if cost < (history[-1][1] if history else 0):
            history.append((now, cost))
            best = readout.best.copy()
        if enough is not None and cost <= enough:
            break
        speed = piece / (now - before)
        allowed = min(max(_SHARE * now, 1e-3), _LONGEST, _CAUTION * (wanted - now))
        piece = min(speed * allowed, 2.0 * piece)
    extra: dict[str, Any] = {
        "simulated_seconds": simulated,
        "spikes": spikes,
        "added": readout.added,
        "removed": readout.removed,
        "settings": asdict(own),
    }
    return solution_of(
        "spiking", problem, best, min(now, wanted), operations=operations, history=tuple(history), extra=extra
    )


def _load(net: Network, backend: Exact, problem: MISProblem, samples: int) -> None:
    """Compile network and kernels."""
    nothing = Spikes.empty(samples, problem.nodes)
    run = simulate(net, {"noise": nothing}, 1e-6, backend=backend)
    simulate(net, {"noise": nothing}, 1e-6, backend=backend, state=run.state)
    Readout(problem, samples).read(run.spikes["nodes"])


def _noise(rng: np.random.Generator, rates: Floats, piece: float, own: SpikingSettings, *, first: bool) -> Spikes:
    """Poisson spikes; in the first piece also one of each unit at a random time, by which all begin differently."""
    poissonian = poisson(rates, piece, rng)
    if not first:
        return poissonian
    starts = Spikes.from_latencies(rng.uniform(0.0, min(own.tau_mem, piece), rates.shape))
    return Spikes.merge([starts, poissonian])
