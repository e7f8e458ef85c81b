"""Spikes go out and come back the same, in every format; what a format cannot hold is said by the caller."""

import sys

import h5py
import neo
import numpy as np
import pytest
import quantities
from hypothesis import given, settings
from hypothesis import strategies as st

import saltation as sal
from saltation.errors import MissingDependencyError, ParameterError
from saltation.io import LabelledSpikes

N_UNITS = 12


@st.composite
def spikes(draw, resolution=None):
    """Any batch, ties and empty samples among it; times whole multiples of 1 / resolution if that is given."""
    times = st.floats(0, 100, allow_subnormal=True) if resolution is None else st.integers(0, 10**6)
    samples = draw(st.lists(st.lists(st.tuples(times, st.integers(0, N_UNITS - 1)), max_size=8), max_size=5))
    lists = [([float(t) for t, _ in sorted(s)], [u for _, u in sorted(s)]) for s in samples]
    if resolution is not None:
        lists = [([t / resolution for t in times], units) for times, units in lists]
    return sal.Spikes.from_lists([(np.array(t, float), np.array(u, int)) for t, u in lists], n_units=N_UNITS)


@given(spikes())
@settings(max_examples=60, deadline=None)
def test_npz(tmp_path_factory, given):
    path = tmp_path_factory.mktemp("npz") / "spikes.npz"
    assert sal.io.read_npz(sal.io.write_npz(path, given)) == given


@given(spikes(), st.sampled_from(["s", "ms", "us", "ns"]))
@settings(max_examples=60, deadline=None)
def test_csv(tmp_path_factory, given, unit):
    path = sal.io.write_csv(tmp_path_factory.mktemp("csv") / "spikes.csv", given, time_unit=unit)
    back = sal.io.read_csv(path, n_units=N_UNITS, batch=given.batch)
    if unit == "s":
        assert back == given
    else:
        assert np.array_equal(back.units, given.units) and np.array_equal(back.offsets, given.offsets)
        assert np.allclose(back.times, given.times, rtol=4e-16, atol=1e-320)


@given(spikes())
@settings(max_examples=40, deadline=None)
def test_shd(tmp_path_factory, given):
    data = LabelledSpikes(given, np.arange(given.batch) % 3, np.arange(given.batch), ("null", "eins", "zwei"))
    path = sal.io.write_shd(tmp_path_factory.mktemp("shd") / "data.h5", data)
    assert sal.io.read_shd(path, n_units=N_UNITS) == data


@given(spikes(resolution=10**6), st.sampled_from([(12, 1, 1), (3, 4, 1), (3, 2, 2), (1, 1, 12)]))
@settings(max_examples=60, deadline=None)
def test_tonic(given, size):
    arrays = sal.io.to_tonic(given, time_unit="us", sensor_size=size)
    assert all(array["t"].dtype == np.int64 for array in arrays)
    assert sal.io.from_tonic(arrays, time_unit="us", sensor_size=size) == given


@given(spikes(), st.sampled_from(["s", "ms", "us"]))
@settings(max_examples=40, deadline=None)
def test_neo(given, unit):
    samples = sal.io.to_neo(given, t_stop=100.0, time_unit=unit)
    back = sal.io.from_neo(samples)
    if given.batch == 0:
        assert back.batch == 0
        return
    # at equal times Neo's trains, one for each unit, leave the order of units
    order = np.lexsort((given.units, given.times, given.sample_index()))
    assert np.array_equal(back.units, given.units[order]) or unit != "s"
    assert np.array_equal(back.counts(), given.counts())
    assert np.allclose(back.times, given.times, rtol=4e-16, atol=1e-320)


# ---------------------------------------------------------------------------------------------- forms of others
def test_csv_of_others(tmp_path):
    path = tmp_path / "spikes.csv"
    path.write_text("\ufeffunit; time_ms; sample\r\n3; 1.5e0; 0\r\n1; 2; 0\r\n0; 0.25; 2\r\n", encoding="utf-8")
    back = sal.io.read_csv(path, delimiter=";")
    assert back == sal.Spikes([1.5e-3, 2e-3, 0.25e-3], [3, 1, 0], [0, 2, 2, 3])
    assert sal.io.read_csv(path, delimiter=";", batch=4, n_units=5).batch == 4
    path.write_text("sample,unit,time\n1,0,2\n0,1,5\n1,2,1\n")
    assert sal.io.read_csv(path, time_unit=1e-4, sort=True) == sal.Spikes([5e-4, 1e-4, 2e-4], [1, 2, 0], [0, 1, 3])
    path.write_text("time,unit\n")
    assert sal.io.read_csv(path, time_unit="s") == sal.Spikes.empty(1)


def test_npz_of_others(tmp_path):
    path = tmp_path / "spikes.npz"
    np.savez(path, times=np.array([2, 1, 3], np.uint16), units=np.array([0, 5, 1], np.uint8))
    assert sal.io.read_npz(path, time_unit="ms", sort=True, n_units=6) == sal.Spikes(
        [1e-3, 2e-3, 3e-3], [5, 0, 1], [0, 3], 6
    )


def test_shd_as_published(tmp_path):
    """Times of 16 bit, labels and speakers of 16 bit, names as bytes; and the numbers of NumPy are exact."""
    path = tmp_path / "shd.h5"
    times = [np.array([0.1, 0.25, 0.9], np.float16), np.array([], np.float16)]
    with h5py.File(path, "w") as file:
        column = file.create_dataset("spikes/times", (2,), dtype=h5py.vlen_dtype(np.float16))
        units = file.create_dataset("spikes/units", (2,), dtype=h5py.vlen_dtype(np.uint16))
        column[0], units[0] = times[0], np.array([699, 0, 12], np.uint16)
        column[1], units[1] = times[1], np.array([], np.uint16)
        file["labels"] = np.array([13, 2], np.uint16)
        file["extra/speaker"] = np.array([4, 7], np.uint16)
        file["extra/keys"] = np.array([f"digit {i}".encode() for i in range(20)])
        file["extra/meta_info/gender"] = np.array([b"female", b"male"])
    data = sal.io.read_shd(path)
    assert data.spikes.times.tolist() == [float(t) for t in times[0]]
    assert (data.spikes.n_units, data.labels.tolist(), data.speakers.tolist()) == (700, [13, 2], [4, 7])
    assert data.classes[13] == "digit 13"
    assert data[1:].spikes.n_events == 0 and data[[True, False]].labels.tolist() == [13] and len(data[-1]) == 1


def test_tonic_as_published():
    """Microseconds, polarity as a bool, fields of different sizes; SHD with p = 1 throughout and no y."""
    dvs = np.array([(33, 2, 100, True), (0, 0, 150, False)], dtype=[("x", "i2"), ("y", "i2"), ("t", "i8"), ("p", "?")])
    back = sal.io.from_tonic(dvs, time_unit="us", sensor_size=(34, 34, 2))
    assert back == sal.Spikes([100 / 1e6, 150 / 1e6], [34 * 34 + 2 * 34 + 33, 0], [0, 2], 2312)
    shd = np.array([(5000, 3, 1), (2000, 699, 1)], dtype=[("t", "i8"), ("x", "i8"), ("p", "i8")])
    back = sal.io.from_tonic([shd, shd[:0]], time_unit="us", sensor_size=(700, 1, 1), sort=True)
    assert back == sal.Spikes([0.002, 0.005], [699, 3], [0, 2, 2], 700)
    assert sal.io.to_tonic(back, time_unit="us", sensor_size=(700, 1, 1))[0].dtype.names == ("t", "x", "p")


def test_times_between_units_are_not_rounded_unasked():
    given = sal.Spikes([1.2e-6], [0], [0, 1])
    with pytest.raises(ParameterError, match=r"whole units; got .*rounded=True"):
        sal.io.to_tonic(given, time_unit="us", sensor_size=(1, 1, 1))
    assert sal.io.to_tonic(given, time_unit="us", sensor_size=(1, 1, 1), rounded=True)[0]["t"].tolist() == [1]


def test_neo_of_others():
    trains = [
        neo.SpikeTrain([12.0, 11.0], units="ms", t_start=10.0, t_stop=20.0),
        neo.SpikeTrain(np.array([11.5], np.float32), units=quantities.ms, t_start=10.0, t_stop=20.0),
        neo.SpikeTrain([0.0125], units="s", t_start=0.01, t_stop=0.02),
    ]
    expected = sal.Spikes([11e-3, 11.5e-3, 12e-3, 12.5e-3], [0, 1, 0, 2], [0, 4], 3)
    assert sal.io.from_neo(trains, sort=True) == expected
    shifted = sal.io.from_neo(trains, sort=True, origin="t_start")
    assert shifted.times == pytest.approx(expected.times - 10e-3)
    segment = neo.Segment()
    segment.spiketrains.extend(trains)
    block = neo.Block()
    block.segments = [segment, segment]
    assert sal.io.from_neo(segment, sort=True) == expected
    assert sal.io.from_neo(block, sort=True) == sal.Spikes.concatenate([expected, expected])


def test_neo_carries_its_units():
    (first,), (second,) = sal.io.to_neo(sal.Spikes([0.5e-3], [0], [0, 1, 1], 1), t_stop=2e-3, time_unit="ms")
    assert (first.units, first.t_start, first.t_stop) == (quantities.ms, 0 * quantities.ms, 2 * quantities.ms)
    assert first.magnitude.tolist() == [0.5] and len(second) == 0


# ------------------------------------------------------------------------------------------------------ writing
WRITERS = {
    "npz": (sal.io.write_npz, sal.Spikes.from_latencies([[0.001]])),
    "csv": (sal.io.write_csv, sal.Spikes.from_latencies([[0.001]])),
    "shd": (sal.io.write_shd, LabelledSpikes(sal.Spikes.from_latencies([[0.001]]), [0])),
}


@pytest.mark.parametrize(("write", "given"), WRITERS.values(), ids=WRITERS)
def test_an_interrupted_write_leaves_the_old_file(write, given, tmp_path, monkeypatch):
    path = tmp_path / "deeper" / "spikes"
    write(path, given)
    before = path.read_bytes()

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(path, given)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("write", "given"), WRITERS.values(), ids=WRITERS)
def test_what_is_not_to_be_written(write, given, tmp_path):
    with pytest.raises(ParameterError, match=r"must be (Spikes|LabelledSpikes); got"):
        write(tmp_path / "x", [given])
    assert not (tmp_path / "x").exists()


def test_arguments_that_are_none(tmp_path):
    one = sal.Spikes([0.001], [70000], [0, 1])
    with pytest.raises(ParameterError, match="65535"):
        sal.io.write_shd(tmp_path / "x", LabelledSpikes(one, [0]))
    with pytest.raises(ParameterError, match=r"write_csv\.time_unit"):
        sal.io.write_csv(tmp_path / "x", one, time_unit=1e-3)
    with pytest.raises(ParameterError, match="the sensor's; got 70000"):
        sal.io.to_tonic(one, time_unit="ms", sensor_size=(34, 34, 2))
    with pytest.raises(ParameterError, match=r"\(width, height, polarities\)"):
        sal.io.to_tonic(one, time_unit="ms", sensor_size=(34, 34))
    with pytest.raises(ParameterError, match=r"to_neo\.t_stop"):
        sal.io.to_neo(one, t_stop=0.0005, n_units=70001)
    with pytest.raises(ParameterError, match=r"n_units must be known"):
        sal.io.to_neo(one, t_stop=0.01)
    with pytest.raises(ParameterError, match=r"LabelledSpikes\.labels must be as many as samples, 1; got 2"):
        LabelledSpikes(one, [0, 1])
    with pytest.raises(ParameterError, match=r"in 0\.\.1, the classes; got 2 at sample 0"):
        LabelledSpikes(one, [2], classes=("a", "b"))


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("h5py", lambda path: sal.io.read_shd(path)),
        ("h5py", lambda path: sal.io.write_shd(path, WRITERS["shd"][1])),
        ("neo", lambda path: sal.io.from_neo([])),
        ("neo", lambda path: sal.io.to_neo(sal.Spikes.empty(1, 1), t_stop=1.0)),
    ],
)
def test_dependencies_are_optional(module, call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=r'pip install "saltation\[io\]"'):
        call(tmp_path / "x")
