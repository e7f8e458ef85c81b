"""Saltation on a grid under JAX: `saltation.jax.build` with ``Grid(dt)``, in a loop that is compiled as a whole."""

import jax
import jax.numpy as jnp
import optax
from jax_loop import make_epoch
from peer_saltation_grid_torch import INFO, network
from protocol import Built, Data, Look, Setup, binned

import saltation as sal


def build(data: Data, setup: Setup) -> Built:
    record = {"out": sal.VoltageIntegral(), "hid": sal.SpikeTrain()}
    backend = sal.Grid(data.dt)
    net = network(data)
    init, apply = sal.jax.build(net, record={"out": record["out"]}, duration=data.duration, backend=backend)
    _, see = sal.jax.build(net, record=record, duration=data.duration, backend=backend)
    weights = jax.tree.map(lambda weight: jnp.asarray(weight, jnp.float32), init())

    def loss(weights: dict[str, jax.Array], spikes: jax.Array, labels: jax.Array) -> jax.Array:
        scores = apply(weights, {"in": spikes}).voltage("out") / data.duration
        return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

    spikes, labels = jnp.asarray(binned(data)), jnp.asarray(data.labels)
    epoch, now = make_epoch(loss, optax.adam(data.learning_rate), weights, spikes, labels, data)

    def look() -> Look:
        out = jax.jit(see)(now(), {"in": spikes})
        right = out.voltage("out").argmax(1) == labels
        return Look(float(out.voltage("hid").sum()) / len(labels), float(right.mean()))

    return Built(epoch, look, {**INFO, "precision": "float32"})
