"""Experiments: described, run, read by tickets; and only what differs is written."""

import warnings

import numpy as np
import pytest

import saltation as sal
from reference.experiments import mild_chip, network, placed_experiment, responsive, stimulus
from saltation.bss2 import (
    Cadc,
    Chip,
    ChipEvents,
    Configuration,
    Experiment,
    IdealProbe,
    Madc,
    NeuronTarget,
    Noise,
    Section,
    calibrate,
)
from saltation.bss2.playing import make_sections, spikes_of
from saltation.errors import (
    CalibrationError,
    ChipWarning,
    ConfigurationError,
    ParameterError,
    PlacementError,
    SimulationError,
)

DURATION = 60e-6


def described(batch=None, **more):
    """An experiment and its tickets: voltages, spikes, counters."""
    experiment = placed_experiment(**more)
    with experiment.section(DURATION, batch=batch) as section:
        section.play("in", stimulus(1 if batch is None else batch))
        voltage = section.record(Cadc(circuits=experiment.circuits("out")))
        spikes = section.record_spikes("hid")
        counters = section.read_counters("hid")
    return experiment, (voltage, spikes, counters)


def same(a, b):
    return all(
        np.array_equal(x.times, y.times)
        and np.array_equal(x.circuits, y.circuits)
        and all(np.array_equal(p, q) for p, q in zip(x.samples, y.samples, strict=True))
        and np.array_equal(x.counters, y.counters)
        for x, y in zip(a, b, strict=True)
    )


def test_tickets_give_what_the_chip_observed():
    experiment, tickets = described(batch=4)
    for ticket in tickets:
        assert not ticket.done() and "before its run" in repr(ticket)
        with pytest.raises(SimulationError, match=r"has no result: .*has not run.*experiment\.run\(\) first"):
            ticket.result()
    result = experiment.run(seed=3)
    voltage, spikes, counters = tickets
    # the same by the parts of which it is made
    placement, chip = experiment.placed.placement, mild_chip()
    recordings = [Cadc(circuits=placement.circuits["out"][:, 0])]
    sections = make_sections(placement, {"in": stimulus(4)}, 4, DURATION, 1.0, recordings)
    expected = chip.run(experiment.configuration, sections, seed=3).sections
    assert same(result.sections, expected)
    (found,) = spikes_of(placement, expected, 1.0, 1.0, 0.0).values()
    assert spikes.result() == found and found.n_events > 100 and found.batch == 4 and found.n_units == 20
    times, values, circuits = voltage.result()
    assert values.dtype == np.uint8 and values.shape == (4, times.size, 3)
    np.testing.assert_array_equal(values, [each.samples[0] for each in expected])
    np.testing.assert_array_equal(circuits, placement.circuits["out"][:, 0])
    np.testing.assert_array_equal(counters.result(), found.counts())
    assert all(ticket.done() for ticket in tickets)
    assert list(experiment.tickets) == ["cadc 0", "spikes 0", "counters 0"]


def test_without_a_batch_there_is_no_axis_of_it():
    experiment, (voltage, spikes, counters) = described()
    with experiment.section(20e-6) as section:
        probe = section.record(IdealProbe([3, 4], [1e-6, 2e-6]), name="probe")
        madc = section.record(Madc([7], samples=20))
        everything, counted = section.record_spikes(), section.read_counters()
    experiment.run()
    assert voltage.result().values.ndim == 2 and spikes.result().batch == 1
    assert counters.result().shape == (20,) and counted.result().shape == (512,)
    assert probe.result().values.shape == (2, 2) and probe.result().values.dtype == np.float64
    assert madc.result().values.shape == (20, 1) and everything.result().n_units == 512
    assert experiment.tickets["probe"] is probe


def test_a_result_stays_while_the_experiment_goes_on():
    experiment, (voltage, spikes, counters) = described()
    first = experiment.run()
    before = voltage.result().values.copy()
    second = experiment.run()
    assert (first.statistics.number, second.statistics.number) == (1, 2)
    assert voltage.result() is second[voltage] and first[voltage] is not second[voltage]
    np.testing.assert_array_equal(first[voltage].values, before)
    assert not np.array_equal(first[voltage].values, second[voltage].values)
    # what tickets give is one's own
    first[voltage].values[...] = 0
    first[counters][...] = 0
    assert first.sections[0].samples[0].any() and first.sections[0].counters.any()
    experiment.clear()
    with experiment.section(DURATION) as section:
        other = section.record_spikes("hid", name=spikes.name)
    with pytest.raises(SimulationError, match="'spikes 0' has no result"):
        other.result()
    third = experiment.run()
    assert other.result().n_events == 0 and spikes.result() == second[spikes]
    with pytest.raises(ParameterError, match=r"Ticket\('cadc 0', done\) is not for a section of run 3"):
        third[voltage]


def test_a_run_that_fails_leaves_no_result():
    experiment, (voltage, *_) = described()
    experiment.run()
    experiment.configuration["synapse_weight"][0, 0, 0] = 64
    with pytest.raises(ConfigurationError, match=r"synapse_weight must be 0\.\.63; got 64"):
        experiment.run()
    assert not voltage.done()
    experiment.configuration["synapse_weight"][0, 0, 0] = 0
    experiment.run()
    assert voltage.done()


def test_events_of_several_calls_come_together():
    one, two, both = (stimulus(3, seed=seed) for seed in (1, 2, 3))
    own = [ChipEvents([(i + 1) * 1e-6], [5]) for i in range(3)]
    experiment = placed_experiment()
    with experiment.section(DURATION, batch=3) as section:
        section.play("in", one)
        section.play("in", two[0])
        section.play("in", both)
        section.play_events(own)
        section.play_events(ChipEvents([2e-6], [7], 3))
    whole = sal.Spikes.merge([one, sal.Spikes.concatenate([two[0]] * 3), both])
    placement = experiment.placed.placement
    expected = make_sections(placement, {"in": whole}, 3, DURATION, 1.0, ())
    result = experiment.run()

    def listed(events):
        return sorted(zip(events.times.tolist(), events.labels.tolist(), events.links.tolist(), strict=True))

    for i, (section, wanted) in enumerate(zip(result.record.sections, expected, strict=True)):
        more = [((i + 1) * 1e-6, 5, 0), (2e-6, 7, 3)]
        assert listed(section.events) == sorted(listed(wanted.events) + more)
    assert result.statistics.events_in == sum(each.events.n_events for each in expected) + 6


def test_only_what_differs_is_written_and_only_analog_values_are_waited_for():
    experiment, _ = described()
    configuration = experiment.configuration
    first = experiment.run().statistics
    assert first.written == configuration.differences(Configuration()) and first.settled == 20e-3
    assert first.hardware_time == pytest.approx(20e-3 + DURATION)
    again = experiment.run().statistics
    assert again.written == {} and again.settled == 0.0 and again.hardware_time == DURATION
    weights = network().projections["hid", "out"].weight.copy()
    weights[3, 1] += 1
    weights[4, 2] += 1
    experiment.write_weights(("hid", "out"), weights)
    changed = experiment.run().statistics
    assert set(changed.written) == {"synapse_weight"} and 2 <= changed.written["synapse_weight"] <= 4
    assert changed.settled == 0.0
    configuration.set("synapse_label", 63, at=(1, 7, [3, 4, 5]))
    assert experiment.run().statistics.written == {"synapse_label": 3}
    configuration.set("threshold_v_threshold", 361, at=[7, 9])
    analog = experiment.run().statistics
    assert analog.written == {"threshold_v_threshold": 2} and analog.settled == 20e-3
    assert experiment.chip.configuration == configuration and experiment.chip.configuration is not configuration


def test_a_run_after_changes_is_that_of_a_new_chip():
    experiment, _ = described(batch=2)
    experiment.run()
    rng = np.random.default_rng(0)
    for change in range(3):
        experiment.write_weights(("in", "hid"), rng.integers(-63, 64, (10, 20)))
        if change == 1:
            experiment.configuration.set("leak_v_leak", 305)
        result = experiment.run()
    sections = result.record.sections
    expected = mild_chip(threads=1).run(experiment.configuration, sections, number=4).sections
    assert same(result.sections, expected)


def test_statistics():
    experiment, (voltage, spikes, _) = described(batch=5)
    result = experiment.run(seed=2)
    before = result.statistics
    assert (before.number, before.seed, before.sections) == (1, 2, 5) and before.read_time == 0.0
    assert min(before.compile_time, before.write_time, before.run_time) > 0.0
    voltage.result()
    after = result.statistics
    assert after.read_time > 0.0 and after.wall_time == pytest.approx(before.wall_time + after.read_time)
    assert after.slowdown == after.wall_time / after.hardware_time
    assert after.events_out == spikes.result().n_events == after.spikes > 100
    # without nodes to the host they are counted on the chip alone
    experiment.configuration["node_enable"][:8, 8:] = 0
    unseen = experiment.run().statistics
    assert unseen.events_out == 0 and unseen.spikes > 100 and unseen.written == {"node_enable": 8}
    assert "written: node_enable 8" in str(unseen) and "run 2 of 5 section(s), seed 0" in str(unseen)


def test_writing_inside_a_section():
    experiment = placed_experiment(mild_chip(noise=Noise.none()))
    weights = network().projections["in", "hid"].weight
    events = sal.Spikes.from_lists([([10e-6, 30e-6], [0, 0])], n_units=10)
    hidden = experiment.circuits("hid")
    experiment.configuration.set("threshold_enable", 0, at=hidden)
    with experiment.section(50e-6, batch=2) as section:
        section.play("in", events)
        probe = section.record(IdealProbe(hidden, [5e-6, 20e-6, 25e-6, 40e-6]))
        section.write_weights(25e-6, ("in", "hid"), -weights)
        section.write(25e-6, "row_mode", 0, at=(1, slice(None)))
    result = experiment.run()
    base, first, left, second = probe.result().values[0]
    np.testing.assert_array_equal(*probe.result().values)
    moved = first - base, second - left * np.exp(-15e-6 / 10e-6) - base * (1 - np.exp(-15e-6 / 10e-6))
    # the same rows, with the other sign; those of the bottom hemisphere not at all
    top = (hidden < 256) & (np.abs(weights[0]) > 10)
    assert top.sum() > 5 and np.all(np.sign(moved[0][top]) == np.sign(weights[0][top]))
    assert np.all(np.sign(moved[1][top]) == -np.sign(weights[0][top]))
    written = result.statistics.rewritten
    rows = int((experiment.configuration["row_mode"][1] != 0).sum())
    assert written["synapse_weight"] == 2 * 2 * 2 * np.count_nonzero(weights) and written.get("row_mode", 0) == 4 * rows
    assert experiment.run().statistics.written == {}


@pytest.fixture(scope="module")
def calibration():
    return calibrate(Chip(11), NeuronTarget(tau_mem=8e-6, tau_syn_exc=6e-6, tau_syn_inh=12e-6, threshold=140))


def test_a_calibration_is_written_and_membranes_of_several_circuits_share_their_capacitance(calibration):
    experiment = Experiment(Chip(11), calibration=calibration)
    experiment.place(network(n_in=150), rows={("in", "hid"): 1})
    circuits = experiment.placed.placement.circuits["hid"]
    assert circuits.shape == (20, 2)
    capacitance = experiment.configuration["membrane_capacitance_capacitance"]
    assert np.all(capacitance[circuits[:, 0]] == 59) and np.all(capacitance[circuits[:, 1]] == 0)
    name = "threshold_v_threshold"
    np.testing.assert_array_equal(experiment.configuration[name], calibration.registers[name])
    with experiment.section(DURATION) as section:
        section.play("in", stimulus(1, 150))
        spikes = section.record_spikes("hid")
    experiment.run()
    assert spikes.result().n_events > 10
    with pytest.raises(CalibrationError, match="serial number 11; got the chip 3"):
        Experiment(Chip(3), calibration=calibration)


def test_sections_made_elsewhere():
    chip, configuration = mild_chip(), responsive()
    sections = [Section(20e-6, recordings=[Cadc([0, 1])]), Section(30e-6)]
    experiment = Experiment(chip, configuration=configuration)
    experiment.add_sections(sections)
    result = experiment.run()
    assert same(result.sections, mild_chip().run(configuration, sections).sections)
    assert "sections=2" in repr(experiment) and result.record.sections[0] is sections[0]
    for bad in ([], [1]):
        with pytest.raises(ParameterError, match="at least one Section"):
            experiment.add_sections(bad)


def test_an_exception_inside_takes_the_section_out():
    experiment = placed_experiment()
    with pytest.raises(ZeroDivisionError), experiment.section(DURATION) as section:
        section.record_spikes("hid", name="mine")
        1 / 0  # noqa: B018
    assert experiment.tickets == {}
    with pytest.raises(ConfigurationError, match="must have a section to run; got none"):
        experiment.run()
    with pytest.raises(ConfigurationError, match="must have a section to run; got none"):
        experiment.save("nowhere.npz")
    with experiment.section(DURATION) as section:
        section.record_spikes("hid", name="mine")
    with pytest.raises(ConfigurationError, match="the section is closed"):
        section.record_spikes()
    opened = experiment.section(DURATION)
    experiment.run()
    for act in (
        lambda: opened.play("in", stimulus(1)),
        lambda: opened.play_events(ChipEvents([], [])),
        lambda: opened.record(Cadc()),
        lambda: opened.read_counters(),
        lambda: opened.write(1e-6, "row_mode", 0),
        lambda: opened.write_weights(1e-6, ("in", "hid"), np.zeros((10, 20))),
    ):
        with pytest.raises(ConfigurationError, match="the section is closed"):
            act()


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda s: s.play("inn", stimulus(1)), ParameterError, r"must be an input.*got 'inn'; did you mean 'in'"),
        (lambda s: s.play("hid", stimulus(1)), ParameterError, r"must be an input of the network; got 'hid'"),
        (lambda s: s.play("in", [1e-6]), ParameterError, r"must be Spikes; got list; Spikes\.from_lists"),
        (lambda s: s.play("in", stimulus(1, 9)), ParameterError, r"'in' must have 10 units; got 9"),
        (lambda s: s.play("in", sal.Spikes([0.0], [10], [0, 1])), ParameterError, r"must have 10 units; got 11"),
        (
            lambda s: s.play("in", stimulus(2)),
            ParameterError,
            r"must have 1 sample; got 2; section\(duration, batch=2\)",
        ),
        (
            lambda s: s.play("in", sal.Spikes([10e-3], [0], [0, 1], 10)),
            ConfigurationError,
            r"in the section of 6e-05 s; got 0\.01 s; times are hardware time",
        ),
        (lambda s: s.play_events(ChipEvents([1.0], [0])), ConfigurationError, r"must lie in the section"),
        (lambda s: s.play_events([ChipEvents([], [])] * 2), ParameterError, r"must have 1 sample; got 2"),
        (lambda s: s.play_events(3), ParameterError, r"must be ChipEvents, or a sequence of them; got 3"),
        (lambda s: s.play_events([3]), ParameterError, r"must be ChipEvents"),
        (lambda s: s.record(3), ParameterError, r"must be a Cadc, a Madc or an IdealProbe; got int"),
        (lambda s: s.record(Madc([2, 4])), ConfigurationError, r"one circuit of an even and one of an odd.*\[2, 4\]"),
        (lambda s: s.record(Cadc(samples=101)), ConfigurationError, r"at most 100, what the sram store holds; got 101"),
        (lambda s: s.record(Cadc(samples=60)), ConfigurationError, r"60 samples, 1\.7e-06 s apart, do not fit"),
        (lambda s: (s.record(Cadc()), s.record(Cadc())), ConfigurationError, r"at most one of each converter; got 2"),
        (lambda s: s.record(Cadc(), name=""), ParameterError, r"name of a ticket must be a string that no other"),
        (lambda s: [s.record_spikes(name="a") for _ in "12"], ParameterError, r"got 'a'; taken: \['a'\]"),
        (lambda s: s.record_spikes("out"), ParameterError, r"'out' is of LI, which do not spike"),
        (lambda s: s.record_spikes("in"), ParameterError, r"must be one of those placed; got 'in'; .*'hid'"),
        (lambda s: s.read_counters("hit"), ParameterError, r"did you mean 'hid'"),
        (lambda s: s.write(1e-6, "leak_v_leak", 3), ConfigurationError, r"cannot be written inside a section"),
        (lambda s: s.write(1e-6, "synapse_weight", 64), ConfigurationError, r"synapse_weight must be 0\.\.63; got 64"),
        (lambda s: s.write(60e-6, "synapse_weight", 3), ConfigurationError, r"must lie in the section of 6e-05 s"),
        (
            lambda s: s.write_weights(1e-6, ("in", "hid"), np.full((10, 20), 64)),
            PlacementError,
            r"must be within 63, what 1 parallel row\(s\) hold; got 64",
        ),
        (lambda s: s.write_weights(1e-6, ("in", "out"), 3), ParameterError, r"must be one of those placed"),
    ],
)
def test_what_a_section_refuses(act, error, message):
    experiment = placed_experiment()
    with pytest.raises(error, match=message), experiment.section(DURATION) as section:
        act(section)


def test_what_an_experiment_refuses():
    chip = mild_chip()
    for given, message in (
        ({"chip": 3}, r"Experiment\.chip must be a Chip; got int"),
        ({"chip": chip, "calibration": 3}, r"Experiment\.calibration must be a Calibration; got int"),
        ({"chip": chip, "configuration": {}}, r"Experiment\.configuration must be a Configuration; got dict"),
        ({"chip": chip, "settling": -1.0}, r"Experiment\.settling must be >= 0"),
    ):
        with pytest.raises(ParameterError, match=message):
            Experiment(**given)
    experiment = placed_experiment(chip)
    with pytest.raises(PlacementError, match=r"has a network already, of \['in', 'hid', 'out'\]"):
        experiment.place(network())
    for batch in (0, 1.5, True):
        with pytest.raises(ParameterError, match=r"Experiment\.section\.batch must be an integer >= 1"):
            experiment.section(DURATION, batch=batch)
    with pytest.raises(ConfigurationError, match=r"duration must be a finite time above 0"):
        experiment.section(0.0)
    assert experiment.tickets == {} and "sections=0" in repr(experiment)
    key = ("in", "hid")
    with pytest.raises(PlacementError, match=r"must be within 63, what 1 parallel row\(s\) hold; got 70.*rows="):
        experiment.write_weights(key, np.full((10, 20), -70))
    with pytest.raises(ParameterError, match=r"must have the shape \(10, 20\); got \(20, 10\)"):
        experiment.write_weights(key, np.zeros((20, 10)))
    with pytest.raises(ParameterError, match=r"must be whole numbers.*got the dtype float64 and 0\.5; round them"):
        experiment.write_weights(key, np.full((10, 20), 0.5))
    with experiment.section(DURATION):
        pass
    with pytest.raises(ParameterError, match=r"Experiment\.run\.seed must be an integer >= 0"):
        experiment.run(seed=-1)
    bare = Experiment(chip)
    for act in (lambda: bare.circuits("hid"), lambda: bare.write_weights(key, 1)):
        with pytest.raises(PlacementError, match="has no network, so that populations have no names"):
            act()
    with pytest.raises(
        PlacementError, match="has 9001 signed inputs, for which 72 circuits would have to be joined; at most 64"
    ):
        bare.place(network(n_in=9000, hidden=1))
    with pytest.raises(PlacementError, match=r"must be within 63, .* got 70"):
        bare.place(network(largest=70))
    net = network().replace(weight={key: np.full((10, 20), 0.25)})
    with pytest.raises(ParameterError, match=r"whole numbers, as the chip has them; .*saltation\.bss2\.Backend"):
        bare.place(net)
    # nothing of what was refused is left
    assert bare.configuration == Configuration()
    lonely = network()
    lonely.add("other", sal.Input(2))
    bare.place(lonely)
    with pytest.raises(ParameterError, match="'other' has no projection"), bare.section(DURATION) as section:
        section.play("other", sal.Spikes([0.0], [0], [0, 1], 2))


def test_events_that_are_lost_are_told_once():
    experiment = placed_experiment()
    many = sal.Spikes.from_lists([(np.full(200, 1e-6), np.zeros(200, int))], n_units=10)
    with experiment.section(DURATION) as section:
        section.play("in", many)
    with pytest.warns(
        sal.errors.ChipWarning, match=r"events were lost in run 1: .*links from the host.*health says why"
    ):
        experiment.run()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        experiment.run()


def test_parameters_that_a_placement_ignores_are_told():
    def network(**more):
        net = sal.Network()
        net.add("in", sal.Input(2))
        net.add("hid", sal.LIF(3, **more))
        net.add("out", sal.LI(1))
        net.connect("in", "hid", weight=np.full((2, 3), 40))
        net.connect("hid", "out", weight=np.full((3, 1), 40))
        return net

    with pytest.warns(
        ChipWarning, match=r"takes no notice.*\{'hid': \['tau_mem', 'v_th'\]\}.*NeuronTarget.*backend=Backend\(chip\)"
    ):
        told = Experiment(Chip(0)).place(network(tau_mem=7e-3, v_th=[1.0, 1.0, 1.2]))
    # and nothing where they are the usual ones, given or not: warnings are errors here
    for more in ({}, {"v_th": 1.0}, {"v_th": np.ones(3)}):
        again = Experiment(Chip(0)).place(network(**more))
    np.testing.assert_array_equal(told.circuits["hid"], again.circuits["hid"])
