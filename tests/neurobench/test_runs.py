"""Counts of runs against loops over every spike and synapse: exact, on a grid, in pieces, on the emulated chip."""

import itertools
import json

import numpy as np
import pytest

import saltation as sal
from reference import operations as slow
from saltation.errors import ParameterError
from saltation.neurobench import count_run, merged


def stimulus(batch, units, duration, seed=0, most=12):
    rng = np.random.default_rng(seed)
    samples = []
    for _ in range(batch):
        n = int(rng.integers(4, most))
        samples.append((np.round(rng.uniform(0.0, duration, n), 4), rng.integers(0, units, n)))
    return sal.Spikes.from_lists(samples, n_units=units, sort=True)


def zeroed(weight, seed=9, share=0.3):
    weight = np.array(weight)
    weight[np.random.default_rng(seed).uniform(size=weight.shape) < share] = 0.0
    return weight


def recurrent():
    """Dense, recurrent and list-wise projections; delays of all kinds."""
    rng = np.random.default_rng(2)
    net = sal.Network()
    net.add("in", sal.Input(4))
    net.add("hid", sal.LIF(6, tau_mem=10e-3, tau_syn=5e-3, t_refrac=1e-3))
    net.add("out", sal.LI(3))
    net.connect("in", "hid", weight=zeroed(rng.uniform(2, 5, (4, 6))), delay=rng.uniform(0, 8e-3, (4, 6)))
    net.connect("hid", "hid", weight=zeroed(rng.normal(0, 1, (6, 6))), delay=rng.uniform(1e-3, 6e-3, 6))
    links = sal.Sparse([0, 0, 2, 5, 5], [0, 2, 1, 2, 2], shape=(6, 3))
    net.connect("hid", "out", weight=[0.5, 0.0, 1.0, 2.0, 1.0], connectivity=links, delay=2e-3)
    return net


def convolutional():
    rng = np.random.default_rng(3)
    net = sal.Network()
    net.add("in", sal.Input(50))
    conv = sal.Conv2d((2, 5, 5), out_channels=3, kernel_size=3, padding=1, stride=2)
    net.add("maps", sal.LIF(conv.n_post, tau_mem=10e-3, tau_syn=5e-3))
    net.add("out", sal.LIF(4, tau_mem=10e-3, tau_syn=5e-3))
    net.connect("in", "maps", weight=zeroed(rng.uniform(3, 8, conv.weight_shape)), connectivity=conv)
    pool = sal.Pooled(sal.SumPool2d(conv.output_shape, 2), 4)
    net.connect("maps", "out", weight=zeroed(rng.uniform(1, 3, pool.weight_shape)), connectivity=pool, delay=3e-3)
    return net


@pytest.mark.parametrize("make, units", [(recurrent, 4), (convolutional, 50)])
def test_operations_and_updates_of_an_exact_run(make, units):
    net, duration = make(), 25e-3
    run = sal.simulate(net, {"in": stimulus(5, units, duration, most=30)}, duration)
    costs = count_run(run, step=1e-3)
    counts, arrivals = slow.events(net.projections, run.spikes, duration)
    assert [layer.effective_acs for layer in costs.layers] == list(counts.values())
    assert min(counts.values()) > 10 and costs.total("effective_macs") == 0
    own = sum(run.spikes[name].n_events for name in ("hid", "maps", "out") if name in run.spikes)
    assert costs.neuron_updates == len(arrivals) + own
    assert costs.effective_acs == sum(counts.values()) / 5 and costs.kind == "event-driven"


def test_updates_where_all_neurons_are_reached():
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.LIF(4, tau_mem=10e-3, tau_syn=5e-3))
    net.connect("in", "hid", weight=np.full((3, 4), 3.0), delay=[0.0, 1e-3, 2e-3])
    # two arrivals at once: at 3 ms of unit 0, and of unit 1 after its delay
    spikes = sal.Spikes.from_lists([([1e-3, 2e-3, 3e-3], [2, 1, 0]), ([9.5e-3], [2])], n_units=3)
    run = sal.simulate(net, {"in": spikes}, 10e-3)
    _, arrivals = slow.events(net.projections, run.spikes, 10e-3)
    assert count_run(run).neuron_updates == len(arrivals) + run.spikes["hid"].n_events == 4 + run.spikes["hid"].n_events
    assert count_run(run).total("effective_acs") == 12  # the last spike would arrive after the end


def test_dense_event_dense_and_sparsity():
    net, duration = recurrent(), 25e-3
    run = sal.simulate(net, {"in": stimulus(5, 4, duration)}, duration)
    costs = count_run(run, step=2e-3)
    # 13 steps; the list of five synapses, of which two are of one pair, stands for 18 pairs and one more
    assert costs.dense == 13 * (24 + 36 + 19)
    occupied = {
        (b, int(np.floor(t / 2e-3 + 1e-9)), n)
        for b, (times, units) in enumerate(run.spikes["hid"].to_lists())
        for t, n in zip(times, units, strict=True)
    }
    assert costs.activation_sparsity == 1 - len(occupied) / (5 * 13 * 6) and occupied
    assert count_run(run).dense is None and count_run(run).activation_sparsity is None
    fan = {("in", "hid"): 6, ("hid", "hid"): 6}
    for layer, (key, projection) in zip(costs.layers, net.projections.items(), strict=True):
        arrived = [
            t + delay <= duration
            for times, units in run.spikes[projection.pre].to_lists()
            for t, unit in zip(times, units, strict=True)
            for m, _, _, delay in slow.synapses(projection)
            if m == unit
        ]
        if key in fan:
            assert layer.event_dense == sum(arrived) >= layer.effective_acs


def test_a_run_at_rest():
    static = count_run(sal.simulate(recurrent(), {"in": stimulus(2, 4, 5e-3)}, 5e-3)).static
    net = recurrent()
    weights = [projection.weight for projection in net.projections.values()]
    zeros = sum(int((weight == 0).sum()) for weight in weights) + 14  # of 18 pairs four have a synapse
    assert (static.weights, static.zero_weights) == (24 + 36 + 5 + 14, zeros)
    # weights, delays, lists of two indices, six parameters of LIF, three of LI, states: V, I and the hold; V and I
    parts = {"weights": 65 * 8, "delays": (24 + 6 + 1) * 8, "lists": 5 * 16, "neurons": (6 + 3) * 8}
    assert dict(static.bytes_of) == {**parts, "state": (6 * 3 + 3 * 2) * 8}
    assert static.parameters == 65 and static.footprint == sum(static.bytes_of.values())


def test_a_grid_counts_the_spikes_that_it_has():
    net, duration, dt = recurrent(), 25e-3, 0.5e-3
    run = sal.simulate(net, {"in": stimulus(5, 4, duration)}, duration, backend=sal.Grid(dt))
    costs = count_run(run)

    def steps(values):
        return np.rint(np.asarray(values) / dt)

    total = 0
    for projection in net.projections.values():
        for times, units in run.spikes[projection.pre].to_lists():
            for t, unit in zip(steps(times), units, strict=True):
                listed = [each for each in slow.synapses(projection) if each[0] == unit and each[2]]
                total += sum(t + steps(delay) <= 50 for _, _, _, delay in listed)
    assert costs.total("effective_acs") == total > 100
    assert costs.kind == "time-stepped" and costs.dense == 50 * (24 + 36 + 19) and costs.neuron_updates == 5 * 50 * 9


def test_a_grid_is_time_stepped_whatever_its_gradient():
    net, spikes = recurrent(), {"in": stimulus(5, 4, 25e-3)}
    surrogate, eventprop = (
        count_run(sal.simulate(net, spikes, 25e-3, backend=sal.Grid(0.5e-3, gradient=gradient)))
        for gradient in ("surrogate", "eventprop")
    )
    assert eventprop.kind == surrogate.kind == "time-stepped" and eventprop.rules == surrogate.rules
    assert (eventprop.layers, eventprop.activity) == (surrogate.layers, surrogate.activity)
    assert eventprop.neuron_updates == surrogate.neuron_updates == 5 * 50 * 9


def test_values_on_a_grid_are_multiplied():
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.LIF(4, tau_mem=10e-3, tau_syn=5e-3))
    weight = zeroed(np.full((3, 4), 0.5), seed=4)
    net.connect("in", "hid", weight=weight, delay=2e-3)
    values = np.zeros((2, 10, 3))
    values[0, 1] = [1.0, 0.0, -1.0]  # spikes
    values[0, 4] = [1.0, 0.5, 0.0]  # analog, the 1 too
    values[1, 9] = 2.0  # would arrive behind the end
    run = sal.simulate(net, {"in": values}, 10e-3, backend=sal.Grid(1e-3))
    costs = count_run(run)
    fans = (weight != 0).sum(axis=1)
    assert costs.total("effective_acs") == fans[0] + fans[2] and costs.total("effective_macs") == fans[0] + fans[1]
    assert any("Values that drive" in rule for rule in costs.rules)


@pytest.mark.parametrize("backend", [sal.Exact(), sal.Grid(0.5e-3)])
def test_a_run_in_pieces_costs_what_the_whole_does(backend):
    net, spikes = recurrent(), stimulus(4, 4, 24e-3, most=20)
    if isinstance(backend, sal.Grid):
        spikes = sal.Spikes(np.rint(spikes.times / 0.5e-3) * 0.5e-3, spikes.units, spikes.offsets, 4)
    whole = count_run(sal.simulate(net, {"in": spikes}, 24e-3, backend=backend))
    cut = 10.25e-3 if isinstance(backend, sal.Exact) else 10e-3
    lists = spikes.to_lists()
    first = sal.Spikes.from_lists([(t[t <= cut], u[t <= cut]) for t, u in lists], n_units=4)
    second = sal.Spikes.from_lists([(t[t > cut] - cut, u[t > cut]) for t, u in lists], n_units=4)
    one = sal.simulate(net, {"in": first}, cut, backend=backend)
    two = sal.simulate(net, {"in": second}, 24e-3 - cut, backend=backend, state=one.state)
    parts = [count_run(one), count_run(two)]
    for k, layer in enumerate(whole.layers):
        assert sum(part.layers[k].effective_acs for part in parts) == layer.effective_acs
    assert one.state.recent  # spikes were on their way


def test_merged_batches():
    net = recurrent()
    parts = [count_run(sal.simulate(net, {"in": stimulus(n, 4, 25e-3, seed=n)}, 25e-3), step=1e-3) for n in (2, 5)]
    whole = merged(parts)
    assert whole.samples == 7 and whole.effective_acs == sum(part.total("effective_acs") for part in parts) / 7
    assert whole.activity.outputs == 7 * 25 * 6
    assert whole.neuron_updates == sum(part.neuron_updates for part in parts)
    with pytest.raises(ParameterError, match="one model"):
        merged([parts[0], count_run(sal.simulate(convolutional(), {"in": stimulus(2, 50, 25e-3)}, 25e-3))])
    with pytest.raises(ParameterError, match="got none"):
        merged([])


def test_results_of_other_steps_or_durations_are_not_merged():
    net = recurrent()
    spikes = {"in": stimulus(2, 4, 20e-3)}
    short, long = (sal.simulate(net, spikes, duration) for duration in (20e-3, 40e-3))
    with pytest.raises(ParameterError, match="same reference step; got"):
        merged([count_run(short, step=1e-3), count_run(short, step=2e-3)])
    with pytest.raises(ParameterError, match="one duration where Dense is defined"):
        merged([count_run(short, step=1e-3), count_run(long, step=1e-3)])
    assert merged([count_run(short), count_run(long)]).dense is None
    twice = merged([merged([count_run(short, step=1e-3)]), count_run(short, step=1e-3)])
    assert twice.dense == count_run(short, step=1e-3).dense
    with pytest.raises(ParameterError, match="same reference step; got"):
        merged([twice, count_run(short, step=2e-3)])


def test_a_pair_that_is_listed_twice_is_updated_once():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("out", sal.LI(2))
    net.connect("in", "out", weight=[1.0, 2.0], connectivity=sal.Sparse([0, 0], [1, 1], shape=(1, 2)))
    run = sal.simulate(net, {"in": sal.Spikes.from_lists([([1e-3], [0])], n_units=1)}, 10e-3)
    counts, arrivals = slow.events(net.projections, run.spikes, 10e-3)
    costs = count_run(run)
    assert costs.neuron_updates == len(set(arrivals)) == 1
    assert costs.total("effective_acs") == sum(counts.values()) == 2


def test_arrivals_at_the_end_of_a_grid_are_those_of_a_point_more_than_it_has_steps():
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("out", sal.LI(3))
    net.connect("in", "out", weight=np.ones((2, 3)))
    run = sal.simulate(net, {"in": np.full((1, 11, 2), 0.5)}, 10e-3, backend=sal.Grid(1e-3))
    costs = count_run(run)
    assert (costs.effective_macs, costs.dense) == (11 * 6, 10 * 6)
    assert any("one more than it has steps" in rule for rule in costs.rules)
    assert not any(
        "one more than" in rule for rule in count_run(sal.simulate(net, {"in": stimulus(1, 2, 5e-3)}, 1)).rules
    )


@pytest.mark.parametrize("cuts", [[0, 10, 20], [0, 2, 4, 5, 20]])
def test_values_in_pieces_cost_what_the_whole_does(cuts):
    rng = np.random.default_rng(7)
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("out", sal.LI(2))
    weight = zeroed(rng.normal(size=(3, 2)))
    net.connect("in", "out", weight=weight, delay=[0.0, 3e-3, 7e-3])
    values = rng.choice([-1.0, 0.0, 0.0, 1.0], (2, 21, 3))
    values[:, ::3] *= 0.5
    macs = acs = 0
    for sample in values:
        for k, row in enumerate(sample):
            for value, late, fan in zip(row, (0, 3, 7), (weight != 0).sum(axis=1), strict=True):
                if value and k + late <= 20:
                    analog = not slow.spiking(row)
                    macs, acs = macs + analog * fan, acs + (not analog) * fan
    whole = count_run(sal.simulate(net, {"in": values}, 20e-3, backend=sal.Grid(1e-3)))
    assert (whole.total("effective_macs"), whole.total("effective_acs")) == (macs, acs) and min(macs, acs) > 10
    state, found = None, np.zeros(2, int)
    for first, last in itertools.pairwise(cuts):
        part = values[:, first : last + (last == 20)]
        run = sal.simulate(net, {"in": part}, (last - first) * 1e-3, backend=sal.Grid(1e-3), state=state)
        costs, state = count_run(run), run.state
        found += costs.total("effective_macs"), costs.total("effective_acs")
    assert found.tolist() == [macs, acs]
    # what follows may be events, or nothing at all: the values on their way arrive
    silent = sal.Spikes.from_lists([([0.0], [2]), ([], [])], n_units=3)
    after = count_run(sal.simulate(net, {"in": silent}, 10e-3, backend=sal.Grid(1e-3), state=state))
    assert after.total("effective_macs") > 0 and after.layers[0].kind == "values"


def test_kinds_of_parameters_count_once():
    run = sal.simulate(recurrent(), {"in": stimulus(2, 4, 5e-3)}, 5e-3)
    assert count_run(run, trainable=("weight", "weight")).static.parameters == 65


def test_the_results_of_a_run_as_a_table():
    run = sal.simulate(recurrent(), {"in": stimulus(2, 4, 25e-3)}, 25e-3)
    costs = count_run(run, step=1e-3, execution_rate=40)
    read = json.loads(costs.to_json())
    assert {"Footprint", "ConnectionSparsity", "ActivationSparsity", "SynapticOperations"} <= set(read)
    assert set(read["SynapticOperations"]) == {"Effective_MACs", "Effective_ACs", "Dense"}
    assert read["Counts"]["rules"] == list(costs.rules) and read["ModelExecutionRate"] == 40.0
    assert "MembraneUpdates" not in read and read["Neuron_Updates"] == costs.neuron_updates / 2
    text = str(costs)
    assert all(rule in text for rule in costs.rules) and "a delay adds none" in text
    assert "not defined" in str(count_run(run)) and costs.row()["Eff_ACs"] == costs.effective_acs
    assert costs.per_execution(25)["Effective_ACs"] == costs.effective_acs / 25


def test_mistakes_are_named():
    net = recurrent()
    run = sal.simulate(net, {"in": stimulus(2, 4, 5e-3)}, 5e-3)
    costs = count_run(run)
    assert "packed_footprint" not in costs.extra
    for call, message in (
        (lambda: count_run(net), r"count_run\.run must be what simulate returned; got .*run the network first"),
        (lambda: count_run(run, parts=sal.Exact()), r"count_run\.parts must be backend\.parts\(network\); got Exact"),
        (lambda: merged(costs), r"merged\.parts must be a list of results; got Complexity; .*merged\(\[costs\]\)"),
        (lambda: merged([costs, run]), r"merged\.parts must be a list of results; got Run"),
        (lambda: costs.to_json("x.json"), r"to_json\.indent must be an integer .*'x\.json'.*write_text"),
    ):
        with pytest.raises(ParameterError, match=message):
            call()
    assert costs.to_json(indent=None) == json.dumps(costs.to_dict())
    # a gap between each name and its number
    lines = [line.strip() for line in str(costs).splitlines()[1:] if line.startswith("  ")]
    assert any(line.startswith("spikes_per_neuron_and_sample ") for line in lines)


def test_a_failed_sample_is_refused():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("hid", sal.LIF(1, tau_mem=10e-3, tau_syn=5e-3))
    net.connect("in", "hid", weight=[[50.0]])
    spikes = sal.Spikes.from_lists([([0.0], [0]), ([], [])], n_units=1)
    run = sal.simulate(net, {"in": spikes}, 20e-3, backend=sal.Exact(max_events=3), throw=False)
    with pytest.raises(ParameterError, match="no failed samples; got 1"):
        count_run(run)


def test_the_emulated_chip():
    from saltation.bss2 import Backend, Chip

    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.LIF(5, tau_mem=10e-3, tau_syn=10e-3))
    net.add("out", sal.LI(2, tau_mem=10e-3, tau_syn=10e-3))
    weight = np.full((3, 5), 0.9)
    weight[0, :2] = 1e-5  # zero on the chip
    net.connect("in", "hid", weight=weight)
    net.connect("hid", "out", weight=np.full((5, 2), 0.1))
    backend = Backend(Chip(serial=2))
    run = sal.simulate(net, {"in": stimulus(2, 3, 20e-3)}, 30e-3, backend=backend)
    costs = count_run(run, step=1e-3, parts=backend.parts(net))
    scales = backend.weight_scales(net)
    written = {key: np.rint(each.weight * scales[each.post]) != 0 for key, each in net.projections.items()}
    assert not written["in", "hid"][0, :2].any() and written["in", "hid"][1:].all()
    total = physical = 0
    for key, projection in net.projections.items():
        for unit in run.spikes[projection.pre].units:
            total += int(written[key][unit].sum())
            physical += 2 * projection.shape[1]  # an excitatory and an inhibitory synapse of each neuron
    assert costs.total("effective_acs") == total and costs.extra["Synapse_Events"] == physical / 2 > total / 2
    assert costs.kind == "emulated chip" and costs.static.bytes_of["weights"] == 25
    # 20 ms of settling are no time of the samples, which are two, a thousand times faster than the model
    assert costs.extra["modelled_settling"] == run.conditions["settled"] == 20e-3
    assert costs.extra["modelled_hardware_time"] == pytest.approx(2 * 30e-6, rel=0.01)
    again = count_run(sal.simulate(net, {"in": stimulus(2, 3, 20e-3)}, 30e-3, backend=backend))
    assert again.extra["modelled_settling"] == 0.0
    assert again.extra["modelled_hardware_time"] == pytest.approx(costs.extra["modelled_hardware_time"])
    # 25 weights of six bits are 150 bits, which take 19 bytes
    assert costs.extra["packed_footprint"] == costs.footprint - 25 + 19 and "packed_footprint" in costs.rules[-1]
    assert any("modelled" in rule for rule in costs.rules)
    assert count_run(run).extra["Synapse_Events"] is None
    # its counts are those of its spikes, whatever its gradient is
    stepped = sal.simulate(
        net, {"in": stimulus(2, 3, 20e-3)}, 30e-3, backend=Backend(Chip(serial=2), adjoint=sal.Grid(1e-3))
    )
    same = count_run(stepped)
    assert (same.dense, same.neuron_updates, same.rules) == (None, count_run(run).neuron_updates, count_run(run).rules)
    with pytest.raises(ParameterError, match="emulated chip"):
        count_run(sal.simulate(net, {"in": stimulus(2, 3, 20e-3)}, 30e-3), parts=backend.parts(net))
