"""HDF5 files, looked at before the library walks through them.

HDF5's own library trusts a file: a damaged one can send it round a loop without end, or make it ask for memory that no
machine has. Both have been met in fuzzing, and both are seen from outside.
"""

import contextlib
import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from saltation.errors import FileFormatError
from saltation.io._common import parsing

RATIO: Final = 1100
"""HDF5's compression makes about 1000 bytes of one at most."""

_HEAP: Final = struct.Struct("<4sB3xQ")  # signature, version, size
_OBJECT: Final = struct.Struct("<HH4xQ")  # index, references, size


@contextlib.contextmanager
def opened(h5py: Any, place: Path, kind: str) -> Iterator[Any]:
    """Open a file for reading; whatever the library raises within the block says that the file is damaged."""
    check_heaps(place)
    with parsing(place, kind), h5py.File(place, "r") as file:
        file.visititems(lambda name, item: _check_size(h5py, place, name, item))
        yield file


def check_heaps(place: Path) -> None:
    """Check that the objects of each global heap, where arrays of different lengths lie, fill it and do not overlap.

    An object of a size that wraps around leads the library back to where it was.

    References
    ----------
    HDF5 File Format Specification, section III.E, Disk Format: Level 1E - Global Heap.
    """
    if place.stat().st_size == 0:
        raise FileFormatError(f"{place} is empty.")
    with place.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(b"GCOL")
        while at >= 0:
            if len(data) - at >= _HEAP.size:
                _, version, size = _HEAP.unpack_from(data, at)
                if version == 1 and not _filled(data, at + _HEAP.size, min(at + size, len(data))):
                    raise FileFormatError(f"{place} is damaged: its heap at byte {at} does not hold what it claims.")
            at = data.find(b"GCOL", at + 4)


def _filled(data: mmap.mmap, at: int, end: int) -> bool:
    while end - at >= _OBJECT.size:
        index, _, size = _OBJECT.unpack_from(data, at)
        # what is free counts its own header, objects are padded to eight bytes
        step = size if index == 0 else _OBJECT.size + -(-size // 8) * 8
        if not _OBJECT.size <= step <= end - at:
            return False
        at += step
    return True


def _check_size(h5py: Any, place: Path, name: str, item: Any) -> None:
    """Refuse arrays that a file of this size cannot hold, before memory is taken for them."""
    if isinstance(item, h5py.Dataset) and item.size and item.size * item.dtype.itemsize > RATIO * place.stat().st_size:
        raise FileFormatError(f"{place} claims an array of shape {item.shape} at {name}: it is damaged.")
