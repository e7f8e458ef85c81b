"""Saltation under JAX: networks as pure functions, with exact gradients.

`build` makes a `saltation.Network` into ``init`` and ``apply``; `lif`, `alif` and `li` are single layers that compose
through spike times.  All of them may be used under ``jit``, ``grad``, ``value_and_grad`` and ``vmap``, and run the same
kernels as everything else here, called by XLA without Python in between.  Spike times are float64:
``jax.config.update("jax_enable_x64", True)`` comes first.  Shapes are static, so that populations have a capacity;
`capacities` suggests it.  Needs ``pip install "saltation[jax]"``.

>>> import jax
>>> from saltation.jax import Spikes, li, lif, max_over_time_cross_entropy
>>> def loss(weights, stimulus, labels):
...     hidden = lif(stimulus, weights[0], duration=40e-3, capacity=40)
...     return max_over_time_cross_entropy(li(hidden, weights[1], duration=40e-3), labels)
>>> stimulus = Spikes.from_latencies([[0.0, 2e-3], [3e-3, 1e-3]])
>>> keys = jax.random.split(jax.random.key(1))
>>> weights = (3.0 + jax.random.normal(keys[0], (2, 8)), jax.random.normal(keys[1], (8, 3)))
>>> jax.jit(jax.grad(loss))(weights, stimulus, jax.numpy.array([0, 2]))[0].shape
(2, 8)
"""

try:
    import jax as _jax
except ModuleNotFoundError as error:
    # Only where jax itself is missing: a broken jax should show its own error.
    if error.name != "jax":
        raise
    from saltation.errors import MissingDependencyError

    raise MissingDependencyError(
        'saltation.jax needs JAX, which is not installed: pip install "saltation[jax]"'
    ) from error

from saltation.jax.gate import KernelWarning, refuse

refuse(_jax.__version__)

from saltation.jax.build import build, capacities  # noqa: E402  after the check of the version
from saltation.jax.layers import alif, li, lif  # noqa: E402
from saltation.jax.losses import (  # noqa: E402
    max_over_time_cross_entropy,
    spike_time_mse,
    ttfs_accuracy,
    ttfs_cross_entropy,
    ttfs_silent_labels,
)
from saltation.jax.output import Output  # noqa: E402
from saltation.jax.spikes import Spikes, as_spikes  # noqa: E402
from saltation.jax.trouble import Status  # noqa: E402

__all__ = [
    "KernelWarning",
    "Output",
    "Spikes",
    "Status",
    "alif",
    "as_spikes",
    "build",
    "capacities",
    "li",
    "lif",
    "max_over_time_cross_entropy",
    "spike_time_mse",
    "ttfs_accuracy",
    "ttfs_cross_entropy",
    "ttfs_silent_labels",
]
