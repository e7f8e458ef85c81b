"""Gestures in both layouts, AEDAT 3.1 written bit by bit, data sets of pairs, and NeHAR."""

import struct

import numpy as np
import pytest

from saltation.data import from_event_dataset, gestures, nehar
from saltation.data.aedat import read_aedat31
from saltation.errors import FileFormatError, MissingDataError, ParameterError


def packet(kind, events, overflow=0):
    """A packet of events (x, y, p, t, valid)."""
    body = b"".join(
        struct.pack("<Ii", x << 17 | y << 2 | p << 1 | valid, t) if kind == 1 else struct.pack("<Ii", x, t)
        for x, y, p, t, valid in events
    )
    return struct.pack("<hhiiiiii", kind, 1, 8, 4, overflow, len(events), len(events), len(events)) + body


HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"
EVENTS = [(0, 0, 0, 1_000, 1), (127, 5, 1, 1_500, 1), (3, 127, 0, 1_700, 0), (64, 32, 1, 2_500, 1)]
LATER = [(1, 2, 1, 4_000, 1), (2, 1, 0, 4_250, 1)]


def test_aedat(tmp_path):
    path = tmp_path / "a.aedat"
    path.write_bytes(HEADER + packet(1, EVENTS) + packet(0, [(9, 0, 0, 1, 1)]) + packet(1, LATER[:1], overflow=1))
    got = read_aedat31(path)
    assert got.tolist() == [(0, 0, 0, 1_000), (127, 5, 1, 1_500), (64, 32, 1, 2_500), (1, 2, 1, 4_000 + 2**31)]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"#!AER-DAT2.0\r\n", "must begin with #!AER-DAT3.1"),
        (HEADER[:40], "no line #!END-HEADER"),
        (HEADER + packet(1, EVENTS)[:-4], "it is damaged"),
        (HEADER + packet(1, EVENTS) + b"\x01\x00\x01", "within a packet's header"),
        (HEADER + struct.pack("<hhiiiiii", 1, 1, 0, 4, 0, 1, 1, 1), "it is damaged"),
    ],
)
def test_aedat_malformed(tmp_path, content, message):
    path = tmp_path / "a.aedat"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=message):
        read_aedat31(path)


def unit(x, y, p):
    return (p * 128 + y) * 128 + x


def test_files_of_ibm(tmp_path):
    folder = tmp_path / "DvsGesture"
    folder.mkdir()
    (folder / "trials_to_train.txt").write_text("user01_led.aedat\n\n")
    (folder / "user01_led.aedat").write_bytes(HEADER + packet(1, EVENTS + LATER))
    (folder / "user01_led_labels.csv").write_text("class,startTime_usec,endTime_usec\n1,1000,2000\n11,2000,4100\n")
    got = gestures("train", tmp_path)
    assert got.labels.tolist() == [0, 10] and got.classes[10] == "other" and got.spikes.n_units == 2 * 128 * 128
    first, second = got.spikes.to_lists()
    np.testing.assert_allclose(first[0], [0.0, 0.5e-3])
    assert first[1].tolist() == [unit(0, 0, 0), unit(127, 5, 1)]
    np.testing.assert_allclose(second[0], [0.0, 1.5e-3])
    assert second[1].tolist() == [unit(64, 32, 1), unit(1, 2, 1)]
    (folder / "user01_led_labels.csv").write_text("class,startTime_usec,endTime_usec\n12,1,2\n")
    with pytest.raises(FileFormatError, match="line 2: the class must be 1 to 11; got 12"):
        gestures("train", tmp_path)
    (folder / "user01_led_labels.csv").unlink()
    with pytest.raises(MissingDataError, match=r"user01_led_labels\.csv is listed in"):
        gestures("train", tmp_path)


def test_files_of_tonic(tmp_path):
    folder = tmp_path / "DVSGesture" / "ibmGestureTest"
    for user, label, events in (("user24_led", 3, EVENTS), ("user25_led", 0, LATER)):
        (folder / user).mkdir(parents=True)
        rows = np.array([(x, y, p, t / 1000) for x, y, p, t, valid in events], np.float64)
        np.save(folder / user / f"{label}.npy", rows)
    got = gestures("test", tmp_path)
    assert got.labels.tolist() == [3, 0]
    times, units = got.spikes.to_lists()[0]
    np.testing.assert_allclose(times, [0.0, 0.5e-3, 0.7e-3, 1.5e-3])
    assert units.tolist() == [unit(x, y, p) for x, y, p, *_ in EVENTS]
    assert gestures("test", tmp_path, at_most=1).labels.tolist() == [3]
    np.save(folder / "user25_led" / "11.npy", np.zeros((1, 4)))
    with pytest.raises(FileFormatError, match="named after a class"):
        gestures("test", tmp_path)
    with pytest.raises(MissingDataError, match=r"(?s)trials_to_train\.txt.*3 GB.*tonic\.datasets\.DVSGesture"):
        gestures("train", tmp_path)
    with pytest.raises(ParameterError, match="'train' or 'test'"):
        gestures("all", tmp_path)


class Pairs:
    """As a data set of tonic is."""

    sensor_size = (4, 3, 2)

    def __len__(self):
        return 2

    def __getitem__(self, i):
        # tonic's dtypes differ among its data sets
        events = np.zeros(3, [("x", np.int16), ("y", np.int16), ("p", bool), ("t", np.int64)])
        events["x"], events["y"], events["p"], events["t"] = [3, 0, 1], [2, 1, 0], [True, False, True], [30, 10, 20 + i]
        return events, np.int64(i)


def test_data_sets_of_pairs():
    pairs = Pairs()
    got = from_event_dataset(pairs, sensor_size=pairs.sensor_size, classes=("a", "b"))
    assert got.labels.tolist() == [0, 1] and got.classes == ("a", "b")
    times, units = got.spikes.to_lists()[1]
    np.testing.assert_allclose(times, [10e-6, 21e-6, 30e-6])
    assert units.tolist() == [4, 13, 23]
    assert len(from_event_dataset(pairs, sensor_size=pairs.sensor_size, at_most=1)) == 1
    with pytest.raises(FileFormatError):
        from_event_dataset(pairs, sensor_size=(2, 2, 2))


def test_data_sets_of_tonic():
    tonic = pytest.importorskip("tonic", reason="tonic is not installed: pairs of its form are tested")
    assert tonic.datasets.DVSGesture.sensor_size == (128, 128, 2)


# ------------------------------------------------------------------------------------------- NeHAR
def put(folder, **changed):
    rng = np.random.default_rng(1)
    arrays = {}
    for i, n in enumerate((6, 4, 5)):
        arrays[f"arr_{i}"] = rng.normal(size=(n, 40, 6))
        arrays[f"arr_{i + 3}"] = np.eye(7)[rng.integers(0, 7, n)]
    arrays |= changed
    folder.mkdir(exist_ok=True)
    np.savez(folder / "watch_subset2_40.npz", **arrays)
    return arrays


def test_nehar(tmp_path):
    arrays = put(tmp_path / "nehar")
    for i, part in enumerate(("train", "validation", "test")):
        got = nehar(part, tmp_path)
        np.testing.assert_array_equal(got.values, arrays[f"arr_{i}"])
        assert [arrays[f"arr_{i + 3}"][k, label] for k, label in enumerate(got.labels)] == [1.0] * len(got)
        assert got.rate == 20.0 and got.subjects is None


def test_nehar_refuses(tmp_path):
    with pytest.raises(MissingDataError, match=r"(?s)nehar/watch_subset2_40\.npz.*drive\.google\.com"):
        nehar("test", tmp_path)
    with pytest.raises(ParameterError, match="'train', 'validation' or 'test'"):
        nehar("val", tmp_path)
    put(tmp_path, arr_2=np.zeros((5, 40, 3)))
    with pytest.raises(FileFormatError, match=r"windows \[n, step, 6\]"):
        nehar("test", tmp_path)
    put(tmp_path, arr_5=np.zeros((5, 7)))
    with pytest.raises(FileFormatError, match="each have one class"):
        nehar("test", tmp_path)
    (tmp_path / "watch_subset2_40.npz").write_bytes(b"no archive")
    with pytest.raises(FileFormatError, match="arr_0 to arr_5"):
        nehar("test", tmp_path)
