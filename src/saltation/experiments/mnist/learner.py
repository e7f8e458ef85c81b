"""What a front end does for training: one step of the optimiser at a time."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.engine import Run, simulate
from saltation.errors import ParameterError
from saltation.experiments.adam import Adam
from saltation.experiments.mnist.clipping import clip_neurons
from saltation.experiments.mnist.settings import Settings
from saltation.experiments.mnist.task import (
    HIDDEN_AXIS,
    PROJECTIONS,
    Labelled,
    initial_weights,
    make_backend,
    make_network,
)
from saltation.experiments.on_chip import uncounted, with_runs, without_runs
from saltation.experiments.training import Trained, check_finite
from saltation.experiments.voltage_loss import cross_entropy
from saltation.model import MaxVoltage, Spikes

__all__ = ["FRONTENDS", "RECORD", "Learner", "NumpyLearner", "Step", "clipped", "make_learner"]

Floats = npt.NDArray[np.float64]

FRONTENDS = ("numpy", "torch")
RECORD = {"out": MaxVoltage()}


@final
@dataclass(frozen=True, slots=True)
class Step:
    """What one step saw before the update: the loss of the batch, how many samples were right, and hidden spikes."""

    loss: float
    right: int
    spikes: int


class Learner(Trained):
    """Weights, by the names in `PROJECTIONS`, and the state of their optimiser; abstract."""

    @abstractmethod
    def step(self, data: Labelled, learning_rate: float) -> Step:
        """Run a batch and update the weights; GradientError if a number is not finite."""

    @abstractmethod
    def warm_up(self, data: Labelled) -> None:
        """Run a batch and its gradient, so that all that is compiled on first use is there; nothing is updated."""


def make_learner(frontend: str, settings: Settings, threads: int | None = None) -> Learner:
    """Start with the initial weights in a front end, "numpy" or "torch".

    Raises
    ------
    ParameterError
        If the front end is another.
    MissingDependencyError
        If it is torch, and PyTorch is not installed.
    """
    if frontend == "numpy":
        return NumpyLearner(settings, threads)
    if frontend == "torch":
        import_module("saltation.torch")  # says what to install where PyTorch is missing
        from saltation.experiments.mnist.learner_torch import TorchLearner

        return TorchLearner(settings, threads)
    raise ParameterError(f"mnist: frontend must be one of {', '.join(FRONTENDS)}; got {frontend!r}")


def clipped(gradient: Floats, settings: Settings) -> Floats:
    """Gradient of the weights to the hidden layer, as the recipe wants it."""
    if settings.clip_quantile == 1.0:
        return gradient
    return clip_neurons(gradient, settings.clip_quantile, HIDDEN_AXIS[settings.net])


@final
class NumpyLearner(Learner):
    """Training with nothing but NumPy: the run's own gradient, and `Adam`.

    Examples
    --------
    >>> from saltation.experiments.mnist import Settings
    >>> from saltation.experiments.mnist.learner import NumpyLearner
    >>> NumpyLearner(Settings(hidden=20)).weights()["weight_in_hid"].shape
    (784, 20)
    """

    def __init__(self, settings: Settings, threads: int | None = None) -> None:
        self._settings = settings
        self._backend = make_backend(settings, threads)
        self._weights = initial_weights(settings)
        self._network = make_network(settings, self._weights)
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
        peak = run.voltage["out"]
        loss, derivative = cross_entropy(peak, data.labels)
        check_finite("the loss", loss)
        gradient = run.gradient(voltage={"out": derivative}, time_constants=False).weight
        gradients = {name: gradient[key] for name, key in PROJECTIONS.items()}
        for name, values in gradients.items():
            check_finite(f"the gradient of {name}", values)
        gradients["weight_in_hid"] = clipped(gradients["weight_in_hid"], self._settings)
        moved = self._adam.step(self._weights, gradients, learning_rate)
        for name, values in moved.items():
            check_finite(f"{name}, after the update,", values)
        self._set(moved)
        right = int(np.count_nonzero(peak.argmax(axis=1) == data.labels))
        return Step(loss, right, run.spikes["hid"].n_events)

    def _run(self, stimulus: Spikes) -> Run:
        window = self._settings.duration
        return simulate(self._network, {"in": stimulus}, window, backend=self._backend, record=RECORD)

    def weights(self) -> dict[str, Floats]:
        """Give the weights of now."""
        return dict(self._weights)

    def state(self) -> Any:
        """Give the state of the optimiser, and of a chip the number of its runs."""
        return with_runs(self._adam.state(), self._backend)

    def restore(self, weights: Mapping[str, Floats], state: Any) -> None:
        """Take up earlier weights and state."""
        self._adam.restore(without_runs(state, self._backend))
        self._set({name: np.asarray(weights[name], np.float64) for name in PROJECTIONS})

    def _set(self, weights: dict[str, Floats]) -> None:
        self._weights = weights
        # With replace, what was found out about the graph is kept.
        self._network = self._network.replace(weight={PROJECTIONS[name]: w for name, w in weights.items()})
