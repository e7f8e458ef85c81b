"""`saltation bench neurobench`: what it measures, prints, writes, and does not do twice."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.cli import cli
from saltation.engine import Exact, Grid, simulate
from saltation.errors import MissingDataError, ParameterError
from saltation.experiments.mnist import recipe
from saltation.experiments.mnist import train as train_mnist
from saltation.experiments.neurobench import TASKS, mackey_glass, measuring, mnist, networks, task_of, yinyang
from saltation.experiments.neurobench.task import Options, Plan
from saltation.experiments.results import ResultFolder, open_folder
from saltation.experiments.yinyang import Settings, evaluate, train
from saltation.experiments.yinyang.task import SEEDS, labelled, make_network
from saltation.neurobench import count_run, tasks

STEP = 2e-3
# with output weights that make outputs spike from the start
SMALL = Settings(epochs=1, hidden=12, train_points=48, held_out_points=40, out_sum=20.0, calibrated=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two small networks of two seeds, as `saltation run yinyang` leaves them."""
    root = tmp_path_factory.mktemp("trained")
    for seed in (3, 4):
        settings = dataclasses.replace(SMALL, seed=seed)
        config = {"recipe": "published", "frontend": "numpy", **settings.to_config()}
        train(settings, open_folder(root / str(seed), "yinyang", config))
    return root


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("bench") / "out"


def bench(*arguments):
    return CliRunner().invoke(cli, ["bench", "neurobench", *map(str, arguments)])


@pytest.fixture(scope="module")
def first(trained, out):
    """A run with two models on two backends."""
    models = [value for seed in (3, 4) for value in ("--model", trained / str(seed))]
    result = bench(*models, "--backend", "exact", "--backend", "grid", "--step", STEP, "--out", out)
    assert result.exit_code == 0, result.output
    return result, models


def network_of(path):
    folder = ResultFolder(path)
    config = {k: v for k, v in folder.read_json("config")["config"].items() if k not in ("recipe", "frontend")}
    return Settings.from_dict(config), dict(folder.load_checkpoint().arrays)


def test_numbers_are_those_of_the_parts(first, trained, out):
    rows = {row["backend"]: row for row in ResultFolder(out).read_json("results")["rows"]}
    assert set(rows) == {"exact", "grid"} and rows["exact"]["repeats"] == ["seed 3", "seed 4"]
    accuracies, acs = [], {"exact": [], "grid": []}
    for seed in (3, 4):
        settings, weights = network_of(trained / str(seed))
        data = labelled(40, SEEDS["test"], settings)
        accuracies.append(evaluate(settings, weights, data).accuracy)
        for name, backend in (("exact", Exact()), ("grid", Grid(STEP))):
            run = simulate(make_network(settings, weights), {"in": data.stimulus}, settings.duration, backend=backend)
            acs[name].append(count_run(run, step=STEP).effective_acs)
    row = rows["exact"]
    assert row["ClassificationAccuracy"] == pytest.approx(np.mean(accuracies))
    assert row["StandardError"]["ClassificationAccuracy"] == pytest.approx(np.std(accuracies, ddof=1) / 2**0.5)
    for name, values in acs.items():
        assert rows[name]["SynapticOperations"]["Effective_ACs"] == pytest.approx(np.mean(values))
        assert rows[name]["SynapticOperations"]["Dense"] == 30 * (5 * 12 + 12 * 3)  # 60 ms in steps of 2 ms
    assert rows["exact"]["kind"] == "event-driven" and rows["grid"]["kind"] == "time-stepped"
    assert rows["exact"]["MembraneUpdates"] is None and rows["exact"]["Modelled_Hardware_Time"] is None


def test_what_is_printed_and_written(first, out):
    result, _ = first
    assert "5-12-3, first spike" in result.stdout and "Eff_ACs" in result.stdout and str(out) in result.stdout
    assert "…" not in result.stdout  # no number is cut off
    # where stderr is no terminal, a line for each measurement
    lines = [line for line in result.stderr.splitlines() if " of 4: yinyang: 5-12-3" in line]
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4"]
    found = ResultFolder(out).read_json("results")
    assert found["config"]["step"] == STEP and found["machine"]["numpy"] == np.__version__ and found["date"]
    each = found["measurements"][0]
    assert {"Footprint", "SynapticOperations", "ActivationSparsity", "Counts", "versions", "settings"} <= set(each)
    assert any("Effective_ACs" in rule for rule in each["Counts"]["rules"])
    with (out / "table.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [line["backend"] for line in lines] == ["exact", "grid"]
    assert lines[0]["MembraneUpdates"] == "n/a" and float(lines[0]["SynapticOperations.Effective_MACs"]) == 0.0
    report = (out / "report.html").read_text(encoding="utf-8")
    assert report.startswith("<!DOCTYPE html>") and "<svg" in report and "Rules of counting" in report
    assert not any(outside in report for outside in ("http", "src=", "href=", "<script", "url(", "@import"))


def test_a_folder_is_not_measured_twice(first, out, monkeypatch):
    _, models = first
    before = ResultFolder(out).read_json("results")["measurements"]

    def never(*_):
        raise AssertionError("measured again")

    monkeypatch.setattr(networks, "classify", never)
    again = bench(*models, "--backend", "exact", "--step", STEP, "--out", out, "--json")
    assert again.exit_code == 0, again.output
    record = json.loads(again.stdout)
    assert again.stdout.count("\n") == 1 and record["out"] == str(out) and len(record["rows"]) == 2
    assert ResultFolder(out).read_json("results")["measurements"] == before
    other = bench(*models, "--step", 1e-3, "--out", out)
    assert other.exit_code == 2 and "its configuration differs" in other.stderr and "step" in other.stderr


def test_an_interruption_keeps_what_there_is(trained, tmp_path, monkeypatch):
    calls = []

    def once(*given):
        calls.append(given)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return classify(*given)

    classify = networks.classify
    monkeypatch.setattr(networks, "classify", once)
    options = ("--model", trained / "3", "--backend", "exact", "--backend", "grid", "--out", tmp_path / "out")
    stopped = bench(*options)
    assert stopped.exit_code == 130 and "To go on" in stopped.stderr
    assert [each["backend"] for each in ResultFolder(tmp_path / "out").read_json("results")["measurements"]] == [
        "exact"
    ]
    monkeypatch.setattr(networks, "classify", classify)
    assert bench(*options).exit_code == 0
    assert len(ResultFolder(tmp_path / "out").read_json("results")["measurements"]) == 2


@pytest.mark.filterwarnings("ignore::saltation.errors.ChipWarning")
def test_a_chip_has_modelled_time_and_physical_events(trained, tmp_path):
    result = bench("--model", trained / "3", "--backend", "chip", "--serial", 2, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "us of a sample on the chip (modelled)" in result.stdout
    (row,) = ResultFolder(tmp_path / "out").read_json("results")["rows"]
    assert row["backend"] == "chip 2, uncalibrated" and row["kind"] == "emulated chip"
    # 60 ms, a thousand times faster; settling is in no sample
    assert row["Modelled_Hardware_Time"] == pytest.approx(60e-6, rel=0.01) and row["Modelled_Settling"] == 20e-3
    assert "20 ms of settling before (modelled)" in result.stdout
    assert row["Synapse_Events"] >= 2 * row["SynapticOperations"]["Effective_ACs"] > 0
    assert not any("seconds" in name for name in row)
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "the time of the emulator is no result" in report


def test_digits_that_were_trained(tmp_path):
    pytest.importorskip("sklearn")
    settings = dataclasses.replace(recipe("digits"), epochs=1, hidden=8, train_limit=32)
    train_mnist(settings, open_folder(tmp_path / "m", "mnist", {"frontend": "numpy", **settings.to_config()}))
    result = bench("--model", tmp_path / "m", "--quick", "--backend", "exact", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["rows"]
    assert row["task"] == "mnist" and row["model"] == "64-8-10, digits"
    assert row["training"] == "exact, 1 epochs of 32 pictures" and row["SynapticOperations"]["Dense"] == 40 * (512 + 80)


def test_networks_are_trained_where_none_is_given(tmp_path, monkeypatch):
    quick = {"hidden": 6, "epochs": 1, "train_points": 16, "held_out_points": 20}
    monkeypatch.setattr(yinyang, "_QUICK", quick)
    options = ("--quick", "--task", "yinyang", "--backend", "exact", "--seeds", 2, "--out", tmp_path / "out")
    assert bench(*options).exit_code == 0
    (row,) = ResultFolder(tmp_path / "out").read_json("results")["rows"]
    assert row["repeats"] == ["seed 1", "seed 2"] and row["training"] == "exact, 1 epochs"
    # the folders are those of `saltation run`, so that their networks can be given again
    path = tmp_path / "out" / "models" / "yinyang-exact-seed2"
    given = bench("--model", path, "--backend", "exact", "--out", tmp_path / "b")
    assert given.exit_code == 0, given.output
    (same,) = ResultFolder(tmp_path / "b").read_json("results")["rows"]
    value = ResultFolder(tmp_path / "out").read_json("results")["measurements"][1]["ClassificationAccuracy"]
    assert same["ClassificationAccuracy"] == value


def test_mackey_glass_is_over_independent_series(monkeypatch):
    models = mackey_glass._models(True)
    monkeypatch.setattr(mackey_glass, "_models", lambda quick: models[:2])
    plan = task_of("mackey-glass").plan(Options(series=3, seeds=(5,)), None, print)
    assert [piece.repeat for piece in plan.pieces[::2]] == [f"series {n} of seed 5" for n in range(3)]
    window = tasks.window(tasks.mackey_glass(points=1501, past=tasks.pasts(3, 5)[2], settle=10.0))
    constant, linear = (piece.measure() for piece in plan.pieces[-2:])
    assert constant.complexity is None and linear.complexity.dense == 50
    mean = np.mean(window.known[1:])
    smape = 200 / 750 * sum(abs(mean - y) / (abs(mean) + abs(y)) for y in window.future)
    assert constant.correctness == pytest.approx(smape)
    elsewhere = task_of("mackey-glass").plan(Options(series=1, backends=("chip", "grid")), None, print)
    assert {piece.model for piece in elsewhere.pieces} == {name for name, *_ in models[:2]}
    assert "exact backend alone" in elsewhere.notes[-1]
    names = [name for name, *_ in models]
    assert names[0] == "constant" and names[-1].startswith("spiking") and len(names) in (3, 5)


def test_what_is_missing_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(mackey_glass, "_has_torch", lambda: False)
    plan = task_of("mackey-glass").plan(Options(), None, print)
    assert "PyTorch" in plan.notes[0] and not any("LSTM" in piece.model for piece in plan.pieces)

    def absent(part):
        raise MissingDataError("MNIST is not on this machine. Looked into: nothing")

    monkeypatch.setitem(mnist.READERS, "mnist", absent)
    asked = bench("--task", "mnist", "--out", tmp_path / "a")
    assert asked.exit_code == 2 and "MNIST is not on this machine" in asked.stderr
    for name in TASKS:
        if name != "mnist":
            monkeypatch.setattr(f"{TASKS[name]}.TASK", dataclasses.replace(task_of(name), plan=lambda *_: Plan(())))
    nothing = bench("--out", tmp_path / "b")
    assert nothing.exit_code == 2 and "nothing was measured: mnist: MNIST is not" in nothing.stderr


def test_mistakes_are_told(trained, tmp_path):
    with pytest.raises(ParameterError, match="no task 'yingyang'"):
        task_of("yingyang")
    open_folder(tmp_path / "c", "continual", {"a": 1})
    other = bench("--model", tmp_path / "c")
    assert other.exit_code == 2 and "got one of 'continual'" in other.stderr
    half = dataclasses.replace(SMALL, epochs=3)
    config = {"recipe": "published", "frontend": "numpy", **half.to_config()}

    def stop(now):
        if now.epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(half, open_folder(tmp_path / "h", "yinyang", config), on_epoch=stop)
    unfinished = bench("--model", tmp_path / "h", "--out", tmp_path / "o")
    assert unfinished.exit_code == 2 and "epoch 1 of 3" in unfinished.stderr and "--resume" in unfinished.stderr
    # there is no `saltation run hapt`
    open_folder(tmp_path / "s", "hapt", {"epochs": 3, "seed": 1, "backend": "exact"})
    ResultFolder(tmp_path / "s").save_checkpoint(ResultFolder(tmp_path / "h").load_checkpoint())
    signals = bench("--model", tmp_path / "s", "--out", tmp_path / "o2")
    assert signals.exit_code == 2 and "epoch 1 of 3" in signals.stderr and "same --out folder" in signals.stderr
    assert "saltation run" not in signals.stderr
    for task in ("mnist", "qubo"):
        unused = bench("--task", task, "--model", trained / "3", "--out", tmp_path / "o3")
        assert unused.exit_code == 2 and f"is of yinyang, which is not among --task {task}" in unused.stderr
    assert not (tmp_path / "o3").exists()
    assert "must be positive" in bench("--step", 0).stderr
    ResultFolder(tmp_path / "bad").write_json("results", {"measurements": [{}]})
    with pytest.raises(Exception, match="does not hold results"):
        measuring.measurements_in(ResultFolder(tmp_path / "bad"))


def test_bench_is_still_the_timing_of_the_engine():
    run = CliRunner().invoke
    assert "neurobench" in run(cli, ["bench", "--help"]).output
    wrong = run(cli, ["bench", "--quick", "--json", "neurobench"])
    assert wrong.exit_code == 2 and "--quick and --json: options of 'neurobench' stand behind its name" in wrong.stderr
