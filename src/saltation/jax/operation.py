"""A component as one operation that JAX differentiates: its run, and EventProp as the rule of its gradient.

::

    status, samples, maxima, integrals, spikes = run(values, sources, duration)
    dL/d (values, times of the sources)        = EventProp(dL/d samples, maxima, integrals, spike times)

How it gets to the kernels is the business of the two modules that do it, :mod:`saltation.jax.ffi` and
:mod:`saltation.jax.callback`; nothing of the physics is here.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from saltation.errors import GradientError
from saltation.jax import callback, ffi, gate
from saltation.jax.part import Part, Source, Train, Values, Wish
from saltation.jax.trouble import complain
from saltation.kernels.records import AREA, PEAK


class Outcome(NamedTuple):
    """What a component returns; each array has the leading axis of the batch."""

    status: jax.Array
    samples: jax.Array
    peak: jax.Array
    area: jax.Array
    spikes: tuple[Train, ...]


# the same function for the same part, so that JAX finds what it has compiled for it
@lru_cache(maxsize=256)
def operation(part: Part, batch: int) -> Callable[[Values, tuple[Source, ...], Any], Outcome]:
    """Make the operation of a part for a batch of so many samples."""

    @jax.custom_vjp
    def run(values: Values, sources: tuple[Source, ...], duration: Any) -> Outcome:
        return _outcome(part, _way(part, batch, sources).forward(part, batch, False, values, sources, duration))

    def fwd(values: Any, sources: Any, duration: Any) -> tuple[Outcome, Any]:
        if duration.perturbed:
            raise GradientError(
                "the duration of a run has no gradient: how far spikes and voltages are followed changes none of them; "
                "keep it out of what is differentiated"
            )
        wish = Wish(bool(values.table.perturbed))
        plain = jax.tree.map(lambda leaf: leaf.value, (values, sources, duration))
        found = _way(part, batch, plain[1]).forward(part, batch, True, *plain)
        return _outcome(part, found), (wish, plain, found)

    def bwd(kept: Any, cotangents: Outcome) -> tuple[Any, Any, None]:
        wish, (values, sources, duration), found = kept
        bars = [cotangents.samples, cotangents.peak, cotangents.area, *(train.times for train in cotangents.spikes)]
        real = tuple(_materialised(bar) for bar in bars)
        weights, delays, table, v_init, *times = _way(part, batch, sources).backward(
            part, batch, wish.timed, values, sources, duration, found, real
        )
        if part.table.shape[0] == 1:
            table = table.sum(axis=-2, keepdims=True)
        return Values(weights, delays, table, v_init), tuple(Source(bar, None) for bar in times), None

    run.defvjp(fwd, bwd, symbolic_zeros=True)
    return run


def _way(part: Part, batch: int, sources: Sequence[Source]) -> Any:
    """The module that gets to the kernels."""
    if not gate.may_use_ffi():
        return callback
    size = ffi.size_of_kept(part, batch, [source.times.shape[-1] for source in sources])
    if size <= ffi.LARGEST:
        return ffi
    gate.say_too_large(part.names, size, ffi.LARGEST)
    return callback


def _outcome(part: Part, found: Sequence[Any]) -> Outcome:
    status, samples, watch, *rest = found
    spikes = tuple(Train(*rest[3 * i : 3 * i + 3]) for i in range(len(part.capacity)))
    complain(part.names, part.capacity, status, spikes)
    return Outcome(status, samples, watch[:, PEAK], watch[:, AREA], spikes)


def _materialised(bar: Any) -> Any:
    return jnp.zeros(bar.shape, jnp.float64) if isinstance(bar, SymbolicZero) else bar
