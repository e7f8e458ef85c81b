"""The Yin-Yang generator against a plain loop over NumPy's legacy stream, and against stored numbers."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltation.data import which_class, yinyang
from saltation.errors import ParameterError


def slow_yinyang(n, seed, r_small=0.1, r_big=0.5):
    """Draw one number after the other, as the definition of the data set says."""
    rng = np.random.RandomState(seed)
    points, labels = [], []
    for _ in range(n):
        goal = rng.randint(3)
        while True:
            x, y = rng.rand(2) * 2.0 * r_big
            d_left, d_right = (math.hypot(x - c * r_big, y - r_big) for c in (0.5, 1.5))
            if math.hypot(x - r_big, y - r_big) > r_big:
                continue
            if min(d_left, d_right) < r_small:
                label = 2
            else:
                label = int(d_left <= r_big / 2 or (y > r_big and d_right > r_big / 2))
            if label == goal:
                break
        points.append((x, y, 1 - x, 1 - y))
        labels.append(label)
    return np.array(points).reshape(n, 4), np.array(labels, dtype=np.int64)


def test_stored_numbers():
    points, labels = yinyang(5000, 42)
    assert points.shape == (5000, 4) and points.dtype == np.float64
    assert labels.shape == (5000,) and labels.dtype == np.int64
    np.testing.assert_allclose(points[0], (0.68030754, 0.45049925, 0.31969246, 0.54950075), atol=5e-9)
    assert labels[:6].tolist() == [2, 1, 2, 1, 1, 1]
    assert np.bincount(labels).tolist() == [1681, 1702, 1617]


@pytest.mark.parametrize("seed", [0, 7, 40, 41, 42, 2**32 - 1])
def test_same_stream_as_the_plain_loop(seed):
    points, labels = yinyang(400, seed)
    slow_points, slow_labels = slow_yinyang(400, seed)
    np.testing.assert_array_equal(points, slow_points)
    np.testing.assert_array_equal(labels, slow_labels)


def test_same_stream_over_the_seams_of_a_large_set(monkeypatch):
    monkeypatch.setitem(yinyang.__globals__, "_POINTS_AT_ONCE", 7)
    for got, expected in zip(yinyang(100, 11), slow_yinyang(100, 11), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_same_stream_with_other_radii():
    for got, expected in zip(yinyang(200, 3, r_small=0.02, r_big=0.4), slow_yinyang(200, 3, 0.02, 0.4), strict=True):
        np.testing.assert_array_equal(got, expected)


@given(n=st.integers(0, 30), more=st.integers(0, 30), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_a_shorter_set_is_the_beginning_of_a_longer_one(n, more, seed):
    short, long = yinyang(n, seed), yinyang(n + more, seed)
    np.testing.assert_array_equal(short[0], long[0][:n])
    np.testing.assert_array_equal(short[1], long[1][:n])


def test_labels_are_the_classes_of_the_points():
    points, labels = yinyang(1000, 1)
    np.testing.assert_array_equal(which_class(points[:, 0], points[:, 1]), labels)
    assert np.all(np.hypot(points[:, 0] - 0.5, points[:, 1] - 0.5) <= 0.5)
    np.testing.assert_array_equal(points[:, 2:], 1 - points[:, :2])


def test_the_sign_turned_by_half_a_turn_swaps_yin_and_yang():
    points, labels = yinyang(1000, 5)
    turned = which_class(points[:, 2], points[:, 3])
    np.testing.assert_array_equal(turned, np.array([1, 0, 2])[labels])


def test_which_class_broadcasts():
    assert which_class(np.linspace(0, 1, 5), np.linspace(0, 1, 7)[:, None]).shape == (7, 5)
    assert which_class(0.75, 0.5) == 2


def test_a_hundred_thousand_points_take_seconds_at_most():
    start = time.perf_counter()
    yinyang(100_000, 42)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(n=-1, seed=0), "n is the number of points"),
        (dict(n=1, seed=-1), "seed must be in 0"),
        (dict(n=1, seed=2**32), "seed must be in 0"),
        (dict(n=1, seed=0, r_small=0.3), "0 < r_small < r_big / 2"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ParameterError, match=message):
        yinyang(**arguments)
