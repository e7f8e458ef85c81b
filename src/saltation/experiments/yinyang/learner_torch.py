"""Training with PyTorch: the network as a module, its gradient by autograd, torch's Adam."""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saltation.experiments.on_chip import uncounted, with_runs, without_runs
from saltation.experiments.torch_support import one_thread, tensors
from saltation.experiments.training import check_finite
from saltation.experiments.yinyang.learner import (
    Learner,
    Step,
    learning_rates,
    make_clip,
    with_norms,
    without_norms,
)
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import initial_weights, make_backend, make_network
from saltation.model import Spikes
from saltation.torch import SNN, max_over_time_cross_entropy, ttfs_cross_entropy

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
        network, self._backend = make_network(settings, values), make_backend(settings, threads)
        self._snn = SNN(network, trainable=kinds, backend=self._backend)
        # The order of the state must not hang on that of the module's parameters.
        self._parameters = {name: self._snn.get_parameter(name) for name in values}
        self._clip = make_clip(settings, values)
        # one group for each, since delays have a learning rate of their own
        self._adam = torch.optim.Adam([{"params": [each]} for each in self._parameters.values()])

    def warm_up(self, stimulus: Spikes, labels: npt.NDArray[np.int64]) -> None:
        """Run a batch and its gradient."""
        with one_thread(), uncounted(self._backend):
            observed = self._observe(stimulus)
            observed[observed.isfinite()].sum().backward()
            self._adam.zero_grad()

    def step(self, stimulus: Spikes, labels: npt.NDArray[np.int64], learning_rate: float) -> Step:
        """Run a batch and update the weights."""
        with one_thread():
            return self._step(stimulus, labels, learning_rate)

    def _step(self, stimulus: Spikes, labels: npt.NDArray[np.int64], learning_rate: float) -> Step:
        settings = self._settings
        observed, targets = self._observe(stimulus), torch.from_numpy(labels)
        if settings.readout == "max_voltage":
            loss = max_over_time_cross_entropy(observed, targets)
        else:
            scales = {"tau0": settings.tau0, "tau1": settings.tau1, "alpha": settings.alpha}
            loss = ttfs_cross_entropy(observed, targets, **scales)
        check_finite("the loss", loss.item())
        self._adam.zero_grad()
        loss.backward()
        for name, parameter in self._parameters.items():
            assert parameter.grad is not None
            check_finite(f"the gradient of {name}", parameter.grad.numpy())
        if self._clip is not None:
            gradients = {name: each.grad.numpy() for name, each in self._parameters.items() if each.grad is not None}
            for name, shortened in self._clip(gradients).items():
                self._parameters[name].grad = torch.from_numpy(shortened)
        rates = learning_rates(settings, learning_rate, self._parameters)
        for group, rate in zip(self._adam.param_groups, rates.values(), strict=True):
            group["lr"] = rate
        self._adam.step()
        self._snn.project_()
        for name, parameter in self._parameters.items():
            check_finite(f"{name}, after the update,", parameter.detach().numpy())
        return Step(loss.item(), observed.detach().numpy())

    def _observe(self, stimulus: Spikes) -> Tensor:
        """What the readout gives, [batch, 3]."""
        out = self._snn({"in": stimulus}, duration=self._settings.duration)
        return out.voltage("out") if self._settings.readout == "max_voltage" else out.first_spike("out")

    def weights(self) -> dict[str, Floats]:
        """Give the weights of now."""
        return {name: parameter.detach().numpy().copy() for name, parameter in self._parameters.items()}

    def state(self) -> Any:
        """Give the state of the optimiser and of clipping, and of a chip the number of its runs."""
        return with_norms(with_runs(self._adam.state_dict(), self._backend), self._clip)

    def restore(self, weights: Mapping[str, Floats], state: Any) -> None:
        """Take up earlier weights and state."""
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(torch.from_numpy(np.array(weights[name])))
        self._adam.load_state_dict(tensors(without_runs(without_norms(state, self._clip), self._backend)))
