"""Streams of tasks, against their arrays rearranged by hand."""

import numpy as np
import pytest
from scipy.ndimage import rotate as scipy_rotate

from saltation.continual import Arrays, class_incremental, permuted, rotated, split_classes
from saltation.continual.rotation import rotate
from saltation.errors import ParameterError

RNG = np.random.default_rng(3)
PICTURES = Arrays(RNG.random((40, 5, 4)), np.tile(np.arange(4), 10), RNG.random((12, 5, 4)), np.tile(np.arange(4), 3))


def test_permutations_are_the_same_for_all_examples_and_differ_between_tasks():
    stream = permuted(PICTURES, 3, seed=5)
    assert (len(stream), stream.labels, stream.scenario, stream.allowed(0)) == (3, 4, "domain", None)
    orders = []
    for task in stream.tasks:
        (x, y), (x_test, y_test) = task.part("train"), task.part("test")
        np.testing.assert_array_equal(y, PICTURES.y)
        np.testing.assert_array_equal(y_test, PICTURES.y_test)
        # where each number of the first picture went, all of which are different
        order = [int(np.flatnonzero(PICTURES.x[0].ravel() == value)[0]) for value in x[0].ravel()]
        for k in range(12):
            np.testing.assert_array_equal(x_test[k].ravel(), PICTURES.x_test[k].ravel()[order])
            np.testing.assert_array_equal(x[k].ravel(), PICTURES.x[k].ravel()[order])
        assert sorted(order) == list(range(20)) and order != list(range(20))
        orders.append(tuple(order))
    assert len(set(orders)) == 3


def test_the_seed_decides_and_more_tasks_begin_with_the_same():
    first = [task.part("test")[0] for task in permuted(PICTURES, 2, seed=5).tasks]
    again = [task.part("test")[0] for task in permuted(PICTURES, 4, seed=5).tasks]
    other = [task.part("test")[0] for task in permuted(PICTURES, 2, seed=6).tasks]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=False))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    np.testing.assert_array_equal(permuted(PICTURES, 2, seed=5, first=False).tasks[0].part("train")[0], PICTURES.x)


def test_classes_are_split():
    stream = split_classes(PICTURES, 2, order=[2, 0, 3, 1])
    assert [task.classes for task in stream.tasks] == [(2, 0), (3, 1)] and stream.allowed(1) == (3, 1)
    assert stream.labels == 4 and stream.scenario == "task"
    x, y = stream.tasks[1].part("train")
    chosen = [k for k in range(40) if PICTURES.y[k] in (3, 1)]
    np.testing.assert_array_equal(x, PICTURES.x[chosen])
    np.testing.assert_array_equal(y, PICTURES.y[chosen])


def test_classes_are_split_and_numbered_anew():
    stream = split_classes(PICTURES, 2, scenario="domain", order=[2, 0, 3, 1])
    assert stream.labels == 2 and stream.allowed(1) is None and stream.tasks[1].classes == (0, 1)
    x, y = stream.tasks[1].part("test")
    chosen = [k for k in range(12) if PICTURES.y_test[k] in (3, 1)]
    np.testing.assert_array_equal(x, PICTURES.x_test[chosen])
    assert y.tolist() == [{3: 0, 1: 1}[int(PICTURES.y_test[k])] for k in chosen]


def test_class_incremental_streams_let_all_labels_compete():
    stream = class_incremental(PICTURES, 1)
    assert len(stream) == 4 and stream.labels == 4 and stream.scenario == "class"
    assert [set(task.part("train")[1].tolist()) for task in stream.tasks] == [{0}, {1}, {2}, {3}]
    assert all(stream.allowed(i) is None for i in range(4))


def test_a_task_without_examples_is_refused():
    gap = Arrays(np.eye(4), np.array([0, 1, 4, 5]), np.eye(4), np.array([0, 1, 4, 5]))
    for make in (split_classes, class_incremental):
        with pytest.raises(ParameterError, match="got none of classes 2, 3 in the train part; number the labels"):
            make(gap, 2)
    untested = Arrays(np.eye(4), np.arange(4), np.eye(4)[:2], np.array([0, 1]))
    with pytest.raises(ParameterError, match="got none of classes 2, 3 in the test part"):
        split_classes(untested, 2)
    # a class alone may be missing in the test
    missing = Arrays(np.eye(4), np.arange(4), np.eye(4)[:3], np.arange(3))
    assert [task.part("test")[1].tolist() for task in split_classes(missing, 2).tasks] == [[0, 1], [2]]


def test_some_inputs_are_those_of_all():
    for stream in (permuted(PICTURES, 2, seed=1), split_classes(PICTURES, 2), rotated(PICTURES, [20])):
        for part in ("train", "test"):
            task = stream.tasks[-1]
            np.testing.assert_array_equal(task.source.inputs(part, np.array([4, 0])), task.part(part)[0][[4, 0]])


def test_rotations_are_those_of_scipy():
    for degrees in (17.0, 90.0, 133.0, -40.0):
        for shape in ((3, 9, 9), (2, 8, 8), (2, 6, 9)):
            pictures = RNG.random(shape)
            if degrees == 90.0 and shape[1] == shape[2]:
                np.testing.assert_allclose(rotate(pictures, degrees), np.rot90(pictures, axes=(1, 2)), atol=1e-9)
            # scipy leaves what is mixed with the outside at the border to the constant; the inside is the same
            expected = scipy_rotate(pictures, degrees, axes=(2, 1), reshape=False, order=1, mode="grid-constant")
            got = rotate(pictures, degrees)
            assert np.abs(expected - got).max() < 1e-6, (degrees, shape)
    stream = rotated(PICTURES, [0, 30])
    np.testing.assert_array_equal(stream.tasks[0].part("train")[0], PICTURES.x)
    np.testing.assert_array_equal(stream.tasks[1].part("test")[0], rotate(PICTURES.x_test, 30.0))
    assert stream.tasks[1].name == "30 degrees"


def test_what_is_refused():
    with pytest.raises(ParameterError, match="per_task divide 4"):
        split_classes(PICTURES, 3)
    with pytest.raises(ParameterError, match="each label from 0 to 3 once"):
        class_incremental(PICTURES, 2, order=[0, 1, 2, 2])
    with pytest.raises(ParameterError, match="class_incremental makes the third"):
        split_classes(PICTURES, 2, scenario="class")
    flat = Arrays(np.zeros((2, 3)), np.array([0, 1]), np.zeros((2, 3)), np.array([0, 1]))
    with pytest.raises(ParameterError, match=r"pictures \[n, height, width\]"):
        rotated(flat, [0])
    with pytest.raises(ParameterError, match="at least one"):
        Arrays(np.zeros((2, 3)), np.array([0.0, 1.0]), np.zeros((2, 3)), np.array([0, 1]))
    with pytest.raises(ParameterError, match=r"of the shape of x, \[n, 3\]"):
        Arrays(np.zeros((2, 3)), np.array([0, 1]), np.zeros((2, 4)), np.array([0, 1]))
    with pytest.raises(ParameterError, match="one of them has probably been scaled"):
        Arrays(np.zeros((2, 3), np.uint8), np.array([0, 1]), np.zeros((2, 3)), np.array([0, 1]))
    with pytest.raises(ParameterError, match=r"must be numbers \[n, ...\]"):
        Arrays(np.array([["a"], ["b"]]), np.array([0, 1]), np.zeros((2, 1)), np.array([0, 1]))
    with pytest.raises(ParameterError, match="'train' or 'test'"):
        permuted(flat, 1, seed=0).tasks[0].part("all")
    with pytest.raises(ParameterError, match=r"permuted.tasks must be"):
        permuted(flat, 0, seed=0)
