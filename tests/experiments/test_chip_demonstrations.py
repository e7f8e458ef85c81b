"""``saltation run chip-...``: what the demonstrations find on a chip, and that they notice a chip that is otherwise."""

import functools
import json
from importlib import import_module

import numpy as np
import pytest
from click.testing import CliRunner

from saltation.bss2 import Chip, Noise, Physics, Variation
from saltation.bss2 import geometry as g
from saltation.cli import cli
from saltation.experiments import EXPERIMENTS
from saltation.experiments.demonstrations.adex.classify import ADAPTING, REGULAR
from saltation.experiments.demonstrations.adex.search import CANDIDATES, again, search
from saltation.experiments.demonstrations.neuron import firing, silent, stacking
from saltation.experiments.demonstrations.readout.converters import converters
from saltation.experiments.demonstrations.readout.model import model
from saltation.experiments.demonstrations.setting import EXC, INH, nominal, prepare, write_synapses
from saltation.experiments.results import ResultFolder

NAMES = sorted(name for name in EXPERIMENTS if name.startswith("chip-"))
FIGURES = {
    "chip-adex": ["patterns"],
    "chip-fi": ["fi"],
    "chip-neuron": ["firing", "membrane"],
    "chip-range": ["range"],
    "chip-readout": ["readout"],
}


def invoke(*arguments):
    return CliRunner().invoke(cli, ["run", *arguments], catch_exceptions=False)


# one calibration serves all of them: it is remembered within a process
@pytest.mark.parametrize("name", NAMES)
def test_all_expectations_hold_on_a_calibrated_chip(tmp_path, name):
    pytest.importorskip("matplotlib")
    result = invoke(name, "--quick", "--json", "--out", str(tmp_path / "run"))
    told = json.loads(result.stdout)
    assert [each["what"] for each in told["checks"] if not each["held"]] == []
    assert result.exit_code == 0 and told["held"] and told["calibrated"] and told["serial"] == 1
    assert len({each["what"] for each in told["checks"]}) == len(told["checks"]) >= 10
    assert all(each["source"] and each["unit"] for each in told["checks"])
    folder = ResultFolder(tmp_path / "run")
    stored = folder.read_json("results")
    assert stored["checks"] == told["checks"] and stored["curves"]
    assert sorted(path.stem for path in (tmp_path / "run").glob("*.png")) == FIGURES[name]


def test_an_uncalibrated_chip_is_told_by_its_spread(tmp_path):
    arguments = ("--quick", "--uncalibrated", "--no-figures", "--out", str(tmp_path / "run"))
    result = invoke("chip-neuron", *arguments)
    assert result.exit_code == 1
    assert "rest: part of it left by calibration" in result.stdout and " NO " in result.stdout
    assert "2 of 20 expectations did NOT hold on chip 1, not calibrated." in result.stdout
    stored = ResultFolder(tmp_path / "run").read_json("results")
    failed = [each["what"] for each in stored["checks"] if not each["held"]]
    assert failed == ["rest: part of it left by calibration", "rate: part of it left by calibration"]


def ideal(**changed):
    """A chip without mismatch, on which nominal codes are the right ones; but for what is changed."""
    chip = Chip(1, variation=Variation.none(), physics=Physics(**changed.pop("physics", {})), **changed)
    return prepare(chip, calibrated=False, quick=True)


def fi(setting):
    return import_module("saltation.experiments.demonstrations.fi.measure").measure(setting).checks, {}


def weights(setting):
    return import_module("saltation.experiments.demonstrations.weights.measure").measure(setting).checks, {}


def named(checks):
    return {each.what: each for each in checks}


@functools.cache
def as_it_should_be(part):
    return named(part(ideal())[0])


@pytest.mark.parametrize(
    ("part", "changed", "what"),
    [
        (silent.rest, {"volt_per_code": 2.0e-3}, "rest: slope by v_leak"),
        (silent.rest, {"supply": 0.9}, "rest: distance from a line"),
        (silent.membrane, {"leak_per_code": 3e-9}, "tau_mem at leak_i_bias 150"),
        (firing.threshold, {"volt_per_code": 1.7e-3}, "threshold: slope of the peak by its code"),
        (firing.firing, {"capacitance_at_63": 3e-12}, "firing: rate by that of a circuit of 10 us"),
        (firing.firing, Noise(jitter=20e-9, membrane=60e-3), "firing: variation of intervals, most"),
        (stacking.stacking, {"line_saturation": 40.0}, "events: three less three single ones, most"),
        (fi, {"current_per_code": 0.25e-9}, "rheobase"),
        (fi, {"reset_per_code": 0.1e-9}, "shortest interval at refractory 50"),
        (weights, {"line_saturation": 150.0}, "excitatory: at 300 by a straight line"),
        (weights, {"gm_per_code": 3e-12}, "excitatory: slope"),
        (weights, {"line_saturation": 1e4}, "excitatory, weak: at 1600 by a straight line"),
        (converters, {"madc_period": 50e-9}, "MADC: period"),
        (converters, {"cadc_volt_per_lsb": 4e-3}, "CADC: gain"),
        (converters, Noise(cadc=2.0), "CADC: noise"),
        (model, {"tau_syn_code": 1.5e-3}, "model by chip: most apart"),
    ],
)
def test_another_physics_is_noticed(part, changed, what):
    other = ideal(noise=changed) if isinstance(changed, Noise) else ideal(physics=changed)
    right, wrong = as_it_should_be(part)[what], named(part(other)[0])[what]
    assert right.held, right
    assert not wrong.held, wrong


def test_patterns_need_their_terms(monkeypatch):
    monkeypatch.setattr("saltation.experiments.demonstrations.adex.search.CANDIDATES", CANDIDATES[:5])
    circuits = {ADAPTING: np.array([0]), REGULAR: np.array([1])}
    found = search(ideal(), circuits)
    assert sorted((each.circuit, each.pattern) for each in found) == [(0, ADAPTING), (1, REGULAR)]
    assert np.all(again(ideal(), found, 2) == 1.0)
    assert np.all(again(ideal(), found, 1, adaptation=False) == 0.0)
    assert search(ideal(physics={"adaptation_b_per_code": 0.0}), circuits) == []
    assert again(ideal(), [], 2).size == 0


def test_weights_beyond_63_are_parallel_rows():
    configuration = nominal()
    write_synapses(configuration, {EXC: 150, INH: 63})
    total = configuration["synapse_weight"].sum(axis=1)
    assert np.all(total == 150 + 63) and configuration["synapse_weight"].max() == g.WEIGHT_MAX
    modes = configuration["row_mode"]
    assert (modes == 1).sum() == 2 * 3 and (modes == 2).sum() == 2
    write_synapses(configuration, {EXC: 10})
    assert np.all(configuration["synapse_weight"].sum(axis=1) == 10) and (configuration["row_mode"] > 0).sum() == 2


def test_a_folder_is_not_written_twice_and_figures_are_missed_aloud(tmp_path, monkeypatch):
    monkeypatch.setattr("saltation.experiments.output.has_matplotlib", lambda: False)
    arguments = ("chip-readout", "--quick", "--uncalibrated", "--json", "--out", str(tmp_path / "run"))
    first = invoke(*arguments)
    assert first.exit_code == 1 and "matplotlib is not installed" in first.stderr  # channels are apart
    assert json.loads(first.stdout)["held"] is False
    again_ = CliRunner().invoke(cli, ["run", *arguments])
    assert again_.exit_code == 2 and "already holds a run" in again_.stderr


def test_an_interrupted_run_says_so(tmp_path, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("saltation.experiments.demonstrations.setting.prepare", interrupted)
    result = invoke("chip-fi", "--out", str(tmp_path / "run"))
    assert result.exit_code == 130 and "Interrupted." in result.stderr
