"""What a front end does for training: one step of the optimiser at a time."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.engine import Run, simulate
from saltation.errors import ParameterError
from saltation.experiments.adam import Adam
from saltation.experiments.norm_clip import NormClip
from saltation.experiments.on_chip import uncounted, with_runs, without_runs
from saltation.experiments.training import Trained, check_finite
from saltation.experiments.yinyang.readout import make_readout
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import (
    DELAYS,
    PROJECTIONS,
    initial_weights,
    make_backend,
    make_network,
    with_values,
)
from saltation.model import Spikes

__all__ = ["FRONTENDS", "Learner", "NumpyLearner", "Step", "make_learner"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FRONTENDS = ("numpy", "torch", "jax")


@final
@dataclass(frozen=True, slots=True)
class Step:
    """What one step saw before the update: the loss of the batch, and what its readout gave, [batch, 3]."""

    loss: float
    observed: Floats


class Learner(Trained):
    """Weights, by the names in `PROJECTIONS`, learned delays by those in `DELAYS`, and the state of their optimiser."""

    @abstractmethod
    def step(self, stimulus: Spikes, labels: Ints, learning_rate: float) -> Step:
        """Run a batch and update the weights; GradientError if a number is not finite."""

    @abstractmethod
    def warm_up(self, stimulus: Spikes, labels: Ints) -> None:
        """Run a batch and its gradient, so that all that is compiled on first use is there; nothing is updated."""


def make_learner(frontend: str, settings: Settings, threads: int | None = None) -> Learner:
    """Start with the initial weights in a front end, "numpy", "torch" or "jax".

    Raises
    ------
    ParameterError
        If the front end is another.
    MissingDependencyError
        If it is torch or jax, and that is not installed.
    """
    if frontend == "numpy":
        return NumpyLearner(settings, threads)
    if frontend == "torch":
        import_module("saltation.torch")  # says what to install where PyTorch is missing
        from saltation.experiments.yinyang.learner_torch import TorchLearner

        return TorchLearner(settings, threads)
    if frontend == "jax":
        import_module("saltation.jax")  # says what to install where JAX is missing
        import jax

        # spike times are float64; here is a program's main, which may say so
        jax.config.update("jax_enable_x64", True)
        from saltation.experiments.yinyang.learner_jax import JaxLearner

        return JaxLearner(settings, threads)
    raise ParameterError(f"yinyang: frontend must be one of {', '.join(FRONTENDS)}; got {frontend!r}")


def learning_rates(settings: Settings, learning_rate: float, names: Iterable[str]) -> dict[str, float]:
    """Learning rate of each array in a step in which that of the weights is given."""
    of_delays = settings.delay_learning_rate * (learning_rate / settings.learning_rate)
    return {name: of_delays if name in DELAYS else learning_rate for name in names}


def make_clip(settings: Settings, names: Iterable[str]) -> NormClip | None:
    """What shortens gradients, if anything does."""
    return None if settings.norm_quantile is None else NormClip(names, settings.norm_quantile)


def with_norms(state: Any, clip: NormClip | None) -> Any:
    """The state of an optimiser with the norms of gradients that decide the next ones' lengths."""
    return state if clip is None else {"of": state, "norms": clip.state()}


def without_norms(state: Any, clip: NormClip | None) -> Any:
    """The state of the optimiser alone; `clip` goes on from where it was."""
    if clip is None:
        return state
    clip.restore(state["norms"])
    return state["of"]


@final
class NumpyLearner(Learner):
    """Training with nothing but NumPy: the run's own gradient, and `Adam`.

    Examples
    --------
    >>> from saltation.experiments.yinyang import Settings
    >>> from saltation.experiments.yinyang.learner import NumpyLearner
    >>> NumpyLearner(Settings(hidden=20)).weights()["weight_in_hid"].shape
    (5, 20)
    """

    def __init__(self, settings: Settings, threads: int | None = None) -> None:
        self._settings = settings
        self._backend = make_backend(settings, threads)
        self._readout = make_readout(settings)
        self._weights = initial_weights(settings)
        self._network = make_network(settings, self._weights)
        self._adam = Adam(self._weights)
        self._clip = make_clip(settings, self._weights)

    def warm_up(self, stimulus: Spikes, labels: Ints) -> None:
        """Run a batch and its gradient."""
        with uncounted(self._backend):
            run = self._run(stimulus)
            nothing = np.zeros_like(self._readout.observe(run))
            run.gradient(**self._readout.cotangents(run, nothing), time_constants=False)

    def step(self, stimulus: Spikes, labels: Ints, learning_rate: float) -> Step:
        """Run a batch and update the weights."""
        run = self._run(stimulus)
        observed = self._readout.observe(run)
        loss, derivative = self._readout.loss(observed, labels)
        check_finite("the loss", loss)
        gradient = run.gradient(**self._readout.cotangents(run, derivative), time_constants=False)
        gradients = {name: gradient.weight[key] for name, key in PROJECTIONS.items()}
        gradients |= {name: gradient.delay[key] for name, key in DELAYS.items() if name in self._weights}
        for name, values in gradients.items():
            check_finite(f"the gradient of {name}", values)
        if self._clip is not None:
            gradients = self._clip(gradients)
        moved = self._adam.step(self._weights, gradients, learning_rates(self._settings, learning_rate, self._weights))
        moved |= {name: np.maximum(moved[name], 0.0) for name in DELAYS if name in moved}
        for name, values in moved.items():
            check_finite(f"{name}, after the update,", values)
        self._set(moved)
        return Step(loss, observed)

    def _run(self, stimulus: Spikes) -> Run:
        window = self._settings.duration
        return simulate(self._network, {"in": stimulus}, window, backend=self._backend, record=self._readout.record)

    def weights(self) -> dict[str, Floats]:
        """Give the weights of now."""
        return dict(self._weights)

    def state(self) -> Any:
        """Give the state of the optimiser and of clipping, and of a chip the number of its runs."""
        return with_norms(with_runs(self._adam.state(), self._backend), self._clip)

    def restore(self, weights: Mapping[str, Floats], state: Any) -> None:
        """Take up earlier weights and state."""
        self._adam.restore(without_runs(without_norms(state, self._clip), self._backend))
        self._set({name: np.asarray(weights[name], np.float64) for name in self._weights})

    def _set(self, weights: dict[str, Floats]) -> None:
        self._weights = weights
        self._network = with_values(self._network, weights)
