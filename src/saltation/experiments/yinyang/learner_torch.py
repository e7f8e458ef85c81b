"""Training with PyTorch: the network as a module, its gradient by autograd, torch's Adam."""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch

from saltation.engine import Exact
from saltation.experiments.torch_support import one_thread, tensors
from saltation.experiments.training import check_finite
from saltation.experiments.yinyang.learner import Learner, Step, learning_rates
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import initial_weights, make_network
from saltation.model import Spikes
from saltation.torch import SNN, ttfs_cross_entropy

__all__ = ["TorchLearner"]

Floats = npt.NDArray[np.float64]


@final
class TorchLearner(Learner):
    """Training in PyTorch, in float64; the losses are those of `NumpyLearner` but for rounding.

    Examples
    --------
    >>> from saltation.experiments.yinyang import Settings
    >>> from saltation.experiments.yinyang.learner_torch import TorchLearner
    >>> TorchLearner(Settings(hidden=20)).weights()["weight_in_hid"].shape
    (5, 20)
    """

    def __init__(self, settings: Settings, threads: int | None = None) -> None:
        self._settings = settings
        values = initial_weights(settings)
        kinds = ("weight",) if settings.delays == "none" else ("weight", "delay")
        self._snn = SNN(make_network(settings, values), trainable=kinds, backend=Exact(threads=threads))
        # The order of the state must not hang on that of the module's parameters.
        self._parameters = {name: self._snn.get_parameter(name) for name in values}
        # one group for each, since delays have a learning rate of their own
        self._adam = torch.optim.Adam([{"params": [each]} for each in self._parameters.values()])

    def warm_up(self, stimulus: Spikes, labels: npt.NDArray[np.int64]) -> None:
        """Run a batch and its gradient."""
        with one_thread():
            out = self._snn({"in": stimulus}, duration=self._settings.duration)
            first = out.first_spike("out")
            first[first.isfinite()].sum().backward()
            self._adam.zero_grad()

    def step(self, stimulus: Spikes, labels: npt.NDArray[np.int64], learning_rate: float) -> Step:
        """Run a batch and update the weights."""
        with one_thread():
            return self._step(stimulus, labels, learning_rate)

    def _step(self, stimulus: Spikes, labels: npt.NDArray[np.int64], learning_rate: float) -> Step:
        settings = self._settings
        first = self._snn({"in": stimulus}, duration=settings.duration).first_spike("out")
        loss = ttfs_cross_entropy(
            first, torch.from_numpy(labels), tau0=settings.tau0, tau1=settings.tau1, alpha=settings.alpha
        )
        check_finite("the loss", loss.item())
        self._adam.zero_grad()
        loss.backward()
        for name, parameter in self._parameters.items():
            assert parameter.grad is not None
            check_finite(f"the gradient of {name}", parameter.grad.numpy())
        rates = learning_rates(settings, learning_rate, self._parameters)
        for group, rate in zip(self._adam.param_groups, rates.values(), strict=True):
            group["lr"] = rate
        self._adam.step()
        self._snn.project_()
        for name, parameter in self._parameters.items():
            check_finite(f"{name}, after the update,", parameter.detach().numpy())
        return Step(loss.item(), first.detach().numpy())

    def weights(self) -> dict[str, Floats]:
        """Give the weights of now."""
        return {name: parameter.detach().numpy().copy() for name, parameter in self._parameters.items()}

    def state(self) -> Any:
        """Give the state of the optimiser."""
        return self._adam.state_dict()

    def restore(self, weights: Mapping[str, Floats], state: Any) -> None:
        """Take up earlier weights and state."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(torch.from_numpy(np.array(weights[name])))
        self._adam.load_state_dict(tensors(state))
