"""The layouts between which `Spikes` converts: lists, dense arrays, padded arrays and latencies.

Functions to events check their input, name `Spikes.from_...` in their messages, and return times, units,
offsets and the number of units; functions from events return the arrays of the layout.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model import events
from saltation.model.checks import SECONDS, at_first, describe, explain, integer, number, to_array
from saltation.model.events import Indices, Times, Units

Events: TypeAlias = tuple[Times, Units, Indices, int | None]


def sort_events(times: Times, units: Units, offsets: Indices) -> tuple[Times, Units, Indices]:
    """Sort the events of each sample by time, keeping the order of equal times."""
    order = np.lexsort((times, events.samples_of(offsets)))
    return times[order], units[order], offsets


def from_lists(samples: object, n_units: object, sort: bool) -> Events:
    """Events of one pair (times, units) for each sample."""
    owner = "Spikes.from_lists"
    n = events.checked_n_units(owner, n_units)
    if not isinstance(samples, Iterable):
        raise ParameterError(explain(f"{owner}.samples", "a list of pairs (times, units)", describe(samples)))
    times: list[Times] = []
    units: list[Units] = []
    for b, sample in enumerate(cast(Iterable[object], samples)):
        where = f"{owner}.samples[{b}]"
        pair = cast(Sequence[object], sample) if isinstance(sample, tuple | list) else ()
        if len(pair) != 2:
            raise ParameterError(explain(where, "a pair (times, units)", describe(cast(object, sample))))
        t = events.checked_times(f"{where}.times", pair[0])
        u = events.checked_units(f"{where}.units", pair[1])
        if len(t) != len(u):
            raise ParameterError(explain(f"{where}.units", f"as long as times, {len(t)}", f"{len(u)} units"))
        times.append(t)
        units.append(u)
    offsets = events.offsets_of(np.array([len(t) for t in times], dtype=np.int64))
    # An empty array at the end lets a batch of no samples through.
    t, u = np.concatenate([*times, np.empty(0)]), np.concatenate([*units, np.empty(0, np.int32)])
    events.check_values(owner, t, u, offsets, n, ordered=not sort)
    return (*sort_events(t, u, offsets), n) if sort else (t, u, offsets, n)


def from_dense(array: object, dt: object, t0: object) -> Events:
    """Events of zeros and ones [batch, steps, units]."""
    owner = "Spikes.from_dense"
    dense = to_array(f"{owner}.array", array)
    if dense.ndim != 3 or dense.dtype.kind not in "biuf" or dense.shape[2] == 0:
        must = "an array [batch, steps, units] of 0 and 1"
        raise ParameterError(explain(f"{owner}.array", must, describe(dense), "a batch axis is added by array[None]"))
    step = number(owner, "dt", dt, minimum=0.0, strict=True, hint=SECONDS)
    start = number(owner, "t0", t0, minimum=0.0, hint=SECONDS)
    bad = (dense != 0) & (dense != 1)
    if bad.any():
        hint = "a count of several events has no times: use a smaller dt, or clip with np.minimum(array, 1)"
        raise ParameterError(explain(f"{owner}.array", "0 or 1", at_first(dense, bad), hint))
    sample, k, unit = np.nonzero(dense)
    offsets = events.offsets_of(np.bincount(sample, minlength=len(dense)))
    times: Times = start + k.astype(np.float64) * step
    return times, unit.astype(np.int32), offsets, int(dense.shape[2])


def from_padded(times: object, units: object, n_units: object) -> Events:
    """Events of times and units [batch, capacity] with inf and -1 where empty."""
    owner = "Spikes.from_padded"
    t, u = to_array(f"{owner}.times", times), to_array(f"{owner}.units", units)
    if t.ndim != 2 or t.dtype.kind not in "iuf":
        raise ParameterError(explain(f"{owner}.times", "real numbers [batch, capacity]", describe(t)))
    if u.shape != t.shape or (u.size > 0 and u.dtype.kind not in "iu"):
        must = f"integers of the shape of times, {t.shape}"
        raise ParameterError(explain(f"{owner}.units", must, describe(u)))
    n = events.checked_n_units(owner, n_units)
    empty = u == -1
    half = empty != np.isposinf(t)
    if half.any():
        got = f"{at_first(u, half)} with time {float(t[half][0])!r}"
        raise ParameterError(explain(f"{owner}.units", "-1 where time is inf, and only there", got))
    offsets = events.offsets_of(np.count_nonzero(~empty, axis=1))
    flat_t = events.checked_times(f"{owner}.times", t[~empty])
    flat_u = events.checked_units(f"{owner}.units", u[~empty])
    events.check_values(owner, flat_t, flat_u, offsets, n)
    return flat_t, flat_u, offsets, n


def from_latencies(times: object) -> Events:
    """Events of one time [batch, units] for each unit, inf for silence."""
    where = "Spikes.from_latencies.times"
    t = to_array(where, times)
    if t.ndim != 2 or t.dtype.kind not in "iuf" or t.shape[1] == 0:
        raise ParameterError(explain(where, "real numbers [batch, units]", describe(t)))
    bad = ~(t >= 0)  # so that NaN is bad
    if bad.any():
        raise ParameterError(explain(where, ">= 0, or inf for silence", at_first(t, bad), SECONDS))
    order = np.argsort(t, axis=1, kind="stable")
    ordered = np.take_along_axis(t.astype(np.float64), order, axis=1)
    there = np.isfinite(ordered)
    offsets = events.offsets_of(np.count_nonzero(there, axis=1))
    return ordered[there], order[there].astype(np.int32), offsets, int(t.shape[1])


def to_dense(
    times: Times,
    units: Units,
    offsets: Indices,
    n_units: int,
    *,
    dt: object,
    duration: object,
    t0: object,
    multiple: object,
) -> npt.NDArray[np.uint8]:
    """Lay events on a time grid [batch, steps, units]."""
    owner = "Spikes.to_dense"
    step = number(owner, "dt", dt, minimum=0.0, strict=True, hint=SECONDS)
    length = number(owner, "duration", duration, minimum=0.0, strict=True, hint=SECONDS)
    start = number(owner, "t0", t0, minimum=0.0, hint=SECONDS)
    if multiple not in ("raise", "clip", "count"):
        raise ParameterError(explain(f"{owner}.multiple", "'raise', 'clip' or 'count'", describe(multiple)))
    for outside, name in ((times < start, "t0"), (times > start + length, "duration")):
        if outside.any():
            must = f"such that the grid, {start:g} s..{start + length:g} s, holds all events"
            hint = "widen the grid, or take out the event first"
            raise ParameterError(explain(f"{owner}.{name}", must, f"an event at {at_first(times, outside)}", hint))
    batch, steps = len(offsets) - 1, events.step_count(step, length)
    cell = events.samples_of(offsets) * steps + events.cells(times, step, start, steps)
    counts = np.bincount(cell * n_units + units, minlength=batch * steps * n_units)
    counts = counts.reshape(batch, steps, n_units)
    if multiple == "clip":
        return (counts > 0).astype(np.uint8)
    limit = 1 if multiple == "raise" else np.iinfo(np.uint8).max
    over = counts > limit
    if over.any():
        hint = "use a smaller dt" + (", or multiple='clip' or 'count'" if multiple == "raise" else "")
        must = f"so small that no unit has more than {limit} events in a step"
        raise ParameterError(explain(f"{owner}.dt", must, at_first(counts, over), hint))
    return counts.astype(np.uint8)


def to_padded(times: Times, units: Units, offsets: Indices, capacity: object) -> tuple[Times, Units]:
    """Lay events in arrays [batch, capacity] with inf and -1 where empty."""
    lengths = np.diff(offsets)
    needed = int(lengths.max(initial=0))
    size = needed if capacity is None else integer("Spikes.to_padded", "capacity", capacity)
    if size < needed:
        got = f"{size}, too small for sample {int(np.argmax(lengths))}"
        raise ParameterError(explain("Spikes.to_padded.capacity", f">= {needed}", got, f"pass capacity={needed}"))
    filled = np.arange(size) < lengths[:, None]
    padded_times = np.full(filled.shape, np.inf)
    padded_units = np.full(filled.shape, -1, dtype=np.int32)
    padded_times[filled] = times
    padded_units[filled] = units
    return padded_times, padded_units
