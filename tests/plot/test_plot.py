"""Plots draw what they are given, into the axes they are given, and leave matplotlib's settings alone."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

from saltation import plot
from saltation.data import which_class, yinyang
from saltation.errors import MissingDependencyError, ParameterError
from saltation.model import Spikes

TWO_SAMPLES = Spikes.from_lists([([0.001, 0.003], [0, 3]), ([], [])], n_units=4)


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    figure.canvas.draw()  # what is drawn lazily must work too
    plt.close(figure)


@pytest.fixture(autouse=True)
def no_side_effects():
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    plt.close("all")


def classify(xy):
    return which_class(xy[:, 0], xy[:, 1])


HISTORY = [
    {"train_loss": 1.0, "validation_loss": 1.1, "validation_accuracy": 0.5},
    {"train_loss": 0.1, "validation_loss": None, "validation_accuracy": 0.75},
]


def test_each_makes_its_own_figure():
    for made in (
        plot.raster(TWO_SAMPLES),
        plot.trace([0, 1], [0, 1]),
        plot.learning_curves(HISTORY),
        plot.decision_map(classify, 20),
        plot.confusion_matrix([[1, 0], [2, 3]], ["a", "b"]),
    ):
        made.figure.canvas.draw()
        assert made.get_xlabel() and made.get_ylabel()


def test_confusion_matrix(ax):
    counts = np.array([[8, 2, 0], [0, 0, 0], [1, 0, 3]])  # no sample of the second class
    assert plot.confusion_matrix(counts, ["yin", "yang", "dot"], ax) is ax
    (image,) = ax.get_images()
    np.testing.assert_allclose(image.get_array(), [[0.8, 0.2, 0.0], [0.0, 0.0, 0.0], [0.25, 0.0, 0.75]])
    shown = {(round(text.get_position()[1]), round(text.get_position()[0])): int(text.get_text()) for text in ax.texts}
    assert shown == {(0, 0): 8, (0, 1): 2, (2, 0): 1, (2, 2): 3}
    with pytest.raises(ParameterError, match=r"2 by 2 for as many names; got \(3, 3\)"):
        plot.confusion_matrix(counts, ["a", "b"], ax)


def test_raster(ax):
    assert plot.raster(TWO_SAMPLES, ax=ax) is ax
    segments = np.array(ax.collections[0].get_segments())
    np.testing.assert_allclose(segments[:, 0, 0], [1, 3])  # milliseconds
    np.testing.assert_allclose(segments[:, :, 1].mean(axis=1), [0, 3])
    assert ax.get_xlabel() == "time (ms)"


def test_raster_of_silence_and_duration(ax):
    plot.raster(TWO_SAMPLES, sample=1, ax=ax, duration=0.02)
    assert ax.get_xlim()[1] >= 20
    assert len(ax.collections[0].get_segments()) == 0


def test_raster_of_spikes_that_do_not_tell_the_number_of_units(ax):
    plot.raster(Spikes.from_lists([([0.001, 0.002], [0, 6])]), ax=ax)
    assert 6 < ax.get_ylim()[1] < 8


def test_raster_colours_by_unit(ax):
    plot.raster(TWO_SAMPLES, ax=ax, color=["red", "green", "blue", "black"])
    np.testing.assert_allclose(ax.collections[0].get_colors()[:, :3], [to_rgb("red"), to_rgb("black")])


def test_trace(ax):
    times, voltages = np.linspace(0, 0.01, 5), np.arange(10.0).reshape(5, 2)
    assert plot.trace(times, voltages, v_th=1.0, ax=ax, spike_times=[0.002], labels=["a", "b"]) is ax
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(), times * 1e3)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b", "spike"]


def test_trace_refuses_shapes_that_do_not_fit(ax):
    with pytest.raises(ParameterError, match=r"got times \(3,\), voltages \(2,\)"):
        plot.trace([0, 1, 2], [0, 1], ax=ax)
    with pytest.raises(ParameterError, match="2 units need as many labels, got 1"):
        plot.trace([0], [[0, 1]], labels=["a"], ax=ax)


def test_learning_curves(ax):
    assert plot.learning_curves(HISTORY, ax=ax) is ax
    train, validation = ax.get_lines()
    assert ax.get_yscale() == "log"
    np.testing.assert_array_equal(train.get_xdata(), [1, 2])
    np.testing.assert_array_equal(train.get_ydata(), [1.0, 0.1])
    np.testing.assert_array_equal(validation.get_ydata(), [1.1, np.nan])


def test_learning_curves_show_accuracy_in_percent(ax):
    plot.learning_curves(HISTORY, "accuracy", ax=ax)
    np.testing.assert_array_equal(ax.get_lines()[0].get_ydata(), [50, 75])
    assert [t.get_text() for t in ax.texts] == ["75.0"]


def test_learning_curves_say_what_there_is(ax):
    with pytest.raises(ParameterError, match=r"the records have: train_loss, validation_accuracy, validat"):
        plot.learning_curves(HISTORY, "f1", ax=ax)


@pytest.mark.parametrize("probabilities", [False, True])
def test_decision_map(ax, probabilities):
    seen = []

    def function(xy):
        seen.append(xy)
        return np.eye(3)[classify(xy)] if probabilities else classify(xy)

    assert plot.decision_map(function, 40, ax=ax, samples=yinyang(10, 0)) is ax
    (xy,) = seen
    assert np.all(np.hypot(*(xy - 0.5).T) <= 0.5 + 1e-12)
    image = ax.images[0].get_array()
    at = {name: tuple(image[int(40 * y), int(40 * x)]) for name, x, y in (("yin", 0.5, 0.1), ("yang", 0.5, 0.9))}
    assert at["yin"] != at["yang"] != tuple(image[20, 10])


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda xy: xy, "labels .* or class probabilities"),
        (lambda xy: np.ones((len(xy), 3)), "apply a softmax"),
        (lambda xy: np.full((len(xy), 3), np.nan), "apply a softmax"),
        (lambda xy: np.full(len(xy), 3), "not 0, 1 or 2"),
    ],
)
def test_decision_map_refuses_odd_answers(ax, answer, message):
    with pytest.raises(ParameterError, match=message):
        plot.decision_map(answer, 10, ax=ax)


def test_the_true_boundaries_lie_between_two_classes(ax):
    plot.decision_map(classify, 10, ax=ax)
    outline, *patches = ax.patches
    assert outline.center == (0.5, 0.5) and outline.radius == 0.5 and len(patches) == 4
    for patch in patches:
        # circles all around; of the wave, only the half that is drawn
        first, last = (patch.theta1, patch.theta2) if hasattr(patch, "theta1") else (0, 360)
        angle = np.deg2rad(np.linspace(first, last, 52)[1:-1])
        direction = np.stack([np.cos(angle), np.sin(angle)], axis=1) * patch.width / 2
        inner, outer = (classify(patch.center + scale * direction) for scale in (0.999, 1.001))
        assert np.all(inner != outer)


def test_matplotlib_is_imported_only_to_draw():
    code = "import sys, saltation.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_without_matplotlib_the_message_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "saltation\[plot\]"'):
        plot.trace([0, 1], [0, 1])
