import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

import saltation as sal
from reference.smooth import flat, gradient, loss
from saltation.engine.training import parameter_name
from saltation.jax import Spikes, build, capacities

DURATION = 6.0
KINDS = ("weight", "delay", "tau_mem", "tau_syn", "v_th", "v_leak", "v_reset", "t_refrac")
PROBES = {"out": (sal.MaxVoltage(), sal.Voltage([1.0, 2.0])), "hid": sal.VoltageIntegral()}


def close(a, b, **options):
    np.testing.assert_allclose(a, b, **{"rtol": 1e-11, "atol": 1e-12, **options})


def test_it_returns_what_the_engine_does(network, stimulus, way):
    init, apply = build(network, capacity=4, record=PROBES)
    run = sal.simulate(network, {"in": stimulus}, DURATION, record=PROBES)
    for function in (apply, jax.jit(apply)):
        out = function(init(), {"in": Spikes.from_numpy(stimulus)}, DURATION)
        assert out.spikes["hid"].to_numpy() == run.spikes["hid"] and out.spikes["in"].to_numpy() == stimulus
        pairs = zip((*out.voltage("out"), out.voltage("hid")), (*run.voltage["out"], run.voltage["hid"]), strict=True)
        for a, b in pairs:
            close(a, b)
        np.testing.assert_array_equal(out.first_spike("hid"), run.spikes["hid"].first())
        np.testing.assert_array_equal(out.counts("hid"), run.spikes["hid"].counts())
        assert out.status.tolist() == [0, 0]


@pytest.mark.parametrize("kinds", [("weight",), KINDS])
def test_gradients_are_those_of_the_engine(network, stimulus, way, kinds):
    init, apply = build(network, capacity=5, record=PROBES, trainable=kinds, duration=DURATION)
    padded = Spikes.from_numpy(stimulus, capacity=6)

    def of(params, times):
        return loss(apply(params, {"in": Spikes(times, padded.units, padded.count, 3)}))

    run = sal.simulate(network, {"in": stimulus}, DURATION, record=PROBES)
    expected = gradient(run)
    there = np.isfinite(padded.times)
    for function in (jax.grad(of, argnums=(0, 1)), jax.jit(jax.grad(of, argnums=(0, 1)))):
        by_params, by_times = function(init(), padded.times)
        assert set(by_params) == {name for name in flat(expected) if name.startswith(kinds)}
        for name, value in by_params.items():
            close(value, flat(expected)[name])
        close(np.asarray(by_times)[there], expected.input_times["in"])
        assert not np.asarray(by_times)[~there].any()


def test_numbers_are_those_of_torch(network, stimulus, way):
    torch = pytest.importorskip("torch")
    from saltation.torch import SNN

    snn = SNN(network, trainable=KINDS)
    init, apply = build(network, capacity=4, trainable=KINDS, duration=DURATION)
    assert list(init()) == [name for name, _ in snn.named_parameters()]
    out = snn({"in": stimulus}, DURATION)
    first = out.first_spike("hid")
    (first[torch.isfinite(first)].sum() + out.voltage("out").square().sum()).backward()

    def of(params):
        out = apply(params, {"in": Spikes.from_numpy(stimulus)})
        first = out.first_spike("hid")
        return jnp.where(jnp.isfinite(first), first, 0.0).sum() + jnp.square(out.voltage("out")).sum()

    found = jax.jit(jax.grad(of))(init())
    for name, parameter in snn.named_parameters():
        close(found[name], parameter.grad)


def test_against_differences(network, stimulus, by_xla):
    init, apply = build(network, capacity=4, record=PROBES, trainable=KINDS, duration=DURATION)
    padded = Spikes.from_numpy(stimulus)

    def of(params, times):
        given = Spikes(jnp.where(padded.units >= 0, times, jnp.inf), padded.units, padded.count, 3)
        return loss(apply(params, {"in": given}))

    times = jnp.where(padded.units >= 0, padded.times, 1.0)
    check_grads(jax.jit(of), (init(), times), order=1, modes=["rev"], eps=1e-6, rtol=1e-6, atol=1e-7)


def test_vmap_over_anything(network, stimulus, way):
    init, apply = build(network, capacity=6, record=PROBES, trainable=("weight", "v_th"), duration=DURATION)
    params, padded = init(), Spikes.from_numpy(stimulus)
    rng = np.random.default_rng(1)
    many = {name: jnp.stack([value * rng.uniform(0.95, 1.05) for _ in range(3)]) for name, value in params.items()}
    shifted = jnp.stack([padded.times + shift for shift in (0.0, 0.01)])

    def of(params, times):
        return loss(apply(params, {"in": Spikes(times, padded.units, padded.count, 3)}))

    both = jax.value_and_grad(of, argnums=(0, 1))
    single = [[both({k: v[i] for k, v in many.items()}, times) for times in shifted] for i in range(3)]
    flat_list = [one for row in single for one in row]
    wanted = jax.tree.map(lambda *leaves: np.stack(leaves).reshape(3, 2, *leaves[0].shape), *flat_list)
    # over the stimulus alone, over parameters alone, over both, and over one within the other
    found = jax.jit(jax.vmap(both, (None, 0)))({k: v[0] for k, v in many.items()}, shifted)
    jax.tree.map(lambda a, b: close(a, b[0]), found, wanted)
    found = jax.vmap(both, (0, None))(many, shifted[1])
    jax.tree.map(lambda a, b: close(a, b[:, 1]), found, wanted)
    found = jax.jit(jax.vmap(jax.vmap(both, (None, 0)), (0, None)))(many, shifted)
    jax.tree.map(close, found, wanted)
    found = jax.vmap(both)({k: v[:2] for k, v in many.items()}, shifted)
    jax.tree.map(lambda a, b: close(a, np.stack([b[0, 0], b[1, 1]])), found, wanted)


def test_the_duration_may_be_traced_and_has_no_gradient(network, stimulus, way):
    init, apply = build(network, capacity=4)
    run = sal.simulate(network, {"in": stimulus}, 3.0)
    given = {"in": Spikes.from_numpy(stimulus)}
    out = jax.jit(apply)(init(), given, 3.0)
    assert out.spikes["hid"].to_numpy() == run.spikes["hid"]
    with pytest.raises(sal.errors.GradientError, match="duration"):
        jax.grad(lambda t: apply(init(), given, t).voltage("out").sum())(3.0)


def test_init_may_draw_weights(network):
    init, _ = build(network, capacity=4, trainable=("weight", "delay"))
    drawn, other = init(jax.random.key(1)), init(jax.random.key(2))
    plain = init()
    np.testing.assert_array_equal(plain["weight_in_hid"], network.projections["in", "hid"].weight)
    assert not np.array_equal(drawn["weight_in_hid"], other["weight_in_hid"])
    np.testing.assert_array_equal(np.sort(drawn["weight_in_hid"].ravel()), np.sort(plain["weight_in_hid"].ravel()))
    np.testing.assert_array_equal(drawn["delay_in_hid"], plain["delay_in_hid"])


def test_parameters_in_float32_stay_what_they_are(stimulus, by_xla):
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.LIF(3, tau_mem=2.0, tau_syn=0.8))
    weight = np.full((3, 3), 2.0, np.float32)
    net.connect("in", "hid", weight=weight)
    init, apply = build(net, capacity=9, duration=DURATION)
    assert init()["weight_in_hid"].dtype == jnp.float32
    found = jax.grad(lambda p: loss(apply(p, {"in": stimulus})))(init())["weight_in_hid"]
    assert found.dtype == jnp.float32
    expected = gradient(sal.simulate(net, {"in": stimulus}, DURATION))
    close(found, expected.weight["in", "hid"], rtol=1e-6)


def test_suggested_capacities_hold_and_are_no_larger_than_limits(network, stimulus):
    run = sal.simulate(network, {"in": stimulus}, DURATION)
    most = int(run.spikes["hid"].per_sample().max())
    assert capacities(network, {"in": stimulus}, DURATION, margin=1.0)["hid"] >= most
    assert capacities(network, {"in": Spikes.from_numpy(stimulus)}, DURATION, margin=3.0)["hid"] >= 3 * most
    limited = sal.Network()
    limited.add("in", sal.Input(3))
    limited.add("hid", sal.LIF(3, tau_mem=2.0, tau_syn=0.8, max_spikes=[1, 2, 1]))
    limited.connect("in", "hid", weight=np.full((3, 3), 2.0))
    assert capacities(limited, {"in": stimulus}, DURATION, margin=50.0) == {"hid": 4}
    _, apply = build(limited)
    assert apply(build(limited)[0](), {"in": stimulus}, DURATION).spikes["hid"].capacity == 4
    assert parameter_name("weight", ("in", "hid")) == "weight_in_hid"
