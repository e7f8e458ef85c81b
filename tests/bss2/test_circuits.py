"""The circuits of the chip against their differential equations, and against themselves in pieces."""

import dataclasses
import math

import numpy as np
import pytest

from reference.chip import Synapses, make_wires, plain
from reference.membrane import Membrane
from saltation.bss2 import Noise, Physics
from saltation.bss2.circuits import Analog, at_rest, grown, pack
from saltation.bss2.emulation import Arrivals, Channels, advance, readings_of
from saltation.bss2.gates import FIRST_LINK, FIRST_OUTPUT, GATES, timing_of
from saltation.errors import ParameterError, SimulationError
from saltation.kernels.chip import records as r
from saltation.kernels.chip.random import nearly_normal, normal, word

WINDOW, KEY, DRIVERS = 1e-6, 77, 256
TIMING = timing_of(Physics(), Noise.none())
TICK = TIMING.tick
NOTHING, _ = readings_of([])
NO_ARRIVALS = Arrivals(np.empty(0), np.empty(0, np.int64))


def random_membranes(rng, n, **more):
    """Membranes of one or two circuits, all different."""
    sizes = rng.integers(1, 3, n)
    k = int(sizes.sum())
    values = dict(
        tau_mem=rng.uniform(4e-6, 14e-6, n),
        tau_reset=rng.uniform(3e-7, 9e-7, n),
        leak=rng.uniform(0.38, 0.46, n),
        reset=rng.uniform(0.33, 0.42, n),
        threshold=rng.uniform(0.6, 0.68, n),
        hold=rng.uniform(1e-6, 4e-6, n),
        passes=rng.integers(0, 2, n).astype(bool),
    )
    inputs = dict(tau_syn=rng.uniform(2e-6, 12e-6, (2, k)), drive=rng.uniform(0.8e5, 2.5e5, (2, k)))
    circuits = plain(k)
    fields = {f.name: getattr(circuits, f.name) for f in dataclasses.fields(Analog)}
    fields = {name: a if a.ndim == 2 else a[:n] for name, a in fields.items()}
    fields |= values | inputs | more | {"first": np.concatenate([[0], np.cumsum(sizes)])}
    return Analog(**fields)


def random_wires(rng, analog, addresses, charge=1.0):
    """Each address reaches all membranes, a random circuit and a random receptor of each."""
    n = analog.tau_mem.size
    reached = []
    for _ in range(addresses):
        circuit = analog.first[:-1] + rng.integers(0, np.diff(analog.first))
        receptor = (rng.random(n) < 0.3).astype(np.int64)
        reached.append((0, [Synapses(0, circuit, receptor, rng.uniform(0.1, charge, n))]))
    return make_wires(reached, np.full(n, FIRST_OUTPUT), np.full(n, FIRST_LINK), [np.empty(0, np.int64)] * n), reached


def random_arrivals(rng, n, duration, addresses):
    """No two closer than a bus takes them."""
    ticks = np.sort(rng.choice(int(duration / TICK / 4), n, replace=False)) * 4
    return Arrivals(ticks * TICK, rng.integers(0, addresses, n))


def run(analog, wires, arrivals, duration, at=(), stops=(), timing=TIMING, key=KEY, state=None):
    circuits = pack(analog, WINDOW)
    state = at_rest(circuits, GATES, DRIVERS) if state is None else state
    n = analog.tau_mem.size
    channels = Channels(np.asarray(at, float), np.arange(n), np.full(n, -1))
    spikes, start = [], -1.0
    readings, (values,) = readings_of([channels])
    if not len(stops):
        state, *spikes = advance(circuits, wires, timing, state, arrivals, readings, key, duration)
        return state, spikes, values
    times, members = [], []
    for stop in [*stops, duration]:
        piece = arrivals.between(start, stop)
        state, t, m = advance(circuits, wires, timing, state, piece, NOTHING, key, stop)
        times.append(t)
        members.append(m)
        start = stop
    order = np.lexsort((np.concatenate(members), np.concatenate(times)))
    return state, [np.concatenate(times)[order], np.concatenate(members)[order]], values


def reference(analog, m, reached, arrivals, duration, at, levels=None):
    own = slice(analog.first[m], analog.first[m + 1])
    names = [f.name for f in dataclasses.fields(Analog) if f.name not in ("first", "noise")]
    values = {name: getattr(analog, name) for name in names}
    membrane = Membrane(**{name: a[:, own] if a.ndim == 2 else a[m].item() for name, a in values.items()})
    events = []
    for time, address in zip(arrivals.time.tolist(), arrivals.address.tolist(), strict=True):
        (group,) = reached[address][1]
        for circuit, receptor, charge in zip(group.circuit, group.receptor, group.charge, strict=True):
            if analog.first[m] <= circuit < analog.first[m + 1]:
                events.append((time, receptor, circuit - analog.first[m], charge))
    windows = () if levels is None else WINDOW * np.arange(len(levels))
    voltage = membrane.run(duration, events, at, windows, () if levels is None else levels)
    stamps = np.ceil((np.array(membrane.spikes) + TIMING.comparator) / TICK) * TICK
    return stamps[stamps <= duration + TIMING.comparator], voltage


@pytest.mark.parametrize(("seed", "charge"), [(0, 0.4), (1, 1.2), (2, 2.5)])
def test_closed_forms_against_the_equations(seed, charge):
    rng = np.random.default_rng(seed)
    analog = random_membranes(rng, 4)
    wires, reached = random_wires(rng, analog, 5, charge)
    arrivals = random_arrivals(rng, 30, 50e-6, 5)
    at = np.linspace(0.0, 60e-6, 301)
    state, (times, members), values = run(analog, wires, arrivals, 60e-6, at)
    assert state.lost.sum() == 0 and times.size > 3
    for m in range(4):
        stamps, voltage = reference(analog, m, reached, arrivals, 60e-6, at)
        np.testing.assert_array_equal(times[members == m], stamps)
        np.testing.assert_allclose(values[:, m], voltage, rtol=0, atol=2e-7)


def test_noise_is_a_level_that_is_constant_in_each_window():
    rng = np.random.default_rng(3)
    analog = random_membranes(rng, 2, noise=np.full(2, 6e-3))
    wires, reached = random_wires(rng, analog, 5)
    arrivals = random_arrivals(rng, 20, 30e-6, 5)
    at = np.linspace(0.0, 40e-6, 201)
    _, (times, members), values = run(analog, wires, arrivals, 40e-6, at)
    spread = pack(analog, WINDOW).membrane[:, r.NOISE]
    for m in range(2):
        with np.errstate(over="ignore"):
            drawn = np.array([nearly_normal(word(np.uint64(KEY), m, window)) for window in range(41)])
        stamps, voltage = reference(analog, m, reached, arrivals, 40e-6, at, analog.leak[m] + spread[m] * drawn)
        np.testing.assert_array_equal(times[members == m], stamps)
        np.testing.assert_allclose(values[:, m], voltage, rtol=0, atol=2e-7)


def test_noise_has_the_size_that_was_asked_for():
    n = 400
    analog = plain(n, tau_mem=np.linspace(2e-6, 40e-6, n), noise=4.5e-3)
    at = np.arange(200e-6, 1000e-6, 10e-6)
    _, _, values = run(analog, random_wires(np.random.default_rng(0), analog, 1)[0], NO_ARRIVALS, 1e-3, at)
    assert abs(values.std() / 4.5e-3 - 1.0) < 0.03 and abs(values.mean() - 0.42) < 3e-4
    early, late = values[:, :100].std(), values[:, -100:].std()
    assert abs(early / late - 1.0) < 0.1  # whatever the time constant


def test_random_numbers():
    count = 20_000
    with np.errstate(over="ignore"):
        words = word(np.uint64(5), np.arange(count, dtype=np.uint64), np.uint64(9))
        assert np.unique(words).size == count
        for drawn in (nearly_normal(words), np.array([normal(w) for w in words])):
            assert abs(drawn.mean()) < 0.03 and abs(drawn.std() - 1.0) < 0.02
        # neighbours in thing, count and key have nothing to do with one another
        for other in (
            word(np.uint64(5), np.arange(1, count + 1, dtype=np.uint64), np.uint64(9)),
            word(np.uint64(5), np.arange(count, dtype=np.uint64), np.uint64(10)),
            word(np.uint64(6), np.arange(count, dtype=np.uint64), np.uint64(9)),
        ):
            assert abs(np.corrcoef(nearly_normal(words), nearly_normal(other))[0, 1]) < 0.03


ADEX = {"kick": 2e3, "kick_at": 0.6, "adapt_a": 2e4, "adapt_b": 3e3, "threshold": 0.9}


@pytest.mark.parametrize("terms", ["adex", "conductance"])
def test_numerical_membranes_against_the_equations(terms):
    rng = np.random.default_rng(4)
    if terms == "adex":
        more = {name: np.full(3, value) for name, value in ADEX.items()} | {"passes": np.zeros(3, bool)}
    else:
        more = {"reset": np.full(3, 0.3)}
    analog = random_membranes(rng, 3, **more)
    if terms == "conductance":
        # an excitatory input pulls to 1.1 V, an inhibitory one to 0.2 V, each as strong as a current at 0.42 V
        reach = np.array([[-1.0 / (1.1 - 0.42)], [1.0 / (0.42 - 0.2)]])
        analog = dataclasses.replace(analog, reach=np.broadcast_to(reach, analog.reach.shape))
    wires, reached = random_wires(rng, analog, 5)
    arrivals = random_arrivals(rng, 40, 70e-6, 5)
    at = np.linspace(0.0, 80e-6, 401)
    _, (times, members), values = run(analog, wires, arrivals, 80e-6, at)
    assert times.size > 3
    for m in range(3):
        stamps, voltage = reference(analog, m, reached, arrivals, 80e-6, at)
        np.testing.assert_allclose(times[members == m], stamps, rtol=0, atol=1.1 * TICK)
        assert np.mean(times[members == m] == stamps) > 0.7
        # on the steep flank of a spike a time off by a tenth of a nanosecond is a tenth of a millivolt
        assert np.quantile(np.abs(values[:, m] - voltage), 0.95) < 1e-6


def test_numerical_and_closed_forms_agree_where_both_hold():
    rng = np.random.default_rng(5)
    analog = random_membranes(rng, 4)
    wires, _ = random_wires(rng, analog, 5)
    arrivals = random_arrivals(rng, 30, 50e-6, 5)
    at = np.linspace(0.0, 60e-6, 301)
    _, spikes, values = run(analog, wires, arrivals, 60e-6, at)
    # an adaptation that follows nothing, but is there
    other = dataclasses.replace(analog, adapt_b=np.full(4, 1e-12))
    assert other.numerical.all() and not analog.numerical.any()
    _, spikes_there, values_there = run(other, wires, arrivals, 60e-6, at)
    np.testing.assert_array_equal(spikes[0], spikes_there[0])
    np.testing.assert_array_equal(spikes[1], spikes_there[1])
    np.testing.assert_allclose(values, values_there, rtol=0, atol=1e-6)


@pytest.mark.parametrize("numerically", [False, True])
def test_a_run_in_pieces_and_one_that_is_not_read_are_the_same_bit_for_bit(numerically):
    rng = np.random.default_rng(6)
    more = {"adapt_b": np.array([0.0, 3e3, 0.0, 3e3])} if numerically else {}
    analog = random_membranes(rng, 4, noise=np.full(4, 5e-3), **more)
    wires, _ = random_wires(rng, analog, 5)
    arrivals = random_arrivals(rng, 60, 90e-6, 5)
    timing = TIMING._replace(jitter=20e-9)
    stops = np.sort(rng.uniform(0.0, 100e-6, 17)).tolist()
    runs = [
        run(analog, wires, arrivals, 100e-6, np.linspace(0.0, 100e-6, 777), timing=timing),
        run(analog, wires, arrivals, 100e-6, timing=timing),
        run(analog, wires, arrivals, 100e-6, stops=stops, timing=timing),
        run(analog, wires, arrivals, 100e-6, stops=[50e-6, 51e-6, 51e-6 + TICK], timing=timing),
    ]
    first, spikes, _ = runs[0]
    assert spikes[0].size > 5
    for state, others, _ in runs[1:]:
        np.testing.assert_array_equal(spikes[0], others[0])
        np.testing.assert_array_equal(spikes[1], others[1])
        np.testing.assert_array_equal(first.membrane, state.membrane)
        np.testing.assert_array_equal(first.line, state.line)


def test_buffers_grow_in_the_middle():
    # so excited that the heap and the spikes outgrow what they begin with
    rng = np.random.default_rng(7)
    n = 300
    analog = plain(n, leak=0.9, threshold=0.6, hold=1e-7, tau_mem=rng.uniform(1e-6, 2e-6, n), reset=0.55)
    wires, _ = random_wires(rng, analog, 1)
    outputs = wires._replace(output=FIRST_OUTPUT + np.arange(n) % 8, link=FIRST_LINK + np.arange(n) % 4)
    circuits = pack(analog, WINDOW)
    small = at_rest(circuits, GATES, DRIVERS)
    cut = small._replace(heap_time=small.heap_time[: n + 2], heap_item=small.heap_item[: n + 2])
    big = at_rest(circuits, GATES, DRIVERS, room=1 << 16)
    state, times, members = advance(circuits, outputs, TIMING, cut, NO_ARRIVALS, NOTHING, KEY, 20e-6)
    _, times_big, members_big = advance(circuits, outputs, TIMING, big, NO_ARRIVALS, NOTHING, KEY, 20e-6)
    assert times.size > 1024 and state.heap_time.size > n + 2
    np.testing.assert_array_equal(times, times_big)
    np.testing.assert_array_equal(members, members_big)
    assert grown(state).heap_time.size == 2 * state.heap_time.size


def test_a_gate_takes_one_event_in_a_period_and_loses_what_waits_too_long():
    wires = make_wires([(3, [Synapses(0, np.array([0]), np.array([0]), np.array([1.0]))])], [-1], [-1], [[]])
    many = 40
    arrivals = Arrivals(np.full(many, 1e-6), np.zeros(many, np.int64))
    circuits = pack(plain(1, drive=1.0, tau_syn=1e3), WINDOW)
    state = at_rest(circuits, GATES, DRIVERS)
    depth = round(TIMING.patience / TIMING.period)
    state, *_ = advance(circuits, wires, TIMING, state, arrivals, NOTHING, KEY, 2e-6)
    # one goes through at once, and as many wait as there is room for
    assert state.lost[3] == many - 1 - depth and state.lost.sum() == state.lost[3]
    assert state.line[0, 0] == pytest.approx(1 + depth)
    assert state.busy[3] == pytest.approx(1e-6 + (1 + depth) * TIMING.period)
    # a little apart, none is lost
    spread = Arrivals(1e-6 + np.arange(many) * TICK, np.zeros(many, np.int64))
    state, *_ = advance(circuits, wires, TIMING, at_rest(circuits, GATES, DRIVERS), spread, NOTHING, KEY, 2e-6)
    assert state.lost.sum() == 0 and state.line[0, 0] == pytest.approx(many)


def test_too_many_spikes_at_an_output():
    n = 64
    analog = plain(n, leak=0.9, threshold=0.6)
    at = np.empty(0, np.int64)
    wires = make_wires([(0, [])], np.full(n, FIRST_OUTPUT), np.full(n, FIRST_LINK), [at] * n)
    state, (times, members), _ = run(analog, wires, NO_ARRIVALS, 10e-6)
    depth = round(TIMING.patience / TIMING.period)
    # all spike at the same moment, the first of them get through
    first = members[times == times[0]]
    np.testing.assert_array_equal(first, np.arange(1 + depth))
    assert state.count.sum() == times.size + state.lost.sum() and state.lost[FIRST_OUTPUT] > 0


def test_spikes_reach_synapses_on_the_chip():
    # 0 -> 1 by an address of its own
    analog = plain(2, leak=[0.5, 0.42], threshold=[0.48, math.inf], hold=1.0, drive=2e5, tau_syn=6e-6)
    wires = make_wires(
        [(2, [Synapses(0, np.array([1]), np.array([0]), np.array([0.25]))])],
        [FIRST_OUTPUT, FIRST_OUTPUT],
        [FIRST_LINK, -1],
        [np.array([0]), np.array([], int)],
    )
    at = np.linspace(0.0, 20e-6, 2001)
    _, (times, members), values = run(analog, wires, NO_ARRIVALS, 20e-6, at)
    np.testing.assert_array_equal(members, [0])
    np.testing.assert_allclose(times, [TIMING.comparator], atol=TICK)  # it begins above its threshold
    arrival = times[0] + TIMING.delay
    assert np.all(values[at < arrival, 1] == 0.42) and np.all(values[at > arrival + 1e-8, 1] > 0.42)
    rise = (at - arrival).clip(0.0)
    pull = 2e5 * (0.25 * np.exp(-rise / 6e-6) - 4 / 27 * 0.25**3 * np.exp(-3 * rise / 6e-6))
    slope = np.gradient(values[:, 1], at)
    expected = (0.42 - values[:, 1]) / 10e-6 + pull
    middle = at > arrival + 1e-7
    np.testing.assert_allclose(slope[middle][:-1], expected[middle][:-1], rtol=2e-3)


def test_short_term_plasticity_of_a_driver():
    # depression: each event takes a fifth of the way from what is left to nothing
    use, recovery = 0.2, 50e-6
    plasticity = np.zeros((DRIVERS, r.STP_ROWS))
    plasticity[7, r.STP_USE], plasticity[7, r.STP_RATE] = use, 1.0 / recovery
    plasticity[7, r.STP_CHARGED], plasticity[7, r.STP_REST] = 0.0, 1.0
    synapse = Synapses(7, np.array([0]), np.array([0]), np.array([1.0]))
    wires = make_wires([(0, [synapse])], [-1], [-1], [[]], plasticity)
    circuits = pack(plain(1, tau_syn=1e3), WINDOW)
    times = np.array([1e-6, 3e-6, 4e-6, 40e-6, 41e-6])
    state, lines = at_rest(circuits, GATES, DRIVERS), []
    for time in times:
        now = Arrivals(np.array([time]), np.zeros(1, np.int64))
        state, *_ = advance(circuits, wires, TIMING, state, now, NOTHING, KEY, time)
        lines.append(state.line[0, 0])
    strength, before, expected = 1.0, 0.0, []
    for time in times:
        strength = 1.0 + (strength - 1.0) * math.exp(-(time - before) / recovery)
        expected.append(strength)
        strength -= use * strength
        before = time
    np.testing.assert_allclose(np.diff([0.0, *lines]), expected, rtol=1e-6)


def test_no_crossing_is_missed():
    # volleys that lift membranes to about their threshold, once up and down within a window
    rng = np.random.default_rng(8)
    n = 200
    analog = plain(n, tau_mem=rng.uniform(1e-6, 3e-6, n), tau_syn=rng.uniform(2e-7, 6e-7, (2, n)), drive=4e5, hold=1.0)
    both = [
        Synapses(0, np.arange(n), np.zeros(n, np.int64), rng.uniform(0.6, 1.0, n)),
        Synapses(1, np.arange(n), np.ones(n, np.int64), rng.uniform(0.6, 1.0, n)),
    ]
    wires = make_wires([(0, both[:1]), (1, both[1:])], [-1] * n, [-1] * n, [[]] * n)
    arrivals = Arrivals(np.array([1.1e-6, 1.3e-6]), np.array([0, 1]))
    at = np.linspace(1.0e-6, 2.5e-6, 15_001)
    free = run(analog, wires, arrivals, 3e-6, at)[2]
    peaks = free.max(axis=0)
    # thresholds a little below and a little above the peak, by turns
    sign = np.where(np.arange(n) % 2, -1.0, 1.0)
    limits = dataclasses.replace(analog, threshold=peaks - sign * 1e-6)
    state, _, _ = run(limits, wires, arrivals, 3e-6)
    np.testing.assert_array_equal(state.count, sign > 0)


def test_a_membrane_that_runs_away_is_told():
    # an adaptation of the wrong sign: what it follows feeds it
    wild = plain(2, adapt_a=[0.0, -3e6], tau_adapt=5e-6, adapt_level=0.4)
    wires = make_wires([(0, [])], [-1] * 2, [-1] * 2, [[]] * 2)
    with pytest.raises(SimulationError, match=r"membrane 1 of 2 left all bounds.*signs of its adaptation"):
        run(wild, wires, NO_ARRIVALS, 1e-3, [0.5e-3])


def test_the_past_cannot_be_changed():
    wires = make_wires([(0, [])], [-1], [-1], [[]])
    circuits = pack(plain(1), WINDOW)
    state, *_ = advance(circuits, wires, TIMING, at_rest(circuits, GATES, DRIVERS), NO_ARRIVALS, NOTHING, KEY, 2e-6)
    late = Arrivals(np.array([1e-6]), np.zeros(1, np.int64))
    with pytest.raises(
        ParameterError, match=r"advance\.arrivals must not be before the state's time 2e-06 s; got 1e-06"
    ):
        advance(circuits, wires, TIMING, state, late, NOTHING, KEY, 3e-6)


def test_there_is_room_for_all_that_an_event_sets_off():
    # each of 60 drivers makes 30 membranes expect a spike anew, all at one arrival
    n, drivers, at = 30, 60, 1.1e-6
    groups = [Synapses(d, np.arange(n), np.zeros(n, np.int64), np.full(n, 0.2)) for d in range(drivers)]
    wires = make_wires([(0, groups)], [-1] * n, [-1] * n, [[]] * n)
    circuits = pack(plain(n, threshold=0.5, drive=2e5, hold=1.0), WINDOW)
    arrival = Arrivals(np.array([at]), np.zeros(1, np.int64))
    rest = at_rest(circuits, GATES, DRIVERS)
    state, *_ = advance(circuits, wires, TIMING, rest, arrival, NOTHING, KEY, at)
    assert 0.9 * drivers * n < state.clock[r.HEAPED] <= state.heap_time.size
    state, *_ = advance(circuits, wires, TIMING, state, NO_ARRIVALS, NOTHING, KEY, 2e-6)
    np.testing.assert_array_equal(state.count, 1)
