"""The IDX reader: what it writes down it reads back, and damaged files of every kind are refused."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltation.data.idx import parse_idx, read_idx
from saltation.errors import FileFormatError, SaltationError

KINDS = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def written(array, kind):
    """The format as its description says, value by value."""
    form = {"u1": "B", "i1": "b", "i2": "h", "i4": "i", "f4": "f", "f8": "d"}[kind]
    content = bytes([0, 0, KINDS[kind], array.ndim])
    content += b"".join(struct.pack(">I", length) for length in array.shape)
    return content + b"".join(struct.pack(f">{form}", value) for value in array.ravel().tolist())


GOOD = written(np.arange(24).reshape(2, 3, 4), "u1")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5,), (2, 3), (2, 3, 4), (0, 28, 28)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_round_trip(tmp_path, kind, shape, pack):
    array = (np.random.default_rng(1).normal(size=shape) * 50).clip(0, 100).astype(kind)
    path = tmp_path / "file"
    path.write_bytes(pack(written(array, kind)))
    got = read_idx(path)
    assert got.dtype == np.dtype(kind) and got.dtype.isnative and got.flags.writeable
    np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "an empty file"),
        (b"<html>", "no IDX file"),
        (b"\x00\x01" + GOOD[2:], "no IDX file"),
        (b"\x00\x00\x0a" + GOOD[3:], "no IDX file"),
        (b"\x00\x00\x08\x00", "number of axes"),
        (GOOD[:3], "no IDX file"),
        (GOOD[:9], "first 16 bytes; got 9 bytes"),
        (GOOD[:-1], "must have 40 bytes for 2 x 3 x 4 values of 1 bytes; got 39: it was cut short"),
        (GOOD + b"\x00", "got 41: it was followed by something else"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12 + GOOD[16:], "cut short"),
    ],
)
def test_malformed(content, message):
    with pytest.raises(FileFormatError, match=message):
        parse_idx(content, "labels")


def test_the_file_is_named(tmp_path):
    path = tmp_path / "train-labels"
    path.write_bytes(GOOD[:-3])
    with pytest.raises(FileFormatError, match="train-labels"):
        read_idx(path)
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: c[:15], lambda c: c[:12] + b"\x00\x55" + c[14:]])
def test_damaged_gzip(tmp_path, damage):
    path = tmp_path / "images.gz"
    path.write_bytes(damage(gzip.compress(GOOD * 40)))
    with pytest.raises(FileFormatError, match=r"images\.gz is a damaged gzip file"):
        read_idx(path)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64), st.integers(0, len(GOOD)), st.integers(0, len(GOOD)))
def test_no_bytes_crash_it_or_pass_with_another_length(noise, start, end):
    content = GOOD[:start] + noise + GOOD[end:]
    try:
        got = parse_idx(content, "noise")
    except SaltationError:
        return
    assert len(content) == 4 + 4 * got.ndim + got.nbytes
