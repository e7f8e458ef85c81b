"""A smooth loss of all that a run returns, in JAX and for the engine's own gradient."""

import jax.numpy as jnp
import numpy as np


def loss(out):
    total = 0.0
    for spikes in out.spikes.values():
        there = spikes.units >= 0
        # by the unit and not by the place, which depends on the batch
        scale = 1.0 + 0.3 * jnp.where(there, spikes.units, 0)
        total += (jnp.sin(jnp.where(there, spikes.times, 0.0)) * jnp.where(there, scale, 0.0)).sum()
        # a time of NaN is not to get lost
        total += jnp.where(jnp.isnan(spikes.times), spikes.times, 0.0).sum()
    for values in out.voltages.values():
        for value in values if isinstance(values, tuple) else (values,):
            total += jnp.square(value).sum()
    return total


def gradient(run, **options):
    """Of the same loss, by the engine; the stimulus among the spikes."""
    bars = {name: np.cos(spikes.times) * (1.0 + 0.3 * spikes.units) for name, spikes in run.spikes.items()}
    voltages = {
        name: tuple(2 * v for v in value) if isinstance(value, tuple) else 2 * value
        for name, value in run.voltage.items()
    }
    return run.gradient(bars, voltages, **options)


def flat(gradients):
    """Gradients of the engine by the names of the parameters."""
    from saltation.engine.training import KINDS, parameter_name

    return {parameter_name(kind, key): value for kind in KINDS for key, value in getattr(gradients, kind).items()}
