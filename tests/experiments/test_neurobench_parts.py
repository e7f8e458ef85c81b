"""Parts of `saltation bench neurobench`: means, published rows, tables, the picture, a classifier by hand."""

import csv
import dataclasses
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest

import saltation as sal
from saltation.experiments.neurobench.classifying import Classifier, classify, plain_backend
from saltation.experiments.neurobench.page import page
from saltation.experiments.neurobench.plot import Point, correctness_plot
from saltation.experiments.neurobench.published import published
from saltation.experiments.neurobench.rows import NUMBERS, mean_and_error, rows_of
from saltation.experiments.neurobench.table import COLUMNS, markdown, shown, table, to_csv
from saltation.experiments.neurobench.task import Plan, Task
from saltation.neurobench import count_run

TASK = Task(
    title="A task of <ours>",
    metric="ClassificationAccuracy",
    higher_is_better=True,
    percent=True,
    about="About it.",
    published="Mackey-Glass",
    plan=lambda *_: Plan(()),
)


def measurement(repeat, accuracy, acs, **changed):
    given = {"task": "ours", "model": "net", "training": "exact", "backend": "exact", "settings": {"a": 1}}
    numbers = {"Footprint": 100, "SynapticOperations": {"Effective_MACs": 0.0, "Effective_ACs": acs, "Dense": None}}
    counts = {"kind": "event-driven", "rules": ["A rule."]}
    common = {**given, **numbers, "repeat": repeat, "metric": TASK.metric, TASK.metric: accuracy, "Counts": counts}
    return common | changed


def results(measurements):
    return {
        "date": "2026-01-02T03:04:05+00:00",
        "machine": {"saltation": "0", "numpy": "2", "torch": None, "processor": "P", "platform": "L", "python": "3"},
        "config": {"step": 1e-3, "quick": True},
        "notes": ["something"],
        "rows": rows_of(measurements),
        "published": published(),
        "measurements": measurements,
    }


def test_means_and_errors():
    values = np.random.default_rng(0).normal(size=7)
    mean, error = mean_and_error(values.tolist())
    assert mean == pytest.approx(values.mean()) and error == pytest.approx(values.std(ddof=1) / 7**0.5)
    assert mean_and_error([]) == mean_and_error([1.0, None]) == (None, None)
    pair = [measurement("seed 1", 0.5, 10.0), measurement("seed 2", 0.7, 14.0)]
    other = measurement("seed 1", 0.9, 1.0, settings={"a": 2})
    first, second = rows_of([*pair, other])
    assert first["ClassificationAccuracy"] == pytest.approx(0.6) and second["repeats"] == ["seed 1"]
    assert first["SynapticOperations"] == {"Effective_MACs": 0.0, "Effective_ACs": 12.0, "Dense": None}
    assert first["StandardError"]["SynapticOperations"]["Effective_ACs"] == pytest.approx(2.0)
    assert first["StandardError"]["Footprint"] == 0.0 and second["StandardError"]["Footprint"] is None
    assert set(NUMBERS) >= {key for _, key, _ in COLUMNS}


def test_rows_that_differ_in_settings_alone_say_in_which():
    settings = ({"a": 1, "b": 2, "c": 0}, {"a": 1, "b": 3, "c": 0}, {"a": 1, "b": 3, "c": 5})
    rows = rows_of([measurement("seed 1", 0.5, 1.0, settings=each) for each in settings])
    assert [row["training"] for row in rows] == ["exact, b 2, c 0", "exact, b 3, c 0", "exact, b 3, c 5"]
    apart = [measurement("seed 1", 0.5, 1.0), measurement("seed 1", 0.5, 1.0, backend="grid", settings={"a": 2})]
    assert [row["training"] for row in rows_of(apart)] == ["exact", "exact"]


def test_published_rows_have_a_source_and_no_zero_in_the_place_of_nothing():
    rows = published()
    assert all(row["source"] and row["correctness"] for row in rows)
    by = {(row["task"], row["model"]): row for row in rows}
    # as `saltation.neurobench` finds them again, tests/neurobench/test_published.py
    for monkey, sizes in (("Indy", (20_824, 19_648)), ("Loco", (33_496, 38_848))):
        assert tuple(by[f"Primate reaching, {monkey}", each]["Footprint"] for each in ("ANN", "SNN")) == sizes
    lstm, reservoir = by["Mackey-Glass", "LSTM"], by["Mackey-Glass", "ESN"]
    assert round(490_008, -3) == lstm["Footprint"] and lstm["SynapticOperations"]["Dense"] == 60_300
    assert reservoir["ConnectionSparsity"] == 0.876 and lstm["ModelExecutionRate"] is None
    assert by["Primate reaching, both", "AEGRU"]["SynapticOperations"]["Effective_MACs"] is None
    assert len(rows) == 17 and sum("2024 challenge" in row["source"] for row in rows) == 5


@pytest.mark.parametrize(
    "given, text",
    [
        ((None,), "n/a"),
        ((0.0,), "0"),
        ((None, None, "percent"), "n/a"),
        ((0.965, 0.0021, "percent"), "96.50 ± 0.21 %"),
        ((13.371, 1.0, "score"), "13.37 ± 1.00"),
        ((35_156.2, 12.34), "35,156 ± 12.3"),
        ((9.1e7,), "9.10E+07"),
        ((0.876, 0.0, "share"), "0.876"),
        ((0.876, 0.0004, "share"), "0.8760 ± 0.0004"),
        ((16.666, None, "rate"), "16.7"),
    ],
)
def test_how_numbers_are_written(given, text):
    assert shown(*given) == text


def test_tables():
    found = results([measurement("seed 1", 0.5, 10.0), measurement("seed 2", 0.7, 14.0)])
    text = markdown(found, {"ours": TASK}).splitlines()
    assert len(text) == 2 + 1 + 2 and len({line.count("|") for line in text}) == 1
    assert "60.00 ± 10.00 %" in text[2] and "| n/a | 0 | 12 ± 2 |" in text[2]
    assert "published, not measured here" in text[3]
    assert table(found, {"ours": TASK}).row_count == 1 + 1 + 2
    point = dataclasses.replace(TASK, per="point", percent=False)
    for task, unit in ((TASK, "share of 1"), (point, "of the metric")):
        lines = list(csv.DictReader(io.StringIO(to_csv(found, {"ours": task}))))
        assert {(line["unit"], line["per"]) for line in lines} == {(unit, task.per)} and len(lines) == 3
        assert f"Numbers are per {task.per}." in page(found, {"ours": task})


def test_the_report_escapes_and_is_a_whole():
    found = results([measurement("seed 1", 0.5, 10.0, model="<b>&net")])
    text = page(found, {"ours": TASK})
    assert "&lt;b&gt;&amp;net" in text and "<b>" not in text and "A task of &lt;ours&gt;" in text
    assert "A rule. (event-driven)" in text and "whose numbers say nothing" in text and "Left out" in text
    assert "published, not measured here" in text and "Primate reaching" in text and "0.001 s" in text
    # every element is closed
    ElementTree.fromstring(re.sub(r"<(br|meta[^>]*)>", "", text.removeprefix("<!DOCTYPE html>")))


def test_the_picture_is_to_scale():
    points = [Point("a", 10.0, 1.0, 0.5, False), Point("b", 1000.0, 3.0, None, True), Point("c", 0.0, 2.0, None, False)]
    text = correctness_plot(points, "score")
    svg = ElementTree.fromstring(text).find("svg")
    assert svg is not None
    circles = [(float(c.get("cx", "")), float(c.get("cy", ""))) for c in svg.iter("circle")]
    line = next(p.get("d", "") for p in svg.iter("path") if p.get("stroke-dasharray"))
    (x0, y0), (x1, y1) = circles
    between = float(re.findall(r"[\d.]+", line)[1])
    assert x0 < x1 and y0 > between > y1 and between == pytest.approx((y0 + y1) / 2, abs=0.1)
    ticks = {t.text: float(t.get("x", "")) for t in svg.iter("text") if t.get("text-anchor") == "middle"}
    assert ticks["10"] == pytest.approx(x0, abs=0.1) and ticks["1000"] == pytest.approx(x1, abs=0.1)
    assert correctness_plot([Point("alone", None, 0.5, None, False)], "score").count("<circle") == 0


def classifier():
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.LIF(4, tau_mem=20e-3, tau_syn=5e-3))
    net.add("out", sal.LI(3, tau_mem=20e-3, tau_syn=5e-3))
    net.connect("in", "hid", weight=np.random.default_rng(0).uniform(2.0, 6.0, (3, 4)))
    net.connect("hid", "out", weight=np.random.default_rng(1).normal(size=(4, 3)))
    return Classifier(net, 40e-3, {"out": sal.MaxVoltage()}, lambda run: run.voltage["out"].argmax(1))


@pytest.mark.parametrize("kind", ["exact", "grid"])
def test_a_classifier_in_batches_is_one_run(kind):
    given, stimulus = classifier(), sal.latency(np.random.default_rng(2).uniform(size=(7, 3)), 0.0, 20e-3)
    backend = plain_backend(kind, 1e-3, None)
    run = sal.simulate(given.network, {"in": stimulus}, 40e-3, backend=backend, record=given.record)
    answers, whole = given.answers(run), count_run(run, step=1e-3)
    labels = answers.copy()
    labels[2:4] += 1
    found = classify(given, stimulus, labels, backend, 1e-3, at_once=3)
    assert found.correctness == 5 / 7 and found.complexity is not None and found.complexity.samples == 7
    for name in ("effective_acs", "effective_macs", "dense", "activation_sparsity", "footprint", "event_dense"):
        assert getattr(found.complexity, name) == getattr(whole, name)
    assert found.complexity.neuron_updates == whole.neuron_updates and whole.effective_acs > 0
    assert found.more == {"Spikes": sum(own.n_events for own in run.spikes.values()) / 7}
