"""Spikes as a NumPy archive: the arrays of `Spikes` under their names."""

import io
import struct
import zipfile
from pathlib import Path
from typing import Final

import numpy as np

from saltation._files import write_bytes
from saltation.errors import FileFormatError, ParameterError
from saltation.io._common import AnyArray, checked_spikes, existing, numbers, parsing, spikes_from
from saltation.io.units import TimeUnit, seconds, to_seconds
from saltation.model import Spikes, events
from saltation.model.checks import explain

_NAMES: Final = ("times", "units", "offsets", "n_units", "time_unit")


def write_npz(path: str | Path, spikes: Spikes) -> Path:
    """Write spikes as an archive that ``numpy.load`` opens, bit for bit, each array with a checksum.

    ::

        times [n] float64 in seconds, units [n] int32, offsets [batch + 1] int64,
        n_units () int64 if it is known, time_unit () float64 = 1

    Parameters
    ----------
    path : path-like
        The file, replaced as a whole or not at all.
    spikes : Spikes
        What to write.

    Raises
    ------
    ParameterError
        If `spikes` are none.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from saltation.io import read_npz, write_npz
    >>> from saltation.model import Spikes, events
    >>> spikes = Spikes.from_latencies([[0.002, 0.001]])
    >>> read_npz(write_npz(Path(tempfile.mkdtemp()) / "spikes.npz", spikes)) == spikes
    True
    """
    checked_spikes("write_npz", spikes)
    arrays = {"times": spikes.times, "units": spikes.units, "offsets": spikes.offsets, "time_unit": np.float64(1)}
    if spikes.n_units is not None:
        arrays["n_units"] = np.int64(spikes.n_units)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return write_bytes(path, buffer.getvalue())


def read_npz(
    path: str | Path, *, time_unit: TimeUnit | None = None, n_units: int | None = None, sort: bool = False
) -> Spikes:
    """Read spikes from a NumPy archive with ``times``, ``units`` and perhaps ``offsets``, ``n_units``, ``time_unit``.

    Without ``offsets`` all events are one sample. Python objects (pickles) are refused, and so is any other array,
    which might be a misspelt one of these.

    Parameters
    ----------
    path : path-like
        The file.
    time_unit : {"s", "ms", "us", "ns"} or float, optional
        Unit of the times, or its length in seconds; needed where the archive has no ``time_unit``, in seconds.
    n_units : int, optional
        Number of units, where the archive does not say it.
    sort : bool
        Sort each sample by time; otherwise unsorted times are refused.

    Raises
    ------
    FileFormatError
        If the file is missing or malformed.
    ParameterError
        If an argument is not allowed, or contradicts the archive.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from saltation.io import read_npz
    >>> path = Path(tempfile.mkdtemp()) / "spikes.npz"
    >>> np.savez(path, times=[1.5, 2.0], units=[0, 3])
    >>> read_npz(path, time_unit="ms")
    Spikes(batch=1, events=2, units=?, t=0.0015 s..0.002 s)
    """
    events.checked_n_units("read_npz", n_units)
    place = existing(path)
    arrays = _arrays(place)
    unknown = [name for name in arrays if name not in _NAMES]
    missing = [name for name in _NAMES[:2] if name not in arrays]
    if unknown or missing:
        what = f"has no {' and no '.join(missing)}" if missing else f"has {', '.join(map(repr, unknown))} too"
        raise FileFormatError(f"{place} {what}; an archive of spikes has {', '.join(_NAMES)} and nothing else.")
    times = numbers(f"{place}: times", arrays["times"], "fiu", "real numbers [n]").astype(np.float64)
    units = numbers(f"{place}: units", arrays["units"], "iu", "integers [n]")
    offsets = np.array([0, len(times)])
    if "offsets" in arrays:
        offsets = numbers(f"{place}: offsets", arrays["offsets"], "iu", "integers [batch + 1]")
    times = to_seconds(times, _unit(place, arrays.get("time_unit"), time_unit))
    return spikes_from(str(place), times, units, offsets, _count(place, arrays.get("n_units"), n_units), sort=sort)


def _arrays(place: Path) -> dict[str, AnyArray]:
    """Read all members of an archive, each checked against its checksum."""
    arrays: dict[str, AnyArray] = {}
    content = place.read_bytes()
    with parsing(place, "NPZ"), zipfile.ZipFile(io.BytesIO(content)) as archive:
        # the list of members has no checksum, and Python's reader takes one that is cut short
        (claimed,) = struct.unpack_from("<H", content, content.rindex(b"PK\x05\x06") + 10)
        if claimed != len(archive.infolist()):
            raise FileFormatError(f"{place} is damaged: its list has {len(archive.infolist())} arrays of {claimed}.")
        for member in archive.namelist():
            name = member.removesuffix(".npy")
            if name in arrays or name == member:
                raise FileFormatError(f"{place} has {member!r} {'twice' if name in arrays else 'that is no array'}.")
            arrays[name] = _array(f"{place}: {name}", archive.read(member))
    return arrays


def _array(where: str, content: bytes) -> AnyArray:
    """Read an array in NumPy's format; the length it claims is checked before memory is taken."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise FileFormatError(f"{where} is of version {version} of NumPy's format; versions 1.0 and 2.0 are read.")
    if dtype.hasobject:
        raise FileFormatError(f"{where} holds Python objects, which are not read: they could run any program.")
    values = np.frombuffer(content[stream.tell() :], dtype=dtype)
    return values.reshape(shape, order="F" if fortran else "C")


def _unit(place: Path, stored: AnyArray | None, given: TimeUnit | None) -> float:
    if stored is None:
        return seconds("read_npz", given)
    if stored.shape != () or stored.dtype.kind not in "fiu" or not 0 < float(stored) < np.inf:
        raise FileFormatError(f"{place}: time_unit must be a number of seconds > 0; got {stored!r}.")
    if given is not None and seconds("read_npz", given) != float(stored):
        must, hint = f"that of the archive, {float(stored)} s", "leave time_unit out where the archive has it"
        raise ParameterError(explain("read_npz.time_unit", must, repr(given), hint))
    return float(stored)


def _count(place: Path, stored: AnyArray | None, given: int | None) -> int | None:
    if stored is None:
        return given
    if stored.shape != () or stored.dtype.kind not in "iu" or int(stored) < 1:
        raise FileFormatError(f"{place}: n_units must be an integer >= 1; got {stored!r}.")
    if given is not None and given != int(stored):
        raise ParameterError(explain("read_npz.n_units", f"that of the archive, {int(stored)}", repr(given)))
    return int(stored)
