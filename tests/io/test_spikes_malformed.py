"""Malformed spikes are refused, and the message says where and what to do."""

import zlib

import h5py
import neo
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saltation as sal
from saltation.errors import FileFormatError, ParameterError, SaltationError

GOOD = {"times": [0.001, 0.004, 0.002], "units": [1, 0, 1], "offsets": [0, 2, 3]}


def write_h5(path, times=((0.1, 0.2), (0.3,)), units=((1, 0), (1,)), labels=(0, 1), kinds=("f8", "u2", "u2"), **more):
    with h5py.File(path, "w") as file:
        for name, rows, kind in (("times", times, kinds[0]), ("units", units, kinds[1])):
            if rows is not None:
                column = file.create_dataset(f"spikes/{name}", (len(rows),), dtype=h5py.vlen_dtype(np.dtype(kind)))
                for i, row in enumerate(rows):
                    column[i] = np.array(row, kind)
        if labels is not None:
            file["labels"] = np.array(labels, kinds[2])
        for name, value in more.items():
            file[name] = value
    return path


# -------------------------------------------------------------------------------------------------------- csv
CSV = {
    "empty": ("", "is empty"),
    "cut": ("time_s,unit\n0.1,1\n0.2,1", "ends within a line"),
    "only a word": ("time_s,unit", "ends within a line"),
    "no unit": ("time_s,neuron\n0.1,1\n", "the header must name"),
    "two times": ("time_s,time_ms,unit\n1,1,1\n", "the header must name"),
    "twice": ("time_s,unit,unit\n1,1,1\n", "the header must name"),
    "no header": ("0.1,1\n0.2,1\n", "the header must name the columns .*got 0.1, 1"),
    "too few": ("time_s,unit\n0.1,1\n0.2\n", "row 2"),
    "too many": ("time_s,unit\n0.1,1,5\n", "row 1"),
    "a word": ("time_s,unit\n0.1,one\n", "could not convert"),
    "a fraction": ("time_s,unit\n0.1,1.5\n", "could not convert"),
    "nan": ("time_s,unit\nnan,1\n", "Spikes.times must be finite and >= 0; got nan at event 0 of sample 0"),
    "inf": ("time_s,unit\ninf,1\n", "finite"),
    "too large for a float": ("time_s,unit\n1e999,1\n", "finite"),
    "negative": ("time_s,unit\n-0.1,1\n", "finite and >= 0"),
    "unsorted": ("time_s,unit\n0.2,1\n0.1,1\n", "sort=True sorts"),
    "samples unsorted": ("sample,time_s,unit\n1,0.2,1\n0,0.3,1\n", "one falls at line 3"),
    "negative sample": ("sample,time_s,unit\n-1,0.2,1\n", "samples must be in 0"),
    "columns swapped": ("sample,time_s,unit\n1000000000000,0.2,1\n", "is it another column"),
    "unit out of range": ("time_s,unit\n0.1,7\n", "in 0..3"),
    "unit beyond 32 bit": ("time_s,unit\n0.1,4294967296\n", "<= 2147483647"),
    "unit beyond 64 bit": ("time_s,unit\n0.1,99999999999999999999\n", "damaged|could not convert"),
    "binary": ("time_s,unit\n0.1,\x00\n", "damaged"),
}


@pytest.mark.parametrize(("text", "reason"), CSV.values(), ids=CSV)
def test_csv(text, reason, tmp_path):
    path = tmp_path / "spikes.csv"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=reason) as caught:
        sal.io.read_csv(path, n_units=4)
    assert str(path) in str(caught.value)


def test_csv_encoding_and_arguments(tmp_path):
    path = tmp_path / "spikes.csv"
    path.write_bytes("time_s,unit\n0.1,1\n".encode("utf-16"))
    with pytest.raises(FileFormatError, match="damaged or is no text"):
        sal.io.read_csv(path)
    path.write_text("time,unit\n0.1,1\n")
    with pytest.raises(ParameterError, match=r"read_csv\.time_unit must be given"):
        sal.io.read_csv(path)
    path.write_text("time_ms,unit\n0.1,1\n")
    with pytest.raises(ParameterError, match="that of the header, 'ms'"):
        sal.io.read_csv(path, time_unit="s")
    for arguments in ({"n_units": 0}, {"batch": -1}, {"delimiter": ""}, {"delimiter": "1"}, {"delimiter": None}):
        with pytest.raises(ParameterError):
            sal.io.read_csv(path, **arguments)
    with pytest.raises(FileFormatError, match=r"does not exist; its folder has spikes\.csv"):
        sal.io.read_csv(tmp_path / "spike.csv")


# -------------------------------------------------------------------------------------------------------- npz
NPZ = {
    "no times": ({"units": [0]}, "has no times"),
    "misspelt": (GOOD | {"offset": [0, 1, 3]}, "has 'offset' too"),
    "objects": (GOOD | {"units": np.array([1, 0, None], object)}, "Python objects"),
    "text": (
        GOOD | {"times": np.array(["a", "b", "c"])},
        r"times must be real numbers \[n\]; got shape \(3,\), dtype <U1",
    ),
    "complex": (GOOD | {"times": np.array([1j, 2, 3])}, "real numbers"),
    "two dimensions": (GOOD | {"times": [[0.1, 0.2, 0.3]]}, "real numbers"),
    "units with fractions": (GOOD | {"units": [1.0, 0.0, 1.0]}, "units must be integers"),
    "units that are true": (GOOD | {"units": [True, False, True]}, "units must be integers"),
    "lengths": (GOOD | {"units": [1, 0]}, "as long as times"),
    "offsets beyond": (GOOD | {"offsets": [0, 2, 4]}, "from 0 to the number of events"),
    "offsets fall": (GOOD | {"offsets": [0, 3, 2, 3]}, "non-decreasing"),
    "offsets empty": (GOOD | {"offsets": np.array([], int)}, "offsets"),
    "negative time": (GOOD | {"times": [-0.1, 0.1, 0.2]}, "finite and >= 0"),
    "nan": (GOOD | {"times": [0.1, np.nan, 0.2]}, "finite and >= 0"),
    "unsorted": (GOOD | {"times": [0.2, 0.1, 0.2]}, "sorted within each sample"),
    "unit": (GOOD | {"n_units": 1}, r"in 0\.\.0"),
    "negative unit": (GOOD | {"units": [1, -1, 0]}, ">= 0"),
    "no units at all": (GOOD | {"n_units": 0}, "n_units must be an integer >= 1"),
    "several n_units": (GOOD | {"n_units": [2, 2]}, "n_units must be an integer"),
    "time unit": (GOOD | {"time_unit": 0.0}, "time_unit must be a number"),
    "time unit in words": (GOOD | {"time_unit": "ms"}, "time_unit must be a number"),
}


@pytest.mark.parametrize(("arrays", "reason"), NPZ.values(), ids=NPZ)
def test_npz(arrays, reason, tmp_path):
    path = tmp_path / "spikes.npz"
    np.savez(path, **arrays)
    with pytest.raises(FileFormatError, match=reason) as caught:
        sal.io.read_npz(path, time_unit=None if "time_unit" in arrays else "s")
    assert str(path) in str(caught.value)


def test_npz_arguments(tmp_path):
    path = sal.io.write_npz(tmp_path / "spikes.npz", sal.Spikes(**GOOD, n_units=2))
    with pytest.raises(ParameterError, match=r"that of the archive, 1\.0 s"):
        sal.io.read_npz(path, time_unit="ms")
    with pytest.raises(ParameterError, match="that of the archive, 2"):
        sal.io.read_npz(path, n_units=3)


def test_npz_that_claims_more_than_there_is(tmp_path):
    """A header of 2^60 numbers takes no memory."""
    import io
    import zipfile

    path = tmp_path / "spikes.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("times", "units"):
            buffer = io.BytesIO()
            np.lib.format.write_array_header_1_0(buffer, {"shape": (2**60,), "fortran_order": False, "descr": "<f8"})
            archive.writestr(f"{name}.npy", buffer.getvalue())
    with pytest.raises(FileFormatError, match="damaged"):
        sal.io.read_npz(path, time_unit="s")


def test_npz_whose_list_is_cut_short(tmp_path):
    """Its last array would be missing, without a word."""
    path = sal.io.write_npz(tmp_path / "spikes.npz", sal.Spikes(**GOOD, n_units=2))
    content = bytearray(path.read_bytes())
    end, last = content.rindex(b"PK\x05\x06"), content.rindex(b"PK\x01\x02")
    size = int.from_bytes(content[end + 12 : end + 16], "little") - (end - last)
    del content[last:end]
    content[last + 12 : last + 16] = size.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="its list has 4 arrays of 5"):
        sal.io.read_npz(path)


# -------------------------------------------------------------------------------------------------------- shd
SHD = {
    "no times": ({"times": None}, "has no dataset spikes/times; at its top are labels, spikes"),
    "no labels": ({"labels": None}, "has no dataset labels"),
    "fewer units": ({"units": ((1, 0),)}, "times of 2 samples and units of 1"),
    "fewer units in a sample": ({"units": ((1,), (1,))}, "sample 0 has 2 times and 1 units"),
    "fewer labels": ({"labels": (0,)}, "as many as samples, 2; got 1"),
    "negative labels": ({"labels": (0, -1), "kinds": ("f8", "u2", "i2")}, "labels must be >= 0; got -1 at sample 1"),
    "labels with fractions": ({"kinds": ("f8", "u2", "f4")}, "labels must be integers"),
    "times that are integers": ({"kinds": ("i8", "u2", "u2")}, "times of sample 0 must be real numbers"),
    "units that are floats": ({"kinds": ("f8", "f4", "u2")}, "units of sample 0 must be integers"),
    "unsorted": ({"times": ((0.2, 0.1), (0.3,))}, "sorted within each sample; got 0.1 at event 1 of sample 0"),
    "nan": ({"times": ((0.2, np.nan), (0.3,))}, "finite and >= 0; got nan at event 1 of sample 0"),
    "channel": ({"units": ((1, 700), (1,))}, r"in 0\.\.699 .*got 700 at event 1 of sample 0"),
    "classes": ({"labels": (0, 5), "extra/keys": np.array([b"a", b"b"])}, r"in 0\.\.1, the classes; got 5 at sample 1"),
    "speakers": ({"extra/speaker": np.array([1])}, "speakers must be as many as samples"),
    "names": ({"extra/keys": np.array([b"\xff", b"b"])}, "damaged"),
}


@pytest.mark.parametrize(("arguments", "reason"), SHD.values(), ids=SHD)
def test_shd(arguments, reason, tmp_path):
    path = write_h5(tmp_path / "data.h5", **arguments)
    with pytest.raises(FileFormatError, match=reason):
        sal.io.read_shd(path)


def test_shd_of_another_layout(tmp_path):
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as file:
        file["spikes/times"] = np.zeros((2, 3))
        file["spikes/units"] = np.zeros((2, 3), int)
        file["labels"] = [0, 1]
    with pytest.raises(FileFormatError, match="one entry for each sample"):
        sal.io.read_shd(path)
    with h5py.File(path, "w") as file:
        file["spikes/times"] = np.zeros(2)
    with pytest.raises(FileFormatError, match="arrays of different lengths"):
        sal.io.read_shd(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("spikes/times", (10**12,), dtype=h5py.vlen_dtype(np.float16))
    with pytest.raises(FileFormatError, match="claims an array of shape"):
        sal.io.read_shd(path)
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(FileFormatError, match="damaged or is no HDF5 file"):
        sal.io.read_shd(path)


def test_a_heap_that_leads_back_to_itself(tmp_path):
    """The size of an object wraps around: HDF5's library would walk in a circle for ever."""
    path = write_h5(tmp_path / "data.h5")
    content = bytearray(path.read_bytes())
    at = content.index(b"GCOL") + 16 + 8
    content[at : at + 8] = (2**64 - 16).to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"its heap at byte .* does not hold what it claims"):
        sal.io.read_shd(path)


def test_free_space_that_is_followed_by_itself(tmp_path):
    path = write_h5(tmp_path / "data.h5")
    content = bytearray(path.read_bytes())
    at = content.index(b"HEAP")
    free, address = (int.from_bytes(content[at + place : at + place + 8], "little") for place in (16, 24))
    content[address + free : address + free + 8] = free.to_bytes(8, "little")
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"the free space of its heap at byte .* does not end"):
        sal.io.read_shd(path)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_entry_that_claims_more_than_there_is(chunked, tmp_path):
    """Half a billion times in a sample: the library would fill gigabytes before it finds that there are seven."""
    path = tmp_path / "data.h5"
    options = {"chunks": (2,), "compression": "gzip", "maxshape": (None,)} if chunked else {}
    with h5py.File(path, "w") as file:
        column = file.create_dataset("spikes/times", (1,), dtype=h5py.vlen_dtype(np.float64), **options)
        column[0] = np.arange(7.0)
        units = file.create_dataset("spikes/units", (1,), dtype=h5py.vlen_dtype(np.uint16))
        units[0] = np.arange(7, dtype=np.uint16)
        file["labels"] = [0]
    assert sal.io.read_shd(path).spikes.n_events == 7
    with h5py.File(path, "r+") as file:
        column = file["spikes/times"]
        if chunked:
            _, block = column.id.read_direct_chunk((0,))
            block = zlib.compress((2**29 + 7).to_bytes(4, "little") + zlib.decompress(block)[4:])
            column.id.write_direct_chunk((0,), block)
        else:
            at = column.id.get_offset()
    if not chunked:
        content = bytearray(path.read_bytes())
        content[at : at + 4] = (2**29 + 7).to_bytes(4, "little")
        path.write_bytes(content)
    with pytest.raises(FileFormatError, match="claims 536870919 values in one entry of spikes/times"):
        sal.io.read_shd(path)


# ------------------------------------------------------------------------------------------------------ tonic
XYTP = [("x", int), ("y", int), ("t", int), ("p", int)]


def rows(*events, dtype=XYTP):
    return np.array(list(events), dtype=dtype)


TONIC = {
    "x": (rows((2, 0, 1, 0)), r"sample 0, field x must be in 0\.\.1; got 2 at event 0"),
    "y": (rows((0, 0, 1, 0), (0, -1, 2, 0)), "field y must be in 0..1; got -1 at event 1"),
    "p": (rows((0, 0, 1, 2)), "field p must be in 0..1; got 2"),
    "p of minus one": (rows((0, 0, 1, -1)), "field p must be in 0..1; got -1"),
    "unsorted": (rows((0, 0, 2, 0), (0, 0, 1, 0)), "sort=True sorts"),
    "negative": (rows((0, 0, -2, 0)), "finite and >= 0"),
    "nan": (rows((0, 0, np.nan, 0), dtype=[("x", int), ("y", int), ("t", float), ("p", int)]), "finite"),
    "no y": (rows((0, 1, 0), dtype=[("x", int), ("t", int), ("p", int)]), "of the fields t, x, y, p"),
    "another field": (rows((0, 0, 1, 0, 3), dtype=[*XYTP, ("q", int)]), "of the fields"),
    "float places": (rows((0.5, 0, 1, 0), dtype=[("x", float), *XYTP[1:]]), "field x must be integers"),
    "time in words": (rows((0, 0, "a", 0), dtype=[("x", int), ("y", int), ("t", "U3"), ("p", int)]), "field t"),
    "no structure": (np.zeros((3, 4)), "a structured array"),
    "a list": ([[(0, 0, 1, 0)]], "a structured array"),
}


@pytest.mark.parametrize(("events", "reason"), TONIC.values(), ids=TONIC)
def test_tonic(events, reason):
    with pytest.raises(FileFormatError, match=reason):
        sal.io.from_tonic(events, time_unit="us", sensor_size=(2, 2, 2))


def test_tonic_polarities_of_one():
    with pytest.raises(FileFormatError, match=r"or is sensor_size = \(width, height, 2\)"):
        sal.io.from_tonic(rows((0, 0, 1, 0), (0, 0, 2, 1)), time_unit="us", sensor_size=(2, 2, 1))


@pytest.mark.parametrize("value", [None, 3, "events", {"t": [1]}])
def test_tonic_of_what_is_none(value):
    with pytest.raises(SaltationError):
        sal.io.from_tonic(value, time_unit="us", sensor_size=(2, 2, 2))


# -------------------------------------------------------------------------------------------------------- neo
def train(times, **options):
    return neo.SpikeTrain(times, units="ms", **({"t_stop": 100.0, "t_start": -100.0} | options))


NEO = {
    "negative": ([train([-1.0])], "finite and >= 0"),
    "unsorted": ([train([2.0, 1.0])], "sample 0, train 0 must be sorted"),
    "not trains": ([np.array([1.0])], "must be SpikeTrains|a list of"),
    "a train alone": (train([1.0]), "put a single train into a list"),
    "different numbers": ([[train([1.0])], []], "equally many in each sample"),
    "text": ("trains", "a Block, a Segment"),
    "numbers": ([1, 2], "a Block, a Segment"),
    "none": (None, "a Block, a Segment"),
}


@pytest.mark.parametrize(("trains", "reason"), NEO.values(), ids=NEO)
def test_neo(trains, reason):
    with pytest.raises(FileFormatError, match=reason):
        sal.io.from_neo(trains)


def test_neo_not_finite():
    bad = train([1.0, 2.0])
    bad.magnitude[1] = np.nan
    with pytest.raises(FileFormatError, match="finite"):
        sal.io.from_neo([bad])
    with pytest.raises(FileFormatError, match="3 in each sample; got"):
        sal.io.from_neo([train([1.0])], n_units=3)
    with pytest.raises(ParameterError, match="origin"):
        sal.io.from_neo([train([1.0])], origin="start")


# ------------------------------------------------------------------------------------------------- any bytes
@pytest.mark.parametrize("kind", ["csv", "npz", "shd"])
@given(
    cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4)
)
@settings(max_examples=150, deadline=None)
def test_damaged_files_are_refused_or_valid(kind, cut, flips, tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    spikes = sal.Spikes([0.001, 0.004, 0.002], [1, 0, 1], [0, 2, 3], n_units=2)
    if kind == "csv":
        path = sal.io.write_csv(folder / "x", spikes)
    elif kind == "npz":
        path = sal.io.write_npz(folder / "x", spikes)
    else:
        path = sal.io.write_shd(folder / "x", sal.io.LabelledSpikes(spikes, [0, 1]))
    content = bytearray(path.read_bytes())
    for place, value in flips:
        content[int(place * len(content))] = value
    path.write_bytes(bytes(content[: int(cut * len(content))] if cut < 0.9 else content))
    read = {"csv": sal.io.read_csv, "npz": sal.io.read_npz, "shd": lambda path: sal.io.read_shd(path).spikes}[kind]
    try:
        back = read(path)
    except SaltationError:
        return
    assert sal.Spikes(back.times, back.units, back.offsets, back.n_units) == back
