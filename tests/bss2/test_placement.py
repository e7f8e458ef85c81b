"""Placement: every weight is found again from the events that reach it, and what does not fit is refused."""

import numpy as np
import pytest

import saltation as sal
from saltation.bss2 import Configuration, place
from saltation.bss2 import geometry as g
from saltation.bss2.crossbar import buses_of, label_of_spike, listening
from saltation.bss2.joining import joined
from saltation.bss2.placement.demand import demands
from saltation.bss2.placement.usage import least
from saltation.errors import PlacementError


def network(sizes, edges, kinds=None):
    """Populations by name and size; edges are (pre, post)."""
    net = sal.Network()
    for name, size in sizes.items():
        kind = (kinds or {}).get(name, sal.LIF)
        net.add(name, kind(size))
    for pre, post in edges:
        net.connect(pre, post, weight=np.zeros((sizes[pre], sizes[post])))
    return net


CASES = {
    "yin-yang": ({"in": 25, "hid": 120, "out": 3}, [("in", "hid"), ("hid", "out")]),
    "recurrent": ({"in": 20, "hid": 50, "out": 5}, [("in", "hid"), ("hid", "hid"), ("hid", "out"), ("in", "out")]),
    "both hemispheres": ({"in": 30, "hid": 300}, [("in", "hid")]),
    "mnist": ({"in": 256, "hid": 246, "out": 10}, [("in", "hid"), ("hid", "out")]),
    "a part of mnist": ({"in": 784, "hid": 64}, [("in", "hid")]),
    "two parts of mnist": ({"in": 784, "a": 20, "b": 30}, [("in", "a"), ("in", "b")]),
    "deep": (
        {"in": 40, "a": 60, "b": 50, "c": 40, "d": 3},
        [("in", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")],
    ),
    "one": ({"in": 1, "out": 1}, [("in", "out")]),
}


def made(name):
    sizes, edges = CASES[name]
    return network(sizes, edges, {"in": sal.Input})


def reached(configuration, addresses):
    """Signed weights that an event with these addresses has on each membrane, by brute force over all synapses."""
    total = np.zeros(g.CIRCUITS)
    for address in addresses:
        h = address.bus // g.BUSES_PER_HEMISPHERE
        for driver in listening(configuration, address):
            for row in (2 * driver, 2 * driver + 1):
                mode = configuration["row_mode"][h, row]
                if mode:
                    match = configuration["synapse_label"][h, row] == address.label
                    sign = 1 if mode == 1 else -1
                    total[h * 256 : h * 256 + 256] += sign * match * configuration["synapse_weight"][h, row]
    return total


SMALL = ("yin-yang", "recurrent", "deep", "one")


@pytest.mark.parametrize(("name", "rows"), [*((name, 1) for name in CASES), *((name, 2) for name in SMALL)])
def test_every_weight_is_where_its_events_go(name, rows):
    rng, net = np.random.default_rng(1), made(name)
    placed = place(net, rows=rows)
    configuration = Configuration()
    placed.configure(configuration)
    weights = {}
    for key, projection in net.projections.items():
        weights[key] = rng.integers(-63 * rows, 63 * rows + 1, projection.weight.shape)
        placed.write_weights(configuration, key, weights[key])
    configuration.validate()
    roots = joined(configuration)
    for own in placed.circuits.values():
        np.testing.assert_array_equal(roots[own], np.broadcast_to(own.min(axis=1)[:, None], own.shape))
    into = {post: {} for post in placed.circuits}
    for pre, post in weights:
        into[post][pre] = weights[pre, post]
    for pre, population in net.populations.items():
        chosen = rng.permutation(population.size)[:30]
        for unit in chosen.tolist():
            if pre == "in":
                units, links, labels = placed.played[pre]
                own = units == unit
                addresses = [
                    address
                    for link, label in zip(links[own].tolist(), labels[own].tolist(), strict=True)
                    for address in buses_of(configuration, g.NEURON_OUTPUTS + link, label)
                ]
            else:
                circuit = int(placed.circuits[pre][unit, 0])
                addresses = buses_of(configuration, g.output_of(circuit), label_of_spike(configuration, circuit))
            got = reached(configuration, addresses)
            for post, own in placed.circuits.items():
                expected = into[post].get(pre, np.zeros((population.size, own.shape[0])))[unit]
                np.testing.assert_array_equal(got[own].sum(axis=1), expected, err_msg=f"{pre} {unit} {post}")
                got[own] = 0
            assert not got.any()


@pytest.mark.parametrize("name", CASES)
def test_labels_of_spikes_tell_neurons_apart(name):
    placed, configuration = place(made(name)), Configuration()
    placed.configure(configuration)
    spiking = np.flatnonzero(configuration["event_routing_enable_digital"]).tolist()
    labels = [label_of_spike(configuration, circuit) for circuit in spiking]
    assert len(set(labels)) == len(labels) == sum(each.size for each in placed.demands)
    used = np.concatenate([own.reshape(-1) for own in placed.circuits.values()])
    assert np.unique(used).size == used.size


def test_the_largest_network_fills_the_chip():
    usage = place(made("mnist")).usage()
    assert usage["neuron circuits"] == (512, 512) and usage["synapse drivers"] == (256, 256)
    assert usage["sources on the fullest bus"] == (63, 64)
    assert usage["synapses"] == (2 * (256 * 246 + 246 * 10), 512 * 256)


def test_readouts_do_not_spike():
    net = network({"in": 3, "out": 2}, [("in", "out")], {"in": sal.Input, "out": sal.LI})
    configuration = Configuration()
    place(net).configure(configuration)
    assert not configuration["threshold_enable"].any() and not configuration["event_routing_enable_digital"].any()


def test_circuits_that_are_kept():
    kept = tuple(range(0, 256))
    placed = place(made("yin-yang"), kept=kept)
    assert all(own.min() >= 256 for own in placed.circuits.values())
    with pytest.raises(PlacementError, match="needs 123 circuits"):
        place(made("yin-yang"), kept=tuple(range(400)))


def test_weights_that_are_too_large():
    placed, configuration = place(made("one")), Configuration()
    with pytest.raises(PlacementError, match=r"must be within 63, what 1 parallel row\(s\) hold; got 64.*rows="):
        placed.write_weights(configuration, ("in", "out"), np.array([[-64]]))
    several = place(made("one"), rows=3)
    several.configure(configuration)
    several.write_weights(configuration, ("in", "out"), np.array([[150]]))
    assert sorted(configuration["synapse_weight"][configuration["synapse_weight"] > 0].tolist()) == [24, 63, 63]


def test_what_does_not_fit():
    sizes = {"in": 10, "hid": 600}
    told = r"needs 600 circuits \('hid': 600 x 1\); the chip has 512.*600 neurons; make it smaller, or leave it to B"
    with pytest.raises(PlacementError, match=told):
        place(network(sizes, [("in", "hid")], {"in": sal.Input}))
    with pytest.raises(PlacementError, match=r"needs 514 circuits \('hid': 257 x 2\)"):
        place(network({"in": 200, "hid": 257}, [("in", "hid")], {"in": sal.Input}))
    with pytest.raises(PlacementError, match=r"has 9000 signed inputs.* at most 64 can be, of 128 signed inputs each"):
        place(network({"in": 9000, "hid": 1}, [("in", "hid")], {"in": sal.Input}))
    with pytest.raises(PlacementError, match=r"has 250 signed inputs|needs \d+ circuits"):
        place(network({"in": 25, "hid": 400}, [("in", "hid")], {"in": sal.Input}), rows=10)
    # spikes of a neuron reach a quarter of the rows alone
    busy = network({"in": 100, "hid": 120, "out": 5}, [("in", "hid"), ("hid", "out"), ("in", "out")], {"in": sal.Input})
    place(busy)
    with pytest.raises(PlacementError, match=r"needs more drivers|needs \d+ circuits|labels"):
        place(busy, rows=4)


def test_what_the_chip_does_not_have():
    net = network({"in": 2, "out": 2}, [], {"in": sal.Input})
    net.connect("in", "out", weight=np.ones((2, 2)), delay=1e-3)
    with pytest.raises(PlacementError, match=r"must have no delay.*got up to 0\.001 s"):
        place(net)
    net = network({"in": 2, "out": 2}, [("in", "out")], {"in": sal.Input, "out": sal.ALIF})
    with pytest.raises(PlacementError, match=r"population 'out' must be LIF, LI or Input to be placed; got ALIF"):
        place(net)
    net = network({"in": 2}, [], {"in": sal.Input})
    with pytest.raises(PlacementError, match="must have a population of LIF or LI"):
        place(net)
    net = network({"in": 2, "out": 2}, [("in", "out")], {"in": sal.Input})
    net.connect("in", "out", weight=np.ones((2, 2)), name="second")
    with pytest.raises(PlacementError, match=r"several projections from 'in'.*add them up in one projection$"):
        place(net)
    with pytest.raises(PlacementError, match=r"place\.network must be a Network; got int"):
        place(3)
    with pytest.raises(PlacementError, match="must be at least 1; got 0"):
        place(made("one"), rows=0)


@pytest.mark.parametrize("name", CASES)
def test_usage_in_parts_is_that_of_the_whole(name):
    net = made(name)
    placed = place(net)
    usage = placed.usage()
    assert all(0 <= used <= there for used, there in usage.values()), usage
    populations = {each.name: each for each in placed.by_population()}
    assert list(populations) == list(net.populations)
    neurons = [each for each in populations.values() if each.kind != "input"]
    assert sum(each.neurons * each.joined for each in neurons) == usage["neuron circuits"][0]
    projections = placed.by_projection()
    assert sum(each.synapses for each in projections) == usage["synapses"][0]
    assert {(each.pre, each.post): each.shape for each in projections} == {
        key: projection.shape for key, projection in net.projections.items()
    }
    for each in neurons:
        own = [projection for projection in projections if projection.post == each.name]
        assert each.fan_in == sum(projection.shape[0] for projection in own) <= each.room == 128 * each.joined
        assert max(projection.drivers for projection in own) <= each.drivers <= usage["synapse drivers"][0]
    assert usage["synapse rows"][0] == 2 * usage["synapse drivers"][0]


@pytest.mark.parametrize("name", CASES)
def test_what_is_needed_at_the_least_is_not_more_than_what_is_taken(name):
    net = made(name)
    sizes = {each: population.size for each, population in net.populations.items()}
    needs = least(demands(net.populations, net.projections), sizes)
    usage = place(net).usage()
    for resource in ("neuron circuits", "synapse drivers"):
        assert 0 < needs[resource][0] <= usage[resource][0] and needs[resource][1] == usage[resource][1]
    assert all(needed <= available for needed, available in needs.values())


def test_what_is_needed_at_the_least_is_too_much_where_nothing_helps():
    def over(sizes, edges, rows=1, kept=()):
        net = network(sizes, edges, {"in": sal.Input})
        found = least(demands(net.populations, net.projections, rows), sizes, kept)
        return {resource: needed for resource, (needed, available) in found.items() if needed > available}

    assert over({"in": 10, "hid": 600}, [("in", "hid")]) == {"neuron circuits": 600}
    assert over({"in": 10, "hid": 100}, [("in", "hid")], kept=range(420)) == {"neuron circuits": 100}
    assert over({"in": 9, "a": 300, "b": 300}, [("in", "a"), ("a", "b")]) == {"neuron circuits": 300 + 300 * 4}
    # a loop in which all drive all: 500 neurons, and 8 buses of 64 labels
    assert over({"in": 1, "a": 500}, [("in", "a"), ("a", "a")], rows=1)["neuron circuits"] == 500 * 4
    assert "neurons that drive others, on a bus" not in over({"in": 1, "a": 500}, [("in", "a"), ("a", "a")])
    assert over({"in": 1, "a": 520}, [("in", "a"), ("a", "a")])["neurons that drive others, on a bus"] == 65


def test_sources_beyond_the_labels_are_told_apart_by_drivers():
    used, room = place(made("a part of mnist")).usage()["sources on the fullest bus"]
    assert (used, room) == (98, 64 * 32)
