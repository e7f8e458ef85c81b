"""Saltation under PyTorch: networks as modules, their exact gradients through autograd.

A whole network is one operation, ``saltation::run``, and its adjoint another (`saltation.torch.ops`), both
known to ``torch.compile``. `SNN` wraps a `saltation.Network`; `LIF`, `ALIF` and `LI` are single layers for
``nn.Sequential``, which pass on `Spikes`, whose times carry the gradient. Needs
``pip install "saltation[torch]"``.

>>> import torch
>>> from saltation.torch import LI, LIF, Spikes, max_over_time_cross_entropy
>>> _ = torch.manual_seed(1)
>>> model = torch.nn.Sequential(LIF(2, 8, duration=40e-3), LI(8, 3, duration=40e-3))
>>> stimulus = Spikes.from_latencies(torch.tensor([[0.0, 2e-3], [3e-3, 1e-3]]))
>>> loss = max_over_time_cross_entropy(model(stimulus), torch.tensor([0, 2]))
>>> loss.backward()
>>> model[0].weight.grad.shape
torch.Size([2, 8])
"""

try:
    import torch as _torch  # noqa: F401  (is it there?)
except ModuleNotFoundError as error:
    # Only where torch itself is missing: a broken torch should show its own error.
    if error.name != "torch":
        raise
    from saltation.errors import MissingDependencyError

    raise MissingDependencyError(
        'saltation.torch needs PyTorch, which is not installed: pip install "saltation[torch]"'
    ) from error

from saltation.model import fan_in_normal, latency, normal, poisson, uniform
from saltation.torch.heuristics import bump_silent, rate_regularisation
from saltation.torch.layers import ALIF, LI, LIF
from saltation.torch.losses import (
    max_over_time_cross_entropy,
    spike_time_mse,
    ttfs_accuracy,
    ttfs_cross_entropy,
    ttfs_silent_labels,
)
from saltation.torch.output import Output
from saltation.torch.samples import Samples, run_samples
from saltation.torch.snn import SNN
from saltation.torch.spikes import Spikes, as_spikes

__all__ = [
    "ALIF",
    "LI",
    "LIF",
    "SNN",
    "Output",
    "Samples",
    "Spikes",
    "as_spikes",
    "bump_silent",
    "fan_in_normal",
    "latency",
    "max_over_time_cross_entropy",
    "normal",
    "poisson",
    "rate_regularisation",
    "run_samples",
    "spike_time_mse",
    "ttfs_accuracy",
    "ttfs_cross_entropy",
    "ttfs_silent_labels",
    "uniform",
]
