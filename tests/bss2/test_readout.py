"""Converters: what they read, and what they refuse."""

import numpy as np
import pytest
from scipy.linalg import expm

from saltation.bss2 import (
    Cadc,
    Chip,
    ChipEvents,
    Configuration,
    IdealProbe,
    Madc,
    Noise,
    Physics,
    Section,
    Variation,
    Write,
)
from saltation.errors import ConfigurationError

PHYSICS = Physics(memory_crosstalk=0.0)


def ideal(**more):
    return Chip(0, physics=PHYSICS, variation=Variation.none(), noise=Noise.none(), **more)


def test_the_cadc_reads_all_columns_linearly_and_is_cut_at_its_rails():
    configuration = Configuration()
    codes = np.linspace(0, 1022, 512).astype(int)
    configuration.set("leak_v_leak", codes)
    execution = ideal().run(configuration, [Section(20e-6, recordings=[Cadc(), IdealProbe(range(512), [5e-6])])])
    (cadc, probe), (times, _) = execution.sections[0].samples, execution.sections[0].sampled
    assert cadc.dtype == np.uint8 and cadc.shape == (12, 512)
    np.testing.assert_allclose(times, 1.7e-6 * np.arange(12))
    volts = np.minimum(PHYSICS.volt_at_code_0 + PHYSICS.volt_per_code * codes, PHYSICS.supply)
    np.testing.assert_allclose(probe[0], volts)
    np.testing.assert_array_equal(cadc[0], np.clip(np.rint((probe[0] - 0.06) / 4.5e-3), 0, 255))
    assert cadc.min() == 0 and abs(cadc[0, np.searchsorted(codes, 70)] - 20) <= 1
    assert abs(int(cadc[0, np.searchsorted(codes, 550)]) - 220) <= 1
    configuration.set("cadc_offset", -20, at=3)
    configuration.set("leak_v_leak", 300)
    shifted = ideal().run(configuration, [Section(5e-6, recordings=[Cadc()])]).sections[0].samples[0]
    assert shifted[0, 3] == shifted[0, 4] - 20


def test_channels_of_the_cadc_differ_and_readings_are_noisy():
    configuration = Configuration(leak_v_leak=250)
    chip = Chip(4, physics=PHYSICS, variation=Variation.none().replace(cadc_offset=15.0), noise=Noise())
    reading = chip.run(configuration, [Section(170e-6, recordings=[Cadc(samples=100)])]).sections[0].samples[0]
    assert 12 < reading.mean(axis=0).std() < 18
    assert 1.1 < reading.std(axis=0).mean() < 1.7  # of the membrane and of the channel, each about 1


def test_the_madc_samples_two_circuits_fast():
    chip, configuration = ideal(), Configuration(leak_v_leak=300)
    with pytest.raises(ConfigurationError, match=r"one circuit of an even and one of an odd column.*\[2, 4\]"):
        Madc([2, 4])
    with pytest.raises(ConfigurationError, match="at most one circuit of an even"):
        Madc([0, 1, 3])
    section = Section(50e-6, recordings=[Madc([2, 5], start=10e-6)])
    observed = chip.run(configuration, [section]).sections[0]
    reading, times = observed.samples[0], observed.sampled[0]
    assert reading.shape == (int(40e-6 / 34e-9) + 1, 2)
    settled = times >= 18e-6
    assert np.isnan(reading[~settled]).all() and np.all(reading[settled] == round((0.01875 + 0.5625) / 1.2 * 1023))


def test_the_madc_has_the_circuits_that_are_connected_to_it():
    configuration = Configuration()
    section = Section(20e-6, recordings=[Madc([2, 5])])
    plain = ideal().run(configuration, [section]).sections[0].samples[0]
    configuration.set("readout_enable_madc", 1, at=[2, 5])
    connected = ideal().run(configuration, [section]).sections[0].samples[0]
    np.testing.assert_array_equal(plain, connected)
    with pytest.raises(
        ConfigurationError,
        match=r"the input of even circuits is that of circuit 2, for which readout_enable_madc is set; got 4; .*write "
        r"readout_enable_madc 0 for circuit 2, or record that one",
    ):
        ideal().run(configuration, [section, Section(20e-6, recordings=[Cadc([7], samples=2), Madc([4, 5])])])
    configuration.set("readout_enable_madc", 0, at=2)
    ideal().run(configuration, [Section(20e-6, recordings=[Madc([4, 5])])])
    with pytest.raises(ConfigurationError, match="the input of odd circuits is that of circuit 5"):
        ideal().run(configuration, [Section(20e-6, recordings=[Madc(511)])])


def test_lines_are_read_where_the_readout_says_so():
    configuration = Configuration(leak_v_leak=300, excitatory_input_enable=1, excitatory_input_i_bias_gm=500)
    configuration.set("readout_source", 1, at=[0, 1])
    configuration.write_row(0, 0, np.full(256, 50))
    configuration.set("node_enable", 1, at=(8, 0))
    events = ChipEvents([10e-6], labels=[0])
    at = np.array([5e-6, 10.2e-6, 20.2e-6, 30.2e-6])
    section = Section(40e-6, events, [IdealProbe([0, 1, 2], at)])
    (values,) = ideal().run(configuration, [section]).sections[0].samples
    np.testing.assert_allclose(values[0], [PHYSICS.line_rest, PHYSICS.line_rest, 0.58125])
    fallen = PHYSICS.line_rest - values[1:, 0]
    arrived = 10e-6 + PHYSICS.input_delay
    np.testing.assert_allclose(
        fallen, PHYSICS.line_swing * 50 / PHYSICS.line_saturation * np.exp(-(at[1:] - arrived) / 10e-6), rtol=1e-5
    )


def adapting(**more):
    configuration = Configuration(adaptation_enable=1, adaptation_v_leak=250, adaptation_i_bias_tau=600, **more)
    configuration.set("readout_source", 3, at=[0, 3])
    return configuration


def test_the_adaptation_is_read_as_its_equations_have_it():
    configuration = adapting(leak_v_leak=400, adaptation_v_ref=200, adaptation_i_bias_a=300)
    configuration.set("adaptation_invert_a", 1, at=3)
    configuration.set("adaptation_enable", 0, at=1)
    configuration.set("readout_source", 3, at=1)
    at = np.linspace(0.0, 150e-6, 31)
    section = Section(160e-6, recordings=[Cadc([0], period=3.4e-6, samples=40), IdealProbe([0, 1, 2, 3], at)])
    reading, values = ideal().run(configuration, [section]).sections[0].samples
    # V and w from rest, by the exponential of their matrix
    g_leak = PHYSICS.leak_at_code_0 + PHYSICS.leak_per_code * 150
    c, tau = PHYSICS.capacitance_at_63, PHYSICS.adaptation_tau_code / 600
    leak, level = PHYSICS.volts(np.array([400, 200]))
    for column, sign in ((0, 1.0), (3, -1.0)):
        a = sign * 300 * PHYSICS.adaptation_a_per_code
        matrix = np.array([[-g_leak / c, -1.0 / c], [a / tau, -1.0 / tau]])
        rest = np.linalg.solve(matrix, -np.array([g_leak * leak / c, -a * level / tau]))
        w = np.array([(rest + expm(matrix * t) @ (np.array([leak, 0.0]) - rest))[1] for t in at])
        expected = PHYSICS.volts(np.array(250)) + PHYSICS.adaptation_resistance * w
        np.testing.assert_allclose(values[:, column], expected, atol=2e-6)
        assert np.ptp(expected) > 0.02
    np.testing.assert_allclose(values[:, 1], PHYSICS.volts(np.array(250)), rtol=1e-12)  # off
    assert values[0, 2] == pytest.approx(leak) and values[-1, 2] < leak  # a membrane that its adaptation pulls down
    assert reading[0, 0] == round((PHYSICS.volts(np.array(250)) - 0.06) / 4.5e-3) < reading[-1, 0]


def test_a_spike_is_seen_in_the_adaptation():
    configuration = adapting(
        leak_v_leak=500,
        threshold_v_threshold=350,
        threshold_enable=1,
        adaptation_enable_pulse=1,
        adaptation_i_bias_b=100,
    )
    configuration.set("event_routing_enable_digital", 1, at=0)
    for output in range(8):
        configuration.set("node_enable", 1, at=(output, 8 + output % 4))
    configuration.set("leak_v_leak", 200, at=range(1, 512))
    at = np.linspace(0.0, 60e-6, 601)
    observed = ideal().run(configuration, [Section(61e-6, recordings=[IdealProbe([0], at)])]).sections[0]
    crossed = observed.times - PHYSICS.comparator_delay
    assert crossed.size > 3
    tau, b = PHYSICS.adaptation_tau_code / 600, 100 * PHYSICS.adaptation_b_per_code
    since = at[:, None] - crossed
    w = (b * np.exp(-np.maximum(since, 0.0) / tau) * (since > 0.0)).sum(axis=1)
    clear = np.abs(since).min(axis=1) > 16e-9  # a time stamp is up to 8 ns late
    expected = PHYSICS.volts(np.array(250)) + PHYSICS.adaptation_resistance * w
    np.testing.assert_allclose(observed.samples[0][clear, 0], expected[clear], rtol=1e-4)


def test_of_joined_circuits_the_one_that_spikes_adapts():
    configuration = adapting(leak_v_leak=400, adaptation_v_ref=200, adaptation_i_bias_a=300)
    alone = ideal().run(configuration, [Section(50e-6, recordings=[IdealProbe([0], [40e-6])])]).sections[0].samples[0]
    configuration.set("readout_source", 3, at=256)
    configuration.set("multicompartment_connect_vertical", 1, at=[0, 256])
    section = Section(50e-6, recordings=[IdealProbe([0, 256], [40e-6])])
    (both,) = ideal().run(configuration, [section]).sections[0].samples
    rest = PHYSICS.volts(np.array(250))
    # twice the leak and the capacitance, so that the same current pulls less
    assert both[0, 1] == rest and alone[0, 0] < both[0, 0] < 1.2 * alone[0, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cadc(samples=101), r"Cadc\.samples must be at most 100.*sram.*got 101; placement='dram'"),
        (lambda: Cadc(samples=204_801, placement="dram"), r"at most 204800.*dram.*got 204801"),
        (lambda: Cadc(samples=0), r"Cadc\.samples must be a number of at least 1"),
        (lambda: Cadc(placement="disk"), r"'sram' or 'dram'"),
        (lambda: Cadc(circuits=[512]), r"Cadc\.circuits must be 0\.\.511; got 512\.\.512"),
        (lambda: Cadc(circuits=[0.5]), r"must be a list of circuits"),
        (lambda: Cadc(circuits="hid"), r"numbers of 0\.\.511; got 'hid'; experiment\.circuits\(name\)"),
        (lambda: Cadc(start=-1e-6), r"Cadc\.start must be a time"),
        (lambda: Madc(0, samples=65_536), r"Madc\.samples must be 1\.\.65535; got 65536"),
        (lambda: IdealProbe([0], [2e-6, 1e-6]), r"IdealProbe\.at must be sorted"),
        (lambda: Section(0.0), r"Section\.duration must be a finite time above 0"),
        (lambda: Section(1e-6, ChipEvents([2e-6], [0])), r"must lie in the section of 1e-06 s; got 2e-06 s"),
        (lambda: Section(1e-6, ChipEvents([2e-6], [0])), r"cut the events$"),
        (lambda: Section(1e-4, ChipEvents([20], [0])), r"got 20 s.*or cut the events; .*microseconds are 1e-6$"),
        (lambda: Section(1e-5, recordings=Cadc()), r"recordings must be a list of Cadc.*got Cadc; a single one goes"),
        (lambda: Section(1e-5, writes=Write(0.0, "row_mode", 0)), r"writes must be a list of Write; got Write"),
        (lambda: Section(1e-5, recordings=[Cadc(), Cadc()]), r"at most one of each converter; got 2 Cadc"),
        (lambda: ChipEvents([0.0], [1 << 14]), r"ChipEvents\.labels must be 0\.\.16383; got 16384 at 0"),
        (lambda: ChipEvents([0.0], [0], links=4), r"ChipEvents\.links must be 0\.\.3; got 4 at 0"),
        (lambda: ChipEvents([0.0, 1.0], [0]), r"must be of one length"),
        (lambda: ChipEvents([-1.0], [0]), r"times must be finite and at least 0"),
        (lambda: ChipEvents([0.0], [0.5]), r"must be whole numbers"),
    ],
)
def test_what_cannot_be_recorded_or_played(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


@pytest.mark.parametrize(
    ("recording", "message"),
    [
        (
            Cadc(),
            r"has 177 samples.*the sram store holds 100; take fewer samples=, a longer period= or placement='dram'",
        ),
        (Cadc(start=1e-3), r"Cadc\.start must lie in the section"),
        (Cadc(samples=60, period=6e-6), r"60 samples, 6e-06 s apart, do not fit into the section: 51 do"),
        (Cadc(period=1e-6), r"Cadc\.period must be a time in seconds of at least 1\.7e-06"),
        (Cadc(period=2e-6, placement="dram"), r"at least 6e-06"),
        (Madc(0, start=1e-3), r"Madc\.start must lie in the section"),
        (Madc(0, samples=9000), r"9000 samples do not fit into the section: 8824 do"),
        (IdealProbe([0], [1e-3]), r"IdealProbe\.at must lie in the section"),
    ],
)
def test_what_does_not_fit_into_the_section(recording, message):
    with pytest.raises(ConfigurationError, match=message):
        ideal().run(Configuration(), [Section(300e-6, recordings=[recording])])


def test_what_does_fit():
    sections = [
        Section(300e-6, recordings=[Cadc(samples=100), Madc([0, 1], samples=65)]),
        Section(300e-6, recordings=[Cadc(period=3.1e-6)]),
        Section(300e-6, recordings=[Cadc(placement="dram")]),
    ]
    shapes = [o.samples[0].shape for o in ideal().run(Configuration(), sections).sections]
    assert shapes == [(100, 512), (97, 512), (51, 512)]
