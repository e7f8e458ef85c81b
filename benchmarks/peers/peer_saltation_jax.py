"""Saltation from JAX: `saltation.jax.build` in one compiled scan over an epoch; variants as in the NumPy file."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax_loop import make_epoch
from peer_saltation_numpy import LOSS, look, network
from protocol import Built, Data, Setup

import saltation as sal

jax.config.update("jax_enable_x64", True)

# Room for the spikes of training, of which there are more than at its start; more still would be NaN, and seen.
MARGIN = 2.5


def build(data: Data, setup: Setup) -> Built:
    backend = sal.Exact(threads=setup.threads)
    net = network(data, setup.variant)
    events = sal.Spikes.from_latencies(data.latencies)
    room = None  # what one spike a neuron needs is known
    if setup.variant == "many":
        room = sal.jax.capacities(net, {"in": events[: data.batch]}, data.duration, margin=MARGIN, backend=backend)
    init, apply = sal.jax.build(net, capacity=room, duration=data.duration, backend=backend)

    def loss(weights: dict[str, jax.Array], spikes: sal.jax.Spikes, labels: jax.Array) -> jax.Array:
        return sal.jax.ttfs_cross_entropy(apply(weights, {"in": spikes}).first_spike("out"), labels, **LOSS)

    stimulus = sal.jax.Spikes.from_latencies(data.latencies)
    optimiser = optax.adam(data.learning_rate)
    epoch, weights = make_epoch(loss, optimiser, init(), stimulus, jnp.asarray(data.labels), data)

    def seen():
        now = {"w_hid": np.asarray(weights()["weight_in_hid"]), "w_out": np.asarray(weights()["weight_hid_out"])}
        return look(network(data._replace(**now), setup.variant), events, data, backend)

    info = {
        "gradient": "exact, EventProp",
        "loss": "cross-entropy of first spike times",
        "precision": "float64",
        "model": f"LIF, exponential current; {setup.variant} spike(s) a neuron; room for {room or 'those'}",
    }
    return Built(epoch, seen, info)
