"""A component on a time grid as a ``jax.lax.scan``: the equations of `saltation.Grid`, with a surrogate derivative."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from saltation.jax.grid_coefficients import Coefficients, Way
from saltation.model import Population
from saltation.model.surrogates import Surrogate

# Steps of a hold that does not end: behind the last spike that is allowed.
_FOR_EVER = 1 << 30


class Wanted(NamedTuple):
    """What is needed of a population: its spikes, its voltages at all steps, their maximum, their integral."""

    train: bool
    voltage: bool
    peak: bool
    area: bool


class Course(NamedTuple):
    """What came of a population; ``[step, batch, neuron]`` or, of the maximum and the integral, ``[batch, neuron]``."""

    train: Any
    voltage: Any
    peak: Any
    area: Any
    end: Any


class _Cell(NamedTuple):
    """State of a population at a grid point, before what arrives there.  ``held``: steps that it still is held."""

    v: Any
    currents: tuple[Any, ...]
    adapt: Any
    held: Any
    count: Any
    peak: Any
    area: Any


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def spike(x: Any, surrogate: Surrogate) -> Any:
    """``1 if x >= 0 else 0``, with the surrogate as its derivative."""
    return (x >= 0.0).astype(x.dtype)


@spike.defjvp
def _spike_jvp(surrogate: Surrogate, primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    (x,), (moved,) = primals, tangents
    slope = surrogate.height * surrogate.shape(jnp.abs(x) * surrogate.sharpness, jnp)
    return spike(x, surrogate), slope.astype(x.dtype) * moved


def run_component(
    populations: Mapping[str, Population],
    given: Mapping[str, Coefficients],
    start: Mapping[str, Any],
    inside: Sequence[Way],
    outside: Sequence[tuple[Any, Way]],
    drive: Mapping[str, tuple[Any, ...]],
    wanted: Mapping[str, Wanted],
    n_steps: int,
    dt: float,
    surrogate: Surrogate,
    detached: bool,
    checkpoint: int | None,
) -> dict[str, Course]:
    """Run populations that depend on one another.

    ``start`` are their initial voltages ``[batch, neuron]`` and ``inside`` the ways of their own spikes.  What arrives
    from outside comes as ``outside``, trains ``[step, batch, unit]`` and their ways, or is multiplied already:
    ``drive``, the currents ``[step, batch, neuron]`` of each receptor or None.
    """
    last = n_steps - 1
    ways = [*inside, *(way for _, way in outside)]
    memory = {pre: max(way.late for way in inside if way.pre == pre) for pre in {way.pre for way in inside}}
    past = {pre: jnp.zeros((late, *start[pre].shape), start[pre].dtype) for pre, late in sorted(memory.items()) if late}

    def step(carry: Any, at: Any) -> tuple[Any, Any]:
        cells, past = carry
        k, arriving, outer = at
        trains: dict[str, Any] = {}
        behind: dict[str, _Cell] = {}
        seen: dict[str, tuple[Any, Any]] = {}
        for name, cell in cells.items():
            trains[name], behind[name] = _fire(cell, given[name], populations[name], surrogate, detached)
            seen[name] = (
                trains[name] if wanted[name].train else None,
                cell.v if wanted[name].voltage else None,
            )
        currents = {name: list(arriving[name]) for name in cells}
        own = [trains[way.pre] if way.late == 0 else past[way.pre][(k - way.late) % memory[way.pre]] for way in inside]
        for z, way in zip([*own, *outer], ways, strict=True):
            before = currents[way.post][way.receptor]
            currents[way.post][way.receptor] = z @ way.weights if before is None else before + z @ way.weights
        share = jnp.where((k == 0) | (k == last), 0.5 * dt, dt)
        following = {
            name: _go_on(behind[name], cells[name].v, currents[name], given[name], wanted[name], share)
            for name in cells
        }
        past = {pre: rows.at[k % memory[pre]].set(trains[pre]) for pre, rows in past.items()}
        return (following, past), seen

    # on the way back a step is run again from its state, which is faster than to write down all that it computes
    step = jax.checkpoint(step, prevent_cse=False)
    cells = {name: _begin(start[name], given[name], populations[name], wanted[name]) for name in populations}
    xs = (jnp.arange(n_steps), drive, [train for train, _ in outside])
    (cells, _), seen = _scan(step, (cells, past), xs, n_steps, checkpoint)
    return {name: Course(seen[name][0], seen[name][1], cell.peak, cell.area, cell.v) for name, cell in cells.items()}


def _scan(step: Any, carry: Any, xs: Any, n_steps: int, checkpoint: int | None) -> tuple[Any, Any]:
    """``jax.lax.scan``; with checkpoints, what lies between them is run again on the way back."""
    if checkpoint is None or checkpoint >= n_steps:
        return jax.lax.scan(step, carry, xs)
    whole = n_steps // checkpoint * checkpoint

    @jax.checkpoint
    def segment(carry: Any, xs: Any) -> tuple[Any, Any]:
        return jax.lax.scan(step, carry, xs)

    cut = jax.tree.map(lambda x: x[:whole].reshape(-1, checkpoint, *x.shape[1:]), xs)
    carry, ys = jax.lax.scan(segment, carry, cut)
    ys = jax.tree.map(lambda y: y.reshape(whole, *y.shape[2:]), ys)
    if whole == n_steps:
        return carry, ys
    carry, rest = jax.lax.scan(step, carry, jax.tree.map(lambda x: x[whole:], xs))
    return carry, jax.tree.map(lambda a, b: jnp.concatenate((a, b)), ys, rest)


def _begin(v: Any, given: Coefficients, population: Population, wanted: Wanted) -> _Cell:
    spiking = given.threshold is not None
    limited = getattr(population, "max_spikes", None) is not None
    holds = limited or (spiking and bool(np.any(given.steps_held)))
    return _Cell(
        v,
        tuple(jnp.zeros_like(v) for _ in given.decay),
        jnp.zeros_like(v) if given.beta is not None else None,
        jnp.zeros(v.shape, jnp.int32) if holds else None,
        jnp.zeros(v.shape, jnp.int32) if limited else None,
        jnp.full_like(v, -jnp.inf) if wanted.peak else None,
        jnp.zeros_like(v) if wanted.area else None,
    )


def _fire(
    cell: _Cell, given: Coefficients, population: Population, surrogate: Surrogate, detached: bool
) -> tuple[Any, _Cell]:
    """Spikes at a grid point, and the state behind them."""
    if given.threshold is None:
        return None, cell
    threshold = given.threshold if cell.adapt is None else given.threshold + cell.adapt
    z = spike(cell.v - threshold, surrogate)
    if cell.held is not None:
        z = jnp.where(cell.held > 0, 0.0, z)
    back = jax.lax.stop_gradient(z) if detached else z
    fired = z > 0.0
    held = None
    if cell.held is not None:
        held = jnp.where(fired, jnp.asarray(given.steps_held, jnp.int32), jnp.maximum(cell.held - 1, 0))
    count = None
    if cell.count is not None:
        count = cell.count + fired
        held = jnp.where(count < jnp.asarray(population.max_spikes), held, _FOR_EVER)  # type: ignore[attr-defined]
    return z, cell._replace(
        v=cell.v + back * (given.reset - cell.v),
        adapt=None if cell.adapt is None else cell.adapt + back * given.beta,
        held=held,
        count=count,
    )


def _go_on(
    behind: _Cell, before: Any, arriving: Sequence[Any], given: Coefficients, wanted: Wanted, share: Any
) -> _Cell:
    """From the state behind a grid point's spikes to the next; ``before`` is the voltage before them."""
    pairs = zip(behind.currents, arriving, strict=True)
    currents = tuple(own if more is None else own + more for own, more in pairs)
    v = given.leak + given.alpha * (behind.v - given.leak)
    for current, gain in zip(currents, given.gain, strict=True):
        v = v + gain * current
    if behind.held is not None:
        v = jnp.where(behind.held > 0, behind.v, v)
    return behind._replace(
        v=v,
        currents=tuple(current * decay for current, decay in zip(currents, given.decay, strict=True)),
        adapt=None if behind.adapt is None else behind.adapt * given.fade,
        # of equal ones the first counts, as in the kernels; jnp.maximum would share the gradient out
        peak=jnp.where(before > behind.peak, before, behind.peak) if wanted.peak else None,
        area=behind.area + share.astype(before.dtype) * before if wanted.area else None,
    )
