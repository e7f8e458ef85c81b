"""The clock: a run, its gradient and a training step of a case, medians of repeats after one call that compiles."""

import importlib.util
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from saltation.engine import Exact, Run, simulate
from saltation.experiments.bench import naive
from saltation.experiments.bench.cases import BATCH, DURATION, TAU_MEM, Case, network, stimulus
from saltation.model import Network, Spikes

__all__ = ["Comparison", "Timing", "alternate", "compare", "has_torch", "measure", "training_step"]


FEWEST = 5
PATIENCE = 4.0  # seconds for the repeats of one measurement


@dataclass(frozen=True, slots=True)
class Timing:
    """What a case costs; times in microseconds a sample unless they say otherwise.

    Attributes
    ----------
    case, shape : str
        Which case, and the sizes of its layers.
    batch, threads, repeats : int
        Samples in a call, threads that worked on them, calls that were timed.
    input_events, hidden_spikes, spikes : float
        Events a sample; ``spikes`` are those of all layers that compute.
    neuron_updates : float
        Updates of a neuron by an arrival, a sample: what any event-driven method has to do at least.
    run, gradient : float
        Medians: a simulation, and the gradient for weights and input times that follows it.
    run_best, gradient_best : float
        The fastest of the repeats.
    step : float, optional
        Median of a training step under PyTorch: run, loss, gradient and Adam. None where it was not timed.
    run_ns_per_spike, gradient_ns_per_spike, run_ns_per_update, gradient_ns_per_update : float
        The medians divided by spikes and by updates, in nanoseconds.
    """

    case: str
    shape: str
    batch: int
    threads: int
    repeats: int
    input_events: float
    hidden_spikes: float
    spikes: float
    neuron_updates: float
    run: float
    gradient: float
    run_best: float
    gradient_best: float
    step: float | None
    run_ns_per_spike: float
    gradient_ns_per_spike: float
    run_ns_per_update: float
    gradient_ns_per_update: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The plain kernel and ours in turns, one thread; medians in microseconds a sample, ratios plain / ours."""

    case: str
    naive_run: float
    naive_gradient: float
    run: float
    gradient: float
    ratio_run: float
    ratio_gradient: float
    ratio_both: float


def measure(
    name: str,
    case: Case,
    threads: int = 1,
    repeats: int = 30,
    batch: int = BATCH,
    *,
    net: Network | None = None,
    step: bool = False,
) -> Timing:
    """Time a case, or the network that is given in its place; ``step`` times PyTorch too.

    Examples
    --------
    >>> from saltation.experiments.bench.cases import Case
    >>> timing = measure("small", Case(hidden=4), repeats=1, batch=2)
    >>> timing.shape, timing.run > 0.0
    ('5-4-3', True)
    """
    net = network(case) if net is None else net
    stim = stimulus(case, batch)
    last, times = alternate({"run": _run(net, stim, threads), "gradient": _gradient}, repeats)
    per_sample = {what: [1e6 * seconds / batch for seconds in values] for what, values in times.items()}
    run, gradient = statistics.median(per_sample["run"]), statistics.median(per_sample["gradient"])
    events = {name: spikes.n_events / batch for name, spikes in last.spikes.items()}
    spikes = sum(number for name, number in events.items() if name != "in")
    updates = sum(events[p.pre] * net.populations[p.post].size for p in net.projections.values())
    return Timing(
        case=name,
        shape=case.shape,
        batch=batch,
        threads=threads,
        repeats=len(times["run"]),
        input_events=events["in"],
        hidden_spikes=events["hid"],
        spikes=spikes,
        neuron_updates=updates,
        run=run,
        gradient=gradient,
        run_best=min(per_sample["run"]),
        gradient_best=min(per_sample["gradient"]),
        step=_step_time(net, stim, case, threads, repeats) if step else None,
        # a network too small to spike still has a time a spike: that of one
        run_ns_per_spike=1e3 * run / max(spikes, 1.0),
        gradient_ns_per_spike=1e3 * gradient / max(spikes, 1.0),
        run_ns_per_update=1e3 * run / updates,
        gradient_ns_per_update=1e3 * gradient / updates,
    )


def compare(name: str, case: Case, repeats: int = 30, batch: int = BATCH) -> Comparison:
    """Time the plain kernel and ours in turns, so that both meet the same machine."""
    net, stim = network(case), stimulus(case, batch)
    weights = [net.projections["in", "hid"].weight, net.projections["hid", "out"].weight]

    def plain_gradient(layers: list[naive.Layer]) -> list[naive.Layer]:
        naive.gradient(layers, np.ones(layers[-1].times.size))
        return layers

    jobs = {
        "run": _run(net, stim, 1),
        "gradient": _gradient,
        "naive_run": lambda _: naive.run(weights, TAU_MEM / case.ratio, stim, DURATION),
        "naive_gradient": plain_gradient,
    }
    _, times = alternate(jobs, repeats)
    median = {what: 1e6 * statistics.median(values) / batch for what, values in times.items()}
    return Comparison(
        case=name,
        **median,
        ratio_run=median["naive_run"] / median["run"],
        ratio_gradient=median["naive_gradient"] / median["gradient"],
        ratio_both=(median["naive_run"] + median["naive_gradient"]) / (median["run"] + median["gradient"]),
    )


def alternate(
    jobs: dict[str, Callable[[Any], Any]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> tuple[Any, dict[str, list[float]]]:
    """Do the jobs in turns, each with the result of the one before it; the last result, and seconds of each.

    The first round, which compiles and touches memory for the first time, is not counted. Jobs that take long are
    repeated less often than asked for, but not less than `FEWEST` times.
    """
    times: dict[str, list[float]] = {name: [] for name in jobs}
    result = None
    for repeat in range(repeats + 1):
        if repeat > FEWEST and sum(map(sum, times.values())) > PATIENCE:
            break
        for name, job in jobs.items():
            start = clock()
            result = job(result)
            if repeat:
                times[name].append(clock() - start)
    return result, times


def has_torch() -> bool:
    """Whether PyTorch is installed; it is not imported."""
    return importlib.util.find_spec("torch") is not None


def training_step(net: Network, stim: Spikes, labels: np.ndarray, threads: int) -> Callable[[Any], Any]:
    """A training step under PyTorch: run, loss of first spikes, gradient, Adam."""
    import torch

    from saltation.torch import SNN, ttfs_cross_entropy

    snn = SNN(net, trainable=("weight",), backend=Exact(threads=threads))
    # a rate too small to change what is timed
    optimiser = torch.optim.Adam(snn.parameters(), lr=1e-12)
    targets = torch.from_numpy(labels)

    def step(_: Any) -> Any:
        optimiser.zero_grad()
        out = snn({"in": stim}, duration=DURATION)
        loss = ttfs_cross_entropy(out.first_spike("out"), targets, tau0=0.5e-3, tau1=6.4e-3, alpha=3e-3)
        loss.backward()
        optimiser.step()
        return loss

    return step


def _step_time(net: Network, stim: Spikes, case: Case, threads: int, repeats: int) -> float:
    import torch

    labels = np.random.default_rng(2).integers(0, case.outputs, stim.batch)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        _, times = alternate({"step": training_step(net, stim, labels, threads)}, repeats)
    finally:
        torch.set_num_threads(before)
    return 1e6 * statistics.median(times["step"]) / stim.batch


def _run(net: Network, stim: Spikes, threads: int) -> Callable[[Any], Run]:
    backend = Exact(threads=threads)
    return lambda _: simulate(net, {"in": stim}, DURATION, backend=backend)


def _gradient(run: Run) -> Run:
    run.gradient({"out": np.ones(run.spikes["out"].n_events)}, time_constants=False)
    return run
