"""The command ``saltation run continual``: what it prints, writes, and how it ends."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.cli import cli, summary
from saltation.experiments import EXPERIMENTS
from saltation.experiments.continual import training
from saltation.experiments.results import ResultFolder

pytest.importorskip("sklearn")
pytest.importorskip("torch")

SMALL = ("--stream", "permuted-digits", "--tasks", "2", "--hidden", "8", "--batch", "16", "--train-limit", "60")
SMALL = (*SMALL, "--test-limit", "40", "--epochs", "1", "--threads", "1")


@pytest.fixture
def run(tmp_path):
    def run(*arguments, out=tmp_path / "run"):
        return CliRunner().invoke(cli, ["run", "continual", "--out", str(out), *arguments])

    return run


def test_json_is_all_there_is_on_stdout(run, tmp_path):
    result = run(*SMALL, "--no-figures", "--seed", "3", "--json")
    assert result.exit_code == 0 and result.stderr == "", result.stderr
    record = json.loads(result.stdout)
    assert result.stdout.count("\n") == 1
    assert (record["experiment"], record["stream"], record["method"]) == ("continual", "permuted-digits", "nte")
    assert record["seed"] == 3 and record["tasks"] == 2 and record["scenario"] == "domain"
    stored = ResultFolder(tmp_path / "run").read_json("results")
    matrix = np.array(stored["learned"]["accuracies"])
    assert matrix.shape == (2, 2) and record["average_accuracy"] == pytest.approx(matrix[-1].mean())
    assert record["nte"]["steps"] == record["updates"] == 8 and record["nte"]["experts"] == record["parameters"]
    assert not (tmp_path / "run" / "losses.png").exists()
    assert stored["threads"] == 1 and record["train_seconds"] > 0
    # 8 wide: initial values of the upper layers are up to 0.35, and 0.1 cuts most of them
    assert 20 < record["cut_to_max_delta"] < record["parameters"]
    unlimited = run(*SMALL, "--no-figures", "--max-delta", "inf", out=tmp_path / "unlimited")
    assert "beyond --max-delta" not in unlimited.stdout
    assert "initial values were beyond --max-delta" in run(*SMALL, "--no-figures", out=tmp_path / "again").stdout
    cost = record["cost"]
    assert cost["ratio"] == pytest.approx(cost["update_seconds"] / cost["descent_seconds"]) and cost["ratio"] > 0.2


def test_folder(run, tmp_path):
    pytest.importorskip("matplotlib")
    load_file = pytest.importorskip("safetensors.numpy").load_file
    result = run(*SMALL, "--method", "ewc", "--strength", "7", "--momentum", "0.5")
    assert result.exit_code == 0, result.stderr
    assert "Average accuracy" in result.stdout and "(chaudhry)" in result.stdout
    assert "accuracy after 2 tasks" in result.stderr  # the progress bar
    folder = ResultFolder(tmp_path / "run")
    config = folder.read_json("config")["config"]
    assert (config["strength"], config["momentum"], config["lr"], config["varied"]) == (7.0, 0.5, 0.01, {})
    assert [task["task"] for task in folder.read_json("history")] == [1, 2]
    weights = load_file(folder.path / "weights.safetensors")
    checkpoint = folder.load_checkpoint()
    assert weights.keys() == checkpoint.arrays.keys() and weights["0.weight"].shape == (8, 64)
    assert all(np.array_equal(checkpoint.arrays[name], array) for name, array in weights.items())
    for name in ("accuracy_matrix", "accuracy_over_time", "losses"):
        assert (folder.path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def interrupting(monkeypatch, call):
    """Interrupt training in its so-manieth task, over all runs."""
    real, calls = training.Learning.task, []

    def task(*arguments):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(training.Learning, "task", task)


def test_interruption_leaves_a_folder_to_go_on_with(run, tmp_path, monkeypatch):
    options = (*SMALL, "--method", "replay", "--examples", "20", "--no-figures", "--json")
    whole = json.loads(run(*options, out=tmp_path / "whole").stdout)
    interrupting(monkeypatch, 2)
    result = run(*options)
    assert result.exit_code == 130 and result.stdout == ""
    assert "Interrupted after task 1 of 2" in result.stderr
    assert f"saltation run continual --resume --out {tmp_path / 'run'}" in result.stderr
    monkeypatch.undo()
    resumed = json.loads(run("--resume", "--threads", "1", "--no-figures", "--json").stdout)
    own = ("train_seconds", "out")
    assert {k: v for k, v in resumed.items() if k not in own} == {k: v for k, v in whole.items() if k not in own}
    folders = [ResultFolder(tmp_path / name).load_checkpoint() for name in ("whole", "run")]
    for name, array in folders[0].arrays.items():
        np.testing.assert_array_equal(array, folders[1].arrays[name])


@pytest.mark.parametrize("backend", ["exact", "bss2"])
def test_spiking_networks_go_on_where_they_were(run, tmp_path, monkeypatch, backend):
    options = ("--stream", "split-digits", "--network", "spiking", "--backend", backend, "--method", "nte")
    options = (*options, "--tasks", "2", "--hidden", "12", "--batch", "16", "--train-limit", "40", "--test-limit", "20")
    options = (*options, "--epochs", "1", "--no-figures", "--json", "--threads", "1")
    options += ("--uncalibrated",) if backend == "bss2" else ()
    whole = run(*options, out=tmp_path / "whole")
    assert whole.exit_code == 0, whole.stderr
    interrupting(monkeypatch, 2)
    assert run(*options).exit_code == 130
    monkeypatch.undo()
    resumed = run("--resume", "--threads", "1", "--no-figures", "--json")
    assert resumed.exit_code == 0, resumed.stderr
    one, other = json.loads(whole.stdout), json.loads(resumed.stdout)
    own = ("train_seconds", "out", "cost")
    assert {k: v for k, v in one.items() if k not in own} == {k: v for k, v in other.items() if k not in own}
    assert (one["network"], one["backend"]) == ("spiking", backend) and (one["cost"] is None) == (backend == "bss2")
    folders = [ResultFolder(tmp_path / name).load_checkpoint() for name in ("whole", "run")]
    for name, array in folders[0].arrays.items():
        np.testing.assert_array_equal(array, folders[1].arrays[name])


def test_several_values_are_all_run_and_compared(run, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    interrupting(monkeypatch, 4)  # in the second task of the second run
    options = (*SMALL, "--method", "sgd", "--lr", "0.1", "--momentum", "0,0.9", "--hidden", "5,8", "--seeds", "2")
    result = run(*options, "--json")
    assert result.exit_code == 130 and "1 of 8 runs are done" in result.stderr
    monkeypatch.undo()
    first = tmp_path / "run" / "momentum-0.0_hidden-5_seed-1" / "results.json"
    written = first.stat().st_mtime_ns
    result = run("--resume", "--threads", "1", "--json")
    assert result.exit_code == 0, result.stderr
    assert first.stat().st_mtime_ns == written
    record = json.loads(result.stdout)
    assert record["varied"] == {"momentum": [0.0, 0.9], "hidden": [5, 8], "seed": [1, 2]}
    assert [(row["momentum"], row["hidden"]) for row in record["summary"]] == [(0, 5), (0, 8), (0.9, 5), (0.9, 8)]
    runs = [ResultFolder(tmp_path / "run" / f"momentum-0.9_hidden-8_seed-{seed}") for seed in (1, 2)]
    found = [folder.read_json("results") for folder in runs]
    for name, value in (
        ("average_accuracy", [each["average_accuracy"] for each in found]),
        ("forgetting", [each["forgetting"]["chaudhry"] for each in found]),
        ("first_task_last", [each["learned"]["accuracies"][-1][0] for each in found]),
    ):
        row = record["summary"][3][name]
        assert (row["mean"], row["std"]) == (pytest.approx(np.mean(value)), pytest.approx(np.std(value, ddof=1)))
    assert found[0]["momentum"] == 0.9 and found[0]["parameters"] > record["summary"][2]["parameters"]
    for name in ("momentum", "width"):
        assert (tmp_path / "run" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    table = run("--resume", "--threads", "1", "--no-figures").stdout
    assert "±" in table and table.count("\n") == 7
    # a run of its own is one that the command can go on with
    alone = run("--resume", "--threads", "1", "--no-figures", "--json", out=first.parent)
    assert json.loads(alone.stdout)["seed"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--momentum", "0.5"), "--momentum belongs to the methods sgd"),
        (("--method", "sgd", "--tempering", "0.5"), "--tempering belongs to the methods nte"),
        (("--method", "adam", "--strength", "1"), "--strength belongs to the methods ewc"),
        (("--method", "ewc", "--reset"), "--reset belongs to the methods sgd"),
        (("--reseed-every", "5"), "seed"),
        (("--degrees", "30"), "--degrees belongs to rotated streams"),
        (("--backend", "bss2"), "--backend belongs to spiking networks"),
        (("--serial", "5"), "--serial belongs to a chip"),
        (("--method", "sgd", "--momentum", "0,x"), "must be numbers"),
        (("--method", "sgd", "--momentum", "0,0"), "a value twice"),
        (("--stream", "split-digits", "--tasks", "3"), "must be 2 or 5"),
    ],
)
def test_options_that_would_change_nothing_are_refused(run, tmp_path, options, message):
    result = run(*SMALL, *options)
    assert result.exit_code == 2 and message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_options_of_the_ensemble_reach_the_folder(run, tmp_path):
    options = (
        "--tempering",
        "0.5",
        "--max-delta",
        "inf",
        "--gradient-at",
        "seed",
        "--reseed-every",
        "3",
        "--seed",
        "9",
    )
    result = run(*SMALL, *options, "--no-figures", "--json")
    assert result.exit_code == 0, result.stderr
    config = ResultFolder(tmp_path / "run").read_json("config")["config"]
    assert (config["tempering"], config["max_delta"], config["gradient_at"]) == (0.5, None, "seed")
    assert (config["reseed_every"], config["seed"]) == (3, 9)


@pytest.mark.parametrize(
    "other",
    [("--seed", "6"), ("--method", "adam"), ("--stream", "split-digits"), ("--seeds", "3"), ("--hidden", "8,9")],
)
def test_resume_refuses_other_settings(run, other):
    tasks = ("--tasks", "2")
    run(*SMALL, "--no-figures")
    result = run("--resume", "--no-figures", *tasks, *other)
    name = {"seeds": "seed"}.get(other[0].strip("-"), other[0].strip("-"))
    assert result.exit_code == 2 and "differs" in result.stderr and name in result.stderr


def test_missing_data_is_a_plain_message_and_leaves_no_folder(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nothing"))
    monkeypatch.delenv("SALTATION_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    result = run("--stream", "permuted-fashion")
    assert result.exit_code == 2 and result.stdout == "" and "Traceback" not in result.stderr
    assert "Fashion-MNIST is not on this machine" in result.stderr
    assert not (tmp_path / "run").exists()


def test_missing_torch_leaves_no_folder(run, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "torch" else find(name, *a))
    result = run(*SMALL)
    assert result.exit_code == 2 and result.stdout == "" and "Traceback" not in result.stderr
    assert "saltation run continual needs torch" in result.stderr and 'pip install "saltation[torch]"' in result.stderr
    assert not (tmp_path / "run").exists()


def test_help_is_answered_without_the_compiler():
    code = (
        "import sys\n"
        "from saltation.cli import cli\n"
        "cli(['run', 'continual', '--help'], standalone_mode=False)\n"
        "heavy = {'numba', 'torch', 'jax', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "--resume" in result.stdout and "permuted-" in result.stdout


def test_summary_in_the_list():
    assert summary(EXPERIMENTS["continual"]).startswith("Continual learning")
