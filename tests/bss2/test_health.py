"""What a run lost is found, counted, and explained; and nothing is found where nothing was lost."""

import numpy as np
import pytest

import saltation as sal
from reference.experiments import placed_experiment, responsive, stimulus
from saltation.bss2 import (
    Cadc,
    Chip,
    ChipEvents,
    Configuration,
    Experiment,
    Health,
    Madc,
    NeuronTarget,
    Noise,
    Physics,
    Variation,
    calibrate,
)
from saltation.errors import ChipWarning

LINK, SOURCE = 8, 12  # inputs of the crossbar
QUIET = {"variation": Variation.none(), "noise": Noise.none(), "physics": Physics(memory_crosstalk=0.0)}


def by_hand(**more):
    return Experiment(Chip(**QUIET), configuration=responsive(**more))


def test_nothing_is_found_where_nothing_was_lost():
    experiment = placed_experiment(Chip(**QUIET))
    with experiment.section(60e-6, batch=2) as section:
        section.play("in", stimulus(2))
        section.record(Cadc())
        section.read_counters()
    health = experiment.run().health
    assert health.ok and len(health) == 0 and str(health) == "nothing was lost" and isinstance(health, Health)


def test_events_lost_on_a_link_and_on_a_bus():
    experiment = by_hand()
    experiment.configuration.write_row(0, 0, np.full(256, 1))
    experiment.configuration["node_enable"][LINK : LINK + 4, :8] = 1
    many = 100
    with experiment.section(10e-6) as section:
        section.play_events(ChipEvents(np.full(many, 1e-6), np.zeros(many, int)))
    with experiment.section(10e-6) as section:
        section.play_events(ChipEvents(np.full(many, 1e-6), np.zeros(many, int), links=np.arange(many) % 4))
    with pytest.warns(ChipWarning, match=r"events were lost in run 1: \{'links from the host': 115, 'buses': \d+\}"):
        health = experiment.run().health
    found = health["events lost: links from the host"]
    # one passes and 16 wait: of a hundred on one link, and of 25 on each of four
    assert (found.count, found.of, found.lossy) == (100 - 17 + 4 * (25 - 17), 200, True)
    assert "one every 8 ns" in found.cause and "four links" in found.step
    assert health["events lost: buses"].count > 0 and not health.ok
    assert "115 of 200 events were lost at links from the host; likely because" in str(health)
    with pytest.raises(KeyError, match="did you mean 'events lost: buses'"):
        health["events lost: bus"]


def test_events_lost_on_the_way_to_the_host():
    experiment = by_hand(leak_v_leak=500, threshold_enable=1, event_routing_enable_digital=1)
    experiment.configuration["node_enable"][np.arange(8), 8 + np.arange(8) % 4] = 1
    with experiment.section(20e-6) as section:
        counters, spikes = section.read_counters(), section.record_spikes()
    with pytest.warns(ChipWarning, match="event outputs"):
        result = experiment.run()
    # all 64 circuits of an output at the same moment; about 17 pass, and two outputs share a link
    total = int(counters.result().sum())
    outputs, links = (result.health[f"events lost: {place}"] for place in ("event outputs", "links to the host"))
    assert outputs.of == links.of == total and outputs.count == pytest.approx(total * 47 / 64, rel=0.02)
    assert total - outputs.count - links.count == spikes.result().n_events


def test_readings_at_the_ends():
    experiment = by_hand()
    experiment.configuration.set("leak_v_leak", 1000, at=[0, 1, 2])
    experiment.configuration.set("cadc_offset", 20, at=[0, 1, 2])
    experiment.configuration.set("leak_v_leak", 0, at=[4])
    with experiment.section(40e-6) as section:
        section.record(Cadc(circuits=range(6), samples=10))
        section.record(Madc([1, 4], samples=500))
    health = experiment.run().health
    found = health["readings saturated: CADC"]
    assert (found.count, found.of, found.lossy) == (40, 60, True) and "move leak or threshold" in found.step
    # circuit 1 is at the supply; the first 8 us are NaN, which is no end
    physics = experiment.chip.physics
    found = health["readings saturated: MADC"]
    assert (found.count, found.of) == (500 - int(np.ceil(physics.madc_settling / physics.madc_period)), 1000)


def test_a_recording_of_the_madc_that_never_settles():
    experiment = by_hand()
    with experiment.section(7e-6) as section:
        section.record(Madc([1]))
    health = experiment.run().health
    assert list(health) == ["readings unsettled: MADC"] and "first 8 us" in health["readings unsettled: MADC"].cause


def test_counters_that_wrap():
    experiment = by_hand()
    experiment.configuration.set("leak_v_leak", 600, at=3)
    experiment.configuration.set("threshold_enable", 1, at=[3, 4])
    experiment.configuration.set("refractory_period_refractory_time", 1, at=3)
    with experiment.section(1e-3) as section:
        counters = section.read_counters()
    with pytest.warns(ChipWarning, match="counters began again at 0 in run 1"):
        result = experiment.run()
    spikes = result.statistics.spikes
    assert spikes > 256 and counters.result()[3] == spikes % 256
    found = result.health["counters wrapped"]
    assert (found.count, found.of) == (1, 2) and "a counter has 8 bits" in found.cause


def test_events_that_nothing_listens_to():
    experiment = by_hand(threshold_enable=1)
    experiment.configuration.write_row(0, 0, np.full(256, 5), label=9)
    experiment.configuration["node_enable"][LINK, 0] = 1
    experiment.configuration["node_enable"][SOURCE, 0] = 1
    experiment.configuration.set("source_enable", 1, at=[0, 1])
    experiment.configuration.set("source_label", 8, at=[0])
    experiment.configuration.set("source_mask", 3, at=[0, 1])
    with experiment.section(20e-6) as section:
        section.play_events(ChipEvents([1e-6, 2e-6, 3e-6, 4e-6], [9, 8, 9, 9], links=[0, 0, 1, 0]))
    health = experiment.run().health
    assert health.ok and list(health) == ["events unheard", "sources unheard"]
    assert (health["events unheard"].count, health["events unheard"].of) == (2, 4)
    assert health["sources unheard"].what.endswith("[1]") and health["sources unheard"].count == 1
    # what a write inside the section lets through is heard
    experiment.clear()
    experiment.configuration.set("source_enable", 0)
    with experiment.section(20e-6) as section:
        section.play_events(ChipEvents([3e-6], [9], links=[1]))
        section.write(1e-6, "node_enable", 1, at=(LINK + 1, 0))
    assert list(experiment.run().health) == []


def test_weights_that_are_cut():
    experiment = placed_experiment(Chip(**QUIET))
    key, weights = ("in", "hid"), np.full((10, 20), 20)
    weights[0, :3], weights[1, :2] = 64, -100
    experiment.write_weights(key, weights, cut=True)
    placement, configuration = experiment.placed.placement, Configuration()
    placement.write_weights(configuration, key, np.clip(weights, -63, 63))
    places, _ = placement.synapses(key, np.clip(weights, -63, 63))
    written = [each["synapse_weight"].reshape(-1)[places] for each in (experiment.configuration, configuration)]
    np.testing.assert_array_equal(*written)
    with experiment.section(20e-6):
        pass
    health = experiment.run().health
    assert list(health) == ["weights cut: ('in', 'hid')"]
    found = health["weights cut: ('in', 'hid')"]
    assert (found.count, found.of) == (5, 200) and "rows=" in found.step and not health.ok
    experiment.write_weights(key, np.clip(weights, -63, 63), cut=True)
    assert list(experiment.run().health) == []


def test_circuits_that_are_not_as_they_should_be():
    experiment = placed_experiment()
    with experiment.section(60e-6):
        pass
    health = experiment.run().health
    assert health.ok and list(health) == ["circuits not calibrated"]
    assert health["circuits not calibrated"].count == 20  # those that can spike; nothing is read
    calibration = calibrate(Chip(11), NeuronTarget(tau_mem=8e-6, tau_syn_exc=6e-6, tau_syn_inh=12e-6, threshold=140))
    bad = calibration.out_of_reach()
    assert 0 < bad.size < 30
    assert sum(calibration.at_ends().values()) >= bad.size - sum(
        int(np.isnan(after).sum()) for _, after in calibration.report.values()
    )
    for kept in ((), tuple(bad.tolist())):
        experiment = Experiment(Chip(11), calibration=calibration)
        net = sal.Network()
        net.add("in", sal.Input(2))
        net.add("hid", sal.LIF(400))
        net.connect("in", "hid", weight=np.ones((2, 400)))
        experiment.place(net, kept=kept)
        with experiment.section(10e-6):
            pass
        health = experiment.run().health
        used = np.intersect1d(bad, experiment.circuits("hid"))
        assert health.ok and ("circuits out of reach" in health) == (used.size > 0)
        if not kept:
            assert used.size and health["circuits out of reach"].count == used.size
            assert str(used[0]) in health["circuits out of reach"].what
