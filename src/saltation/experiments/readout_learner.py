"""Classifiers by the voltages of a readout, the largest or the integral: a step, an epoch, and how good they are.

What a network is, and what its spikes say, is up to the experiment: it runs once for each sample, has inputs "in",
hidden neurons "hid" and a readout "out" with a neuron for each class, and the class is the largest reading.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
import numpy.typing as npt

from saltation.engine import Backend, Run, simulate
from saltation.experiments.adam import Adam
from saltation.experiments.labelled import Labelled, drop
from saltation.experiments.on_chip import uncounted, with_runs, without_runs
from saltation.experiments.training import Trained, check_finite, naming_the_batch
from saltation.experiments.voltage_loss import cross_entropy
from saltation.model import MaxVoltage, Network, Spikes, VoltageIntegral

__all__ = [
    "LARGEST",
    "Learner",
    "Readout",
    "ReadoutLearner",
    "Scores",
    "Step",
    "readings_of",
    "score",
    "train_epoch",
]

Floats = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True)
class Readout:
    """What is read of the voltages of "out", and the unit that readings are in.

    ::

        y = max over t of V(t) / unit,  or  integral of V(t) dt / unit

    A neuron that is never above zero has a largest voltage that no weight moves, and an integral that they do.
    """

    probe: MaxVoltage | VoltageIntegral
    unit: float = 1.0

    @property
    def record(self) -> dict[str, Any]:
        """What a run has to record."""
        return {"out": self.probe}

    def read(self, run: Run) -> Floats:
        """Readings, [sample, class]."""
        return run.voltage["out"] / self.unit


LARGEST = Readout(MaxVoltage())

_AT_ONCE = 100  # samples of one call: bounds the memory for what a gradient would need of them


@final
@dataclass(frozen=True, slots=True)
class Step:
    """What one step saw before the update: the loss of the batch, how many samples were right, and hidden spikes."""

    loss: float
    right: int
    spikes: int


@final
@dataclass(frozen=True, slots=True)
class Scores:
    """Averages over samples.

    Attributes
    ----------
    accuracy : float
        Share of samples in which the reading of the label is the largest; the first of equal ones counts.
    loss : float
        As in training, without dropout.
    spikes_per_sample : float
        Spikes of the hidden layer.
    samples : int
        Number of samples.
    """

    accuracy: float
    loss: float
    spikes_per_sample: float
    samples: int


class Batches(Protocol):
    """What a recipe says of an epoch."""

    @property
    def batch(self) -> int:
        """Samples for one step."""
        ...

    @property
    def dropout(self) -> float:
        """Share of input spikes that is left out."""
        ...

    def learning_rate_of(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0."""
        ...


class Learner(Trained):
    """Weights by name, and the state of their optimiser; abstract."""

    @abstractmethod
    def step(self, data: Labelled, learning_rate: float) -> Step:
        """Run a batch and update the weights; GradientError if a number is not finite."""

    @abstractmethod
    def warm_up(self, data: Labelled) -> None:
        """Run a batch and its gradient, so that all that is compiled on first use is there; nothing is updated."""


@final
class ReadoutLearner(Learner):
    """Training with nothing but NumPy: the run's own gradient, and `Adam`.

    Parameters
    ----------
    network : Network
        With the initial weights.
    projections : dict of str to (str, str)
        Name of each trained array of weights, and the projection that has it.
    backend : Backend
        What runs it; its observations are what the gradient is taken at.
    duration : float
        Length of the window in seconds.
    readout : Readout
        What the loss is of.
    shortened : callable
        From gradients by name to those that the optimiser gets.

    Examples
    --------
    >>> import numpy as np, saltation as sal
    >>> from saltation.experiments.labelled import Labelled
    >>> from saltation.experiments.readout_learner import ReadoutLearner
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(2)); _ = net.add("hid", sal.LIF(4)); _ = net.add("out", sal.LI(2))
    >>> _ = net.connect("in", "hid", weight=np.full((2, 4), 9.0))
    >>> _ = net.connect("hid", "out", weight=np.zeros((4, 2)))
    >>> names = {"a": ("in", "hid"), "b": ("hid", "out")}
    >>> learner = ReadoutLearner(net, names, sal.Exact(), duration=20e-3)
    >>> spikes = sal.Spikes.from_lists([([0.0], [0]), ([0.0], [1])], n_units=2)
    >>> step = learner.step(Labelled(spikes, np.array([0, 1])), 0.1)
    >>> round(step.loss, 4), step.right, sorted(learner.weights())
    (0.6931, 1, ['a', 'b'])
    """

    def __init__(
        self,
        network: Network,
        projections: Mapping[str, tuple[str, str]],
        backend: Backend,
        duration: float,
        readout: Readout = LARGEST,
        shortened: Callable[[dict[str, Floats]], dict[str, Floats]] = dict,
    ) -> None:
        self._network, self._projections = network, dict(projections)
        self._backend, self._duration, self._readout, self._shortened = backend, duration, readout, shortened
        found = {name: network.projections[key].weight for name, key in projections.items()}
        self._weights = {name: np.array(weight, np.float64) for name, weight in found.items()}
        self._adam = Adam(self._weights)

    def warm_up(self, data: Labelled) -> None:
        """Run a batch and its gradient, and a step of an optimiser that is thrown away."""
        with uncounted(self._backend):
            run = self._run(data.stimulus)
            run.gradient(voltage={"out": np.zeros(run.voltage["out"].shape)}, time_constants=False)
        one = {"w": np.zeros(1)}
        Adam(one).step(one, one, 0.0)

    def step(self, data: Labelled, learning_rate: float) -> Step:
        """Run a batch and update the weights."""
        run = self._run(data.stimulus)
        readings = self._readout.read(run)
        loss, derivative = cross_entropy(readings, data.labels)
        check_finite("the loss", loss)
        gradient = run.gradient(voltage={"out": derivative / self._readout.unit}, time_constants=False).weight
        gradients = {name: gradient[key] for name, key in self._projections.items()}
        for name, values in gradients.items():
            check_finite(f"the gradient of {name}", values)
        moved = self._adam.step(self._weights, self._shortened(gradients), learning_rate)
        for name, values in moved.items():
            check_finite(f"{name}, after the update,", values)
        self._set(moved)
        right = int(np.count_nonzero(readings.argmax(axis=1) == data.labels))
        return Step(loss, right, run.spikes["hid"].n_events)

    def _run(self, stimulus: Spikes) -> Run:
        record = self._readout.record
        return simulate(self._network, {"in": stimulus}, self._duration, backend=self._backend, record=record)

    def weights(self) -> dict[str, Floats]:
        """Give the weights of now."""
        return dict(self._weights)

    def state(self) -> Any:
        """Give the state of the optimiser, and of a chip the number of its runs."""
        return with_runs(self._adam.state(), self._backend)

    def restore(self, weights: Mapping[str, Floats], state: Any) -> None:
        """Take up earlier weights and state."""
        self._adam.restore(without_runs(state, self._backend))
        self._set({name: np.asarray(weights[name], np.float64) for name in self._projections})

    def _set(self, weights: dict[str, Floats]) -> None:
        self._weights = weights
        # With replace, what was found out about the graph is kept.
        self._network = self._network.replace(weight={self._projections[name]: w for name, w in weights.items()})


def train_epoch(
    name: str, recipe: Batches, learner: Learner, data: Labelled, rng: np.random.Generator, number: int
) -> dict[str, Any]:
    """Train on all samples once, in an order that is drawn; give the record of the epoch.

    Parameters
    ----------
    name : str
        Of the experiment, for errors.
    recipe : Batches
        Samples for a step, share of input spikes that is left out, and learning rates.
    learner : Learner
        What is trained.
    data : Labelled
        All samples.
    rng : numpy.random.Generator
        Of the order, and of the spikes that are left out.
    number : int
        Of the epoch, from 1 on.

    Raises
    ------
    GradientError
        If a loss, a gradient or a weight is not finite; it names the batch.
    """
    learning_rate = recipe.learning_rate_of(number - 1)
    order: npt.NDArray[np.int64] = rng.permutation(len(data))
    loss, right, spikes = 0.0, 0, 0
    for batch, at in enumerate(range(0, len(order), recipe.batch), start=1):
        chosen = data[order[at : at + recipe.batch]]
        if recipe.dropout:
            chosen = Labelled(drop(chosen.stimulus, recipe.dropout, rng), chosen.labels)
        with naming_the_batch(name, number, batch, learning_rate):
            step = learner.step(chosen, learning_rate)
        loss += step.loss * len(chosen)
        right += step.right
        spikes += step.spikes
    n = len(order)
    return {
        "epoch": number,
        "learning_rate": learning_rate,
        "train_loss": loss / n,
        "train_accuracy": right / n,
        "spikes_per_sample": spikes / n,
    }


def readings_of(
    network: Network, stimulus: Spikes, duration: float, backend: Backend, readout: Readout = LARGEST
) -> tuple[Floats, int]:
    """Give the readings, [sample, class], and the number of hidden spikes."""
    found: list[Floats] = []
    spikes = 0
    for at in range(0, stimulus.batch, _AT_ONCE):
        # no run outlives its turn: each holds what a gradient would need
        some = {"in": stimulus[at : at + _AT_ONCE]}
        run = simulate(network, some, duration, backend=backend, record=readout.record)
        found.append(readout.read(run))
        spikes += run.spikes["hid"].n_events
    return np.concatenate(found), spikes


def score(network: Network, data: Labelled, duration: float, backend: Backend, readout: Readout = LARGEST) -> Scores:
    """Score a network on labelled samples."""
    readings, spikes = readings_of(network, data.stimulus, duration, backend, readout)
    loss, _ = cross_entropy(readings, data.labels)
    right = float(np.mean(readings.argmax(axis=1) == data.labels))
    return Scores(right, loss, spikes / len(data), len(data))
