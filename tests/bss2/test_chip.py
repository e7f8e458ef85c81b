"""A chip as a whole: events through links, crossbar, buses, drivers and synapses to circuits and back."""

import dataclasses

import numpy as np
import pytest

from saltation.bss2 import (
    Cadc,
    Chip,
    ChipEvents,
    Configuration,
    IdealProbe,
    Noise,
    Physics,
    Section,
    Variation,
    Write,
)
from saltation.bss2 import geometry as g
from saltation.bss2.arriving import arrivals_of, in_order, make_routes
from saltation.bss2.crossbar import FIRST_LINK_IN, label_of
from saltation.errors import ConfigurationError, ParameterError

QUIET = {"variation": Variation.none(), "noise": Noise.none(), "physics": Physics(memory_crosstalk=0.0)}
# a crossbar's inputs: 8 outputs of neurons, 4 links, 8 sources; its outputs: 8 buses, 4 links
LINK, SOURCE = 8, 12


def responsive(**more):
    values = {
        "leak_v_leak": 300,
        "reset_v_reset": 300,
        "threshold_v_threshold": 420,
        "excitatory_input_enable": 1,
        "inhibitory_input_enable": 1,
        "excitatory_input_i_bias_gm": 500,
        "inhibitory_input_i_bias_gm": 500,
    }
    return Configuration(**values | more)


def open_links(configuration):
    configuration["node_enable"][LINK : LINK + g.LINKS, : g.BUSES] = 1


def lifted(chip, configuration, events, circuits=range(512)):
    """By how much membranes moved, in volts, 10 us after the begin of a section."""
    section = Section(10e-6, events, [IdealProbe(circuits, [10e-6])])
    silent = Section(10e-6, recordings=section.recordings)
    with_events, without = chip.run(configuration, [section, silent]).sections
    return (with_events.samples[0] - without.samples[0])[0]


def test_an_event_reaches_the_synapses_with_its_label_on_the_drivers_of_its_select():
    chip, configuration = Chip(**QUIET), responsive()
    open_links(configuration)
    rng = np.random.default_rng(0)
    configuration["synapse_label"][...] = rng.integers(0, 4, configuration["synapse_label"].shape)
    configuration["synapse_weight"][...] = rng.integers(0, 6, configuration["synapse_label"].shape)
    configuration["row_mode"][...] = rng.integers(0, 3, (2, 256))
    configuration["driver_select_mask"][...] = rng.choice([0, 31, 3, 16], (2, 128), p=[0.02, 0.9, 0.05, 0.03])
    # buses take different labels, by a filter on a bit of the row select
    configuration["node_mask"][LINK, 4:8], configuration["node_target"][LINK, 4:8] = 1 << 6, 1 << 6
    total = np.zeros((4, 512))
    for i, (select, label) in enumerate([(5, 2), (4, 2), (16, 0), (31, 3)]):
        expected = np.zeros(512)
        for hemisphere in range(2):
            if hemisphere == 1 and not select & 1:
                continue
            for row in range(256):
                mask = configuration["driver_select_mask"][hemisphere, row // 2]
                mode = configuration["row_mode"][hemisphere, row]
                if (g.select_of_row(row) ^ select) & mask or not mode:
                    continue
                match = configuration["synapse_label"][hemisphere, row] == label
                weights = configuration["synapse_weight"][hemisphere, row] * match
                expected[hemisphere * 256 : hemisphere * 256 + 256] += weights * (1 if mode == 1 else -1)
        moved = lifted(chip, configuration, ChipEvents([0.0], [label_of(select, label)]))
        assert np.abs(expected).max() > 3
        total[i] = expected
        # nearly linear for small weights
        up = 500 * chip.physics.gm_per_code / 2.2e-12
        rise = (10e-6 - chip.physics.input_delay) * np.exp(-(10e-6 - chip.physics.input_delay) / 10e-6)
        np.testing.assert_allclose(moved, up * rise * expected, rtol=0.05, atol=3e-5)
    assert not np.array_equal(total[0], total[1])


def test_only_open_nodes_pass():
    chip, configuration = Chip(**QUIET), responsive(synapse_weight=60, row_mode=1)
    event = ChipEvents([0.0], [0])
    assert np.all(lifted(chip, configuration, event) == 0.0)
    configuration.set("node_enable", 1, at=(LINK, 5))
    moved = lifted(chip, configuration, event)
    assert np.all(moved[:256] == 0.0) and np.all(moved[256:] > 0.05)
    assert np.all(lifted(chip, configuration, ChipEvents([0.0], [0], links=1)) == 0.0)


def relay(**more):
    """Circuit 40 spikes by two strong events, and drives circuit 300 over the crossbar."""
    configuration = responsive(threshold_enable=0, **more)
    configuration.set("threshold_enable", 1, at=[40, 300])
    configuration.set("event_routing_enable_digital", 1, at=[40, 300])
    configuration.set("threshold_v_threshold", 340, at=[40, 300])
    configuration.set("event_routing_address", 0b10_000101, at=40)
    open_links(configuration)
    weights = np.zeros(256, int)
    weights[40] = 63
    configuration.write_row(0, 0, weights, label=1)
    output = g.output_of(40)
    assert output == 1
    # bus 1 of the bottom, row select of the spike: output number and two bits of its address
    select, label = output << 2 | 0b10, 0b000101
    driver = select * 4 + 1
    row = 2 * driver
    assert g.bus_of_row(1, row) == 5 and g.select_of_row(row) == select
    weights = np.zeros(256, int)
    weights[300 - 256] = 63
    configuration.write_row(1, row, weights, label=label)
    configuration.set("driver_select_mask", 31, at=(1, driver))
    configuration.set("node_enable", 1, at=([output, output, g.output_of(300)], [5, 8 + 1, 8 + g.output_of(300)]))
    return configuration


def test_spikes_go_over_the_crossbar_to_circuits_and_to_the_host():
    chip = Chip(**QUIET)
    events = ChipEvents([1e-6, 1.5e-6, 2e-6], [1, 1, 1])
    section = Section(30e-6, events, [IdealProbe([300], np.arange(300) * 1e-7)])
    configuration = relay()
    (observed,) = chip.run(configuration, [section]).sections
    assert observed.circuits.tolist()[0] == 40 and np.all(np.diff(observed.times) >= 0.0)
    assert np.all(np.abs(observed.times / g.TICK - np.rint(observed.times / g.TICK)) < 1e-6)
    first = observed.times[0]
    voltage, at = observed.samples[0][:, 0], observed.sampled[0]
    quiet = at < first + chip.physics.route_delay
    assert np.all(voltage[quiet] == voltage[0]) and voltage[~quiet].max() > voltage[0] + 0.02
    assert observed.counters[40] == (observed.circuits == 40).sum() and observed.counters.sum() == observed.times.size
    # without the node to the host it still works, unseen
    configuration.set("node_enable", 0, at=(1, 8 + 1))
    (unseen,) = chip.run(configuration, [section]).sections
    assert 40 not in unseen.circuits and unseen.counters[40] == observed.counters[40]
    np.testing.assert_array_equal(unseen.samples[0], observed.samples[0])


def test_a_chip_is_the_same_every_time_and_noise_is_that_of_the_run():
    configuration = responsive(leak_v_leak=330, threshold_v_threshold=340, threshold_enable=1)
    configuration.set("event_routing_enable_digital", 1)
    configuration["node_enable"][np.arange(8), 8 + np.arange(8) % 4] = 1
    sections = [Section(40e-6, recordings=[Cadc(samples=10)])] * 6
    chip = Chip(5, threads=1)
    first, second = chip.run(configuration, sections), chip.run(configuration, sections)
    assert (first.number, second.number) == (1, 2) and chip.runs == 2

    def same(a, b):
        return all(
            np.array_equal(x.times, y.times)
            and np.array_equal(x.circuits, y.circuits)
            and np.array_equal(x.samples[0], y.samples[0])
            for x, y in zip(a.sections, b.sections, strict=True)
        )

    assert not same(first, second) and first.sections[0].times.size > 50
    assert not np.array_equal(first.sections[0].times, first.sections[1].times)
    assert same(first, Chip(5, threads=2).run(configuration, sections))
    # a run is repeated by its number, which does not count
    assert same(second, chip.run(configuration, sections, number=2)) and chip.runs == 2
    resumed = Chip(5)
    resumed.skip_to(1)
    assert same(second, resumed.run(configuration, sections))
    with pytest.raises(ParameterError, match=r"Chip\.skip_to\.runs must be a whole number"):
        resumed.skip_to(-1)
    assert not same(first, Chip(5).run(configuration, sections, seed=1))
    assert not same(first, Chip(6).run(configuration, sections))
    other = Chip(5, noise=Noise.none())
    assert same(other.run(configuration, sections), other.run(configuration, sections))


def test_only_what_differs_is_written():
    chip = Chip(**QUIET)
    configuration = relay()
    section = [Section(5e-6, ChipEvents([1e-6], [1]))]
    first = chip.run(configuration, section)
    assert first.settled == 20e-3 and first.hardware_time == pytest.approx(20e-3 + 5e-6)
    assert first.written == configuration.differences(Configuration())
    again = chip.run(configuration, section)
    assert again.written == {} and again.settled == 0.0 and again.hardware_time == 5e-6
    configuration.set("synapse_weight", 30, at=(0, 0, 40))
    assert chip.run(configuration, section).written == {"synapse_weight": 1}
    assert chip.configuration == configuration and chip.configuration is not configuration


def test_weights_that_change_are_the_same_as_a_new_compilation():
    rng = np.random.default_rng(1)
    chip, configuration = Chip(3), responsive(row_mode=1)
    open_links(configuration)
    events = ChipEvents(np.arange(6) * 1e-6, [0, 1, 2, 0, 1, 2])
    configuration["synapse_label"][...] = rng.integers(0, 3, (2, 256, 256))
    section = [Section(20e-6, events, [Cadc()])]
    for _ in range(3):
        configuration["synapse_weight"][...] = rng.integers(0, 64, (2, 256, 256)) * (rng.random((2, 256, 256)) < 0.02)
        got = chip.run(configuration, section, number=7).sections[0].samples[0]
        expected = Chip(3).run(configuration, section, number=7).sections[0].samples[0]
        np.testing.assert_array_equal(got, expected)


def test_a_current_beyond_the_supply_shortens_intervals_up_to_the_hold():
    chip = Chip(**QUIET)
    configuration = Configuration(
        leak_v_leak=200, reset_v_reset=200, threshold_v_threshold=300, leak_i_bias=80, constant_current_enable=1
    )
    configuration.set("leak_enable_division", 1)
    configuration.set("threshold_enable", 1, at=7)
    configuration.set("event_routing_enable_digital", 1, at=7)
    configuration.set("node_enable", 1, at=(0, g.BUSES))
    p = chip.physics
    conductance = p.leak_at_code_0 + 80 * p.leak_per_code / p.leak_division
    strong = 8 * p.reset_per_code * 1022 + conductance
    intervals, levels = [], []
    for code in (50, 200, 1000):
        configuration.set("constant_current_i_offset", code)
        times = chip.run(configuration, [Section(1e-3)]).sections[0].times
        hold = 30 * 16 * g.TICK
        current = p.current_per_code * code
        level, held = current / conductance, current / strong  # above the leak, which is the reset too
        rise = p.capacitance_at_63 / conductance * np.log((level - held) / (level - 100 * p.volt_per_code))
        levels.append(level + p.volts(np.array(200.0)))
        intervals.append(np.diff(times).mean())
        assert intervals[-1] == pytest.approx(hold + rise, rel=2e-3)
    assert levels[0] < p.supply < levels[1] and intervals[2] < 2.5 * hold < intervals[1]


def test_what_a_link_cannot_carry_is_lost_and_counted():
    chip, configuration = Chip(**QUIET), responsive(row_mode=0)
    configuration.write_row(0, 0, np.full(256, 1))
    open_links(configuration)
    many = 100
    at_once = Section(10e-6, ChipEvents(np.full(many, 1e-6), np.zeros(many, int)))
    on_four = Section(10e-6, ChipEvents(np.full(many, 1e-6), np.zeros(many, int), links=np.arange(many) % 4))
    apart = Section(10e-6, ChipEvents(1e-6 + np.arange(many) * g.TICK, np.zeros(many, int)))
    execution = chip.run(configuration, [at_once, on_four, apart])
    depth = int(chip.physics.link_depth)
    lost = [section.lost for section in execution.sections]
    assert lost[0]["links from the host"] == many - depth - 1 and lost[0]["buses"] == 0
    # all links reach the same buses: what comes through at once meets there
    assert lost[1]["links from the host"] == 4 * (many // 4 - depth - 1) and lost[1]["buses"] > 0
    assert all(n == 0 for n in lost[2].values())
    assert execution.lost["links from the host"] == sum(each["links from the host"] for each in lost)


@pytest.mark.parametrize("mode", ["regular", "poisson"])
def test_background_sources(mode):
    chip, configuration = Chip(**QUIET), responsive(inhibitory_input_enable=0)
    configuration.set("source_enable", 1, at=2)
    configuration.set("source_mode", int(mode == "poisson"), at=2)
    configuration.set("source_period", 50, at=2)
    configuration.set("source_rate", 128, at=2)
    configuration.set("source_label", 8, at=2)
    configuration.set("source_mask", 3, at=2)
    configuration.set("node_enable", 1, at=(SOURCE + 2, 2))
    row = 4  # driver 2: bus 2 of the top
    assert g.bus_of_row(0, row) == 2
    labels = np.arange(256) % 16
    configuration.write_row(0, row, np.full(256, 10), label=labels)
    section = [Section(100e-6, recordings=[IdealProbe(range(256), np.arange(1000) * 1e-7)])]
    values = chip.run(configuration, section).sections[0].samples[0]
    moved = values[-1] > values[0, 0] + 1e-4
    np.testing.assert_array_equal(moved, (labels >= 8) & (labels < 12))
    # the mean of the current is the rate times the charge
    rate = 1.0 / (50 * g.TICK) * (0.5 if mode == "poisson" else 1.0) / 4
    up = 500 * chip.physics.gm_per_code / 2.2e-12 * 10 * 10e-6 * 10e-6 * rate
    assert values[500:, moved].mean() - values[0, 0] == pytest.approx(up, rel=0.12)


def test_bad_arguments():
    for serial in (-1, 1.5, "a", True):
        with pytest.raises(ParameterError, match=r"Chip\.serial must be a whole number"):
            Chip(serial)
    with pytest.raises(ParameterError, match=r"Chip\.noise must be a Noise; got Variation"):
        Chip(noise=Variation())
    with pytest.raises(ConfigurationError, match="at least one Section"):
        Chip().run(Configuration(), [])
    configuration = Configuration()
    configuration["synapse_label"][0, 0, 0] = 64
    with pytest.raises(ConfigurationError, match=r"synapse_label must be 0\.\.63; got 64"):
        Chip().run(configuration, [Section(1e-6)])


@pytest.mark.parametrize("spread", [3, 1000])
def test_arrivals_are_in_the_order_of_time_then_address(spread):
    rng = np.random.default_rng(0)
    time, kind = rng.integers(0, spread, 200).astype(float), rng.integers(0, 5, 200)
    order, expected = in_order(time, kind), np.lexsort((kind, time))
    np.testing.assert_array_equal(time[order], time[expected])
    np.testing.assert_array_equal(kind[order], kind[expected])


@pytest.mark.parametrize("begins", [[0.0], [0.0, 1e-6, 3e-6]])
def test_events_are_led_to_every_address_of_their_label(begins):
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(0.0, 4e-6, 300))
    labels, links = rng.choice([2, 7, 9], 300), rng.integers(0, 2, 300)
    tables = []
    for shift in range(len(begins)):
        addresses = {
            (FIRST_LINK_IN + link, label): np.arange(link + shift, label, 3) for link in (0, 1) for label in (7, 9)
        }
        tables.append(addresses | {(FIRST_LINK_IN + link, 2): np.empty(0, int) for link in (0, 1)})
    physics = Physics()
    section = Section(5e-6, ChipEvents(times, labels, links))
    found, lost = arrivals_of(Configuration(), section, physics, [make_routes(each) for each in tables], begins)
    expected, waited, free = [], 0, {0: -np.inf, 1: -np.inf}
    for time, label, link in zip(times, labels.tolist(), links.tolist(), strict=True):
        stamp = np.ceil(time / g.TICK - 1e-6) * g.TICK
        start = max(stamp, free[link])
        if start - stamp > physics.link_depth * physics.link_period:
            waited += 1
            continue
        free[link] = start + physics.link_period
        stage = max(i for i, begin in enumerate(begins) if i == 0 or begin < start)
        for address in tables[stage][FIRST_LINK_IN + link, label].tolist():
            expected.append((start + physics.input_delay, address))
    assert lost == waited
    assert list(zip(found.time.tolist(), found.address.tolist(), strict=True)) == sorted(expected)
    assert len(expected) > 300


def test_a_run_does_not_depend_on_which_events_came_before():
    configuration = responsive(threshold_enable=1, event_routing_enable_digital=1)
    open_links(configuration)
    rng = np.random.default_rng(3)
    for row in range(0, 40):
        configuration.write_row(row % 2, row, rng.integers(0, 30, 256), label=row % 8)

    # many at the same times, on several links
    def section(labels):
        times, chosen = np.repeat(np.arange(1, 40) * 0.5e-6, 4), rng.choice(labels, 156)
        return Section(25e-6, ChipEvents(times, chosen, np.tile(range(4), 39)), [Cadc(range(0, 512, 40))])

    earlier, section_of_now = section([6, 61]), section([0, 1, 2, 60])
    runs = []
    for before in ([], [earlier], [earlier, section_of_now]):
        chip = Chip(1)
        for each in before:
            chip.run(configuration, [each])
        chip.run(configuration, [section_of_now], number=7)  # what the memory holds is settled
        runs.append(chip.run(configuration, [section_of_now], number=7))
    first, *others = runs
    assert first.sections[0].spiked > 1000
    for other in others:
        np.testing.assert_array_equal(first.sections[0].counters, other.sections[0].counters)
        np.testing.assert_array_equal(first.sections[0].samples[0], other.sections[0].samples[0])
        assert first.unheard == other.unheard == {(LINK + link, 60) for link in range(4)}


@pytest.mark.parametrize("changed", [{"leak_v_leak": 600}, {}])
def test_a_refused_run_leaves_the_chip_as_it_was(changed):
    plain = responsive()
    plain.write_row(0, 0, [0] * 255 + [1])
    other = responsive(**changed)
    other.write_row(0, 0, [63] * 256)
    for configuration in (plain, other):
        open_links(configuration)
    section = Section(20e-6, ChipEvents([1e-6, 2e-6], [0, 0]), [Cadc(range(8))])
    refused = dataclasses.replace(section, writes=[Write(5e-6, "row_mode", 3, at=(0, 0))])
    fresh, chip = Chip(1), Chip(1)
    expected = [fresh.run(plain, [section]), fresh.run(plain, [section])][1]
    chip.run(plain, [section])
    before = chip.state
    with pytest.raises(ConfigurationError, match="row_mode must be one sign"):
        chip.run(other, [refused])
    assert chip.runs == before.runs and chip.configuration == before.configuration
    found = chip.run(plain, [section])
    np.testing.assert_array_equal(found.sections[0].samples[0], expected.sections[0].samples[0])


def test_what_a_chip_is_cannot_be_changed():
    chip = Chip(1)
    for name in ("serial", "physics", "variation", "noise"):
        with pytest.raises(AttributeError):
            setattr(chip, name, getattr(chip, name))
    with pytest.raises(TypeError):
        chip.state.codes["leak_v_leak"] = np.zeros(512)
    with pytest.raises(ParameterError, match=r"Chip\.restore\.state must be a ChipState"):
        chip.restore(chip.configuration)


def test_restoring_takes_back_what_was_recorded_too():
    chip = Chip(1)
    before, told = chip.state, chip.describe()
    chip.run(Configuration(), [Section(5e-6, recordings=[Cadc([3, 4])])])
    assert chip.describe() != told
    chip.restore(before)
    assert chip.describe() == told


def test_arguments_of_a_run_are_checked_before_it_counts():
    chip, configuration, section = Chip(1), Configuration(), Section(1e-6)
    with pytest.raises(ParameterError, match=r"run\.sections must be a list of Section; got Section; .*\[section\]"):
        chip.run(configuration, section)
    with pytest.raises(ParameterError, match=r"run\.sections must be a list of Section"):
        chip.run(configuration, [section, 3])
    with pytest.raises(ParameterError, match=r"run\.configuration must be a Configuration; got dict"):
        chip.run({}, [section])
    assert chip.runs == 0
