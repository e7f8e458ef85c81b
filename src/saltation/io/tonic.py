"""Structured event arrays, as tonic and most readers of event cameras give them: fields x, y, t, p."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from saltation.errors import FileFormatError, ParameterError
from saltation.io._common import AnyArray, checked_spikes, spikes_from
from saltation.io.units import TimeUnit, from_seconds, seconds, to_seconds
from saltation.model import Spikes, events
from saltation.model.checks import describe, explain, integer

_FIELDS = ("x", "y", "t", "p")


def from_tonic(
    samples: AnyArray | Sequence[AnyArray],
    *,
    time_unit: TimeUnit,
    sensor_size: tuple[int, int, int],
    sort: bool = False,
) -> Spikes:
    """Turn structured event arrays into spikes.

    ::

        unit = (p height + y) width + x,      sensor_size = (width, height, polarities)

    so that a frame ``[polarity, y, x]``, flattened, has the units in order. Where there is one polarity, p says
    nothing, and has to be the same for all events.

    Parameters
    ----------
    samples : structured array, or a sequence of them
        Events of one sample, or of each of several. Fields ``t`` and ``x``; ``y`` if the sensor has more than one
        row, ``p`` if it has more than one polarity; in any order. Further fields are refused.
    time_unit : {"s", "ms", "us", "ns"} or float
        Unit of ``t``; tonic's data sets have microseconds.
    sensor_size : (int, int, int)
        Width, height and number of polarities, as in tonic.
    sort : bool
        Sort each sample by time; otherwise unsorted events are refused.

    Raises
    ------
    FileFormatError
        If events lie outside the sensor, or are not as described; the message names the event.
    ParameterError
        If an argument is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.io import from_tonic
    >>> events = np.array([(0, 1, 1500, 0), (1, 1, 2000, 1)], dtype=[("x", int), ("y", int), ("t", int), ("p", int)])
    >>> from_tonic(events, time_unit="us", sensor_size=(2, 2, 2)).to_lists()
    [(array([0.0015, 0.002 ]), array([2, 7], dtype=int32))]
    """
    unit = seconds("from_tonic", time_unit)
    size = _sensor("from_tonic", sensor_size)
    if not isinstance(samples, np.ndarray | Sequence):
        must = "a structured array, or a sequence of them"
        raise FileFormatError(explain("from_tonic.samples", must, describe(samples)))
    given = [samples] if isinstance(samples, np.ndarray) and samples.dtype.names is not None else list(samples)
    parts = [_columns(f"sample {i}", part, size) for i, part in enumerate(given)]
    offsets = events.offsets_of(np.array([len(times) for times, _ in parts], dtype=np.int64))
    times = np.concatenate([np.empty(0), *(times for times, _ in parts)])
    units = np.concatenate([np.empty(0, np.int64), *(units for _, units in parts)])
    return spikes_from("from_tonic", to_seconds(times, unit), units, offsets, int(np.prod(size)), sort=sort)


def to_tonic(
    spikes: Spikes, *, time_unit: TimeUnit, sensor_size: tuple[int, int, int], rounded: bool = False
) -> list[AnyArray]:
    """Turn spikes into structured event arrays, one for each sample, in the manner of tonic.

    ::

        unit = (p height + y) width + x,      sensor_size = (width, height, polarities)

    Fields are ``x, y, t, p``, and for a sensor of one row ``t, x, p``, all int64; p is 1 where there is one polarity,
    as in tonic's speech data.

    Parameters
    ----------
    spikes : Spikes
        What to turn.
    time_unit : {"s", "ms", "us", "ns"} or float
        Unit of ``t``.
    sensor_size : (int, int, int)
        Width, height and number of polarities.
    rounded : bool
        Round times to whole units; otherwise times between them are refused.

    Raises
    ------
    ParameterError
        If units lie outside the sensor, or times between whole units.

    Examples
    --------
    >>> from saltation.io import to_tonic
    >>> from saltation.model import Spikes
    >>> to_tonic(Spikes([0.0015], [7], [0, 1]), time_unit="us", sensor_size=(2, 2, 2))[0]
    array([(1, 1, 1500, 1)],
          dtype=[('x', '<i8'), ('y', '<i8'), ('t', '<i8'), ('p', '<i8')])
    """
    checked_spikes("to_tonic", spikes)
    unit = seconds("to_tonic", time_unit)
    width, height, polarities = _sensor("to_tonic", sensor_size)
    if spikes.units.max(initial=-1) >= width * height * polarities:
        must = f"in 0..{width * height * polarities - 1}, the sensor's"
        raise ParameterError(explain("to_tonic.spikes units", must, str(spikes.units.max())))
    exact = from_seconds(spikes.times, unit)
    whole = np.rint(exact)
    if whole.max(initial=0.0) >= 2.0**63:
        raise ParameterError(explain("to_tonic.spikes times", "below 2^63 units", f"{whole.max():g}"))
    between = np.abs(exact - whole) > 4 * np.spacing(np.maximum(exact, 1.0))
    if between.any() and not rounded:
        i = int(np.argmax(between))
        hint = "rounded=True rounds them; a smaller unit loses less"
        got = f"{exact[i]!r} at event {i} and {between.sum() - 1} more"
        raise ParameterError(explain("to_tonic.spikes times", "whole units", got, hint))
    columns = {
        "x": spikes.units % width,
        "y": spikes.units // width % height,
        "t": whole,
        "p": spikes.units // (width * height) if polarities > 1 else np.ones_like(spikes.units),
    }
    names = ("t", "x", "p") if height == 1 else _FIELDS
    table = np.empty(spikes.n_events, dtype=[(name, np.int64) for name in names])
    for name in names:
        table[name] = columns[name]
    bounds = zip(spikes.offsets[:-1].tolist(), spikes.offsets[1:].tolist(), strict=True)
    return [table[a:b] for a, b in bounds]


def _sensor(owner: str, size: object) -> tuple[int, int, int]:
    if not isinstance(size, Sequence) or len(size) != 3:
        raise ParameterError(explain(f"{owner}.sensor_size", "(width, height, polarities)", describe(size)))
    width, height, polarities = (integer(owner, "sensor_size", each, minimum=1) for each in size)
    if width * height * polarities > events.MAX_UNITS:
        raise ParameterError(explain(f"{owner}.sensor_size", f"of {events.MAX_UNITS} units at most", repr(size)))
    return width, height, polarities


def _columns(where: str, part: Any, size: tuple[int, int, int]) -> tuple[AnyArray, AnyArray]:
    """Return times, in the unit they are in, and units of one sample."""
    if not isinstance(part, np.ndarray) or part.ndim != 1 or part.dtype.names is None:
        hint = "such as tonic gives, np.array([...], dtype=[('x', int), ('y', int), ('t', int), ('p', int)])"
        raise FileFormatError(explain(where, "a structured array [n]", describe(part), hint))
    names = part.dtype.names
    needed = ["t", "x", *(["y"] if size[1] > 1 else []), *(["p"] if size[2] > 1 else [])]
    if not set(needed) <= set(names) <= set(_FIELDS):
        raise FileFormatError(explain(where, f"of the fields {', '.join(needed)}", ", ".join(map(str, names))))
    times = part["t"]
    if times.ndim != 1 or times.dtype.kind not in "iuf":
        raise FileFormatError(explain(f"{where}, field t", "real numbers", f"dtype {part.dtype['t']}"))
    unit = np.zeros(len(part), np.int64)
    for name, count in (("p", size[2]), ("y", size[1]), ("x", size[0])):
        if name in names:
            unit = unit * count + _places(where, name, part[name], count)
    return times.astype(np.float64), unit


def _places(where: str, name: str, values: AnyArray, count: int) -> AnyArray:
    """Check one coordinate of each event."""
    if values.ndim != 1 or values.dtype.kind not in "iub":
        raise FileFormatError(explain(f"{where}, field {name}", "integers", f"dtype {values.dtype}"))
    if name == "p" and count == 1:
        if len(values) > 0 and np.any(values != values[0]):
            hint = "or is sensor_size = (width, height, 2)?"
            raise FileFormatError(explain(f"{where}, field p", "the same for all events", "several values", hint))
        return np.zeros(len(values), np.int64)
    bad = (values < 0) | (values >= count) if values.dtype.kind != "b" else values >= count
    if bad.any():
        i = int(np.argmax(bad))
        raise FileFormatError(explain(f"{where}, field {name}", f"in 0..{count - 1}", f"{values[i]} at event {i}"))
    return values.astype(np.int64)
