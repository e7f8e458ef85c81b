"""Saltation under JAX."""

from saltation.jax.build import build, capacities
from saltation.jax.output import Output
from saltation.jax.spikes import Spikes, as_spikes
from saltation.jax.trouble import Status

__all__ = ["Output", "Spikes", "Status", "as_spikes", "build", "capacities"]
