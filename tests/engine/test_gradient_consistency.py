"""What gradients owe to each other: duality with tangents, samples to the batch, repetition, dtypes, silence."""

import dataclasses

import numpy as np
import pytest

import saltation as sal
import saltation.engine.adjoint as adjoint
import saltation.engine.threads as threading
from reference.networks import DURATION, MODELS, cotangents, random_network, stimulus, tangents
from saltation.errors import GradientError

CASES = {
    "feedforward": {"delay": "synapse", "per_neuron": True, "refractory": True},
    "recurrent": {"recurrent": True, "delay": "pre", "refractory": True},
    "loop": {"loop": True, "recurrent": True, "delay": "scalar"},
}
PROBES = (sal.Voltage([5e-3, 20e-3]), sal.MaxVoltage(), sal.VoltageIntegral())


def simulated(model="lif", case="recurrent", *, seed=1, batch=3, threads=1):
    rng = np.random.default_rng(seed)
    net = random_network(seed + 60, model, **CASES[case])
    stim = stimulus(3, batch, rng, events=12)
    record = {name: PROBES for name, p in net.populations.items() if not isinstance(p, sal.Input)}
    run = sal.simulate(net, {"in": stim}, DURATION, record=record, backend=sal.Exact(threads=threads))
    return net, stim, run, rng


def flat(gradient):
    """``{(kind, key): array}``."""
    return {
        (f.name, key): np.asarray(value)
        for f in dataclasses.fields(gradient)
        for key, value in getattr(gradient, f.name).items()
    }


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", MODELS)
def test_the_gradient_is_the_transpose_of_the_tangent(model, case):
    net, stim, run, rng = simulated(model, case)
    moved = tangents(net, {"in": stim}, rng)
    spike_bars, voltage_bars = cotangents(run, rng)
    tangent = run.jvp(**moved)
    left = [spike_bars[n] * tangent.spike_times[n] for n in spike_bars]
    left += [b * v for n in voltage_bars for b, v in zip(voltage_bars[n], tangent.voltage[n], strict=True)]
    gradient = flat(run.gradient(spike_bars, voltage_bars))
    right = [gradient[kind, key] * value for kind, by_key in moved.items() for key, value in by_key.items()]
    size = sum(np.abs(x).sum() for x in left) + sum(np.abs(x).sum() for x in right)
    assert abs(sum(x.sum() for x in left) - sum(x.sum() for x in right)) <= 1e-11 * size


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", ["lif", "lif_two", "alif"])
def test_samples_sum_to_the_batch(model, case):
    _, _, run, rng = simulated(model, case, batch=17)
    bars = cotangents(run, rng)
    total, single = flat(run.gradient(*bars)), flat(run.gradient(*bars, per_sample=True))
    for key, value in total.items():
        if key[0] == "input_times":
            assert np.array_equal(single[key], value)
        else:
            assert single[key].shape == (17, *value.shape)
            size = np.abs(single[key]).sum(axis=0).max(initial=1e-300)
            assert np.abs(single[key].sum(axis=0) - value).max(initial=0.0) <= 1e-13 * size


@pytest.mark.parametrize("case", CASES)
def test_a_sample_alone_has_the_gradient_it_has_in_a_batch(case):
    net, stim, run, rng = simulated("lif", case, batch=9)
    bars = cotangents(run, rng)
    single = flat(run.gradient(*bars, per_sample=True))
    record = {name: PROBES for name in run.voltage}
    for b in (0, 4, 8):
        alone = sal.simulate(net, {"in": stim[[b]]}, DURATION, record=record)
        spike_bars = {n: v[run.spikes[n].offsets[b] : run.spikes[n].offsets[b + 1]] for n, v in bars[0].items()}
        voltage_bars = {n: tuple(x[[b]] for x in v) for n, v in bars[1].items()}
        for key, value in flat(alone.gradient(spike_bars, voltage_bars)).items():
            if key[0] != "input_times":
                assert np.abs(value - single[key][b]).max(initial=0.0) <= 1e-13 * (
                    np.abs(value).max(initial=0.0) + 1e-300
                )


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", ["lif", "lif_two", "alif"])
def test_threads_and_repetition_do_not_change_a_bit(model, case, monkeypatch):
    monkeypatch.setattr(threading, "_LEAST_WORK", 100)  # chunks for all threads, also of so little work
    monkeypatch.setattr(adjoint, "_UPDATES_PER_ENTRY", 1)
    results = []
    for threads in (1, 2, 3, 1):
        net, stim, run, rng = simulated(model, case, batch=40, threads=threads)
        assert {len(component.parts) for component in run._trace.runs if component is not None} == {threads}
        moved = run.jvp(**tangents(net, {"in": stim}, np.random.default_rng(3)))
        bars = cotangents(run, rng)
        results.append(flat(run.gradient(*bars)))
        again = flat(run.gradient(*bars))
        assert all(np.array_equal(again[key], value) for key, value in results[-1].items())
        results[-1]["moved", "a"] = moved.spike_times["a"]
    for other in results[1:]:
        assert all(np.array_equal(other[key], value) for key, value in results[0].items())


@pytest.mark.parametrize("model", ["lif", "lif_two", "alif"])
@pytest.mark.parametrize("case", CASES)
def test_without_time_constants_the_rest_is_the_same(model, case):
    _, _, run, rng = simulated(model, case)
    bars = cotangents(run, rng)
    full, part = flat(run.gradient(*bars)), flat(run.gradient(*bars, time_constants=False))
    for (kind, key), value in full.items():
        if kind.startswith("tau"):
            assert not part[kind, key].any()
            assert key != "out" or value.any()
        else:
            assert np.array_equal(part[kind, key], value)


@pytest.mark.parametrize("model", [m for m in MODELS if m != "leaky"])
@pytest.mark.parametrize("case", CASES)
def test_a_silent_network_has_a_zero_gradient_and_no_nan(model, case):
    net = random_network(1, model, **CASES[case])
    record = {name: PROBES for name, p in net.populations.items() if not isinstance(p, sal.Input)}
    run = sal.simulate(net, {"in": sal.Spikes.empty(2, 3)}, DURATION, record=record)
    assert run.spikes["a"].n_events == 0
    rng = np.random.default_rng(0)
    spike_bars, voltage_bars = cotangents(run, rng)
    for value in flat(run.gradient(spike_bars)).values():
        assert not value.any()
    for (kind, _), value in flat(run.gradient(spike_bars, voltage_bars)).items():
        assert np.isfinite(value).all()
        assert kind not in ("weight", "delay", "v_reset", "t_refrac", "v_th") or not value.any()
    assert np.isfinite(
        np.concatenate(list(run.jvp(**tangents(net, {"in": run.spikes["in"]}, rng)).spike_times.values()))
    ).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_cotangents_that_are_not_finite_are_refused(bad):
    _, _, run, rng = simulated()
    spike_bars, voltage_bars = cotangents(run, rng)
    with pytest.raises(GradientError, match="spike_times"):
        run.gradient({"a": np.full_like(spike_bars["a"], bad)})
    broken = tuple(np.where(np.arange(v.size).reshape(v.shape) == 3, bad, v) for v in voltage_bars["out"])
    with pytest.raises(GradientError, match="voltage"):
        run.gradient(voltage={"out": broken})


def test_v_leak_is_the_total_derivative_where_v_init_is_tied():
    def leak_gradient(v_init):
        net = sal.Network()
        net.add("in", sal.Input(1))
        net.add("a", sal.LIF(2, tau_mem=20e-3, tau_syn=5e-3, v_leak=0.1, v_init=v_init))
        net.connect("in", "a", weight=[[9.0, 10.0]])
        run = sal.simulate(net, {"in": sal.Spikes.from_lists([([1e-3], [0])])}, 30e-3)
        assert run.spikes["a"].n_events >= 2
        return run.gradient({"a": np.ones(run.spikes["a"].n_events)})

    tied, given = leak_gradient(None), leak_gradient(0.1)
    assert "a" not in tied.v_init
    assert np.isclose(tied.v_leak["a"], given.v_leak["a"] + given.v_init["a"], rtol=1e-13)
    assert given.v_init["a"] != 0.0


def test_gradients_have_the_shapes_and_dtypes_of_the_parameters():
    rng = np.random.default_rng(2)
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("a", sal.LIF(4, tau_mem=np.float32(0.02), tau_syn=np.full(4, 5e-3, np.float32), v_th=np.ones(4)))
    net.add("out", sal.LI(2))
    net.connect("in", "a", weight=rng.normal(2, 1, (3, 4)).astype(np.float32), delay=np.full(3, 1e-3, np.float32))
    net.connect("a", "out", weight=rng.normal(size=(4, 2)))
    run = sal.simulate(net, {"in": stimulus(3, 2, rng)}, DURATION, record={"out": sal.MaxVoltage()})
    gradient = run.gradient(*cotangents(run, rng))
    for key, p in net.projections.items():
        for kind in ("weight", "delay"):
            value, got = getattr(p, kind), getattr(gradient, kind)[key]
            assert (got.shape, got.dtype) == (value.shape, value.dtype)
    for name, population in net.populations.items():
        for kind, value in population.parameters().items():
            got = getattr(gradient, kind)[name]
            assert (got.shape, got.dtype) == (value.shape, value.dtype)
    assert gradient.weight["in", "a"].dtype == np.float32
    assert gradient.tau_mem["a"].dtype == np.float32
    assert gradient.input_times["in"].dtype == np.float64


def test_a_run_keeps_the_network_it_ran():
    net, _, run, rng = simulated()
    bars = cotangents(run, rng)
    before = flat(run.gradient(*bars))
    net.add("more", sal.LI(1))
    net.connect("a", "more", weight=np.ones((4, 1)))
    after = flat(run.gradient(*bars))
    assert before.keys() == after.keys()
    assert all(np.array_equal(after[key], value) for key, value in before.items())
