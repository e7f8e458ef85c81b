"""`saltation bench`: the plain kernel agrees with the engine, every case runs, and the command prints its figures."""

import dataclasses
import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.cli import cli
from saltation.engine import Exact, simulate
from saltation.experiments.bench import measure, naive, report
from saltation.experiments.bench.cases import CASES, DURATION, TAU_MEM, Case, network, stimulus

WEIGHTS = ("in", "hid"), ("hid", "out")


@pytest.mark.parametrize("case", [Case(), Case(inputs=40, active=20, hidden=33, outputs=4)], ids=lambda c: c.shape)
def test_the_plain_kernel_agrees_with_the_engine(case):
    net, stim = network(case), stimulus(case, 30)
    run = simulate(net, {"in": stim}, DURATION, backend=Exact(threads=1))
    assert (run.spikes["hid"].counts() > 1).any()  # several spikes of a neuron, and several layers
    layers = naive.run([net.projections[key].weight for key in WEIGHTS], TAU_MEM / case.ratio, stim, DURATION)
    for layer, name in zip(layers, ("hid", "out"), strict=True):
        ours = run.spikes[name]
        np.testing.assert_array_equal(layer.units, ours.units)
        np.testing.assert_array_equal(layer.offsets, ours.offsets)
        np.testing.assert_allclose(layer.times, ours.times, rtol=1e-9, atol=0.0)
    bar = np.random.default_rng(3).normal(size=run.spikes["out"].n_events)
    exact = run.gradient({"out": bar})
    for key, plain in zip(WEIGHTS, naive.gradient(layers, bar), strict=True):
        np.testing.assert_allclose(plain, exact.weight[key], rtol=1e-9, atol=1e-9 * np.abs(plain).max())


def test_the_plain_kernel_makes_room_for_many_spikes():
    stim = stimulus(Case(), 1)
    (layer,) = naive.run([np.full((5, 1), 40.0)], 10e-3, stim, DURATION)
    assert layer.times.size > 8 and (np.diff(layer.times) > 0.0).all()


@pytest.mark.parametrize("name", CASES)
def test_every_case_has_a_network_that_spikes(name):
    case = CASES[name]
    assert stimulus(case, 3).per_sample().tolist() == [case.active] * 3
    small = dataclasses.replace(case, hidden=20)
    assert network(small).projections["in", "hid"].weight.shape == (case.inputs, 20)
    if case.inputs == 5 and not (case.two or case.adaptive or case.recurrent):  # the others compile for long
        run = simulate(network(small), {"in": stimulus(case, 3)}, DURATION)
        assert run.spikes["hid"].n_events > 0
        assert (case.max_spikes is None) or run.spikes["hid"].counts().max() == 1


def test_figures_follow_from_each_other():
    timing = measure.measure("small", Case(hidden=20), repeats=2, batch=4)
    assert timing.repeats == 2 and timing.input_events == 5 and timing.step is None
    assert timing.neuron_updates == pytest.approx(5 * 20 + 3 * timing.hidden_spikes)
    assert 0.0 < timing.run_best <= timing.run and 0.0 < timing.gradient_best <= timing.gradient
    assert timing.run_ns_per_update == pytest.approx(1e3 * timing.run / timing.neuron_updates)


def test_long_jobs_are_repeated_less_often(monkeypatch):
    monkeypatch.setattr(measure, "PATIENCE", 0.0)
    calls = []
    _, times = measure.alternate({"a": lambda _: calls.append("a"), "b": lambda _: calls.append("b")}, 50)
    assert len(times["a"]) == len(times["b"]) == measure.FEWEST
    assert calls == ["a", "b"] * (measure.FEWEST + 1)


def test_plan_has_all_cores_where_there_are_more():
    assert [used for _, _, used in report.plan(1)] == [1] * len(CASES)
    assert [used for _, _, used in report.plan(2)] == [1, 2] * len(CASES)
    assert {name for name, _, _ in report.plan(2, quick=True)} == {"one spike, ratio 2", "ratio 2"}


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench") / "deep" / "quick.json"
    result = CliRunner().invoke(cli, ["bench", "--quick", "--repeats", "1", "--out", str(out)])
    assert result.exit_code == 0, result.output
    return result.stdout, json.loads(out.read_text())


def test_quick_prints_the_ratio_to_the_plain_kernel(quick):
    text, record = quick
    assert "one spike, ratio 2" in text and "MNIST" not in text
    assert f"{record['naive']['ratio_both']:.2f} for both" in text
    assert all(math.isfinite(value) and value > 0.0 for name, value in record["naive"].items() if name != "case")


def test_the_file_says_what_was_measured_where(quick):
    _, record = quick
    assert record["schema_version"] == report.SCHEMA_VERSION and record["benchmark"] == "bench"
    assert {"date", "machine", "load_average", "unit", "batch"} <= set(record)
    assert not {"location", "kernel cache"} & set(record["machine"])  # nothing about the person
    assert len(record["cases"]) == 2
    for case in record["cases"]:
        assert all(value is None or np.isfinite(value) for value in case.values() if not isinstance(value, str))


def test_json_is_one_line(monkeypatch):
    record = {"benchmark": "bench", "cases": []}
    monkeypatch.setattr(report, "benchmark", lambda *args, **kwargs: record)
    result = CliRunner().invoke(cli, ["bench", "--quick", "--json"])
    assert json.loads(result.stdout) == record and result.stdout.count("\n") == 1 and result.stderr == ""


def test_table_names_threads_only_where_there_are_several():
    timing = dataclasses.asdict(measure.measure("small", Case(hidden=4), repeats=1, batch=2))
    one, two = ({"batch": 2, "cases": [{**timing, "threads": threads}]} for threads in (1, 2))
    assert [column.header for column in report.table(one).columns][1] != "threads"
    assert [column.header for column in report.table(two).columns][1] == "threads"


def test_a_file_that_cannot_be_written_is_a_plain_message(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "benchmark", lambda *args, **kwargs: {})
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(cli, ["bench", "--out", str(tmp_path / "file" / "x.json")])
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit)
