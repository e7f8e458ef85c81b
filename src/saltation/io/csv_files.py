"""Spikes as comma-separated values: ``sample,time_s,unit``."""

import io
from pathlib import Path
from typing import Final

import numpy as np

from saltation._files import write_bytes
from saltation.errors import FileFormatError, ParameterError
from saltation.io._common import checked_spikes, existing, parsing, spikes_from
from saltation.io.units import PER_SECOND, TimeUnit, from_seconds, seconds, to_seconds
from saltation.model import Spikes, events
from saltation.model.checks import describe, explain, integer

_TIME: Final = {f"time_{unit}": unit for unit in PER_SECOND}
_ROOM: Final = 1000  # samples without an event that a file may imply: more look like a time in the wrong column


def write_csv(path: str | Path, spikes: Spikes, *, time_unit: str = "s") -> Path:
    """Write spikes as text, one event a line, under a header that names the unit: ``sample,time_s,unit``.

    ::

        line k:   sample b of event k, times[k] / time_unit, units[k]

    Numbers are written so that reading gives them back: in seconds bit for bit, in another unit to the last bit but
    one. What the lines cannot hold, the number of units and samples at the end without an event, is for `read_csv`.

    Parameters
    ----------
    path : path-like
        The file, replaced as a whole or not at all.
    spikes : Spikes
        What to write.
    time_unit : {"s", "ms", "us", "ns"}
        Unit of the times in the file.

    Raises
    ------
    ParameterError
        If `spikes` are none, or the unit is unknown.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from saltation.io import read_csv, write_csv
    >>> from saltation.model import Spikes, events
    >>> path = write_csv(Path(tempfile.mkdtemp()) / "spikes.csv", Spikes.from_latencies([[0.002, 0.001]]))
    >>> path.read_text().splitlines()
    ['sample,time_s,unit', '0,0.001,1', '0,0.002,0']
    >>> read_csv(path, n_units=2)
    Spikes(batch=1, events=2, units=2, t=0.001 s..0.002 s)
    """
    checked_spikes("write_csv", spikes)
    if time_unit not in PER_SECOND:
        hint = "the header names the unit"
        raise ParameterError(
            explain("write_csv.time_unit", f"one of {', '.join(PER_SECOND)}", describe(time_unit), hint)
        )
    times = from_seconds(spikes.times, seconds("write_csv", time_unit))
    rows = zip(spikes.sample_index().tolist(), times.tolist(), spikes.units.tolist(), strict=True)
    lines = [f"sample,time_{time_unit},unit", *(f"{sample},{time!r},{unit}" for sample, time, unit in rows)]
    return write_bytes(path, ("\n".join(lines) + "\n").encode("ascii"))


def read_csv(
    path: str | Path,
    *,
    time_unit: TimeUnit | None = None,
    n_units: int | None = None,
    batch: int | None = None,
    delimiter: str = ",",
    sort: bool = False,
) -> Spikes:
    r"""Read spikes from text, one event a line.

    The header names the columns, in any order: ``unit``; ``time``, or ``time_s``, ``time_ms``, ``time_us`` or
    ``time_ns``; and ``sample``, which a file of one sample may lack. A text has no checksum: whole lines that are
    lost, or a digit that changed, cannot be told. A last line without its end can, and is refused.

    Parameters
    ----------
    path : path-like
        The file, in UTF-8.
    time_unit : {"s", "ms", "us", "ns"} or float, optional
        Unit of the times, or its length in seconds; needed where the header does not name it.
    n_units : int, optional
        Number of units.
    batch : int, optional
        Number of samples; by default up to the last that has an event.
    delimiter : str
        What stands between the columns, one character.
    sort : bool
        Sort the lines by sample and time; otherwise unsorted ones are refused.

    Raises
    ------
    FileFormatError
        If the file is missing or malformed; the message names the line or the event.
    ParameterError
        If an argument is not allowed, or contradicts the header.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from saltation.io import read_csv
    >>> path = Path(tempfile.mkdtemp()) / "spikes.csv"
    >>> _ = path.write_text("time,unit\n1.5,0\n2.0,3\n")
    >>> read_csv(path, time_unit="ms").to_lists()
    [(array([0.0015, 0.002 ]), array([0, 3], dtype=int32))]
    """
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in "\r\n0123456789.+-eE":
        raise ParameterError(explain("read_csv.delimiter", "one character that no number has", describe(delimiter)))
    events.checked_n_units("read_csv", n_units)
    place = existing(path)
    with parsing(place, "text"):
        text = place.read_bytes().decode("utf-8-sig")
    if not text:
        raise FileFormatError(f"{place} is empty: the first line must name the columns, e.g. sample,time_s,unit.")
    if not text.endswith("\n"):
        raise FileFormatError(
            f"{place} ends within a line, so it may be cut short. If it is complete, end it with a line break."
        )
    header, _, body = text.partition("\n")
    names = [name.strip() for name in header.split(delimiter)]
    unit = _unit(place, names, time_unit)
    columns = [(name, np.float64 if name.startswith("time") else np.int64) for name in names]
    with parsing(place, "CSV"):
        table = (
            np.loadtxt(io.StringIO(body), dtype=columns, delimiter=delimiter, comments=None, ndmin=1)
            if body.strip()
            else np.empty(0, dtype=columns)
        )
    samples = table["sample"] if "sample" in names else np.zeros(len(table), np.int64)
    count = _batch(place, samples, batch, "sample" in names)
    if sort:
        order = np.argsort(samples, kind="stable")
        table, samples = table[order], samples[order]
    elif np.any(np.diff(samples) < 0):
        line = int(np.argmax(np.diff(samples) < 0)) + 3
        raise FileFormatError(f"{place}: samples must be in order; one falls at line {line}; sort=True sorts.")
    times = to_seconds(table[next(name for name in names if name.startswith("time"))], unit)
    offsets = np.searchsorted(samples, np.arange(count + 1))
    return spikes_from(str(place), times, table["unit"], offsets, n_units, sort=sort)


def _unit(place: Path, names: list[str], given: TimeUnit | None) -> float:
    """Check the header, and return the length in seconds of the unit of times."""
    times = [name for name in names if name == "time" or name in _TIME]
    known = {"sample", "unit", "time", *_TIME}
    if len(times) != 1 or "unit" not in names or len(set(names)) < len(names) or not known.issuperset(names):
        got = ", ".join(names)
        raise FileFormatError(
            f"{place}: the header must name the columns unit, one of time, {', '.join(_TIME)}, and perhaps sample, "
            f"once each and nothing else; got {got if len(got) <= 200 else got[:200] + '...'}."
        )
    named = _TIME.get(times[0])
    if named is None:
        return seconds("read_csv", given)
    if given is not None and seconds("read_csv", given) != seconds("read_csv", named):
        hint = "leave time_unit out where the header names the unit"
        raise ParameterError(explain("read_csv.time_unit", f"that of the header, {named!r}", repr(given), hint))
    return seconds("read_csv", named)


def _batch(place: Path, samples: np.ndarray, given: int | None, has_samples: bool) -> int:
    """Return the number of samples, after a check of those that lines name."""
    low, high = (int(samples.min()), int(samples.max())) if len(samples) else (0, -1)
    if given is not None:
        count = integer("read_csv", "batch", given)
    elif not has_samples:
        count = 1
    else:
        count = high + 1
        if count > 10 * len(samples) + _ROOM:
            raise FileFormatError(
                f"{place}: sample {high} in a file of {len(samples)} events: is it another column? If not, pass batch=."
            )
    if low < 0 or high >= count:
        got = low if low < 0 else high
        raise FileFormatError(f"{place}: samples must be in 0..{count - 1}; got {got}.")
    return count
