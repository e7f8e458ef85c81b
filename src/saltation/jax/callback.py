"""The operation of a component through Python: the ordinary engine inside of `jax.pure_callback`.

Slower than :mod:`saltation.jax.ffi`, it needs nothing of XLA beyond what JAX documents, and takes every component
that the engine does. Both give the same numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from saltation.engine.adjoint import component_adjoint
from saltation.engine.forward import ComponentRun, make_start, run_component
from saltation.engine.plan import complete_table
from saltation.engine.sources import Sources
from saltation.jax.part import Part, Source, Values, gradient_shapes, outcome_shapes
from saltation.kernels.padded import (
    PARAMETER,
    are_allowed,
    collect_derivatives,
    compact_events,
    hand_back_derivatives,
    spread_spikes,
)
from saltation.kernels.records import OK, OUTCOME, WATCHED, Cotangents

Floats = NDArray[np.float64]
Arrays = tuple[Any, ...]


def forward(part: Part, batch: int, keep: bool, values: Values, sources: Sequence[Source], duration: Any) -> Arrays:
    """Status, samples, watched rows, and times, units and counts of each population; nothing is kept for later."""
    shapes = outcome_shapes(part, batch)
    flat = (*values, duration, *(array for source in sources for array in source))
    return tuple(jax.pure_callback(_bound(_forward, part, batch), shapes, *flat, vmap_method="sequential"))


def backward(
    part: Part,
    batch: int,
    timed: bool,
    values: Values,
    sources: Sequence[Source],
    duration: Any,
    outcome: Arrays,
    cotangents: Arrays,
) -> Arrays:
    """Gradients of the values and of the times of each source, from those of samples, watched rows and spike times."""
    shapes = gradient_shapes(part, sources)
    events = tuple(array for source in sources for array in source)
    flat = (*values, duration, *events, outcome[0], *cotangents)
    return tuple(jax.pure_callback(_bound(_backward, part, batch, timed), shapes, *flat, vmap_method="sequential"))


# ------------------------------------------------------------------------------------------------ private
@lru_cache(maxsize=256)
def _bound(function: Callable[..., Arrays], *fixed: Any) -> Callable[..., Arrays]:
    """A function of arrays alone: the same one each time, so that JAX finds what it has compiled for it."""
    return partial(function, *fixed)


def _run(part: Part, batch: int, arrays: Sequence[Any]) -> tuple[NDArray[np.int32], ComponentRun | None, Sources]:
    """Run a component; its status so far, the run if its parameters are allowed, and what reached it."""
    weights, delays, table, v_init, duration = arrays[:5]
    given = arrays[5:]
    status = np.zeros(batch, np.int32)
    room = sum(times.size for times in given[::2])
    flat_times, flat_units = np.empty(room), np.empty(room, np.int32)
    own = len(part.packed.component.sources) - len(part.sources)
    offsets = np.zeros((len(part.sources) + own, batch + 1), np.int64)
    at = 0
    for j, size in enumerate(part.source_sizes):
        times, units = given[2 * j : 2 * j + 2]
        at = compact_events(times, units, size, float(duration), j, flat_times, flat_units, offsets, at, status)
    offsets[len(part.sources) :] = at
    sources = Sources(_fixed(flat_times[:at]), _fixed(flat_units[:at]), _NO_AGE, _NO_TIME, _fixed(offsets), {})
    if not 0.0 < float(duration) < np.inf or not are_allowed(table, part.ranges, weights, delays, v_init):
        status[:] = PARAMETER
        return status, None, sources
    packed = replace(
        part.packed,
        weights=_fixed(weights),
        delays=_fixed(delays),
        parameters=complete_table(part.packed.model, table, part.packed.size),
        v_init=v_init,
    )
    run = run_component(
        packed,
        sources,
        make_start(packed, None),
        False,
        float(duration),
        part.probe_times,
        part.watched,
        None,
        batch,
        part.max_events,
        part.threads,
    )
    outcome = run.report.ints[OUTCOME]
    return np.where(status == OK, outcome, status).astype(np.int32), run, sources


def _forward(part: Part, batch: int, *given: Any) -> Arrays:
    status, run, _ = _run(part, batch, _arrays(given))
    n, spans = part.packed.size, part.spans
    rooms = [(np.full((batch, room), np.nan), np.full((batch, room), -1, np.int32)) for room in part.capacity]
    counts = [np.zeros(batch, np.int32) for _ in part.capacity]
    samples = np.full((batch, part.probe_times.size, n), np.nan)
    watch = np.full((batch, WATCHED, n if part.watched else 0), np.nan)
    if run is not None:
        for (first, last), (times, units), count in zip(spans, rooms, counts, strict=True):
            spread_spikes(first, last, run.times, run.units, run.offsets, times, units, count, status)
        if part.probe_times.size:
            samples = run.probes.samples
        if part.watched:
            watch = run.probes.watch
        failed = status != OK
        for array in (samples, watch, *(times for times, _ in rooms)):
            array[failed] = np.nan
        for _, units in rooms:
            units[failed] = -1
    spikes = [array for (times, units), count in zip(rooms, counts, strict=True) for array in (times, units, count)]
    return (status, samples, watch, *spikes)


def _backward(part: Part, batch: int, timed: bool, *given: Any) -> Arrays:
    arrays = _arrays(given)
    n_sources = len(part.sources)
    inputs, rest = arrays[: 5 + 2 * n_sources], arrays[5 + 2 * n_sources :]
    status, samples, peak, area = rest[:4]
    shapes = [
        (part.packed.weights.size,),
        (part.packed.delays.size,),
        (part.packed.size, len(part.packed.names)),
        (part.packed.size,),
        *(times.shape for times in inputs[5::2]),
    ]
    if status.any():
        # a gradient would be one of other samples than the loss is of
        return tuple(np.full(shape, np.nan) for shape in shapes)
    _, run, sources = _run(part, batch, inputs)
    assert run is not None, "the parameters were in their range when it ran"
    spike_times = np.zeros(run.times.size)
    for (first, last), bar in zip(part.spans, rest[4:], strict=True):
        collect_derivatives(first, last, bar, run.units, run.offsets, spike_times)
    empty = np.zeros((1, 0))
    cotangents = Cotangents(
        samples if part.probe_times.size else np.zeros((1, 0, 0)),
        area if part.watched else empty,
        peak if part.watched else empty,
    )
    found, by_event = component_adjoint(run, spike_times, cotangents, timed, False, part.threads)
    by_source: list[Any] = []
    for j, times in enumerate(inputs[5::2]):
        by_source.append(np.empty(times.shape))
        hand_back_derivatives(times, by_event, sources.offsets, j, by_source[-1])
    return (found.weights, found.delays, found.parameters, found.v_init, *by_source)


def _arrays(given: Sequence[Any]) -> list[NDArray[Any]]:
    """What JAX hands over, as arrays that kernels are compiled for."""
    return [np.require(array, requirements=["C", "W", "A"]) for array in given]


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


_NO_AGE = _fixed(np.empty(0, np.int64))
_NO_TIME = _fixed(np.empty(0))
