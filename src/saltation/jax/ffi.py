"""The operation of a component as a custom call of XLA: compiled code all the way, without a copy and without Python.

The handlers are those of :mod:`saltation.kernels.xla`; whether they may be used, :mod:`saltation.jax.gate` says.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from saltation.engine.forward import WIDE
from saltation.jax.gate import api_version
from saltation.jax.part import Part, Source, Values, gradient_shapes, outcome_shapes
from saltation.kernels.cache import source_hash
from saltation.kernels.queue import most_arrivals_inside
from saltation.kernels.records import EVENT_ROWS, PLAIN_ROWS, STATES, TAPE_INTS
from saltation.kernels.xla.layout import Room
from saltation.kernels.xla.specialise import handler, scratch_rows

Arrays = tuple[Any, ...]

# What a gradient keeps of a run lies in arrays with room for all that may happen; more than this is run by Python.
LARGEST = 1 << 30


def size_of_kept(part: Part, batch: int, rooms: Sequence[int]) -> int:
    """Bytes of what is kept of a run; ``rooms`` are the capacities of the sources."""
    shapes = _kept_shapes(part, batch, _room(part, batch, rooms))
    return sum(np.dtype(shape.dtype).itemsize * int(np.prod(shape.shape)) for shape in shapes)


def forward(part: Part, batch: int, keep: bool, values: Values, sources: Sequence[Source], duration: Any) -> Arrays:
    """Status, samples, watched rows, times, units and counts of each population, and what is kept for `backward`."""
    room = _room(part, batch, [source.times.shape[-1] for source in sources])
    shapes = outcome_shapes(part, batch)
    if keep:
        shapes += _kept_shapes(part, batch, room)
    given = _arguments(part, "forward", room, keep, False, values, sources, duration)
    return tuple(_call(part, "forward")(shapes)(*given))


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
    room = _room(part, batch, [source.times.shape[-1] for source in sources])
    shapes = gradient_shapes(part, sources)
    given = _arguments(part, "backward", room, True, timed, values, sources, duration)
    status, _, watch = outcome[:3]
    kept = outcome[3 + 3 * len(part.capacity) :]
    return tuple(_call(part, "backward")(shapes)(*given, status, watch, *kept, *cotangents))


# ------------------------------------------------------------------------------------------------ private
def _way(part: Part) -> str:
    """The kernel that the engine would take."""
    if part.packed.component.recurrent:
        return "queue"
    return "wide" if part.packed.size >= WIDE and not part.watched else "narrow"


def _call(part: Part, direction: str) -> Any:
    name = target(direction, _way(part), part.packed.model, part.table.shape[0] == 1, api_version())
    return lambda shapes: jax.ffi.ffi_call(name, shapes, vmap_method="expand_dims")


@cache
def target(direction: str, way: str, model: str, shared: bool, version: tuple[int, int]) -> str:
    """Make a handler known to XLA, and give the name by which it is called."""
    compiled = handler(direction, way, model, shared, version)
    name = "_".join(("saltation", direction, way, model, "all" if shared else "each", source_hash()))
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(compiled.ctypes), platform="cpu")
    return name


def _room(part: Part, batch: int, rooms: Sequence[int]) -> Room:
    """Room for all that may happen in a batch."""
    packed = part.packed
    arrivals = sum(width * rooms[source] for source, width in packed.arrivals if source < len(rooms))
    events = batch * (arrivals + part.probe_times.size + 1)
    spikes = batch * sum(part.capacity)
    if not packed.component.recurrent:
        return Room(events, spikes, 0, 0)
    # the queue wants room for one more of each before it looks for the next
    own = (spikes + 1) * most_arrivals_inside(packed.wiring)
    return Room(events, spikes + 1, events + spikes + own + 1, own)


def _kept_shapes(part: Part, batch: int, room: Room) -> list[jax.ShapeDtypeStruct]:
    """What is kept of a run, in the order of `saltation.kernels.xla.layout`."""
    recurrent = part.packed.component.recurrent
    whole, real = jnp.int64, jnp.float64
    shapes: list[tuple[tuple[int, ...], Any]] = [
        ((room.events,), real),
        ((EVENT_ROWS if recurrent else PLAIN_ROWS, room.events), whole),
        ((batch + 1,), whole),
        ((STATES + 2 * part.packed.n_state, room.spikes), real),
        ((TAPE_INTS, room.spikes), whole),
        ((batch + 1,), whole),
        ((room.spikes,), whole),
    ]
    if recurrent:
        shapes += [
            ((room.entries,), whole),
            ((room.arrivals,), real),
            ((EVENT_ROWS, room.arrivals), whole),
            ((batch + 1,), whole),
            ((batch + 1,), whole),
        ]
    return [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in shapes]


def _arguments(
    part: Part,
    direction: str,
    room: Room,
    keep: bool,
    timed: bool,
    values: Values,
    sources: Sequence[Source],
    duration: Any,
) -> list[Any]:
    packed = part.packed
    way = _way(part)
    settings = [
        len(sources),
        len(part.spans),
        keep,
        part.max_events,
        timed,
        part.watched,
        len(packed.component.sources),
        *room,
        packed.n_state,
        scratch_rows(direction, way, packed.model, part.table.shape[0] == 1),
        way == "wide",
        packed.synapses.apart,
        packed.synapses.few,
        *part.source_sizes,
        *(bound for span in part.spans for bound in span),
    ]
    return [
        np.array(settings, np.int64),
        *values,
        duration,
        packed.limit,
        part.ranges,
        packed.table,
        *packed.synapses[:3],
        *packed.wiring,
        part.probe_times,
        *(array for source in sources for array in source),
    ]
