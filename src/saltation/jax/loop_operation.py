"""A run of a whole network as an operation that JAX differentiates, made exactly once for each call.

A chip counts its runs, and the noise of each is another: a run is no pure function.  It is called back in the order of
the program (`io_callback`, ordered), so that JAX neither leaves it out, nor repeats it, nor changes the order.  It
stands before the function with a gradient rule, since such functions may have no effects::

    seen, token = forward(values, sources)               an effect, through which no derivative goes
    outputs     = attach(values, sources, seen, token)   the identity in ``seen``; its rule is the gradient of that run

The gradient is a pure function of the token.  Where nothing is traced, both are called at once, without JAX.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.custom_derivatives import SymbolicZero
from jax.experimental import io_callback

from saltation.engine.training import TIME_CONSTANTS
from saltation.errors import GradientError
from saltation.jax.loop_host import Host, Seen
from saltation.jax.part import Source, Wish
from saltation.jax.pieces import in_pieces
from saltation.jax.trouble import Status

_LOG = logging.getLogger(__name__)


def operation(host: Host, values: tuple[Any, ...], sources: tuple[Source, ...], duration: Any) -> tuple[Seen, Seen]:
    """Run a network: what was seen, with a gradient by ``values`` and times, and the same without one."""
    times = tuple(source.times for source in sources)
    batch = times[0].shape[0] if times else 1
    given = jax.lax.stop_gradient((_differentiated(values, times), values, sources, duration))
    seen, token = _forward(host, (), batch, given)
    return _attached(host)(values, times, duration, seen, token), seen


# ------------------------------------------------------------------------------------------------ private
@jax.custom_vjp
def _differentiated(values: Any, times: Any) -> jax.Array:
    """1 where it is differentiated, and a run has to be kept; 0 elsewhere."""
    return jnp.zeros((), jnp.int32)


def _differentiated_fwd(values: Any, times: Any) -> tuple[jax.Array, None]:
    return jnp.ones((), jnp.int32), None


def _differentiated_bwd(_: None, bar: Any) -> tuple[None, None]:
    return None, None


_differentiated.defvjp(_differentiated_fwd, _differentiated_bwd)


def _is_traced(tree: Any) -> bool:
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def _forward(host: Host, lead: tuple[int, ...], batch: int, given: Any) -> tuple[Seen, Any]:
    """What was seen, and the token of the run, or of runs along the axes ``lead``."""
    function = partial(host.forward, lead)
    if not _is_traced(given):
        # errors stay what they are, and what has been started before comes before
        jax.effects_barrier()
        return jax.tree.map(jnp.asarray, function(*given))

    @jax.custom_batching.custom_vmap
    def staged(*given: Any) -> Any:
        quiet = partial(_quietly, function, lambda: host.nothing(lead, batch, Status.BACKEND))
        callback, pieces = in_pieces(quiet, given)
        return io_callback(callback, host.shapes(lead, batch), *pieces, ordered=True)

    @staged.def_vmap
    def along(size: int, batched: Sequence[Any], *given: Any) -> Any:
        # a chip runs one after another: the axis becomes one of the same call
        spread = jax.tree.map(
            lambda leaf, own: leaf if own else jnp.broadcast_to(leaf, (size, *jnp.shape(leaf))), given, tuple(batched)
        )
        found = _forward(host, (size, *lead), batch, spread)
        return found, jax.tree.map(lambda _: True, found)

    return staged(*given)


def _quietly(function: Callable[..., Any], otherwise: Callable[[], Any], *given: Any) -> Any:
    """What a function gives, or something in its place where it raises an error, which is told.

    An error in a program that runs in the background would be met again by all ordered callbacks of the process.
    """
    try:
        return function(*given)
    except Exception:
        _LOG.exception("a call of apply, or its gradient, failed inside of a compiled program; all it gives is NaN")
        return otherwise()


def _attached(host: Host) -> Any:
    """The identity in what was seen, whose gradient is that of the run of a token."""

    @jax.custom_vjp
    def attach(values: Any, times: Any, duration: Any, seen: Seen, token: Any) -> Seen:
        return seen

    def fwd(values: Any, times: Any, duration: Any, seen: Any, token: Any) -> tuple[Seen, Any]:
        if duration.perturbed:
            raise GradientError(
                "the duration of a run has no gradient: how far spikes and voltages are followed changes none of them; "
                "keep it out of what is differentiated"
            )
        if host.backend.surrogate_gradients and any(each.perturbed for each in times):
            raise GradientError(
                "times of events are moved to whole steps of the grid, and surrogate gradients know nothing of them; "
                "keep them out of what is differentiated, or take EventProp: Backend(chip, adjoint=Exact())"
            )
        wish = Wish(
            any(
                kind in TIME_CONSTANTS and value.perturbed for (kind, _), value in zip(host.moving, values, strict=True)
            )
        )
        plain = jax.tree.map(lambda leaf: leaf.value, (values, times, seen, token))
        return plain[2], (wish, plain[0], plain[1], plain[3])

    def bwd(kept: Any, bars: Seen) -> tuple[Any, ...]:
        wish, values, times, token = kept
        voltages = tuple(_materialised(bar) for bar in bars.voltages)
        by_time = tuple(_materialised(bar.times) for bar in bars.spikes)
        found = _adjoint(host, wish.timed)((values, times), token, voltages, by_time)
        return found[: len(values)], found[len(values) :], None, None, None

    attach.defvjp(fwd, bwd, symbolic_zeros=True)
    return attach


def _adjoint(host: Host, timed: bool) -> Any:
    """Gradients by values and times, of which they are functions although they are not computed from them."""

    @jax.custom_jvp
    def adjoint(given: Any, token: Any, voltages: Any, by_time: Any) -> tuple[Any, ...]:
        shapes = tuple(jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.float64) for leaf in jax.tree.leaves(given))
        function = partial(host.gradient, timed, shapes)
        if not _is_traced((token, voltages, by_time)):
            return tuple(jnp.asarray(bar) for bar in function(token, voltages, by_time))
        quiet = partial(_quietly, function, lambda: tuple(np.full(shape.shape, np.nan) for shape in shapes))
        callback, pieces = in_pieces(quiet, (token, voltages, by_time))
        return tuple(jax.pure_callback(callback, shapes, *pieces, vmap_method="sequential"))

    @adjoint.defjvp
    def refuse(primals: Any, tangents: Any) -> Any:
        raise GradientError(
            "the gradient of a run has no derivative: EventProp gives first derivatives, and the second ones of a "
            "network that spikes are not implemented; take differences of gradients"
        )

    return adjoint


def _materialised(bar: Any) -> Any:
    return jnp.zeros(bar.shape, jnp.float64) if isinstance(bar, SymbolicZero) else bar
