"""Matrices on emulated circuits, against the equations of lines and membranes in small steps, and what is refused."""

import numpy as np
import pytest

from saltation.bss2 import Cadc, Chip, ChipEvents, Configuration, IdealProbe, Noise, Physics, Section, Variation
from saltation.bss2 import geometry as g
from saltation.bss2.crossbar import label_of
from saltation.bss2.drift import drift_of
from saltation.bss2.mac import Circuits, HagenCalibration, HagenTarget, Tile, configure
from saltation.bss2.mac.layout import Schedule
from saltation.bss2.mac.result import REGISTERS_SET
from saltation.bss2.variation import hidden
from saltation.errors import CalibrationError, ConfigurationError, FileFormatError, SimulationError

LINK = 8  # the first input of the crossbar that is a link
CODES = {
    "leak_v_leak": 325,
    "leak_i_bias": 170,
    "leak_enable_division": 1,
    "synapse_dac_bias": 1022,
    **{
        f"{kind}_input_{name}": code
        for kind in ("excitatory", "inhibitory")
        for name, code in (("enable", 1), ("i_bias_gm", 450), ("i_bias_tau", 938), ("enable_small_capacitance", 1))
    },
}


def nominal(serial=0, **more):
    """One code for all: exact on an ideal chip, and on no other."""
    codes = {name: np.full(Configuration()[name].shape, code) for name, code in (CODES | more).items()}
    return HagenCalibration(serial, HagenTarget(), codes, {}, 0.0)


def ideal(**physics):
    return Chip(variation=Variation.none(), noise=Noise.none(), physics=Physics(memory_crosstalk=0.0, **physics))


def stepped(chip, tile, vector, schedule, column, step=2e-9):
    """The result of a column, by Euler's steps through the equations, with the hidden numbers of the chip."""
    p, own, circuit = chip.physics, hidden(chip.serial, chip.variation), 256 * tile.hemisphere + tile.column + column
    capacitance = p.capacitance_at_63 * own["capacitance"][circuit]
    conductance = (p.leak_at_code_0 + p.leak_per_code * 170 / p.leak_division) * own["tau_mem"][circuit]
    rest = p.volts(np.array(325.0), own["leak"][circuit])
    strong = [p.gm_per_code * 450 * own["gm"][r, circuit] for r in range(2)]
    rest = (
        rest + (strong[0] * own["input_offset"][0, circuit] - strong[1] * own["input_offset"][1, circuit]) / conductance
    )
    decay = [938 / (p.tau_syn_code * p.tau_syn_small * own["tau_syn"][r, circuit]) for r in range(2)]
    events = []
    for i, activation in enumerate(vector):
        weight, driver = tile.weights[i, column], tile.row + i
        if not activation or not weight:
            continue
        place = tile.hemisphere, 2 * driver + (weight > 0), tile.column + column
        charge = abs(weight) * own["synapse"][place] + own["synapse_offset"][place]
        charge *= own["driver"][tile.hemisphere, driver] * 1022 / p.dac_reference
        length = activation + own["hagen_offset"][tile.hemisphere, driver]
        charge *= p.hagen_pulse * own["hagen_slope"][tile.hemisphere, driver] * max(length, 0.0)
        for send in range(schedule.sends):
            time = 7e-6 + 8e-9 * schedule.wait * (send * schedule.inputs + i) + p.input_delay
            events.append((time, 0 if weight > 0 else 1, max(charge, 0.0)))
    events.sort()
    v, line, t, read = rest, [0.0, 0.0], 0.0, []
    for until in (2e-6, schedule.reading):
        while t < until - 1e-12:
            while events and events[0][0] <= t + 1e-12:
                _, receptor, charge = events.pop(0)
                line[receptor] += charge
            current = conductance * (rest - v)
            for r, sign in enumerate((1.0, -1.0)):
                x = line[r] / p.line_saturation
                f = x - 4.0 * x**3 / 27.0 if x < 1.5 else 1.0
                current += sign * strong[r] * p.line_saturation * f
                line[r] -= step * decay[r] * line[r]
            v += step * current / capacitance
            t += step
        middle, half = (p.amplifier_low + p.amplifier_high) / 2, (p.amplifier_high - p.amplifier_low) / 2
        x = (v - middle) / half
        shown = middle + half * x / (1.0 + x**8) ** 0.125
        lsb = (shown - p.cadc_volt_at_0) / p.cadc_volt_per_lsb * own["cadc_gain"][circuit]
        read.append(np.clip(round(lsb + own["cadc_offset"][circuit]), 0, 255))
    return np.clip(read[1] - read[0], -128, 127)


def test_results_follow_the_equations():
    # on an uncalibrated chip, so that every deviation counts; the last input saturates its line
    chip = Chip(3, noise=Noise.none(), physics=Physics(memory_crosstalk=0.0))
    weights = np.array([[63, -40, 12], [50, 63, -7], [-33, 20, 1]])
    tiles = [Tile(0, weights, row=5, column=130), Tile(1, weights[::-1].copy(), row=125, column=253)]
    vectors = [np.array([[31, 20, 9], [0, 0, 0]]), np.array([[4, 31, 26], [31, 0, 31]])]
    results = Circuits(chip, nominal(3)).multiply(tiles, vectors, num_sends=8, wait_between_events=3)
    schedule, far = Schedule(3, 8, 3), 0
    for tile, batch, got in zip(tiles, vectors, results, strict=True):
        assert got.shape == (2, 3) and got.dtype == np.int8
        for b in range(2):
            for column in range(3):
                assert abs(stepped(chip, tile, batch[b], schedule, column) - int(got[b, column])) <= 1
        far = max(far, np.abs(got).max())
    assert far > 30 and np.all(results[0][1] == 0)


def test_an_ideal_chip_multiplies_and_repeats_itself():
    chip, rng = ideal(), np.random.default_rng(0)
    weights, vectors = rng.integers(-63, 64, (40, 8)), rng.integers(0, 32, (6, 40))
    circuits = Circuits(chip, nominal())
    tile = Tile(1, weights, row=60, column=100)
    (first,) = circuits.multiply([tile], [vectors])
    (again,) = circuits.multiply([tile], [vectors])
    product = vectors @ weights
    gain = (first * product).sum() / (product * product).sum()
    assert gain == pytest.approx(0.0019, rel=0.1) and np.abs(first - gain * product).max() < 1.5
    assert np.array_equal(first, again) and circuits.last is not None and circuits.last.hardware_time > 6 * 9e-6
    (twice,) = circuits.multiply([tile], [vectors], num_sends=2)
    assert np.abs(twice - 2.0 * gain * product).max() < 3.0
    (other,) = Circuits(ideal(), nominal()).multiply([Tile(0, weights, row=1, column=3)], [vectors])
    assert np.abs(other - first.astype(int)).max() <= 1


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32])
def test_whole_numbers_of_any_size_will_do(dtype):
    weights, vectors = np.array([[60, 3], [0, 63]]), np.array([[31, 30], [0, 9]])
    (expected,) = Circuits(ideal(), nominal()).multiply([Tile(0, weights)], [vectors], num_sends=3)
    (got,) = Circuits(ideal(), nominal()).multiply(
        [Tile(0, weights.astype(dtype))], [vectors.astype(dtype)], num_sends=3
    )
    assert np.array_equal(got, expected) and expected.max() > 9


def test_a_hemisphere_does_not_hear_the_other():
    rng = np.random.default_rng(1)
    tiles = [Tile(h, rng.integers(-63, 64, (16, 4))) for h in range(2)]
    vectors = [rng.integers(0, 32, (3, 16)) for _ in range(2)]
    both = Circuits(ideal(), nominal()).multiply(tiles, vectors, wait_between_events=1)
    for tile, vector, together in zip(tiles, vectors, both, strict=True):
        (alone,) = Circuits(ideal(), nominal()).multiply([tile], [vector], wait_between_events=1)
        assert np.array_equal(alone, together) and np.abs(alone).max() > 5


def test_each_chip_is_another_and_each_run_has_its_noise():
    weights, vectors = np.full((30, 64), 40), np.full((4, 30), 15)
    quiet = [
        Circuits(Chip(serial, noise=Noise.none()), nominal(serial)).multiply([Tile(0, weights)], [vectors])[0]
        for serial in (1, 2)
    ]
    assert np.all(quiet[0] == quiet[0][0]) and np.abs(quiet[0][0] - quiet[1][0].astype(int)).mean() > 3
    chip = Chip(1, variation=Variation.none(), noise=Noise.none().replace(cadc=1.0))
    circuits = Circuits(chip, nominal(1), seed=4)
    (first,), (second,) = (circuits.multiply([Tile(0, weights)], [vectors]) for _ in range(2))
    assert 1.0 < (first.astype(int) - second).std() / np.sqrt(2.0) < 1.8
    (again,) = Circuits(Chip(1, variation=Variation.none(), noise=chip.noise), nominal(1), seed=4).multiply(
        [Tile(0, weights)], [vectors]
    )
    assert np.array_equal(first, again)


def lifted(configuration, labels, at=20e-6, circuits=(0, 1)):
    """Volts by which membranes have moved after events of labels at the begin of a section."""
    chip, probe = ideal(), [IdealProbe(list(circuits), [at])]
    sections = [Section(at, ChipEvents([1e-6], [label]), probe) for label in labels]
    silent, *loud = chip.run(configuration, [Section(at, recordings=probe), *sections]).sections
    return np.array([each.samples[0][0] - silent.samples[0][0] for each in loud])


def test_a_pulse_is_as_long_as_32_less_the_low_bits_and_the_rest_of_the_label_is_compared():
    configuration = configure((), nominal())
    configuration["node_enable"][...] = 0
    configuration.set("node_enable", 1, at=(LINK, 0))
    configuration.set("node_mask", 0, at=(LINK, 0))
    configuration.set("node_target", 0, at=(LINK, 0))
    configuration.set("synapse_weight", 5, at=(0, 1, [0, 1]))
    configuration.set("synapse_label", [7, 32 + 9], at=(0, 1, [0, 1]))
    moved = lifted(configuration, [label_of(0, label) for label in (31, 30, 12, 0, 32 + 31, 32 + 2)])
    unit = moved[0, 0]
    np.testing.assert_allclose(moved[:, 0] / unit, [1, 2, 20, 32, 0, 0], rtol=1e-3)
    np.testing.assert_allclose(moved[:, 1] / unit, [0, 0, 0, 0, 1, 30], rtol=1e-3)
    # a usual driver compares all of the label, and makes one pulse
    usual = configuration.copy()
    usual.set("driver_enable_hagen_modulation", 0)
    plain = lifted(usual, [label_of(0, label) for label in (7, 31, 32 + 9)])
    assert np.array_equal(plain != 0.0, [[True, False], [False, False], [False, True]])
    assert unit / plain[0, 0] == pytest.approx(Physics().hagen_pulse, rel=1e-3)
    # the circuit of the short-term plasticity is at work, and does not change strengths by use
    configuration.set("driver_enable_stp", 1)
    np.testing.assert_array_equal(lifted(configuration, [label_of(0, 12)])[0], moved[2])
    configuration.set("driver_hagen_dac_offset", 42)
    longer = 1 + 10 * Physics().hagen_offset_per_code
    assert lifted(configuration, [label_of(0, 31)])[0, 0] / unit == pytest.approx(longer, rel=1e-3)
    configuration.set("driver_hagen_dac_offset", 0)
    assert lifted(configuration, [label_of(0, 31)])[0, 0] == 0.0


def test_the_amplifier_of_a_readout_ends_at_its_rails():
    codes = np.array([0, 100, 300, 560, 640])
    configuration = Configuration(leak_v_leak=np.resize(codes, 512))
    read = {}
    for on in (0, 1):
        configuration.set("readout_enable_amplifier", on)
        section = Section(5e-6, recordings=[Cadc(circuits=range(5), samples=1), IdealProbe(range(5), [0.0])])
        observed = ideal().run(configuration, [section]).sections[0]
        read[on] = observed.samples[0][0].astype(int)
        np.testing.assert_allclose(observed.samples[1][0], Physics().volts(codes))
    assert np.array_equal(read[0][1:], [32, 116, 224, 253])
    assert read[1][0] in (25, 26) and abs(read[1][2] - 116) <= 1 and 210 < read[1][3] < 224 and 222 < read[1][4] < 228


def test_strengths_of_pulses_drift_over_many_runs():
    noise, physics = Noise.none().replace(hagen_drift=0.05), Physics(memory_crosstalk=0.0)
    drift = np.array([drift_of(1, n, physics, noise) for n in range(0, 300_000, 250)])
    assert drift.shape[1] == 2 and drift.std() == pytest.approx(0.05, rel=0.15) and abs(drift.mean()) < 0.01
    assert abs(np.corrcoef(drift.T)[0, 1]) < 0.2 and np.corrcoef(drift[:-1, 0], drift[1:, 0])[0, 1] > 0.8
    assert np.abs(np.diff([drift_of(1, n, physics, noise)[0] for n in range(3000)])).max() < 0.001
    chip = Chip(1, variation=Variation.none(), noise=noise, physics=physics)
    tiles, vectors = [Tile(h, np.full((64, 2), 25)) for h in range(2)], [np.full((1, 64), 15)] * 2
    still = Circuits(ideal(), nominal()).multiply(tiles, vectors)
    for number in (10, 40_000, 90_000):
        chip.skip_to(number - 1)
        moved, by = Circuits(chip, nominal(1)).multiply(tiles, vectors), 1.0 + drift_of(1, number, physics, noise)
        for h in range(2):
            assert np.abs(moved[h] - still[h] * by[h]).max() <= 1.0


@pytest.mark.parametrize(
    ("tiles", "vectors", "more", "message"),
    [
        ([], [], {}, "at least one Tile"),
        ([Tile(0, np.ones((2, 2), int))], [], {}, "one array for each tile; got 0 for 1"),
        ([Tile(2, np.ones((2, 2), int))], [[[1, 1]]], {}, "hemisphere must be 0 or 1; got 2"),
        ([Tile(0, np.ones((2, 2), int))] * 2, [[[1, 1]]] * 2, {}, r"different hemispheres; got \[0, 0\]"),
        ([Tile(0, np.ones((129, 2), int))], [np.ones((1, 129), int)], {}, "has 128 inputs; got 129 from row 0 on"),
        ([Tile(0, np.ones((2, 2), int), row=127)], [[[1, 1]]], {}, "has 128 inputs; got 2 from row 127 on"),
        ([Tile(0, np.ones((2, 2), int), column=255)], [[[1, 1]]], {}, "has 256 outputs; got 2 from column 255 on"),
        ([Tile(0, np.ones((2, 2), int), row=-1)], [[[1, 1]]], {}, r"row must be 0\.\.127; got -1"),
        ([Tile(0, np.ones(2, int))], [[[1, 1]]], {}, r"\[input, output\]; got the shape \(2,\)"),
        ([Tile(0, np.full((2, 2), -64))], [[[1, 1]]], {}, r"weights must be -63\.\.63; got -64 at \(0, 0\)"),
        ([Tile(0, np.ones((2, 2)))], [[[1, 1]]], {}, "weights must be whole numbers; got the dtype float64"),
        ([Tile(0, np.ones((2, 2), int))], [[[1, 32]]], {}, r"activations must be 0\.\.31; got 32 at \(0, 1\)"),
        ([Tile(0, np.ones((2, 2), int))], [[[1, -1]]], {}, r"activations must be 0\.\.31; got -1"),
        ([Tile(0, np.ones((2, 2), int))], [[[1.0, 1.0]]], {}, "activations must be whole numbers"),
        ([Tile(0, np.ones((2, 2), int))], [[[1, 1, 1]]], {}, r"with 2 inputs.*got the shape \(1, 3\)"),
        ([Tile(0, np.ones((2, 2), int))], [np.ones((0, 2), int)], {}, "at least one vector"),
        ([Tile(h, np.ones((1, 1), int)) for h in range(2)], [[[1]], [[1], [1]]], {}, r"batches of \[1, 2\]"),
        ([Tile(0, np.ones((1, 1), int))], [[[1]]], {"num_sends": 0}, "num_sends must be a whole number of at least 1"),
        ([Tile(0, np.ones((1, 1), int))], [[[1]]], {"wait_between_events": 0.5}, "wait_between_events must be"),
    ],
)
def test_what_is_not_possible_is_refused(tiles, vectors, more, message):
    chip = ideal()
    with pytest.raises(ConfigurationError, match=message):
        Circuits(chip, nominal()).multiply(tiles, [np.asarray(each) for each in vectors], **more)
    assert chip.runs == 0


def test_a_chip_needs_a_calibration_of_its_own():
    with pytest.raises(CalibrationError, match="is of the chip with serial number 0; got the chip 1"):
        Circuits(Chip(1), nominal())
    with pytest.raises(CalibrationError, match=r"must be a HagenCalibration; got NoneType.*calibrate_hagen"):
        Circuits(Chip(1), None)
    with pytest.raises(CalibrationError, match=r"HagenTarget.tau_mem must be 2e-05..6e-05.*in seconds"):
        HagenTarget(tau_mem=60.0)


def test_lost_events_are_not_silent():
    # a link that is slower than on the chip
    chip = ideal(link_period=40e-9, link_depth=2.0)
    tile, vectors = Tile(0, np.ones((40, 1), int)), np.ones((1, 40), int)
    with pytest.raises(SimulationError, match=r"events of a matrix were lost: .*links from the host"):
        Circuits(chip, nominal()).multiply([tile], [vectors], wait_between_events=1)


def test_a_calibration_is_kept_in_a_file(tmp_path):
    report = {"leak": (np.arange(512.0), np.ones(512))}
    codes = {name: Configuration()[name] for name in REGISTERS_SET} | {"leak_v_leak": np.arange(512)}
    calibration = HagenCalibration(7, HagenTarget(leak=110), codes, report, 2.5)
    loaded = HagenCalibration.load(calibration.save(tmp_path / "c.npz"))
    assert loaded.target == calibration.target and loaded.serial == 7 and loaded.hardware_time == 2.5
    assert np.array_equal(loaded.registers["leak_v_leak"], np.arange(512))
    assert np.array_equal(loaded.report["leak"][0], np.arange(512.0)) and loaded.summary()["leak"]["after"] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        loaded.registers["leak_v_leak"][0] = 1
    for name in REGISTERS_SET:
        fewer = {each: values for each, values in codes.items() if each != name}
        HagenCalibration(7, HagenTarget(), fewer, report, 2.5).save(tmp_path / "fewer.npz")
        with pytest.raises(FileFormatError, match=rf"missing are \['{name}'\]"):
            HagenCalibration.load(tmp_path / "fewer.npz")
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match="does not hold a calibration of the matrix mode"):
        HagenCalibration.load(tmp_path / "bad.npz")


def test_events_and_pulses_share_synapses():
    """A label more costs no more synapses in the arrays of the kernel."""
    chip = ideal()
    circuits = Circuits(chip, nominal())
    for activation in (3, 17):
        circuits.multiply([Tile(0, np.full((4, 256), 9))], [np.full((1, 4), activation)])
    compiled = chip._compiled[1]
    assert compiled.matches.bus.size == 8 and compiled.wires.charge.size == 4 * 256
    assert compiled.matches.place.size == 4 * 2 * g.COLUMNS
