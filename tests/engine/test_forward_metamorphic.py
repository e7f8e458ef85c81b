"""What must not change a raster: shifts, scales, permutations, split weights, spectators, batches and threads."""

import numpy as np
import pytest

import saltation as sal
import saltation.engine.threads as threading
from reference.networks import DURATION, MODELS, random_network, stimulus

CASES = {
    "feedforward": {"delay": "pre", "per_neuron": True},
    "recurrent": {"recurrent": True, "delay": "synapse", "refractory": True, "per_neuron": True},
}


def build(model, case, seed=3, batch=2):
    rng = np.random.default_rng(seed)
    return random_network(seed + 70, model, n=5, **CASES[case]), stimulus(3, batch, rng, events=14)


def spikes_of(net, stim, duration=DURATION):
    return sal.simulate(net, {"in": stim}, duration).spikes


def changed(net, change):
    """A copy of a network with every record passed through ``change(kind, name, value)``."""
    new = sal.Network()
    for name, p in net.populations.items():
        new.add(name, p.with_parameters(**{k: change(k, name, v) for k, v in p.parameters().items()}))
    for p in net.projections.values():
        weight, delay = change("weight", p.key, p.weight), change("delay", p.key, p.delay)
        new.connect(p.pre, p.post, weight=weight, delay=delay, receptor=p.receptor, name=p.name)
    return new


def same(a, b, *, shift=0.0, scale=1.0, names=("a",), units=None):
    for name in names:
        assert a[name].n_events > 0
        assert np.array_equal(a[name].offsets, b[name].offsets)
        if units is None:
            assert np.array_equal(a[name].units, b[name].units)
        want = a[name].times * scale + shift
        assert np.abs(b[name].times - want).max() <= 1e-12 * want.max()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", [m for m in MODELS if m != "leaky"])
@pytest.mark.parametrize("shift", [5e-3, 10.0])
def test_shift_of_time(model, case, shift):
    net, stim = build(model, case)
    rest = net.replace(v_init={"a": None})
    later = sal.Spikes(stim.times + shift, stim.units, stim.offsets, 3)
    # shifted inputs are rounded to the floats there
    back = sal.Spikes(later.times - shift, stim.units, stim.offsets, 3)
    same(spikes_of(rest, back), spikes_of(rest, later, DURATION + shift), shift=shift)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("factor", [0.001, 3.7, 1e6])
def test_scale_of_voltage(model, case, factor):
    net, stim = build(model, case)
    scaled = changed(net, lambda k, n, v: v * factor if k in ("weight", "beta") or k.startswith("v_") else v)
    same(spikes_of(net, stim), spikes_of(scaled, stim))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("factor", [1e-3, 0.7, 100.0])
@pytest.mark.filterwarnings("ignore::saltation.errors.SecondsWarning")  # of a time constant of minutes
def test_scale_of_time(model, case, factor):
    net, stim = build(model, case)
    scaled = changed(net, lambda k, n, v: v * factor if k == "delay" or k.startswith("t") else v)
    slow = sal.Spikes(stim.times * factor, stim.units, stim.offsets, 3)
    same(spikes_of(net, stim), spikes_of(scaled, slow, DURATION * factor), scale=factor)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", MODELS)
def test_permutation_of_neurons(model, case):
    net, stim = build(model, case)
    order = np.array([3, 0, 4, 1, 2])

    def permute(kind, key, value):
        if kind not in ("weight", "delay"):
            return value[order] if key == "a" and value.ndim else value
        for axis, side in enumerate(key):
            if side == "a" and value.ndim > axis:
                value = np.take(value, order, axis=axis)
        return value

    got = spikes_of(changed(net, permute), stim)
    want = spikes_of(net, stim)
    same(want, got, units=order)
    assert np.array_equal(order[got["a"].units], want["a"].units)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", [m for m in MODELS if m != "lif_two"])
def test_a_weight_split_in_two(model, case):
    net, stim = build(model, case)
    split = sal.Network()
    for name, p in net.populations.items():
        split.add(name, p)
    for i, p in enumerate(net.projections.values()):
        part = np.random.default_rng(i).uniform(-0.5, 1.5, p.weight.shape) * p.weight
        split.connect(p.pre, p.post, weight=part, delay=p.delay)
        split.connect(p.pre, p.post, weight=p.weight - part, delay=p.delay, name=f"rest{i}")
    same(spikes_of(net, stim), spikes_of(split, stim))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", MODELS)
def test_spectators_without_weight(model, case):
    net, stim = build(model, case)
    want = spikes_of(net, stim)
    net.add("extra", sal.Input(4))
    net.connect("extra", "a", weight=np.zeros((4, 5)), delay=np.linspace(0, 3e-3, 20).reshape(4, 5))
    rng = np.random.default_rng(9)
    got = sal.simulate(net, {"in": stim, "extra": stimulus(4, 2, rng, events=30)}, DURATION).spikes
    same(want, got)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("model", ["lif", "lif_two", "alif", "lif_one", "lif_twice"])
def test_batches_and_threads_do_not_change_a_bit(model, case, monkeypatch):
    monkeypatch.setattr(threading, "_LEAST_WORK", 100)  # chunks for all threads, also of so little work
    net, stim = build(model, case, batch=33)
    record = {"a": (sal.MaxVoltage(), sal.VoltageIntegral()), "out": sal.Voltage([1e-2, 3e-2])}

    def bits(events, threads=1):
        run = sal.simulate(net, {"in": events}, DURATION, record=record, backend=sal.Exact(threads=threads))
        voltages = [*run.voltage["a"], run.voltage["out"], run.state.voltage("a"), run.report.least_slope]
        lists = run.spikes["a"].to_lists()
        return [
            (*(x.tobytes() for x in lists[b]), *(np.ascontiguousarray(v[b]).tobytes() for v in voltages))
            for b in range(events.batch)
        ]

    assert len(sal.simulate(net, {"in": stim}, DURATION, backend=sal.Exact(threads=3))._trace.runs[1].parts) == 3
    want = bits(stim)
    for threads in (2, 3):
        assert bits(stim, threads) == want
    order = np.random.default_rng(0).permutation(33)
    assert bits(stim[order], 2) == [want[b] for b in order]
    for b in (0, 7, 32):
        assert bits(stim[[b]]) == [want[b]]
