"""Plain functions on event arrays: the checks and the index arithmetic behind `Spikes`.

Events are three arrays: times float64 [n], units int32 [n] and offsets int64 [batch + 1]; sample b holds the
events offsets[b] to offsets[b + 1]. Everything here is one pass of NumPy, without a loop over samples.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import SECONDS, describe, explain, integer, to_array

Times: TypeAlias = npt.NDArray[np.float64]
Units: TypeAlias = npt.NDArray[np.int32]
Indices: TypeAlias = npt.NDArray[np.int64]

MAX_UNITS = int(np.iinfo(np.int32).max)


def offsets_of(lengths: npt.NDArray[np.integer[Any]]) -> Indices:
    """Offsets [batch + 1] of samples with the given numbers of events [batch]."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def samples_of(offsets: Indices) -> Indices:
    """Sample of each event, [n]."""
    return np.repeat(np.arange(len(offsets) - 1, dtype=np.int64), np.diff(offsets))


def gather(offsets: Indices, samples: Indices) -> tuple[Indices, Indices]:
    """Find the events of the chosen samples, in their order, and the offsets of the result."""
    lengths = np.diff(offsets)[samples]
    new = offsets_of(lengths)
    return np.repeat(offsets[samples] - new[:-1], lengths) + np.arange(new[-1], dtype=np.int64), new


def first_events(keys: Indices, n_keys: int) -> Indices:
    """Index of the first event of each key 0..n_keys - 1, or -1."""
    first = np.full(n_keys, -1, dtype=np.int64)
    # Of several assignments to one element NumPy keeps the last, which in reversed order is the first event.
    first[keys[::-1]] = np.arange(len(keys) - 1, -1, -1, dtype=np.int64)
    return first


def step_count(dt: float, duration: float) -> int:
    """Count the steps of length dt that cover the duration; rounding makes no extra one."""
    steps = duration / dt
    nearest = round(steps)
    return nearest if abs(steps - nearest) <= 1e-9 * max(steps, 1.0) else int(np.ceil(steps))


def cells(times: Times, dt: float, t0: float, steps: int) -> Indices:
    """Step k of each event, t0 + k dt <= t < t0 + (k + 1) dt; later events fall in the last step.

    The edges are the floats t0 + k dt. The quotient (t - t0) / dt alone can miss its step by one through
    rounding, so it is corrected against them: an event put at t0 + k dt always comes back to step k.
    """
    step = np.floor((times - t0) / dt).astype(np.int64)
    step -= times < t0 + step * dt
    step += times >= t0 + (step + 1) * dt
    return np.minimum(step, steps - 1)


def checked_n_units(owner: str, n_units: object) -> int | None:
    """Check a number of units, or None if it is not known."""
    if n_units is None:
        return None
    n = integer(owner, "n_units", n_units, minimum=1)
    if n > MAX_UNITS:
        raise ParameterError(explain(f"{owner}.n_units", f"<= {MAX_UNITS}", str(n)))
    return n


def checked_times(where: str, value: object) -> Times:
    """Return times as a fresh float64 array of one dimension; values are checked later, by sample."""
    given = to_array(where, value)
    if given.ndim != 1 or (given.size > 0 and given.dtype.kind not in "iuf"):
        raise ParameterError(explain(where, "a 1-D array of real numbers", describe(given), SECONDS))
    return np.array(given, dtype=np.float64)


def checked_units(where: str, value: object) -> Units:
    """Return units as a fresh int32 array of one dimension; negative ones are refused later, by sample."""
    given = to_array(where, value)
    if given.ndim != 1 or (given.size > 0 and given.dtype.kind not in "iu"):
        hint = "a mask becomes indices by np.flatnonzero, floats by .astype(int)"
        raise ParameterError(explain(where, "a 1-D array of integers", describe(given), hint))
    if given.size > 0 and int(given.max()) > MAX_UNITS:
        raise ParameterError(explain(where, f"<= {MAX_UNITS}", str(given.max())))
    # Below int32 a value would wrap around to a valid unit; clipped, it stays negative and is refused.
    return (given if given.dtype.kind == "u" else np.maximum(given, -1)).astype(np.int32)


def checked_offsets(where: str, value: object, n_events: int) -> Indices:
    """Return offsets as a fresh int64 array: from 0, non-decreasing, to the number of events."""
    given = to_array(where, value)
    if given.ndim != 1 or given.size == 0 or given.dtype.kind not in "iu":
        hint = "one entry per sample and one more"
        raise ParameterError(explain(where, "a 1-D array of integers [batch + 1]", describe(given), hint))
    offsets = given.astype(np.int64)
    if offsets[0] != 0 or offsets[-1] != n_events:
        got = f"{int(offsets[0])} and {int(offsets[-1])}"
        raise ParameterError(explain(where, f"from 0 to the number of events, {n_events}", got))
    falling = np.flatnonzero(np.diff(offsets) < 0)
    if len(falling) > 0:
        b = int(falling[0])
        got = f"{int(offsets[b])} and {int(offsets[b + 1])} at sample {b}"
        raise ParameterError(explain(where, "non-decreasing", got))
    return offsets


def check_values(
    owner: str, times: Times, units: Units, offsets: Indices, n_units: int | None, *, ordered: bool = True
) -> None:
    """Check the values of all events and, if `ordered`, their order; messages name event and sample."""
    low = ~np.isfinite(times) | (times < 0)
    if low.any():
        i = int(np.argmax(low))
        hint = f"{SECONDS}, and a run starts at t = 0"
        raise ParameterError(explain(f"{owner}.times", "finite and >= 0", _at(float(times[i]), i, offsets), hint))
    high = (units < 0) if n_units is None else (units < 0) | (units >= n_units)
    if high.any():
        i = int(np.argmax(high))
        allowed = ">= 0" if n_units is None else f"in 0..{n_units - 1} (n_units = {n_units})"
        raise ParameterError(explain(f"{owner}.units", allowed, _at(int(units[i]), i, offsets), "units count from 0"))
    if ordered and len(times) > 1:
        falls = times[1:] < times[:-1]
        starts = offsets[1:-1]  # where one sample follows another, times may fall
        falls[starts[(starts > 0) & (starts < len(times))] - 1] = False
        if falls.any():
            i = int(np.argmax(falls)) + 1
            got = f"{_at(float(times[i]), i, offsets)} after {float(times[i - 1])!r}"
            hint = "Spikes.from_lists(..., sort=True) sorts"
            raise ParameterError(explain(f"{owner}.times", "sorted within each sample", got, hint))


def _at(value: float | int, event: int, offsets: Indices) -> str:
    sample = int(np.searchsorted(offsets, event, side="right")) - 1
    return f"{value!r} at event {event - int(offsets[sample])} of sample {sample}"
