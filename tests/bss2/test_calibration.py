"""Calibration: what it reaches, by measurement alone; and what it refuses."""

import contextlib
import pickle

import numpy as np
import pytest

from saltation.bss2 import (
    Cadc,
    Calibration,
    Chip,
    Configuration,
    NeuronTarget,
    Noise,
    Physics,
    Section,
    Variation,
    calibrate,
)
from saltation.bss2.calibration import routine
from saltation.bss2.calibration.fits import decay_time
from saltation.bss2.calibration.reach import leak_codes
from saltation.bss2.calibration.response import mean_response, response
from saltation.bss2.calibration.search import halve, proportion
from saltation.bss2.memory import stored_codes
from saltation.bss2.translation import translate
from saltation.bss2.variation import hidden
from saltation.errors import CalibrationError, ChipWarning, FileFormatError, ParameterError

# Ratios of spreads after and before that hxtorch's tests of a calibrated chip allow; strength is ours.
BOUNDS = {
    "leak": 0.30,
    "reset": 0.20,
    "threshold": 0.35,
    "tau_mem": 0.45,
    "tau_syn_exc": 0.20,
    "tau_syn_inh": 0.20,
    "strength_exc": 0.20,
    "strength_inh": 0.20,
}
TARGET = NeuronTarget(tau_mem=8e-6, tau_syn_exc=6e-6, tau_syn_inh=12e-6, threshold=140)


@pytest.fixture(scope="module")
def calibration():
    return calibrate(Chip(11), TARGET)


def truth(calibration, serial):
    """Physical parameters, which no calibration may see."""
    chip, configuration = Chip(serial), Configuration(threshold_enable=1)
    calibration.apply(configuration)
    codes = stored_codes(configuration, chip.physics)
    known = hidden(serial, chip.variation)
    return chip, translate(configuration, codes, known, chip.physics, Noise.none(), np.arange(512)).analog


def test_spreads_shrink_as_on_the_chip(calibration):
    summary = calibration.summary()
    assert set(summary) == set(BOUNDS)
    for name, bound in BOUNDS.items():
        assert summary[name]["ratio"] < bound and summary[name]["failed"] == 0, name
        assert summary[name]["after"] > 0.0, name
    for name in ("leak", "reset"):
        assert abs(summary[name]["median"] - getattr(TARGET, name)) < 1.0
    assert abs(summary["threshold"]["median"] - 140) < 3.0
    for name in ("tau_mem", "tau_syn_exc", "tau_syn_inh"):
        assert summary[name]["median"] == pytest.approx(getattr(TARGET, name), rel=0.03)
    assert 0.0 < calibration.hardware_time < 120.0


def test_what_was_measured_is_so(calibration):
    chip, got = truth(calibration, 11)
    lsb = chip.physics.cadc_volt_per_lsb
    for name, value, spread in (
        ("tau_mem", got.tau_mem, 0.1),
        ("tau_syn_exc", got.tau_syn[0], 0.06),
        ("tau_syn_inh", got.tau_syn[1], 0.06),
    ):
        wanted = getattr(TARGET, name)
        assert np.median(value) == pytest.approx(wanted, rel=0.04) and value.std() < spread * wanted, name
    for name in ("leak", "reset", "threshold"):
        value = (getattr(got, name) - chip.physics.cadc_volt_at_0) / lsb
        # the gain of each channel is off by about a per cent, which the offset mends at the reference alone
        assert abs(np.median(value) - getattr(TARGET, name)) < 4.0 and value.std() < 3.0, name
    drive = got.drive / np.median(got.drive, axis=1, keepdims=True)
    assert drive.std() < 0.08
    np.testing.assert_allclose(got.hold, TARGET.refractory_time, rtol=0.01)


def test_a_calibration_is_of_its_chip(calibration):
    _, other = truth(calibration, 12)
    _, own = truth(calibration, 11)
    assert other.tau_mem.std() > 3 * own.tau_mem.std()
    calibration.check(11)
    with pytest.raises(CalibrationError, match=r"serial number 11; got the chip 12.*calibrate\(chip\)"):
        calibration.check(12)


def test_each_circuit_can_have_a_target_of_its_own():
    rng = np.random.default_rng(0)
    wanted = {"leak": rng.uniform(60, 120, 512), "tau_mem": rng.uniform(5e-6, 20e-6, 512)}
    strength = np.repeat([250, 500], 256)
    found = calibrate(Chip(3), NeuronTarget(**wanted, threshold=200, i_synin_gm_exc=strength))
    _, after = found.report["strength_exc"]
    per_code = after / strength / mean_response(found.target, 0) / found.target.of_all("tau_mem")
    assert abs(np.median(per_code[:256]) / np.median(per_code[256:]) - 1.0) < 0.03
    _, after = found.report["leak"]
    assert np.abs(after - wanted["leak"]).mean() < 1.5
    _, after = found.report["tau_mem"]
    assert np.abs(after / wanted["tau_mem"] - 1.0).mean() < 0.08


@pytest.mark.filterwarnings("ignore:.*at an end of their range")  # at 50 us inputs of 60 circuits stay too weak
@pytest.mark.parametrize("tau", [5e-6, 50e-6])
def test_the_ends_of_the_range(tau):
    target = NeuronTarget(tau_mem=tau, tau_syn_exc=min(tau, 28e-6), tau_syn_inh=min(tau, 28e-6), threshold=220)
    _, got = truth(calibrate(Chip(2), target), 2)
    assert np.median(got.tau_mem) == pytest.approx(tau, rel=0.15)
    assert np.median(got.tau_syn[0]) == pytest.approx(min(tau, 28e-6), rel=0.1)


@pytest.mark.filterwarnings("ignore:.*could not be measured")  # one that no input lifts to its threshold
@pytest.mark.parametrize(("tau", "off"), [(0.7e-6, 0.04), (1.5e-6, 0.03), (3e-6, 0.03)])
def test_membranes_faster_than_the_converter_are_measured_from_their_reset(tau, off):
    found = calibrate(Chip(2), NeuronTarget(tau_mem=tau))
    _, got = truth(found, 2)
    assert np.median(got.tau_mem) == pytest.approx(tau, rel=off)
    assert np.percentile(np.abs(got.tau_mem / np.median(got.tau_mem) - 1.0), 95) < 0.06
    row = found.summary()["tau_mem"]
    assert row["ratio"] < 0.15 and row["failed"] <= 2
    assert np.all(found.registers["leak_enable_multiplication"] == 1)


def test_slow_and_fast_membranes_beside_each_other():
    wanted = np.where(np.arange(512) % 2, 1e-6, 40e-6)
    found = calibrate(Chip(2), NeuronTarget(tau_mem=wanted))
    _, got = truth(found, 2)
    assert np.median(np.abs(got.tau_mem / wanted - 1.0)) < 0.06
    assert found.registers["leak_enable_multiplication"].tolist() == [0, 1] * 256
    assert found.registers["leak_enable_division"].tolist() == [1, 0] * 256


@pytest.mark.parametrize("tau", [0.5e-6, 1e-6, 3e-6, 4e-6, 10e-6, 29e-6, 31e-6, 60e-6])
def test_the_switch_of_the_leak_leaves_codes_for_all_circuits(tau):
    physics = Physics()
    code, factor = leak_codes(np.full(512, tau), physics.capacitance_at_63, physics)
    got = physics.capacitance_at_63 / (physics.leak_at_code_0 + physics.leak_per_code * code * factor)
    assert got == pytest.approx(tau, rel=0.15)
    # three standard deviations of the mismatch to either side
    spread = np.exp(3 * Variation().tau_mem)
    assert np.all(code * spread < 1022) and np.all(code / spread > 10)


def test_what_cannot_be_reached_is_told_every_time(tmp_path, monkeypatch):
    monkeypatch.setattr(routine, "_MADE", {})
    # inputs of some circuits stay too weak for this
    target = NeuronTarget(tau_mem=50e-6, tau_syn_exc=28e-6, tau_syn_inh=28e-6, threshold=220)
    told = []
    for way in ("made", "from memory", "from a file"):
        if way == "from a file":
            routine._MADE.clear()
        with pytest.warns(
            ChipWarning, match=r"at an end of their range.*'\w+_i_bias_gm': \d\d.*nearer to the middle"
        ) as got:
            found = calibrate(Chip(2), target, cache=tmp_path)
        told.append(sorted(str(each.message) for each in got))
        # the caller's line, not one of ours
        assert all(each.filename == __file__ for each in got), way
    assert told[0] == told[1] == told[2]
    assert found.out_of_reach().size >= max(found.at_ends().values()) > 10


def test_what_cannot_be_measured_is_told():
    for _ in range(2):
        with pytest.warns(ChipWarning, match=r"could not be measured \{'tau_mem': [12]\}.*nearer to the middle"):
            found = calibrate(Chip(2), NeuronTarget(tau_mem=0.7e-6))
    missing = np.flatnonzero(np.isnan(found.report["tau_mem"][1]))
    assert set(missing) <= set(found.out_of_reach())


def test_a_calibration_leaves_the_chip_as_it_was(monkeypatch):
    monkeypatch.setattr(routine, "_MADE", {})
    configuration, section = Configuration(leak_v_leak=300), Section(100e-6, recordings=[Cadc(samples=20)])
    after = []
    for _ in range(2):  # made, then from memory
        chip = Chip(4)
        chip.run(configuration, [section])
        before = chip.state
        calibrate(chip).apply(own := Configuration())
        assert chip.runs == 1 and not chip.configuration.differences(configuration)
        for name, codes in before.codes.items():
            np.testing.assert_array_equal(chip.state.codes[name], codes)
        after.append(chip.run(own, [section]))
    assert after[0].written == after[1].written and after[0].hardware_time == after[1].hardware_time
    np.testing.assert_array_equal(after[0].sections[0].samples[0], after[1].sections[0].samples[0])


def test_a_calibration_that_fails_leaves_the_chip_as_it_was(monkeypatch):
    monkeypatch.setattr(routine, "_MADE", {})
    chip = Chip(4)

    def stop(name, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        calibrate(chip, on_step=stop)
    assert not chip.configuration.differences(Configuration())


def test_nobody_can_write_to_a_calibration(calibration):
    for kept in (calibration, pickle.loads(pickle.dumps(calibration))):
        for array in (kept.registers["leak_v_leak"], *kept.report["leak"]):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 0
        for mapping in (kept.registers, kept.report):
            with pytest.raises(TypeError, match="does not support item assignment"):
                mapping["leak_v_leak"] = 0
        assert kept.summary() == calibration.summary() and kept.target.to_dict() == calibration.target.to_dict()
    leak = np.full(512, 90.0)
    target = NeuronTarget(leak=leak)
    registers = {"leak_v_leak": np.full(512, 300, np.int32)}
    made = Calibration(0, target, registers, {}, 0.0)
    leak[...], registers["leak_v_leak"][...] = 60.0, 0
    assert np.all(target.of_all("leak") == 90.0) and np.all(made.registers["leak_v_leak"] == 300)


def test_refractory_times_are_those_of_the_circuits():
    chip, noise = Chip(0), Noise.none()
    rng = np.random.default_rng(1)
    wanted = np.exp(rng.uniform(np.log(44e-9), np.log(1e-6), 512))
    configuration = routine.starting_point(NeuronTarget(refractory_time=wanted))
    registers = {name: configuration[name] for name in routine.REGISTERS_SET}
    found = Calibration(0, NeuronTarget(refractory_time=wanted), registers, {}, 0.0)
    codes, known = stored_codes(configuration, chip.physics), hidden(0, chip.variation)
    got = translate(configuration, codes, known, chip.physics, noise, np.arange(512)).analog.hold
    np.testing.assert_array_equal(found.refractory_time, got)
    assert np.abs(got / wanted - 1.0).max() > 0.04


def test_the_reach_of_the_leak_depends_on_the_capacitance():
    with pytest.raises(
        CalibrationError, match=r"tau_mem must be 1\.98e-08\.\.1\.61e-05 s with membrane_capacitance=0; got 6e-05"
    ):
        calibrate(Chip(2), NeuronTarget(tau_mem=60e-6, membrane_capacitance=0))


def test_an_ideal_chip_needs_one_code_for_all():
    found = calibrate(Chip(0, variation=Variation.none(), noise=Noise.none()))
    for name in ("leak_v_leak", "leak_i_bias", "excitatory_input_i_bias_tau"):
        assert np.ptp(found.registers[name]) <= 1, name
    assert np.all(np.abs(found.registers["cadc_offset"]) <= 1)


def test_same_again_and_cached(tmp_path, monkeypatch):
    chip, steps = Chip(4), []
    monkeypatch.setattr(routine, "_MADE", {})
    first = calibrate(chip, cache=tmp_path, on_step=lambda name, done, total: steps.append((name, done, total)))
    assert steps[0][1:] == (0, steps[0][2]) and steps[-1] == ("report", steps[0][2], steps[0][2])
    assert len(list(tmp_path.iterdir())) == 1 and chip.runs == 0
    done = len(steps)

    def listened(**options):
        return calibrate(Chip(4), on_step=lambda *step: steps.append(step), **options)

    remembered = listened()
    monkeypatch.setattr(routine, "_MADE", {})
    read = listened(cache=tmp_path)
    assert len(steps) == done and remembered is first and read is not first
    made = listened()
    assert len(steps) == 2 * done
    for other in (read, made):
        for name, codes in first.registers.items():
            np.testing.assert_array_equal(codes, other.registers[name])
    assert read.summary() == first.summary() and read.target.to_dict() == first.target.to_dict()


def test_damaged_files(tmp_path, calibration):
    path = calibration.save(tmp_path / "calibration.npz")
    content = path.read_bytes()
    for bad in (b"", b"PK", content[:100], content[: len(content) // 2], content[:200] + b"????" + content[204:]):
        path.write_bytes(bad)
        with pytest.raises(FileFormatError, match="does not hold a calibration"):
            Calibration.load(path)
    with pytest.raises(FileNotFoundError):
        Calibration.load(tmp_path / "nothing.npz")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("leak", 40, r"NeuronTarget\.leak must be 50\.\.160, what the circuits reach; got 40\.\.40"),
        ("threshold", 230, r"NeuronTarget\.threshold must be 50\.\.220"),
        ("tau_mem", 10.0, r"NeuronTarget\.tau_mem must be .*times are in seconds: 10 us is 10e-6"),
        ("tau_mem", [1e-6, 2e-6], r"must be a number, or 512 of them"),
        ("tau_syn_exc", float("nan"), r"NeuronTarget\.tau_syn_exc must be 3e-07"),
        ("synapse_dac_bias", [500] * 512, r"must be a number; got"),
        ("synapse_dac_bias", 1023, r"must be 30\.\.1022"),
        ("refractory_time", 1e-3, r"must be 4e-08\.\.3\.2e-05"),
    ],
)
def test_out_of_reach(name, value, message):
    with pytest.raises(CalibrationError, match=message):
        NeuronTarget(**{name: value})


def test_halving_finds_the_largest_code():
    wanted = np.arange(512) * 2 % 1023
    np.testing.assert_array_equal(halve(lambda code: code <= wanted), wanted)
    assert np.all(halve(lambda code: code >= 0) == 1022)


def test_proportion():
    factor = np.linspace(0.5, 2.0, 512)
    found = proportion(lambda code: factor * 3e-3 / code, np.full(512, 10e-6), np.full(512, 300, np.int32))
    assert np.all(np.abs(found - factor * 300) <= 1)
    found = proportion(lambda code: factor * code, np.full(512, 400.0), np.full(512, 400), inversely=False)
    assert np.all(np.abs(found * factor - 400.0) <= factor)
    same = proportion(lambda code: np.full(512, np.nan), np.full(512, 1.0), np.full(512, 77))
    assert np.all(same == 77)


@pytest.mark.parametrize(("tau_mem", "tau_syn"), [(8e-6, 3e-6), (6e-6, 6e-6), (0.5e-6, 30e-6), (60e-6, 0.3e-6)])
def test_the_mean_response_is_that_of_the_response(tau_mem, tau_syn):
    t = np.linspace(0.0, 30e-6, 200_001)
    given = response(t, np.array(tau_mem), np.array(tau_syn))
    mean = (0.5 * (given[0] + given[-1]) + given[1:-1].sum()) / (t.size - 1)
    target = NeuronTarget(tau_mem=tau_mem, tau_syn_exc=7e-6, tau_syn_inh=tau_syn)
    # circuits of equal time constants are held apart by a millionth
    np.testing.assert_allclose(mean_response(target, 1), mean, rtol=1e-5)


def test_decays():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0.0, 40e-6, 150))
    tau = np.linspace(3e-6, 20e-6, 40)
    values = 60.0 * np.exp(-times[:, None] / tau)
    np.testing.assert_allclose(decay_time(times, values, 1.0), tau, rtol=1e-9)
    noisy = decay_time(times, values + rng.standard_normal(values.shape), 4.0)
    assert np.abs(noisy / tau - 1.0).mean() < 0.05
    assert np.isnan(decay_time(times, -values, 1.0)).all() and np.isnan(decay_time(times[:2], values[:2], 1.0)).all()


@pytest.mark.parametrize("target", ["coba", NeuronTarget, {"leak": 80.0}])
def test_a_target_is_one(target):
    with pytest.raises(
        ParameterError, match=r"calibrate\.target must be a NeuronTarget, such as NeuronTarget\(\) or COBA"
    ):
        calibrate(Chip(1), target)
