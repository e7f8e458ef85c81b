"""Training with PyTorch: the network as a module, its gradient by autograd, torch's Adam."""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch

from saltation.experiments.labelled import Labelled
from saltation.experiments.mnist.learner import clipped
from saltation.experiments.mnist.settings import Settings
from saltation.experiments.mnist.task import PROJECTIONS, initial_weights, make_backend, make_network
from saltation.experiments.on_chip import uncounted, with_runs, without_runs
from saltation.experiments.readout_learner import LARGEST, Learner, Step
from saltation.experiments.torch_support import one_thread, tensors
from saltation.experiments.training import check_finite
from saltation.torch import SNN, max_over_time_cross_entropy

__all__ = ["TorchLearner"]

Floats = npt.NDArray[np.float64]


@final
class TorchLearner(Learner):
    """Training in PyTorch, in float64; the losses are those of `ReadoutLearner` but for rounding.

    Examples
    --------
    >>> from saltation.experiments.mnist import Settings
    >>> from saltation.experiments.mnist.learner_torch import TorchLearner
    >>> TorchLearner(Settings(hidden=20)).weights()["weight_in_hid"].shape
    (784, 20)
    """

    def __init__(self, settings: Settings, threads: int | None = None) -> None:
        self._settings = settings
        network, self._backend = make_network(settings, initial_weights(settings)), make_backend(settings, threads)
        self._snn = SNN(network, trainable=("weight",), record=LARGEST.record, backend=self._backend)
        # The order of the state must not hang on that of the module's parameters.
        self._parameters = {name: self._snn.get_parameter(name) for name in PROJECTIONS}
        self._adam = torch.optim.Adam(self._parameters.values(), lr=settings.learning_rate)

    def warm_up(self, data: Labelled) -> None:
        """Run a batch and its gradient."""
        with one_thread(), uncounted(self._backend):
            out = self._snn({"in": data.stimulus}, duration=self._settings.duration)
            out.voltage("out").sum().backward()
            self._adam.zero_grad()

    def step(self, data: Labelled, learning_rate: float) -> Step:
        """Run a batch and update the weights."""
        with one_thread():
            return self._step(data, learning_rate)

    def _step(self, data: Labelled, learning_rate: float) -> Step:
        settings = self._settings
        out = self._snn({"in": data.stimulus}, duration=settings.duration)
        peak, labels = out.voltage("out"), torch.from_numpy(data.labels)
        loss = max_over_time_cross_entropy(peak, labels)
        check_finite("the loss", loss.item())
        self._adam.zero_grad()
        loss.backward()
        for name, parameter in self._parameters.items():
            assert parameter.grad is not None
            check_finite(f"the gradient of {name}", parameter.grad.numpy())
        into_hidden = self._parameters["weight_in_hid"].grad
        assert into_hidden is not None
        into_hidden.copy_(torch.from_numpy(clipped(into_hidden.numpy(), settings)))
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        self._adam.step()
        for name, parameter in self._parameters.items():
            check_finite(f"{name}, after the update,", parameter.detach().numpy())
        right = int((peak.argmax(dim=1) == labels).sum())
        return Step(loss.item(), right, out.spikes["hid"].times.numel())

    def weights(self) -> dict[str, Floats]:
        """Give the weights of now."""
        return {name: parameter.detach().numpy().copy() for name, parameter in self._parameters.items()}

    def state(self) -> Any:
        """Give the state of the optimiser, and of a chip the number of its runs."""
        return with_runs(self._adam.state_dict(), self._backend)

    def restore(self, weights: Mapping[str, Floats], state: Any) -> None:
        """Take up earlier weights and state."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(torch.from_numpy(np.array(weights[name])))
        self._adam.load_state_dict(tensors(without_runs(state, self._backend)))
