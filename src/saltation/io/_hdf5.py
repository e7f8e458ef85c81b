"""HDF5 files, looked at before the library walks through them.

HDF5's own library trusts a file: a damaged one can send it round a loop without end, or make it ask for memory that no
machine has. Both have been met in fuzzing, and both are seen from outside. What is looked at is where they were met, in
the form of files that h5py and PyTables write, with addresses and lengths of eight bytes.
"""

import contextlib
import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from saltation.errors import FileFormatError
from saltation.io._common import parsing

RATIO: Final = 1100
"""HDF5's compression makes about 1000 bytes of one at most."""

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_HEAP: Final = struct.Struct("<4sB3xQ")  # signature, version, size
_OBJECT: Final = struct.Struct("<HH4xQ")  # index, references, size
_LOCAL: Final = struct.Struct("<4sB3xQQQ")  # signature, version, size, where free space begins, address of the data
_FREE: Final = struct.Struct("<QQ")  # where the next free space begins, or 1 for none; size
_REFERENCE: Final = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])


@contextlib.contextmanager
def opened(h5py: Any, place: Path, kind: str) -> Iterator[Any]:
    """Open a file for reading; whatever the library raises within the block says that the file is damaged."""
    check_heaps(place)
    with parsing(place, kind), h5py.File(place, "r") as file:
        file.visititems(lambda name, item: _check_size(h5py, place, name, item))
        yield file


def check_heaps(place: Path) -> None:
    """Check that objects fill global heaps, where strings and arrays of different lengths lie, and names local ones.

    An object of a size that wraps around, or free space that is followed by itself, leads the library in a circle.

    References
    ----------
    HDF5 File Format Specification, sections III.D and III.E, local and global heaps.
    """
    if place.stat().st_size == 0:
        raise FileFormatError(f"{place} is empty.")
    with place.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        base = _base(data)
        for at in _found(data, b"GCOL", _HEAP.size):
            _, version, size = _HEAP.unpack_from(data, at)
            if version == 1 and not _filled(data, at + _HEAP.size, min(at + size, len(data))):
                raise FileFormatError(f"{place} is damaged: its heap at byte {at} does not hold what it claims.")
        for at in _found(data, b"HEAP", _LOCAL.size):
            _, version, size, free, address = _LOCAL.unpack_from(data, at)
            start = base + address
            if version == 0 and not _ends(data, start, min(size, len(data) - start), free):
                raise FileFormatError(f"{place} is damaged: the free space of its heap at byte {at} does not end.")


def _base(data: mmap.mmap) -> int:
    """Where HDF5 begins, which addresses count from: MATLAB writes 512 bytes of its own before it.

    References
    ----------
    HDF5 File Format Specification, section II.A: at byte 0, 512, or a doubling of that.
    """
    at = 0
    while at < len(data):
        if data[at : at + len(_SIGNATURE)] == _SIGNATURE:
            return at
        at = 2 * at or 512
    return 0


def _found(data: mmap.mmap, signature: bytes, room: int) -> Iterator[int]:
    """Places of a signature with room behind it."""
    at = data.find(signature)
    while 0 <= at <= len(data) - room:
        yield at
        at = data.find(signature, at + len(signature))


def _ends(data: mmap.mmap, address: int, size: int, free: int) -> bool:
    """Whether a list of free spaces comes to an end within a local heap."""
    for _ in range(max(size, 0) // _FREE.size + 1):
        # no free space at all is all ones, and the end of the list is one
        if free in (1, 2**64 - 1) or free > size - _FREE.size:
            return True
        free, _length = _FREE.unpack_from(data, address + free)
    return False


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
    if not isinstance(item, h5py.Dataset) or not item.size:
        return
    most = place.stat().st_size
    text = h5py.check_string_dtype(item.dtype)
    inner = np.dtype("S1") if text is not None and text.length is None else h5py.check_vlen_dtype(item.dtype)
    if item.size * item.dtype.itemsize > RATIO * most:
        raise FileFormatError(f"{place} claims an array of shape {item.shape} at {name}: it is damaged.")
    if inner is not None:
        for block in _stored(item, place):
            lengths = np.frombuffer(block[: len(block) // _REFERENCE.itemsize * _REFERENCE.itemsize], _REFERENCE)[
                "length"
            ]
            if np.any(lengths.astype(np.int64) * inner.itemsize > most):
                raise FileFormatError(f"{place} claims {lengths.max()} values in one entry of {name}: it is damaged.")


def _stored(item: Any, place: Path) -> Iterator[bytes]:
    """Bytes of a dataset as they are stored, where nothing but gzip has changed them; nothing where something has."""
    offset = item.id.get_offset()
    if offset is not None:
        with place.open("rb") as file:
            file.seek(offset)
            yield file.read(item.id.get_storage_size())
    elif item.chunks is not None and item.compression in (None, "gzip") and not item.shuffle and not item.fletcher32:
        for number in range(item.id.get_num_chunks()):
            mask, block = item.id.read_direct_chunk(item.id.get_chunk_info(number).chunk_offset)
            yield block if mask or item.compression is None else zlib.decompress(block)
