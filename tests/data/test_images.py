"""Pictures, their division into sets, and the digits of scikit-learn."""

import builtins

import numpy as np
import pytest

from saltation.data import Images, digits, split
from saltation.errors import MissingDependencyError, ParameterError

NAMES = tuple("0123456789")


def numbered(n):
    """Pictures that show their own number."""
    return Images(np.arange(n, dtype=np.uint8).reshape(n, 1, 1), np.arange(n) % 10, NAMES)


def test_split_divides_all_pictures_once():
    training, held_out = split(numbered(100), 30, seed=4)
    assert (len(training), len(held_out)) == (70, 30)
    both = np.concatenate([training.pixels, held_out.pixels]).ravel()
    assert sorted(both.tolist()) == list(range(100))
    for part in (training, held_out):
        np.testing.assert_array_equal(part.pixels.ravel() % 10, part.labels)


def test_split_depends_on_the_seed_alone():
    first, again, other = (split(numbered(100), 30, seed)[1].pixels.ravel() for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("held_out", "seed", "message"),
    [
        (0, 0, "held_out must be an integer >= 1; got 0"),
        (-1, 0, "held_out must be an integer >= 1; got -1"),
        (10, 0, "held_out must be from 1 to 9"),
        (1.5, 0, r"held_out must be an integer >= 1; got 1\.5"),
        (True, 0, "held_out must be an integer"),
        (3, "x", "seed must be an integer >= 0; got 'x'"),
        (3, -1, "seed must be an integer >= 0; got -1"),
    ],
)
def test_split_refuses(held_out, seed, message):
    with pytest.raises(ParameterError, match=message):
        split(numbered(10), held_out, seed)


def test_values_are_brightness_row_after_row():
    images = Images(np.array([[[0, 4], [8, 16]]], np.uint8), np.array([3]), NAMES, brightest=16)
    np.testing.assert_array_equal(images.values(), [[0.0, 0.25, 0.5, 1.0]])
    assert images.shape == (2, 2)


@pytest.mark.parametrize(
    "pixels, labels, message",
    [((2, 3), [0, 1], "pixels must be"), ((2, 3, 3), [0], "labels"), ((2, 3, 3), [0, 10], "from 0 to 9")],
)
def test_images_that_do_not_fit(pixels, labels, message):
    with pytest.raises(ParameterError, match=message):
        Images(np.zeros(pixels, np.uint8), np.array(labels), NAMES)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"pixels": np.full((2, 3, 3), 0.5)}, "pixels must be an array of uint8; got an array .* float64"),
        ({"pixels": np.full((2, 3, 3), 300)}, "pixels must be an array of uint8; got an array .* int64"),
        ({"pixels": [[[0]], [[1]]]}, "pixels must be an array of uint8; got .*list"),
        ({"labels": np.array([0.0, 1.5])}, "labels must be an array of integers; got an array .* float64"),
        ({"labels": np.array([True, False])}, "labels must be an array of integers; got an array .* bool"),
        ({"labels": [0, 1]}, "labels must be an array of integers; got .*list"),
        ({"brightest": 16}, "pixels must be at most brightest, 16; got 17"),
        ({"brightest": 0}, "brightest must be an integer >= 1; got 0"),
        ({"brightest": 20.5}, "brightest must be an integer >= 1; got 20.5"),
    ],
)
def test_images_of_other_values(changes, message):
    given = {"pixels": np.full((2, 3, 3), 17, np.uint8), "labels": np.array([0, 1], np.uint8), "names": NAMES}
    assert Images(**given, brightest=17).values().max() == 1.0
    with pytest.raises(ParameterError, match=message):
        Images(**{**given, **changes})


def test_no_pictures_are_allowed():
    assert len(numbered(3)[:0]) == 0


def test_digits():
    datasets = pytest.importorskip("sklearn.datasets")
    training, test = digits("train"), digits("test")
    assert (len(training), len(test), training.shape, training.brightest) == (1437, 360, (8, 8), 16)
    assert int(training.pixels.max()) == 16
    pixels = np.concatenate([training.pixels, test.pixels])
    everything = datasets.load_digits().images
    # the same pictures, whatever their order
    assert sorted(map(bytes, pixels)) == sorted(map(bytes, everything.astype(np.uint8)))
    with pytest.raises(ParameterError, match="'train' or 'test'"):
        digits("all")


def test_digits_without_scikit_learn(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **more):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"saltation\[data\]"):
        digits("train")
