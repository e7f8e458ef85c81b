"""Calibration of conductances, adaptation and exponential term, against the physical parameters of the circuits."""

import dataclasses
import math

import numpy as np
import pytest

from saltation import plot
from saltation.bss2 import COBA, Calibration, Chip, Configuration, NeuronTarget, Noise, Physics, Variation, calibrate
from saltation.bss2.calibration.conductance import _responses
from saltation.bss2.calibration.fits import decay_amplitude
from saltation.bss2.calibration.terms import switch_on
from saltation.bss2.memory import stored_codes
from saltation.bss2.translation import translate
from saltation.bss2.variation import hidden
from saltation.errors import CalibrationError

# with noise of reading, without which all readings would be rounded alike
IDEAL = {"variation": Variation.none(), "noise": Noise.none().replace(cadc=1.0)}
CONDUCTANCES = NeuronTarget(e_coba_reversal_exc=290, e_coba_reversal_inh=[20] * 256 + [-math.inf] * 256)
ADEX = NeuronTarget(
    tau_mem=8e-6,
    tau_adap=150e-6,
    subthreshold_adaptation_strength=[0.4] * 256 + [-0.3] * 256,
    spike_triggered_adaptation_increment=7,
    exponential_threshold=110,
)
# of one strength for all: spreads of different targets would be theirs
ALIKE = dataclasses.replace(ADEX, subthreshold_adaptation_strength=0.4)
# Parts of the uncalibrated spread that are left at most.
BOUNDS = {
    "e_coba_reversal_exc": 0.25,
    "e_coba_reference_exc": 0.45,
    "e_coba_reversal_inh": 0.20,
    "e_coba_reference_inh": 0.30,
    "tau_adap": 0.30,
    "subthreshold_adaptation_strength": 0.25,
    "spike_triggered_adaptation_increment": 0.25,
    "exponential_threshold": 0.20,
}


def truth(calibration, chip):
    """Physical parameters, in LSB and seconds, which no calibration may see."""
    configuration = Configuration(threshold_enable=1)
    calibration.apply(configuration)
    codes = stored_codes(configuration, chip.physics)
    known = hidden(chip.serial, chip.variation)
    got = translate(configuration, codes, known, chip.physics, Noise.none(), np.arange(512)).analog
    at, lsb = chip.physics.cadc_volt_at_0, chip.physics.cadc_volt_per_lsb
    with np.errstate(divide="ignore", invalid="ignore"):
        # 1 + reach (V - reference) = 0
        reversal = (got.reference - 1.0 / got.reach - at) / lsb
        # the kick at V is g_l D_T / C exp((V - V_T) / D_T)
        v_t = got.kick_at - got.kick_slope * np.log(got.kick * got.tau_mem / got.kick_slope)
    return {
        "e_coba_reversal_exc": reversal[0],
        "e_coba_reversal_inh": reversal[1],
        "e_coba_reference_exc": (got.reference[0] - at) / lsb,
        "e_coba_reference_inh": (got.reference[1] - at) / lsb,
        "tau_adap": got.tau_adapt,
        "subthreshold_adaptation_strength": got.adapt_a * got.tau_mem,
        "spike_triggered_adaptation_increment": got.adapt_b * got.tau_mem / lsb,
        "adaptation_level": (got.adapt_level - at) / lsb,
        "exponential_threshold": (v_t - at) / lsb,
    }


@pytest.fixture(scope="module")
def ideal():
    return {name: calibrate(Chip(0, **IDEAL), target) for name, target in (("coba", CONDUCTANCES), ("adex", ADEX))}


def test_conductances_of_an_ideal_chip(ideal):
    got = truth(ideal["coba"], Chip(0, **IDEAL))
    middle = 0.5 * (80 + 125)
    for name, wanted, off in (
        ("e_coba_reversal_exc", 290, 6.0),
        ("e_coba_reference_exc", middle, 3.0),
        ("e_coba_reversal_inh", 20, 4.0),
        ("e_coba_reference_inh", middle, 3.0),
    ):
        value = got[name][:256]
        assert abs(np.median(value) - wanted) < off / 2 and value.std() < off, name
    assert np.all(np.isinf(got["e_coba_reversal_inh"][256:]))
    registers = ideal["coba"].registers
    assert registers["inhibitory_input_enable_coba_mode"].tolist() == [1] * 256 + [0] * 256
    assert "adaptation_enable" not in registers and "exponential_enable" not in registers


def test_one_code_for_all_is_that_of_those_asked_for(ideal):
    # without mismatch one code is as good as those found
    for name, before_and_after in ideal["coba"].report.items():
        before, after = (each[ideal["coba"].target.asks(name)] for each in before_and_after)
        assert abs(np.median(before) - np.median(after)) < 0.05 * np.median(after), name


def test_a_reversal_that_no_circuit_has_is_not_reported():
    found = calibrate(Chip(0, **IDEAL), NeuronTarget(e_coba_reversal_inh=-math.inf))
    assert not any("coba" in name for name in found.report)
    assert not found.registers["inhibitory_input_enable_coba_mode"].any()


def test_adaptation_and_exponential_of_an_ideal_chip(ideal):
    got = truth(ideal["adex"], Chip(0, **IDEAL))
    for name, wanted, off in (
        ("tau_adap", 150e-6, 0.04),
        ("subthreshold_adaptation_strength", np.repeat([0.4, -0.3], 256), 0.04),
        ("spike_triggered_adaptation_increment", 7.0, 0.04),
    ):
        ratio = got[name] / wanted
        assert abs(np.median(ratio) - 1.0) < off and ratio.std() < off, name
    for name, wanted in (("adaptation_level", 80), ("exponential_threshold", 110)):
        assert abs(np.median(got[name]) - wanted) < 1.5 and got[name].std() < 1.0, name
    registers = ideal["adex"].registers
    for name in (
        "adaptation_enable",
        "adaptation_enable_pulse",
        "exponential_enable",
        "refractory_period_enable_pause",
    ):
        assert np.all(registers[name] == 1), name
    assert not any("coba" in name for name in registers)


def test_what_a_report_of_terms_tells(ideal, tmp_path):
    coba, adex = ideal["coba"], ideal["adex"]
    assert set(coba.report) | set(adex.report) >= set(BOUNDS)
    # inputs that stay currents have no reversal, and were not asked for one
    assert np.isnan(coba.report["e_coba_reversal_inh"][1][256:]).all()
    assert coba.summary()["e_coba_reversal_inh"]["failed"] == 0 and coba.out_of_reach().size == 0
    assert [adex.unit_of(name) for name in ("tau_adap", "subthreshold_adaptation_strength", "leak")] == [
        "s",
        "1",
        "LSB",
    ]
    assert coba.wanted("e_coba_reference_exc") == 102.5 and coba.wanted("e_coba_reversal_inh") == 20
    assert adex.wanted("subthreshold_adaptation_strength") is None and adex.wanted("strength_exc") is None
    for each in (coba, adex):
        again = Calibration.load(each.save(tmp_path / "terms.npz"))
        assert again.summary().keys() == each.summary().keys() and again.target.to_dict() == each.target.to_dict()
        for name, codes in each.registers.items():
            np.testing.assert_array_equal(again.registers[name], codes)
    drawn = plot.calibration(coba)
    assert drawn[8].get_title() == "e_coba_reversal_exc" and drawn[8].get_lines()[0].get_xdata()[0] == 290
    assert "failed" not in drawn[10].texts[0].get_text()
    assert plot.calibration(adex)[9].get_xlabel() == "1"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*could not be measured")  # a circuit or two of a chip
@pytest.mark.parametrize("serial", [21, 22, 23])
@pytest.mark.parametrize("target", [CONDUCTANCES, ALIKE], ids=["coba", "adex"])
def test_spreads_of_three_chips(serial, target):
    found = calibrate(Chip(serial), target)
    got, summary = truth(found, Chip(serial)), found.summary()
    for name in BOUNDS.keys() & summary.keys():
        assert summary[name]["ratio"] < BOUNDS[name] and summary[name]["failed"] <= 3, name
        wanted = found.wanted(name)
        if wanted is not None and name != "spike_triggered_adaptation_increment":
            value = got[name][target.asks(name)]
            # readings of all columns are off by what the reference of the CADC is
            assert np.median(value) == pytest.approx(wanted, rel=0.03, abs=2.0 if wanted > 1 else 0), name


def test_what_is_not_asked_for_is_not_touched():
    configuration = Configuration()
    before = configuration.copy()
    assert switch_on(configuration, NeuronTarget()) == () and not configuration.differences(before)
    decided = switch_on(configuration, NeuronTarget(tau_adap=100e-6))
    assert all(name.startswith("adaptation_") for name in decided)
    assert configuration["adaptation_enable"].all() and not configuration["adaptation_enable_pulse"].any()


def test_responses_are_those_of_the_equation():
    gain, drive, dt = -1 / 190, 9e6, 2e-9
    t = np.arange(15_000) * dt
    y, mean = 0.0, []
    for pull in drive * np.exp(-t / 10e-6):
        y += dt * (-y / 10e-6 + pull * (1.0 + gain * y))
        mean.append(y)
    got = _responses(np.full(512, gain), np.full(512, drive), NeuronTarget(), 0)
    assert got[0][0] == pytest.approx(np.mean(mean), rel=0.005) and got[1][0] == pytest.approx(max(mean), rel=0.005)
    assert _responses(np.zeros(512), np.full(512, drive), NeuronTarget(), 0)[0][0] > 1.05 * got[0][0]


def test_amplitudes():
    times, tau = np.linspace(0.0, 3e-4, 60), np.array([1e-4, 2e-4])
    values = np.array([50.0, -7.0]) * np.exp(-times[:, None] / tau)
    np.testing.assert_allclose(decay_amplitude(times, values, tau), [50.0, -7.0])


def test_the_cell_of_pynn_is_within_reach():
    physics = Physics()
    away = 1.0 / (physics.coba_per_code * physics.cadc_volt_per_lsb * abs(COBA.e_coba_reversal_exc - 135))
    assert COBA.coba_reference("exc")[0] == 135 and 50 < away < 511


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"e_coba_reversal_exc": 130}, r"e_coba_reversal_exc must be 40\.\.400 LSB above the reference.*got 27\.5"),
        ({"e_coba_reversal_inh": 90}, r"e_coba_reversal_inh must be 40\.\.400 LSB below the reference.*got 12\.5"),
        ({"e_coba_reversal_exc": 900}, r"40\.\.400 LSB above.*infinite reversal for currents"),
        ({"e_coba_reference_exc": 100}, r"is that of a conductance; give e_coba_reversal_exc="),
        ({"e_coba_reversal_exc": 300, "e_coba_reference_exc": 40}, r"e_coba_reference_exc must be 60\.\.160"),
        ({"subthreshold_adaptation_strength": 0.4}, r"needs a time constant of the adaptation; give tau_adap="),
        ({"tau_adap": 100e-6, "tau_mem": 30e-6}, r"at least 4 times the slowest tau_mem, 3e-05 s"),
        ({"tau_adap": 0.1}, r"tau_adap must be 0\.0001\.\.0\.0006.*times are in seconds"),
        ({"tau_adap": 1e-4, "spike_triggered_adaptation_increment": 0.2}, r"at least 1 in size.*leave it out for none"),
        ({"exponential_threshold": 30}, r"exponential_threshold must be 60\.\.200"),
    ],
)
def test_terms_out_of_reach(given, message):
    with pytest.raises(CalibrationError, match=message):
        NeuronTarget(**given)


@pytest.mark.parametrize(
    ("name", "given"), [("subthreshold_adaptation_strength", 4), ("spike_triggered_adaptation_increment", 9)]
)
def test_what_adaptation_reaches_depends_on_the_membrane(name, given):
    target = NeuronTarget(tau_mem=1e-6, tau_adap=100e-6, **{name: given})
    physics = Physics()
    conductance = physics.capacitance_at_63 / 1e-6
    most = {
        "subthreshold_adaptation_strength": 600 * physics.adaptation_a_per_code / conductance,
        "spike_triggered_adaptation_increment": 600 * physics.adaptation_b_per_code / conductance / 4.5e-3,
    }[name]
    told = rf"{name} must be 0\.\.{most:.3g} in size, of the fastest membrane; got {given}"
    with pytest.raises(CalibrationError, match=told):
        calibrate(Chip(0), target)
