"""Parts of the experiment mnist: encoding, dropout, loss, clipping, front ends, training on the digits, checkpoints."""

import dataclasses

import numpy as np
import pytest

from saltation.data import Images
from saltation.errors import FileFormatError, GradientError, ParameterError
from saltation.experiments.labelled import drop
from saltation.experiments.mnist import Settings, evaluate, recipe, train, training
from saltation.experiments.mnist.clipping import clip_neurons
from saltation.experiments.mnist.learner import FRONTENDS, make_learner
from saltation.experiments.mnist.task import encode, initial_weights, load, load_test, make_network
from saltation.experiments.results import ResultFolder
from saltation.experiments.voltage_loss import cross_entropy, softmax

SMALL = dataclasses.replace(recipe("digits"), epochs=3, hidden=20, train_limit=64)

pytest.importorskip("sklearn")


@pytest.fixture
def folder(tmp_path):
    return ResultFolder(tmp_path / "run")


# ------------------------------------------------------------------------------------------------------ data
def test_encoding_pixel_by_pixel():
    pixels = np.random.default_rng(1).integers(0, 256, (7, 28, 28)).astype(np.uint8)
    pixels[0, 0, :4] = [0, 1, 2, 255]
    data = encode(Images(pixels, np.arange(7), tuple("0123456789")), Settings())
    assert data.stimulus.n_units == 784
    for sample, picture in enumerate(pixels):
        times, units = data.stimulus.sample(sample)
        assert np.all(np.diff(times) >= 0)
        expected = {u: (1 - pix / 255) * 20e-3 for u, pix in enumerate(picture.ravel().tolist()) if pix > 1}
        assert dict(zip(units.tolist(), times.tolist(), strict=True)) == pytest.approx(expected, abs=1e-15)


def test_encoding_in_parts_is_encoding_at_once(monkeypatch):
    settings = recipe("digits")
    images, whole = load_test(settings)
    monkeypatch.setattr("saltation.experiments.mnist.task._AT_ONCE", 7)
    parts = encode(images, settings)
    np.testing.assert_array_equal(parts.stimulus.times, whole.stimulus.times)
    np.testing.assert_array_equal(parts.stimulus.offsets, whole.stimulus.offsets)


def test_held_out_pictures_are_the_same_for_all_seeds():
    one, other = (load(dataclasses.replace(recipe("digits"), seed=seed)) for seed in (1, 2))
    np.testing.assert_array_equal(one.validation.labels, other.validation.labels)
    np.testing.assert_array_equal(one.validation.stimulus.times, other.validation.stimulus.times)


def test_dropout_leaves_out_a_share_and_changes_nothing_else():
    stimulus = load(recipe("digits")).train.stimulus
    less = drop(stimulus, 0.3, np.random.default_rng(1))
    assert less.n_events / stimulus.n_events == pytest.approx(0.7, abs=0.01)
    for sample in (0, 1, stimulus.batch - 1):
        kept = set(zip(*map(np.ndarray.tolist, less.sample(sample)), strict=True))
        assert kept < set(zip(*map(np.ndarray.tolist, stimulus.sample(sample)), strict=True))
    np.testing.assert_array_equal(drop(stimulus, 0.0, np.random.default_rng(1)).times, stimulus.times)


# ------------------------------------------------------------------------------------------- loss and clipping
def test_loss_against_central_differences():
    rng = np.random.default_rng(2)
    peak, labels = rng.normal(size=(5, 10)) * 3, rng.integers(0, 10, 5)
    loss, derivative = cross_entropy(peak, labels)
    assert loss == pytest.approx(-np.mean(np.log(softmax(peak)[np.arange(5), labels])), rel=1e-14)
    for at in np.ndindex(peak.shape):
        step = np.zeros_like(peak)
        step[at] = 1e-5
        difference = (cross_entropy(peak + step, labels)[0] - cross_entropy(peak - step, labels)[0]) / 2e-5
        assert derivative[at] == pytest.approx(difference, abs=1e-10)


def test_loss_of_voltages_that_would_overflow():
    loss, derivative = cross_entropy(np.array([[1e4, 0.0], [-1e4, 0.0]]), np.array([0, 0]))
    assert loss == pytest.approx(5e3) and np.isfinite(derivative).all()


def test_loss_is_that_of_the_torch_front_end():
    torch = pytest.importorskip("torch")
    from saltation.torch import max_over_time_cross_entropy

    rng = np.random.default_rng(3)
    peak, labels = rng.normal(size=(9, 10)), rng.integers(0, 10, 9)
    theirs = torch.from_numpy(peak.copy()).requires_grad_()
    value = max_over_time_cross_entropy(theirs, torch.from_numpy(labels))
    value.backward()
    ours = cross_entropy(peak, labels)
    assert ours[0] == pytest.approx(value.item(), rel=1e-14)
    np.testing.assert_allclose(ours[1], theirs.grad.numpy(), rtol=0, atol=1e-16)


@pytest.mark.parametrize("shape, axis", [((784, 50), 1), ((8, 1, 5, 5), 0)])
def test_clipping_neuron_by_neuron(shape, axis):
    rng = np.random.default_rng(4)
    scale = 10.0 ** rng.normal(size=shape[axis])
    gradient = np.moveaxis(np.moveaxis(rng.normal(size=shape), axis, -1) * scale, -1, axis)
    clipped = clip_neurons(gradient, 0.75, axis)
    lengths = [np.linalg.norm(np.take(gradient, n, axis).ravel()) for n in range(shape[axis])]
    limit = sorted(lengths)[int(np.ceil(0.75 * len(lengths))) - 1]
    for n, length in enumerate(lengths):
        expected = np.take(gradient, n, axis) * min(1.0, limit / length)
        np.testing.assert_allclose(np.take(clipped, n, axis), expected, rtol=1e-13)
    np.testing.assert_array_equal(clip_neurons(gradient, 1.0, axis), gradient)


def test_clipping_of_nothing():
    np.testing.assert_array_equal(clip_neurons(np.zeros((3, 4)), 0.5, 1), np.zeros((3, 4)))


# ------------------------------------------------------------------------------------------------- networks
@pytest.mark.parametrize("dataset, convolved", [("mnist", 8 * 12 * 12), ("digits", 8 * 6 * 6)])
def test_convolution_and_dense_net_have_the_sizes_of_their_recipe(dataset, convolved):
    for net, hidden in (("dense", recipe(dataset).hidden), ("conv", convolved)):
        settings = recipe(dataset, net)
        network = make_network(settings, initial_weights(settings))
        assert network.populations["hid"].size == hidden and network.populations["out"].size == 10


@pytest.mark.parametrize("net", ["dense", "conv"])
def test_front_ends_agree(net):
    pytest.importorskip("torch")
    settings = dataclasses.replace(recipe("digits", net), train_limit=96)
    data = load(settings).train
    learners = [make_learner(name, settings) for name in FRONTENDS]
    for at in range(0, 96, 16):
        steps = [one.step(data[at : at + 16], 5e-3) for one in learners]
        assert steps[0].loss == pytest.approx(steps[1].loss, rel=1e-9)
        assert (steps[0].right, steps[0].spikes) == (steps[1].right, steps[1].spikes)
    for name, weight in learners[0].weights().items():
        np.testing.assert_allclose(weight, learners[1].weights()[name], rtol=0, atol=1e-8)


def test_unknown_front_end():
    with pytest.raises(ParameterError, match="frontend must be one of numpy, torch; got 'jux'"):
        make_learner("jux", SMALL)


# -------------------------------------------------------------------------------------------------- training
@pytest.mark.parametrize("net, wanted", [("dense", 0.93), ("conv", 0.93)])
def test_the_digits_are_learned(net, wanted):
    settings = recipe("digits", net)
    done = train(settings, threads=1)
    test = evaluate(settings, done.weights, load_test(settings)[1])
    assert test.samples == 360 and test.accuracy >= wanted
    assert done.history[-1]["validation_accuracy"] >= wanted


def test_training_does_not_depend_on_threads():
    one, two = (train(SMALL, threads=threads) for threads in (1, 2))
    for name, weight in one.weights.items():
        np.testing.assert_array_equal(weight, two.weights[name])


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_a_resumed_run_is_the_run_without_interruption(folder, frontend, monkeypatch):
    if frontend == "torch":
        pytest.importorskip("torch")
    whole = train(SMALL, frontend=frontend)
    real = training.train_epoch

    def interrupted(*arguments):
        if arguments[-1] == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(training, "train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(SMALL, folder, frontend=frontend)
    monkeypatch.undo()
    assert folder.load_checkpoint().epoch == 1
    resumed = train(SMALL, folder, frontend=frontend)
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    for mine, theirs in zip(whole.history, resumed.history, strict=True):
        assert {**mine, "seconds": 0} == {**theirs, "seconds": 0}


def test_seeds_differ():
    one, other = (train(dataclasses.replace(SMALL, epochs=1, seed=seed)) for seed in (1, 2))
    assert one.history[0]["train_loss"] != other.history[0]["train_loss"]


def test_numbers_that_overflow_stop_the_training():
    with pytest.raises(GradientError, match="mnist: training stopped in epoch 1"):
        train(dataclasses.replace(SMALL, learning_rate=1e308))


def test_a_checkpoint_of_another_experiment(folder):
    train(dataclasses.replace(SMALL, epochs=1), folder)
    checkpoint = folder.load_checkpoint()
    folder.save_checkpoint(dataclasses.replace(checkpoint, arrays={"weight": np.zeros(3)}))
    with pytest.raises(FileFormatError, match="not one of this experiment"):
        train(SMALL, folder)


def test_fewer_epochs_than_the_checkpoint_has(folder):
    train(SMALL, folder)
    with pytest.raises(ParameterError, match="epochs must be at least 3"):
        train(dataclasses.replace(SMALL, epochs=2), folder)


# -------------------------------------------------------------------------------------------------- settings
@pytest.mark.parametrize(
    "change, message",
    [
        ({"dataset": "cifar"}, "dataset must be one of mnist, fashion, digits; got 'cifar'"),
        ({"net": "deep"}, "net must be one of dense, conv"),
        ({"schedule": "step"}, "schedule must be one of"),
        ({"batch": 0}, "batch"),
        ({"dropout": 1.0}, "dropout must be < 1"),
        ({"dropout": -0.1}, "dropout"),
        ({"clip_quantile": 0.0}, "clip_quantile"),
        ({"clip_quantile": 1.1}, "clip_quantile"),
        ({"duration": 10e-3}, "duration"),
        ({"learning_rate": 0.0}, "learning_rate"),
    ],
)
def test_values_that_are_not_allowed(change, message):
    with pytest.raises(ParameterError, match=message):
        Settings(**change)


def test_settings_come_back_from_their_values():
    settings = recipe("fashion", "conv")
    assert Settings.from_dict(settings.to_dict()) == settings
    with pytest.raises(ParameterError, match="Settings: names must be among"):
        Settings.from_dict({"hiden": 3})
