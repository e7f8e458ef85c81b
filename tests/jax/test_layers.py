import jax
import jax.numpy as jnp
import numpy as np

import saltation as sal
from saltation.jax import Spikes, alif, build, li, lif

DURATION = 6.0


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_a_stack_of_layers_is_the_network(network, stimulus, way):
    kinds = ("weight", "delay", "tau_syn", "v_th")
    init, apply = build(network, capacity=5, trainable=kinds, duration=DURATION)
    params, padded = init(), Spikes.from_numpy(stimulus)

    def stack(p, times):
        given = Spikes(times, padded.units, padded.count, 3)
        hidden = lif(
            given,
            p["weight_in_hid"],
            delay=p["delay_in_hid"],
            duration=DURATION,
            capacity=5,
            tau_mem=2.0,
            tau_syn=p["tau_syn_hid"],
            v_th=p["v_th_hid"],
            t_refrac=0.1,
        )
        v = li(
            hidden,
            p["weight_hid_out"],
            delay=p["delay_hid_out"],
            duration=DURATION,
            tau_mem=2.0,
            tau_syn=p["tau_syn_out"],
        )
        first = hidden.first()
        return jnp.square(v).sum() + jnp.where(jnp.isfinite(first), first, 0.0).sum()

    def whole(p, times):
        out = apply(p, {"in": Spikes(times, padded.units, padded.count, 3)})
        first = out.first_spike("hid")
        return jnp.square(out.voltage("out")).sum() + jnp.where(jnp.isfinite(first), first, 0.0).sum()

    for a, b in zip(
        jax.tree.leaves(jax.jit(jax.value_and_grad(stack, argnums=(0, 1)))(params, padded.times)),
        jax.tree.leaves(jax.value_and_grad(whole, argnums=(0, 1))(params, padded.times)),
        strict=True,
    ):
        close(a, b)


def test_recurrence_and_readouts(stimulus, way):
    rng = np.random.default_rng(1)
    w_in, w_rec, w_out = rng.normal(2.0, 0.5, (3, 4)), rng.normal(0.0, 0.5, (4, 4)), rng.normal(0.0, 1.0, (4, 2))
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.LIF(4, tau_mem=2.0, tau_syn=0.8))
    net.add("out", sal.LI(2, tau_mem=2.0, tau_syn=0.8))
    net.connect("in", "hid", weight=w_in)
    net.connect("hid", "hid", weight=w_rec, delay=0.3)
    net.connect("hid", "out", weight=w_out)
    probes = (sal.MaxVoltage(), sal.Voltage([1.0, 2.0, 4.0]), sal.VoltageIntegral())
    run = sal.simulate(net, {"in": stimulus}, DURATION, record={"out": probes})
    hidden = lif(
        stimulus, w_in, duration=DURATION, capacity=60, recurrent=w_rec, recurrent_delay=0.3, tau_mem=2.0, tau_syn=0.8
    )
    assert hidden.to_numpy().n_events == run.spikes["hid"].n_events > 5
    close(hidden.to_numpy().times, run.spikes["hid"].times)
    for probe, expected in zip(probes, run.voltage["out"], strict=True):
        close(li(hidden, w_out, duration=DURATION, readout=probe, tau_mem=2.0, tau_syn=0.8), expected)
    same = {"duration": DURATION, "tau_mem": 2.0, "tau_syn": 0.8}

    def largest(w):
        return li(lif(stimulus, w_in, capacity=60, recurrent=w, recurrent_delay=0.3, **same), w_out, **same).sum()

    gradient = jax.grad(largest)(jnp.asarray(w_rec))
    bars = (np.ones((2, 2)), np.zeros((2, 3, 2)), np.zeros((2, 2)))
    close(gradient, run.gradient(voltage={"out": bars}).weight["hid", "hid"])


def test_an_adaptive_layer_is_less_active(stimulus, way):
    weight = jnp.full((3, 2), 3.0)

    def layer(beta):
        same = {"duration": DURATION, "capacity": 40, "tau_mem": 2.0, "tau_syn": 0.8}
        return alif(stimulus, weight, tau_adapt=5.0, beta=beta, **same)

    plain, adaptive = layer(0.0), layer(0.5)
    assert int(plain.count.sum()) > int(adaptive.count.sum()) > 0
    reference = lif(stimulus, weight, duration=DURATION, capacity=40, tau_mem=2.0, tau_syn=0.8)
    close(plain.first(), reference.first())
    # the first spike comes before any adaptation, later ones do not
    assert float(jax.grad(lambda beta: layer(beta).first().sum())(jnp.array(0.1))) == 0.0

    def sum_of_times(beta):
        spikes = layer(beta)
        return jnp.where(spikes.units >= 0, spikes.times, 0.0).sum()

    assert float(jax.grad(sum_of_times)(jnp.array(0.1))) > 0.0
