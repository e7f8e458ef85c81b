"""Registers written while circuits run: they act on what comes after, and on nothing else."""

import numpy as np
import pytest

from saltation.bss2 import (
    REGISTERS,
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
from saltation.bss2.registers import ANALOG, WIRING
from saltation.errors import ConfigurationError

PHYSICS = Physics(memory_crosstalk=0.0)
QUIET = {"variation": Variation.none(), "noise": Noise.none(), "physics": PHYSICS}
LINK = 8  # input of the crossbar


def driven(**more):
    """Rows 0 and 1 of the top drive circuit 0 by events with label 0, over bus 0."""
    values = {
        "leak_v_leak": 300,
        "reset_v_reset": 300,
        "excitatory_input_enable": 1,
        "inhibitory_input_enable": 1,
        "excitatory_input_i_bias_gm": 500,
        "inhibitory_input_i_bias_gm": 500,
    }
    configuration = Configuration(**values | more)
    configuration.set("row_mode", 1, at=(0, 0))
    configuration.set("synapse_weight", 10, at=(0, 0, 0))
    configuration.set("node_enable", 1, at=(LINK, 0))
    return configuration


def line_after(writes, times=(10e-6, 20e-6), source=1, **more):
    """The excitatory line of circuit 0, in weights, right after each event and its decay between them."""
    configuration = driven(**more)
    configuration.set("readout_source", source, at=0)
    at = np.asarray(times) + PHYSICS.input_delay + 1e-9
    section = Section(40e-6, ChipEvents(times, [0] * len(times)), [IdealProbe([0], at)], writes)
    values = Chip(**QUIET).run(configuration, [section]).sections[0].samples[0][:, 0]
    return (PHYSICS.line_rest - values) / PHYSICS.line_swing * PHYSICS.line_saturation


DECAYED = 10 * np.exp(-1.0)  # of the first event when the second comes, a time constant later


@pytest.mark.parametrize(
    ("write", "second"),
    [
        (None, 10),
        (Write(15e-6, "synapse_weight", 40, at=(0, 0, 0)), 40),
        (Write(15e-6, "synapse_label", 1, at=(0, 0, 0)), 0),
        (Write(15e-6, "row_mode", 0, at=(0, 0)), 0),
        (Write(15e-6, "row_mode", 2, at=(0, 0)), 0),
        (Write(15e-6, "node_enable", 0, at=(LINK, 0)), 0),
        (Write(15e-6, "node_target", 1, at=(LINK, 0)), 0),
        (Write(15e-6, "synapse_weight", 63), 63),
        # an event on its way: played at 20 us, through the crossbar at once, at the synapse 0.1 us later
        (Write(20.05e-6, "synapse_weight", 40, at=(0, 0, 0)), 40),
        (Write(20.2e-6, "synapse_weight", 40, at=(0, 0, 0)), 10),
        (Write(20.05e-6, "node_enable", 0, at=(LINK, 0)), 10),
        # one at the very moment of an event comes after it
        (Write(20e-6, "node_enable", 0, at=(LINK, 0)), 10),
        (Write(19.9e-6, "node_enable", 0, at=(LINK, 0)), 0),
    ],
)
def test_a_write_acts_on_what_arrives_after_it(write, second):
    got = line_after([] if write is None else [write])
    np.testing.assert_allclose(got, [10, DECAYED + second], rtol=1e-3)


def test_a_row_that_becomes_inhibitory_drives_the_other_line():
    got = line_after([Write(15e-6, "row_mode", 2, at=(0, 0))], source=2)
    np.testing.assert_allclose(got, [0, 10], rtol=1e-3, atol=1e-9)


def test_a_write_at_the_begin_and_several_at_once():
    both = [
        Write(15e-6, "synapse_weight", 20, at=(0, 0, 0)),
        Write(15e-6, "synapse_weight", 30, at=(0, 0, 0)),
        Write(0.0, "synapse_weight", 5, at=(0, 0, 0)),
    ]
    np.testing.assert_allclose(line_after(both), [5, 5 * np.exp(-1.0) + 30], rtol=1e-3)


def test_short_term_plasticity_remembers_over_a_write():
    # an event takes 4/20 of what there is; a write that comes between does not bring it back
    more = {"driver_enable_stp": 1, "stp_v_recover_0": 300, "stp_v_charge_0": 580, "driver_recovery": 15}
    plain = line_after([], **more)
    assert plain[1] - plain[0] * np.exp(-1.0) == pytest.approx(8, rel=1e-2)
    written = line_after([Write(15e-6, "synapse_weight", 20, at=(0, 0, 0))], **more)
    assert written[1] - written[0] * np.exp(-1.0) == pytest.approx(16, rel=1e-2)


def random_wiring(rng, configuration):
    """All that a write can reach, at random, so that circuits drive one another."""
    for name in sorted(WIRING - {"node_enable", "node_mask", "node_target", "driver_select_mask", "row_mode"}):
        configuration.set(name, rng.integers(REGISTERS[name].low, REGISTERS[name].high + 1, REGISTERS[name].shape))
    configuration.set("synapse_label", rng.integers(0, 4, (2, 256, 256)))
    configuration.set("synapse_weight", rng.integers(0, 64, (2, 256, 256)) * (rng.random((2, 256, 256)) < 0.02))
    configuration.set("row_mode", rng.integers(0, 3, (2, 256)))
    configuration.set("driver_select_mask", rng.integers(0, 2, (2, 128)))
    configuration.set("event_routing_address", rng.integers(0, 4, 512))
    configuration["node_enable"][...] = 0
    bus = rng.permutation(8)[:4]
    configuration["node_enable"][LINK, bus] = 1
    for output in range(8):
        configuration["node_enable"][output, [output % 4 + 4 * rng.integers(2), 8 + output % 4]] = 1
    return configuration


def spiking(seed):
    configuration = driven(threshold_enable=1, threshold_v_threshold=420)
    return random_wiring(np.random.default_rng(seed), configuration)


def all_of(configuration, time):
    return [Write(time, name, configuration[name]) for name in sorted(WIRING)]


def same(a, b):
    return (
        np.array_equal(a.times, b.times)
        and np.array_equal(a.circuits, b.circuits)
        and all(np.array_equal(x, y) for x, y in zip(a.samples, b.samples, strict=True))
        and np.array_equal(a.counters, b.counters)
        and a.lost == b.lost
    )


def test_writing_what_is_there_changes_nothing():
    configuration = spiking(0)
    rng = np.random.default_rng(1)
    events = ChipEvents(np.sort(rng.uniform(0, 50e-6, 300)), rng.integers(0, 4, 300))
    recordings = [Cadc(samples=30), IdealProbe(range(64), np.linspace(0, 60e-6, 333))]
    plain = Section(60e-6, events, recordings)
    writes = [write for time in (0.0, 7.003e-6, 20e-6, 33.3e-6) for write in all_of(configuration, time)]
    written = Section(60e-6, events, recordings, writes)
    chip = Chip(5)
    first = chip.run(configuration, [plain, plain], number=1).sections
    execution = chip.run(configuration, [written, plain], number=1)
    assert first[0].times.size > 100
    assert same(first[0], execution.sections[0]) and same(first[1], execution.sections[1])
    assert execution.rewritten == {}


def test_written_before_anything_happens_is_as_if_it_had_been_so():
    before, after = spiking(2), spiking(3)
    rng = np.random.default_rng(4)
    events = ChipEvents(10e-6 + np.sort(rng.uniform(0, 50e-6, 300)), rng.integers(0, 4, 300))
    recordings = [IdealProbe(range(512), np.linspace(0, 70e-6, 50))]
    # no circuit spikes by itself, before the first event
    chip = Chip(5, variation=Variation().replace(leak=0.0, threshold=0.0, input_offset=0.0))
    (expected,) = chip.run(after, [Section(70e-6, events, recordings)], number=1).sections
    section = Section(70e-6, events, recordings, all_of(after, 8e-6))
    execution = chip.run(before, [section], number=1)
    (got,) = execution.sections
    assert expected.times.size > 200 and expected.times.min() > 10e-6
    np.testing.assert_array_equal(got.times, expected.times)
    np.testing.assert_array_equal(got.circuits, expected.circuits)
    # what arrives at one moment on several buses is added in another order
    np.testing.assert_allclose(got.samples[0], expected.samples[0], rtol=0, atol=1e-12)
    (other,) = chip.run(before, [Section(70e-6, events, recordings)], number=1).sections
    assert not np.array_equal(other.times, expected.times)
    # there and back
    assert execution.rewritten == {name: 2 * n for name, n in after.differences(before).items()}
    assert chip.configuration == before


def test_buses_that_open_while_circuits_spike_leave_the_rest_as_it_is():
    configuration = spiking(6)
    # nothing on the last bus of each hemisphere
    for row in range(256):
        if g.bus_of_row(0, row) == 3:
            configuration["row_mode"][:, row] = 0
    configuration["node_enable"][:, [3, 7]] = 0
    rng = np.random.default_rng(7)
    events = ChipEvents(np.sort(rng.uniform(0, 50e-6, 300)), rng.integers(0, 4, 300))
    nodes = configuration["node_enable"].copy()
    nodes[LINK, [3, 7]] = 1
    nodes[[3, 7]] |= np.isin(np.arange(12), [3, 7]).astype(np.int32)
    recordings = [IdealProbe(range(512), np.linspace(0, 60e-6, 333))]
    writes = [Write(time, "node_enable", nodes) for time in (15.001e-6, 30e-6)]
    plain, opened = (
        Chip(5).run(configuration, [Section(60e-6, events, recordings, own)]).sections[0] for own in ((), writes)
    )
    assert plain.times.size > 200
    np.testing.assert_array_equal(opened.times, plain.times)
    np.testing.assert_array_equal(opened.circuits, plain.circuits)
    np.testing.assert_array_equal(opened.samples[0], plain.samples[0])


def test_spikes_go_where_the_crossbar_leads_them_now():
    configuration = driven(leak_v_leak=500)
    configuration.set("threshold_enable", 1, at=0)
    configuration.set("event_routing_enable_digital", 1, at=0)
    configuration.set("threshold_v_threshold", 420, at=0)
    configuration.set("node_enable", 1, at=(0, 8))
    (all_seen,) = Chip(**QUIET).run(configuration, [Section(60e-6)]).sections
    writes = [
        Write(20e-6, "event_routing_enable_digital", 0, at=0),
        Write(30e-6, "event_routing_enable_digital", 1, at=0),
        Write(40e-6, "node_enable", 0, at=(0, 8)),
    ]
    (seen,) = Chip(**QUIET).run(configuration, [Section(60e-6, writes=writes)]).sections
    assert seen.spiked == all_seen.spiked == all_seen.times.size and seen.counters[0] == seen.spiked
    crossing = all_seen.times - PHYSICS.comparator_delay
    expected = all_seen.times[(crossing < 20e-6) | ((crossing > 30e-6) & (crossing < 40e-6))]
    assert 0 < expected.size < all_seen.times.size
    np.testing.assert_array_equal(seen.times, expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Write(1e-6, "synapse_weight", 64), r"synapse_weight must be 0\.\.63; got 64 at \(0, 0, 0\)"),
        (
            lambda: Write(1e-6, "synapse_label", 64, at=(1, 2, 3)),
            r"synapse_label must be 0\.\.63; got 64",
        ),
        (lambda: Write(1e-6, "leak_v_leak", 1023, at=4), r"leak_v_leak must be 0\.\.1022; got 1023 at \(4,\)"),
        (
            lambda: Write(1e-6, "leak_v_leak", 300),
            r"leak_v_leak cannot be written inside.*settles for 20 ms",
        ),
        (lambda: Write(1e-6, "source_enable", 1), r"background sources are started with the section"),
        (lambda: Write(1e-6, "readout_source", 1), r"what is read is decided with the section"),
        (
            lambda: Write(1e-6, "threshold_enable", 1),
            r"it decides which circuits take part in a run",
        ),
        (
            lambda: Write(1e-6, "membrane_capacitance_capacitance", 1),
            r"it changes more of circuits than where their voltages go; write it before a run.*constant_current_enable",
        ),
        (lambda: Write(1e-6, "weights", 1), r"a register must be one of the chip's; got 'weights'"),
        (lambda: Write(1e-6, "synapse_weight", 0.5), r"must be whole numbers"),
        (lambda: Write(-1e-6, "synapse_weight", 1), r"Write\.time must be a time in seconds of at least 0; got -1e-06"),
        (lambda: Write(float("nan"), "synapse_weight", 1), r"Write\.time must be a time"),
        (
            lambda: Section(1e-5, writes=[Write(1e-5, "synapse_weight", 1)]),
            r"Section\.writes must lie in the section of 1e-05 s; got 1e-05 s",
        ),
    ],
)
def test_what_cannot_be_written_in_a_section(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_registers_that_do_not_go_together_after_a_write():
    for register, value, at, message in (
        ("row_mode", 3, (0, 0), r"row_mode must be one sign.*both signs, at \(0, 0\)"),
        ("node_enable", 1, (0, 1), r"no node; got 1 at \(0, 1\)"),
    ):
        section = Section(1e-5, writes=[Write(1e-6, register, value, at=at)])
        with pytest.raises(ConfigurationError, match=message):
            Chip(**QUIET).run(driven(), [section])


def test_what_can_be_written():
    assert WIRING <= REGISTERS.keys() and WIRING.isdisjoint(ANALOG)
    write = Write(1.0000001e-6, "synapse_weight", [3, 4], at=(1, 255, slice(0, 2)))
    assert write.tick == 126 * g.TICK and write.places.tolist() == [(256 + 255) * 256, (256 + 255) * 256 + 1]
    configuration = Configuration()
    write.apply(configuration)
    assert configuration["synapse_weight"][1, 255, :3].tolist() == [3, 4, 0]
