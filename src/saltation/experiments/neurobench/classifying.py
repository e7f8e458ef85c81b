"""A trained classifier on a test set, on each backend: how many samples are right, and what it costs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.bss2 import Backend as OnChip
from saltation.engine import Backend, Exact, Grid, Run, simulate
from saltation.errors import ParameterError
from saltation.experiments.neurobench.task import Measured
from saltation.model import Network, Spikes
from saltation.neurobench import Complexity, count_run, merged

__all__ = ["Classifier", "classify", "plain_backend"]

_AT_ONCE = 500  # samples of one call: bounds the memory for their spikes


@final
@dataclass(frozen=True, slots=True)
class Classifier:
    """A network, the window it runs for, what is recorded, and the class that a run says, -1 for none."""

    network: Network
    duration: float
    record: Any
    answers: Callable[[Run], npt.NDArray[np.int64]]


def plain_backend(kind: str, step: float, threads: int | None) -> Backend:
    """Give the exact backend, or a grid.

    Raises
    ------
    ParameterError
        If it is another.
    """
    if kind == "exact":
        return Exact(threads=threads)
    if kind == "grid":
        return Grid(step, threads=threads)
    raise ParameterError(f"plain_backend.kind must be 'exact' or 'grid'; got {kind!r}")


def classify(
    classifier: Classifier,
    stimulus: Spikes,
    labels: npt.NDArray[np.int64],
    backend: Backend,
    step: float,
    at_once: int = _AT_ONCE,
) -> Measured:
    """Run a classifier on a test set, and count.

    ::

        accuracy = samples whose class was said / samples

    Parameters
    ----------
    classifier : Classifier
        What runs.
    stimulus, labels : Spikes, ndarray of int
        The test set; its input population is "in".
    backend : Backend
        What it runs on.
    step : float
        Reference step in seconds, for Dense and activation sparsity; on a grid they are of the steps of the grid.
    at_once : int
        Samples of one call.

    Returns
    -------
    Measured

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> import numpy as np, saltation as sal
    >>> from saltation.experiments.neurobench.classifying import Classifier, classify
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(2)); _ = net.add("out", sal.LI(2))
    >>> _ = net.connect("in", "out", weight=np.eye(2))
    >>> highest = Classifier(net, 10e-3, {"out": sal.MaxVoltage()}, lambda run: run.voltage["out"].argmax(1))
    >>> spikes = sal.Spikes.from_lists([([0.0], [0]), ([0.0], [1])], n_units=2)
    >>> found = classify(highest, spikes, np.array([0, 0]), sal.Exact(), step=1e-3)
    >>> found.correctness, found.complexity.effective_acs, found.complexity.dense
    (0.5, 1.0, 40.0)
    """
    right = 0
    counted: list[Complexity] = []
    for at in range(0, stimulus.batch, at_once):
        # no run outlives its turn: each holds what a gradient would need
        some = {"in": stimulus[at : at + at_once]}
        run = simulate(classifier.network, some, classifier.duration, backend=backend, record=classifier.record)
        right += int(np.count_nonzero(classifier.answers(run) == labels[at : at + at_once]))
        parts = backend.parts(classifier.network) if isinstance(backend, OnChip) else None
        reference = None if isinstance(backend, Grid) else step  # of a grid its own
        counted.append(count_run(run, step=reference, parts=parts, execution_rate=1.0 / classifier.duration))
    whole = merged(counted)
    more = _of_chip(counted) if isinstance(backend, OnChip) else {}
    return Measured(right / stimulus.batch, whole, {"Spikes": _spikes(counted) / whole.samples, **more})


def _spikes(counted: list[Complexity]) -> int:
    """Spikes of all populations, inputs among them."""
    return sum(sum(each.extra["spikes"].values()) for each in counted)


def _of_chip(counted: list[Complexity]) -> dict[str, float | None]:
    """Per sample: physical events of synapses, and modelled seconds on the chip; and the settling of all, once."""
    samples = sum(each.samples for each in counted)
    events = sum(each.extra["Synapse_Events"] * each.samples for each in counted)
    seconds = sum(each.extra["modelled_hardware_time"] for each in counted)
    settling = sum(each.extra["modelled_settling"] for each in counted)
    return {
        "Synapse_Events": events / samples,
        "Modelled_Hardware_Time": seconds / samples,
        "Modelled_Settling": settling,
    }
