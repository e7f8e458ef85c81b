"""AEDAT 3.1, the files of jAER's and cAER's cameras: polarity events out of packets.

::

    lines that begin with "#", the last of them "#!END-HEADER"
    packets: a header of 28 bytes, little-endian
        int16 type (1: polarity), int16 source, int32 bytes of an event, int32 where its time is,
        int32 overflows of time, int32 capacity, int32 events, int32 valid events
    an event of type 1: uint32 with bit 0 valid, bit 1 polarity, bits 2-16 y, bits 17-31 x; int32 time in us
"""

import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from saltation.errors import FileFormatError
from saltation.io._common import existing

__all__ = ["read_aedat31"]

_HEADER: Final = struct.Struct("<hhiiiiii")
_POLARITY: Final = 1
_EVENT: Final = np.dtype([("data", "<u4"), ("time", "<i4")])
_END: Final = b"#!END-HEADER"


def read_aedat31(path: str | Path) -> npt.NDArray[Any]:
    """Read the valid polarity events of a file; packets of other kinds are passed over.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    structured ndarray, [event]
        Fields x, y, p and t, in microseconds, all int64.

    Raises
    ------
    FileFormatError
        If the file is missing, of another version, or damaged.
    """
    place = existing(path)
    content = place.read_bytes()
    if not content.startswith(b"#!AER-DAT3.1"):
        raise FileFormatError(f"{place} must begin with #!AER-DAT3.1; got {content[:12]!r}.")
    at = content.find(_END)
    at = content.find(b"\n", at) + 1 if at >= 0 else 0
    if not at:
        raise FileFormatError(f"{place} has no line {_END.decode()}: it was cut short.")
    parts = [np.empty(0, _EVENT)]
    times = [np.empty(0, np.int64)]
    while at < len(content):
        if at + _HEADER.size > len(content):
            raise FileFormatError(f"{place} ends within a packet's header, at byte {at}: it was cut short.")
        kind, _, size, _, overflows, _, n, _ = _HEADER.unpack_from(content, at)
        at += _HEADER.size
        if size <= 0 or n < 0 or at + n * size > len(content) or (kind == _POLARITY and size != _EVENT.itemsize):
            raise FileFormatError(f"{place}: the packet at byte {at} has {n} events of {size} bytes: it is damaged.")
        if kind == _POLARITY:
            events = np.frombuffer(content, _EVENT, count=n, offset=at)
            parts.append(events)
            times.append(events["time"].astype(np.int64) + (overflows << 31))
        at += n * size
    data, t = np.concatenate(parts)["data"], np.concatenate(times)
    found = np.empty(len(data), [("x", np.int64), ("y", np.int64), ("p", np.int64), ("t", np.int64)])
    found["x"], found["y"], found["p"], found["t"] = (data >> 17) & 0x7FFF, (data >> 2) & 0x7FFF, (data >> 1) & 1, t
    return found[(data & 1) == 1]
