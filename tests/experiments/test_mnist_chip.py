"""``saltation run mnist --backend bss2``: smaller pictures, and a net trained on an emulated chip."""

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.bss2 import Backend
from saltation.cli import cli
from saltation.data import Images
from saltation.errors import ParameterError
from saltation.experiments.mnist import Settings, evaluate, recipe, train
from saltation.experiments.mnist.learner import make_learner
from saltation.experiments.mnist.shrinking import area_average
from saltation.experiments.mnist.task import encode, initial_weights, load, make_backend, make_network
from saltation.experiments.results import ResultFolder

pytestmark = pytest.mark.filterwarnings("ignore::saltation.errors.ChipWarning")  # some readings reach the ADC's limit

SMALL = dataclasses.replace(
    recipe("digits"), backend="bss2", hidden=20, train_limit=32, held_out=20, epochs=2, schedule="exponential"
)


# ----------------------------------------------------------------------------------------------- smaller pictures
@pytest.mark.parametrize(("side", "size"), [(28, 16), (28, 14), (28, 28), (28, 1), (8, 5)])
def test_area_averages_are_block_means_of_repeated_pixels(side, size):
    pictures = np.random.default_rng(1).integers(0, 256, (3, side, side)).astype(np.uint8)
    fine = pictures.repeat(size, axis=1).repeat(size, axis=2).astype(np.float64)
    expected = fine.reshape(3, size, side, size, side).mean(axis=(2, 4))
    np.testing.assert_allclose(area_average(pictures, size), expected, rtol=1e-13)


def test_white_stays_exactly_white_and_the_mean_stays():
    white = np.full((1, 28, 28), 255, np.uint8)
    for size in range(1, 29):
        assert np.all(area_average(white, size) == 255.0)
    pictures = np.random.default_rng(2).integers(0, 256, (2, 28, 28)).astype(np.uint8)
    np.testing.assert_allclose(area_average(pictures, 16).mean(axis=(1, 2)), pictures.mean(axis=(1, 2)), rtol=1e-13)


def test_what_cannot_be_averaged():
    with pytest.raises(ParameterError, match=r"must be square; got 4 x 5"):
        area_average(np.zeros((1, 4, 5), np.uint8), 2)
    with pytest.raises(ParameterError, match=r"size must be at most 4"):
        area_average(np.zeros((1, 4, 4), np.uint8), 5)


def test_smaller_pictures_as_spikes_and_networks():
    pixels = np.zeros((1, 28, 28), np.uint8)
    pixels[0, :7, :7] = 255  # the corner of 4 x 4 of 16 x 16
    settings = Settings(pixels=16)
    first = encode(Images(pixels, np.array([7]), tuple("0123456789")), settings).stimulus.first().reshape(16, 16)
    assert np.all(first[:4, :4] == 0.0) and np.isinf(first[4:]).all() and np.isinf(first[:, 4:]).all()
    for net, shape in (("dense", (25, 100)), ("conv", (8, 1, 3, 3))):
        smaller = dataclasses.replace(recipe("digits", net), pixels=5)
        weights = initial_weights(smaller)
        assert weights["weight_in_hid"].shape == shape
        assert make_network(smaller, weights).populations["in"].size == 25


# ------------------------------------------------------------------------------------------------------- settings
def test_settings():
    with pytest.raises(ParameterError, match=r"Settings\.pixels must be at most 8, which the pictures of 'digits'"):
        Settings(dataset="digits", pixels=16)
    with pytest.raises(ParameterError, match=r"Settings\.backend must be one of exact, bss2; got 'grid'"):
        Settings(backend="grid")
    for name, value in (("rows", 0), ("serial", -1), ("pixels", 0)):
        with pytest.raises(ParameterError, match=rf"Settings\.{name}"):
            Settings.from_dict({name: value})


def test_the_published_network_fills_one_chip_and_a_larger_one_takes_several():
    from saltation.bss2.parts import split
    from saltation.engine.plan import compile_network

    def parts(**changed):
        settings = dataclasses.replace(recipe("mnist"), backend="bss2", **changed)
        return split(compile_network(make_network(settings, initial_weights(settings))), settings.rows)

    assert len(parts(pixels=16, hidden=246)) == 1 and len(parts(pixels=16, hidden=247)) > 1
    assert len(parts(hidden=256)) > 1


# ------------------------------------------------------------------------------------------------ trained on a chip
@pytest.mark.parametrize("frontend", ["numpy", "torch"])
def test_a_resumed_training_meets_the_noise_that_it_would_have_met(tmp_path, frontend):
    pytest.importorskip("sklearn")
    if frontend == "torch":
        pytest.importorskip("torch")
    whole = train(SMALL, frontend=frontend)
    folder = ResultFolder(tmp_path / "run")
    train(dataclasses.replace(SMALL, epochs=1), folder, frontend=frontend)
    resumed = train(SMALL, folder, frontend=frontend)
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    for name in ("train_loss", "validation_loss"):
        assert [epoch[name] for epoch in whole.history] == [epoch[name] for epoch in resumed.history]


def test_a_step_counts_as_a_run_and_warming_up_does_not():
    pytest.importorskip("sklearn")
    data, learner = load(SMALL).train, make_learner("numpy", SMALL)
    learner.warm_up(data[:1])
    assert learner.state()["runs"] == 0
    learner.step(data[:4], 1e-3)
    assert learner.state()["runs"] == 1


def test_training_on_the_chip_helps_there_and_evaluation_is_there():
    pytest.importorskip("sklearn")
    settings = dataclasses.replace(SMALL, train_limit=480, batch=8, epochs=3)
    done, held_out = train(settings), load(settings).validation
    assert done.history[2]["train_loss"] < done.history[0]["train_loss"] - 0.05
    on_chip = evaluate(settings, done.weights, held_out)
    assert on_chip.loss == done.history[-1]["validation_loss"]
    assert on_chip.loss != evaluate(dataclasses.replace(settings, backend="exact"), done.weights, held_out).loss


def test_chunks_of_an_evaluation_meet_other_noise(monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr("saltation.experiments.readout_learner._AT_ONCE", 1)
    from saltation.experiments.mnist.evaluation import peaks

    stimulus = load(SMALL).validation.stimulus[np.array([0, 0])]
    peak, _ = peaks(SMALL, initial_weights(SMALL), stimulus)
    assert not np.array_equal(peak[0], peak[1])


def test_the_chip_of_the_settings():
    backend = make_backend(dataclasses.replace(SMALL, serial=5, calibrated=False), None)
    assert isinstance(backend, Backend) and (backend.chip.serial, backend.calibrated) == (5, False)
    with pytest.raises(ParameterError, match=r"variation\.leek"):
        make_backend(dataclasses.replace(SMALL, imperfections="variation.leek"), None)


# ----------------------------------------------------------------------------------------------------- the command
def test_the_command_on_a_chip(tmp_path):
    pytest.importorskip("sklearn")
    out = tmp_path / "run"
    arguments = ["run", "mnist", "--dataset", "digits", "--backend", "bss2", "--hidden", "20", "--train-limit", "16"]
    arguments += ["--epochs", "1", "--no-figures", "--json", "--out", str(out)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["backend"] == "bss2" and 0.0 <= told["test_accuracy"] <= 1.0
    config = ResultFolder(out).read_json("config")["config"]
    assert (config["backend"], config["serial"], config["rows"], config["pixels"]) == ("bss2", 1, 1, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rows", "3"), "--rows belongs to a chip"),
        (("--uncalibrated", "--serial", "2"), "--serial and --calibrated belong to a chip"),
        (("--pixels", "16"), "Settings.pixels must be at most 8"),
    ],
)
def test_options_that_do_not_go_together(tmp_path, arguments, message):
    command = ["run", "mnist", "--dataset", "digits", "--out", str(tmp_path / "run"), *arguments]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 2 and message in result.stderr and not (tmp_path / "run").exists()
