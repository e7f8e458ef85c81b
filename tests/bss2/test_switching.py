"""Switches of circuits written while they run, against their equations and against runs without a write."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from saltation.bss2 import (
    REGISTERS,
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
from saltation.bss2.registers import ANALOG, SWITCHES, WIRING

PHYSICS = Physics(memory_crosstalk=0.0)
QUIET = {"variation": Variation.none(), "noise": Noise.none(), "physics": PHYSICS}
LINK = 8  # input of the crossbar
C = PHYSICS.capacitance_at_63
TAU = C / (PHYSICS.leak_at_code_0 + 150 * PHYSICS.leak_per_code)
REST = float(PHYSICS.volts(np.array(300)))
AT = np.linspace(0.0, 100e-6, 401)


def driven(**more):
    """All circuits of the top have the same input at 10 us, and those with a code a constant current."""
    values = {
        "leak_v_leak": 300,
        "reset_v_reset": 300,
        "excitatory_input_enable": 1,
        "excitatory_input_i_bias_gm": 500,
        "constant_current_i_offset": 200,
    }
    configuration = Configuration(**values | more)
    configuration.write_row(0, 0, np.full(256, 60))
    configuration.set("node_enable", 1, at=(LINK, 0))
    for output in range(8):
        configuration.set("node_enable", 1, at=(output, 8 + output % 4))
    return configuration


def observed(configuration, writes, circuits=(0,), chip=None, events=(10e-6,), at=AT, batch=1):
    section = Section(105e-6, ChipEvents(events, [0] * len(events)), [IdealProbe(circuits, at)], writes)
    return (Chip(**QUIET) if chip is None else chip).run(configuration, [section] * batch).sections[0]


def voltage(*given, **more):
    return observed(*given, **more).samples[0][:, 0]


# ------------------------------------------------------------------------------------- against equations
def test_a_constant_current_is_switched_on_and_off():
    on, off = 24e-6, 64e-6  # ticks of 8 ns
    writes = [Write(on, "constant_current_enable", 1, at=0), Write(off, "constant_current_enable", 0, at=0)]
    got = voltage(driven(), writes, events=())
    high = REST + 200 * PHYSICS.current_per_code * TAU / C
    peak = high + (REST - high) * np.exp(-(off - on) / TAU)
    rising = high + (REST - high) * np.exp(-(AT - on) / TAU)
    falling = REST + (peak - REST) * np.exp(-(AT - off) / TAU)
    np.testing.assert_allclose(got, np.where(AT <= on, REST, np.where(AT <= off, rising, falling)), rtol=1e-9)
    # and from it, with the other sign
    down = voltage(driven(constant_current_enable=1), [Write(0.0, "constant_current_type", 0)], events=())
    low = 2 * REST - high
    np.testing.assert_allclose(down, low + (high - low) * np.exp(-AT / TAU), rtol=1e-9)  # at rest as it was before


@pytest.mark.parametrize("register", ["excitatory_input_enable", "leak_enable_multiplication", "leak_enable"])
def test_a_response_goes_on_from_where_it_was(register):
    plain = voltage(driven(), [])
    when = 20e-6
    value = 1 - driven()[register][0]
    got = voltage(driven(), [Write(when, register, int(value), at=0)])
    before = AT <= when
    np.testing.assert_allclose(got[before], plain[before], rtol=0, atol=1e-12)
    gm = 0.0 if register == "excitatory_input_enable" else 500 * PHYSICS.gm_per_code
    bias = 150 * PHYSICS.leak_per_code
    leak = {"leak_enable_multiplication": PHYSICS.leak_at_code_0 + 8 * bias, "leak_enable": PHYSICS.leak_at_code_0}
    leak = leak.get(register, PHYSICS.leak_at_code_0 + bias)
    pulls = 0.0 if register == "leak_enable" else leak * REST
    arrived = 10e-6 + PHYSICS.input_delay

    def slope(t, v):
        x = 60.0 / PHYSICS.line_saturation * np.exp(-(t - arrived) / 10e-6)
        return (pulls - leak * v + gm * PHYSICS.line_saturation * (x - 4 * x**3 / 27)) / C

    after = AT[~before]
    start = np.interp(when, AT, plain)
    assert AT[80] == pytest.approx(when) and start > REST + 0.02
    reference = solve_ivp(slope, (when, AT[-1]), [plain[80]], t_eval=after, rtol=1e-10, atol=1e-13, method="LSODA")
    np.testing.assert_allclose(got[~before], reference.y[0], rtol=0, atol=1e-8)
    assert np.abs(got - plain).max() > 2e-3


def test_a_term_without_a_closed_form_is_switched_on_and_off():
    configuration = driven(exponential_i_bias=300, exponential_v_exp=320)
    on, off = 20e-6, 60e-6
    writes = [Write(on, "exponential_enable", 1, at=0), Write(off, "exponential_enable", 0, at=0)]
    got = voltage(configuration, writes)
    leak = PHYSICS.leak_at_code_0 + 150 * PHYSICS.leak_per_code
    onset, arrived = float(PHYSICS.volts(np.array(320))), 10e-6 + PHYSICS.input_delay

    def slope(t, v, kick):
        x = 60.0 / PHYSICS.line_saturation * np.exp(-(t - arrived) / 10e-6)
        term = 300 * PHYSICS.exponential_per_code * np.exp((v - onset) / PHYSICS.exponential_slope)
        current = leak * (REST - v) + kick * np.minimum(term, PHYSICS.exponential_limit)
        return (current + 500 * PHYSICS.gm_per_code * PHYSICS.line_saturation * (x - 4 * x**3 / 27)) / C

    plain = voltage(configuration, [])
    v, expected = plain[80], plain.copy()
    for first, last, kick in ((80, 240, 1.0), (240, 400, 0.0)):
        t = AT[first : last + 1]
        piece = solve_ivp(slope, (t[0], t[-1]), [v], t_eval=t, args=(kick,), rtol=1e-10, atol=1e-13, method="LSODA")
        expected[first : last + 1], v = piece.y[0], piece.y[0][-1]
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)
    assert np.abs(got - plain).max() > 5e-3


def test_a_current_makes_it_spike_while_it_is_on():
    configuration = driven(threshold_enable=1, threshold_v_threshold=350, event_routing_enable_digital=1)
    configuration.set("constant_current_i_offset", 1000, at=0)
    on, off = 24e-6, 64e-6
    writes = [Write(on, "constant_current_enable", 1, at=0), Write(off, "constant_current_enable", 0, at=0)]
    times = observed(configuration, writes, events=()).times
    high = REST + 1000 * PHYSICS.current_per_code * TAU / C
    threshold = float(PHYSICS.volts(np.array(350)))
    first = on - TAU * np.log((high - threshold) / (high - REST)) + PHYSICS.comparator_delay
    assert times.size > 5 and 0.0 <= times[0] - first < 8.1e-9 and times[-1] < off + PHYSICS.comparator_delay + 8e-9
    # a write while it is held leaves the hold as it is, and what it does then is that of the free membrane
    held = times[0] - PHYSICS.comparator_delay + 0.4e-6
    again = observed(configuration, [*writes[:1], Write(held, "constant_current_enable", 0, at=0)], events=()).times
    np.testing.assert_array_equal(again, times[:1])


# ------------------------------------------------------------------------- against runs without a write
def noisy(seed):
    rng = np.random.default_rng(seed)
    configuration = driven(threshold_enable=1, threshold_v_threshold=330, event_routing_enable_digital=1)
    for name in sorted(SWITCHES - {"leak_enable", "excitatory_input_enable", "leak_enable_multiplication"}):
        configuration.set(name, rng.integers(0, 2, REGISTERS[name].shape))
    configuration.set("exponential_enable", rng.integers(0, 2, 512) if seed % 2 else 0)
    for name in ("excitatory_input_enable_coba_mode", "inhibitory_input_enable_coba_mode"):
        configuration.set(name, 0)
    configuration.set("exponential_i_bias", 50)
    return configuration


def same(a, b):
    return (
        np.array_equal(a.times, b.times)
        and np.array_equal(a.circuits, b.circuits)
        and np.array_equal(a.samples[0], b.samples[0])
        and np.array_equal(a.counters, b.counters)
    )


EVENTS = np.arange(5e-6, 100e-6, 7e-6)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_write_that_changes_nothing_changes_nothing(seed):
    configuration = noisy(seed)
    writes = [Write(t, name, configuration[name]) for t in (0.0, 31e-6, 31e-6, 77.7e-6) for name in sorted(SWITCHES)]
    given = {"circuits": range(0, 512, 7), "events": EVENTS}
    plain = observed(configuration, [], chip=Chip(3), **given)
    assert plain.times.size > 200
    assert same(observed(configuration, writes, chip=Chip(3), **given), plain)


@pytest.mark.parametrize("seed", [0, 1])
def test_others_go_on_bit_for_bit_and_sections_do_not_depend_on_one_another(seed):
    configuration = noisy(seed)
    configuration.set("constant_current_enable", 0)
    some = np.arange(0, 512, 5)
    writes = [Write(31e-6, "constant_current_enable", 1, at=some), Write(77.7e-6, "leak_enable_division", 1, at=some)]
    given = {"circuits": range(512), "events": EVENTS}
    plain, switched = (observed(configuration, each, chip=Chip(3), **given) for each in ([], writes))
    others = np.setdiff1d(np.arange(512), some)
    # what they count, for spikes that reach the host wait for those of others, and are lost among them
    np.testing.assert_array_equal(plain.counters[others], switched.counters[others])
    assert (plain.counters[some] != switched.counters[some]).any()
    np.testing.assert_array_equal(plain.samples[0][:, others], switched.samples[0][:, others])
    before = AT <= 31e-6
    np.testing.assert_array_equal(plain.samples[0][before], switched.samples[0][before])
    assert (plain.samples[0][~before][:, some] != switched.samples[0][~before][:, some]).all(axis=1).mean() > 0.9
    chip = Chip(3)
    section = Section(105e-6, ChipEvents(EVENTS, [0] * EVENTS.size), [IdealProbe(range(512), AT)])
    written = Section(105e-6, section.events, section.recordings, writes)
    execution = chip.run(configuration, [written, section])
    assert same(execution.sections[1], Chip(3).run(configuration, [section, section]).sections[1])
    # there and back; those that are no different are not written
    assert execution.rewritten["constant_current_enable"] == 2 * some.size
    assert not chip.configuration.differences(configuration)


def test_wires_and_circuits_can_be_written_at_once():
    both = [Write(20e-6, "constant_current_enable", 1, at=0), Write(20e-6, "synapse_weight", 0)]
    got = voltage(driven(), both, events=(10e-6, 30e-6))
    one = voltage(driven(), both[:1], events=(10e-6,))
    np.testing.assert_allclose(got, one, rtol=0, atol=1e-12)


def test_switches_are_registers_of_their_own():
    assert SWITCHES <= REGISTERS.keys() and SWITCHES.isdisjoint(ANALOG) and SWITCHES.isdisjoint(WIRING)
    assert all(REGISTERS[name].high == 1 for name in SWITCHES)
