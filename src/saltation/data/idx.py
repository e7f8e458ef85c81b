"""IDX files, the format of MNIST: a magic number, the lengths of the axes, and the values in row-major order.

::

    byte 0, 1      0
    byte 2         kind of the values: 0x08 uint8, 0x09 int8, 0x0b int16, 0x0c int32, 0x0d float32, 0x0e float64
    byte 3         number of axes
    then           length of each axis, 4 bytes, big-endian
    then           the values, big-endian, to the end of the file
"""

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.errors import FileFormatError

__all__ = ["parse_idx", "read_idx", "uncompressed"]

_KINDS = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"


def read_idx(path: str | Path) -> npt.NDArray[Any]:
    """Read an IDX file, plain or compressed by gzip.

    Parameters
    ----------
    path : path-like
        The file. Whether it is compressed is seen from its content, not from its name.

    Returns
    -------
    ndarray
        The values, in the byte order of the machine.

    Raises
    ------
    FileFormatError
        If the file is damaged: not of this format, cut short, or longer than its header says.
    FileNotFoundError
        If there is none.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from saltation.data import read_idx
    >>> path = Path(tempfile.mkdtemp()) / "labels-idx1-ubyte"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
    >>> read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path)
    return parse_idx(uncompressed(path.read_bytes(), str(path)), str(path))


def uncompressed(content: bytes, owner: str) -> bytes:
    """Undo gzip where it is; `owner` names the file in errors."""
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise FileFormatError(
            f"{owner} is a damaged gzip file ({type(error).__name__}: {error}). It was probably cut short: "
            "fetch it again."
        ) from error


def parse_idx(content: bytes, owner: str) -> npt.NDArray[Any]:
    """Parse the bytes of an IDX file; `owner` names the file in errors."""
    if len(content) < 4 or content[0] or content[1] or content[2] not in _KINDS or not content[3]:
        kinds = ", ".join(f"{kind:#04x}" for kind in _KINDS)
        raise FileFormatError(
            f"{owner} must begin with two zero bytes, the kind of its values ({kinds}) and the number of axes (>= 1); "
            f"got {content[:4].hex(' ') or 'an empty file'}: it is no IDX file, or its download has failed. Fetch it "
            "again."
        )
    kind, axes = np.dtype(_KINDS[content[2]]), content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise FileFormatError(
            f"{owner} must hold the lengths of {axes} axes in its first {start} bytes; "
            f"got {len(content)} bytes in all: it was cut short. Fetch it again."
        )
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    expected = start + math.prod(shape) * kind.itemsize
    if len(content) != expected:
        cause = "cut short" if len(content) < expected else "followed by something else, or its header is damaged"
        raise FileFormatError(
            f"{owner} must have {expected:,} bytes for {' x '.join(map(str, shape))} values of {kind.itemsize} bytes; "
            f"got {len(content):,}: it was {cause}. Fetch it again."
        )
    return np.frombuffer(content, kind, offset=start).reshape(shape).astype(kind.newbyteorder("="))
