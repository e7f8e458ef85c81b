"""Networks larger than a chip, in parts; and synapses that are listed."""

import dataclasses

import numpy as np
import pytest

import saltation as sal
from saltation.bss2 import Backend, Chip, Noise, Physics, Variation, place
from saltation.bss2.parts import matrix, split
from saltation.bss2.scaling import OperatingPoint, check_names, make_targets
from saltation.engine.plan import compile_network
from saltation.errors import CalibrationError, ParameterError, PlacementError

DURATION, BATCH = 40e-3, 6
TIMES = {"tau_mem": 8e-3, "tau_syn": 6e-3}
IDEAL = {
    "variation": Variation.none(),
    "noise": Noise.none(),
    "physics": Physics(line_saturation=1e5, line_swing=160.0),
}


def large(n_in=300, hidden=150, seed=0):
    """With 300 signed inputs a neuron takes 4 circuits, of which a chip has 128."""
    rng = np.random.default_rng(seed)
    net = sal.Network()
    net.add("in", sal.Input(n_in))
    net.add("hid", sal.LIF(hidden, **TIMES, t_refrac=2e-3, v_th=rng.uniform(0.9, 1.1, hidden)))
    net.add("out", sal.LI(3, **TIMES))
    net.connect("in", "hid", weight=rng.normal(0.025, 0.02, (n_in, hidden)))
    net.connect("hid", "out", weight=rng.normal(0.02, 0.03, (hidden, 3)))
    return net


def stimulus(n_in, seed=1):
    return {"in": sal.Spikes.from_latencies(np.random.default_rng(seed).uniform(1e-3, 25e-3, (BATCH, n_in)))}


def test_a_population_is_cut_into_as_few_parts_as_place():
    parts = split(compile_network(large()), 1)
    assert [tuple(part.neurons) for part in parts] == [("hid",), ("hid",), ("out",)]
    assert [part.sources for part in parts] == [("in",), ("in",), ("hid",)]
    both = np.concatenate([part.neurons["hid"] for part in parts[:2]])
    np.testing.assert_array_equal(both, np.arange(150))
    np.testing.assert_array_equal(parts[1].populations["hid"].v_th, large().populations["hid"].v_th[75:])
    assert parts[0].populations["hid"].size == 75
    assert len(split(compile_network(large(hidden=100)), 1)) == 1


def test_the_published_partition():
    """784-256-10: fan-in 784 takes 8 circuits, 64 neurons a chip: 4 parts, and one for the output (hxtorch)."""
    net = sal.Network()
    net.add("in", sal.Input(784))
    net.add("hid", sal.LIF(256, **TIMES))
    net.add("out", sal.LI(10, **TIMES))
    net.connect("in", "hid", weight=np.zeros((784, 256)))
    net.connect("hid", "out", weight=np.zeros((256, 10)))
    parts = split(compile_network(net), 1)
    assert [{name: index.size for name, index in part.neurons.items()} for part in parts] == [{"hid": 64}] * 4 + [
        {"out": 10}
    ]


@pytest.mark.parametrize("n_chips", [1, 2])
def test_in_parts_it_is_near_the_model_too(n_chips):
    net, events = large(), stimulus(300)
    chips = [Chip(i, **IDEAL) for i in range(n_chips)]
    backend = Backend(chips)
    record = {"out": sal.MaxVoltage()}
    run = sal.simulate(net, events, DURATION, backend=backend, record=record)
    assert len(backend.parts(net)) == 3 and len(backend.executions) == 3
    assert [chip.runs for chip in chips] == ([3] if n_chips == 1 else [2, 1])
    weights = {key: p.weight for key, p in run._trace.job.plan.projections.items()}
    exact = sal.simulate(net.replace(weight=weights), events, DURATION, record=record)
    seen, wanted = (r.spikes["hid"].first() for r in (run, exact))
    both = np.isfinite(seen) & np.isfinite(wanted)
    assert both.sum() > 200 and (np.isfinite(seen) != np.isfinite(wanted)).mean() < 0.1
    late = seen[both] - wanted[both]
    assert abs(np.median(late) - 0.22e-3) < 0.4e-3 and np.quantile(np.abs(late), 0.9) < 1.5e-3
    np.testing.assert_allclose(run.voltage["out"], exact.voltage["out"], atol=0.2)
    # the gradient is that of the model at what was observed, neuron by neuron
    bar = np.random.default_rng(0).standard_normal((BATCH, 3))
    got = run.gradient(voltage={"out": bar}).weight["in", "hid"]
    again = sal.simulate(
        net.replace(weight=weights),
        events,
        DURATION,
        record=record,
        observed={"hid": run.spikes["hid"], "out": run._trace.job.request.measured["out"]},
    )
    np.testing.assert_allclose(got, again.gradient(voltage={"out": bar}).weight["in", "hid"], rtol=1e-9, atol=1e-12)


def test_in_parts_with_surrogate_gradients():
    net, events = large(), stimulus(300)
    backend = Backend(Chip(0, **IDEAL), adjoint=sal.Grid(1e-3))
    run = sal.simulate(net, events, DURATION, backend=backend, record={"out": sal.MaxVoltage()})
    assert run._trace.job.request.measured["hid"].values.shape[2] == 150
    assert np.abs(run.gradient(voltage={"out": np.ones((BATCH, 3))}).weight["in", "hid"]).max() > 0.0


def layers(n_in, hidden, out):
    net = sal.Network()
    for name, population in (("in", sal.Input(n_in)), ("hid", sal.LIF(hidden)), ("out", sal.LI(out))):
        net.add(name, population)
    net.connect("in", "hid", weight=np.zeros((n_in, hidden)))
    net.connect("hid", "out", weight=np.zeros((hidden, out)))
    return net


def test_what_does_not_fit_in_parts_either_says_which_projection_has_too_many_rows():
    """600 sources on 8 buses are 75 each; a bus has 64 labels, beyond which a source reaches one driver."""
    net = layers(5, 600, 3)
    with pytest.raises(PlacementError) as refused:
        split(compile_network(net), 2)
    said = str(refused.value)
    assert "of 'out', to which spikes of 'hid' are played, not even one neuron fits" in said
    assert "carries 75 sources that the host plays, more than its 64 labels" in said
    assert "take one row for the projection ('hid', 'out')" in said and "run the network in parts" not in said
    # what it says is what helps
    parts = split(compile_network(net), {("in", "hid"): 2})
    assert [dict(part.placement.written)[key].rows for part in parts for key in part.keys] == [2, 2, 1]
    assert sum(part.neurons["hid"].size for part in parts if "hid" in part.neurons) == 600


def test_two_populations_that_need_a_source_on_drivers_of_their_own():
    net = sal.Network()
    net.add("in", sal.Input(600))
    net.add("before", sal.Input(40))
    for name in ("a", "b"):
        net.add(name, sal.LIF(2))
        if name == "b":
            net.connect("before", name, weight=np.zeros((40, 2)))
        net.connect("in", name, weight=np.zeros((600, 2)))
    with pytest.raises(PlacementError, match=r"it drives 'a' and 'b' by one each; make it smaller, or leave it to B"):
        place(net)
    assert [tuple(part.neurons) for part in split(compile_network(net), 1)] == [("a",), ("b",)]


def test_the_notice_says_how_many_parts_and_gives_no_other_advice(caplog):
    split(compile_network(layers(5, 600, 3)), 1)
    (record,) = caplog.records
    said = record.getMessage()
    assert "needs 618 circuits" in said and said.endswith("so it runs in 3 parts, one after another")
    assert "smaller" not in said and "Backend" not in said
    caplog.clear()
    split(compile_network(layers(5, 120, 3)), 1)
    assert not caplog.records


def test_what_has_to_be_on_one_chip():
    net = large()
    net.connect("hid", "hid", weight=np.zeros((150, 150)))
    with pytest.raises(PlacementError, match=r"drive one another \(hid\) must be on one chip: spikes do not travel"):
        split(compile_network(net), 1)
    limited = sal.Network()
    limited.add("in", sal.Input(1))
    limited.add("hid", sal.LIF(2, **TIMES, max_spikes=1))
    limited.connect("in", "hid", weight=[[0.1, 0.1]])
    with pytest.raises(CalibrationError, match="max_spikes must be left out"):
        sal.simulate(limited, {"in": sal.Spikes.empty(1, 1)}, DURATION, backend=Backend(Chip(0)))


@pytest.mark.parametrize("kind", ["sparse", "conv"])
def test_listed_synapses_are_those_of_a_matrix_with_zeros(kind):
    rng = np.random.default_rng(4)
    if kind == "sparse":
        pre, post = rng.integers(0, 16, 60), rng.integers(0, 12, 60)
        pattern = sal.Sparse(pre, post, (16, 12))
    else:
        pattern = sal.Conv1d((1, 16), 2, 5, stride=2)
    size = pattern.n_post
    weight = rng.normal(2.0, 0.4, pattern.weight_shape)

    def network(listed, weight):
        net = sal.Network()
        net.add("in", sal.Input(16))
        net.add("hid", sal.LIF(size, **TIMES))
        net.connect("in", "hid", weight=weight, **({"connectivity": pattern} if listed else {}))
        return net

    events = stimulus(16)
    listed = network(True, weight)
    backend = Backend(Chip(0, **IDEAL), rows=8)
    run = sal.simulate(listed, events, DURATION, backend=backend)
    factor = backend.weight_scales(listed)["hid"]
    whole = matrix(listed.projections["in", "hid"], np.rint(weight * factor).astype(int))
    by_hand = np.zeros((16, size))
    for i, j, at in zip(*pattern.synapses(), strict=True):
        by_hand[i, j] += np.rint(weight.reshape(-1)[at] * factor)
    np.testing.assert_array_equal(whole, by_hand)
    dense = sal.simulate(network(False, whole / factor), events, DURATION, backend=Backend(Chip(0, **IDEAL), rows=8))
    assert run.spikes["hid"] == dense.spikes["hid"] and run.spikes["hid"].n_events > 20
    gradient = run.gradient(spike_times={"hid": np.ones(run.spikes["hid"].n_events)}).weight["in", "hid"]
    assert gradient.shape == weight.shape and np.abs(gradient).max() > 0.0


def test_settings_by_population_name_those_of_the_whole_network():
    """No part has all of them; a name that is nowhere is refused."""
    plan = compile_network(large())
    point = OperatingPoint(1e-3, {"hid": 60.0, "out": 100.0}, {"hid": 180.0, "out": 110.0}, 1e-6, 1000, {"out": 100})
    check_names(point, plan.populations)
    for part in split(plan, 1):
        target, scales = make_targets(part.populations, part.placement, point)
        (name,) = part.neurons
        leak, strength = {"hid": (60.0, 500), "out": (100.0, 100)}[name]
        circuits = part.placement.circuits[name]
        assert np.all(scales[name].leak == leak) and np.all(target.of_all("leak")[circuits] == leak)
        assert np.all(target.of_all("i_synin_gm_exc")[circuits] == strength)
    with pytest.raises(ParameterError, match=r"Backend\.leak: no population 'oud' is on the chip; did you mean 'out'"):
        check_names(dataclasses.replace(point, leak={"oud": 100.0}), plan.populations)
