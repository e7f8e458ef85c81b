"""What does the training: one step of the optimiser at a time, in a front end."""

from importlib import import_module

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.experiments.mnist.clipping import clip_neurons
from saltation.experiments.mnist.settings import Settings
from saltation.experiments.mnist.task import HIDDEN_AXIS, PROJECTIONS, initial_weights, make_backend, make_network
from saltation.experiments.readout_learner import Learner, ReadoutLearner

__all__ = ["FRONTENDS", "clipped", "make_learner"]

Floats = npt.NDArray[np.float64]

FRONTENDS = ("numpy", "torch")


def make_learner(frontend: str, settings: Settings, threads: int | None = None) -> Learner:
    """Start with the initial weights in a front end, "numpy" or "torch".

    Raises
    ------
    ParameterError
        If the front end is another.
    MissingDependencyError
        If it is torch, and PyTorch is not installed.

    Examples
    --------
    >>> from saltation.experiments.mnist import Settings
    >>> from saltation.experiments.mnist.learner import make_learner
    >>> make_learner("numpy", Settings(hidden=20)).weights()["weight_in_hid"].shape
    (784, 20)
    """
    if frontend == "numpy":
        network, backend = make_network(settings, initial_weights(settings)), make_backend(settings, threads)
        window = settings.duration
        return ReadoutLearner(network, PROJECTIONS, backend, window, shortened=lambda each: _shortened(each, settings))
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


def _shortened(gradients: dict[str, Floats], settings: Settings) -> dict[str, Floats]:
    return gradients | {"weight_in_hid": clipped(gradients["weight_in_hid"], settings)}
