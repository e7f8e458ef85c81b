"""spyx: `CuBaLIF` and the integrator `LI`, trained by its own compiled step."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import spyx.nn as snn
from flax import nnx
from protocol import Built, Data, Look, Setup, batches, binned
from spyx.optimize import make_train_step


def linear(weight: np.ndarray, data: Data) -> nnx.Linear:
    layer = nnx.Linear(*weight.shape, use_bias=False, rngs=nnx.Rngs(0))
    # its membrane adds up the current without the factor dt / tau_mem
    layer.kernel[...] = jnp.asarray(weight * data.dt / data.tau_mem, jnp.float32)
    return layer


def build(data: Data, setup: Setup) -> Built:
    rngs = nnx.Rngs(0)
    decay = {"alpha": math.exp(-data.dt / data.tau_syn), "beta": math.exp(-data.dt / data.tau_mem)}
    hidden = snn.CuBaLIF((data.w_hid.shape[1],), **decay, rngs=rngs)
    net = snn.Sequential(
        linear(data.w_hid, data), hidden, linear(data.w_out, data), snn.LI((3,), beta=decay["beta"], rngs=rngs)
    )
    optimiser = nnx.Optimizer(net, optax.adam(data.learning_rate), wrt=nnx.Param)

    def loss(net: snn.Sequential, spikes: jax.Array, labels: jax.Array) -> jax.Array:
        scores = snn.run(net, spikes)[0].mean(0)
        return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()

    step = make_train_step(loss)
    spikes, labels = jnp.asarray(binned(data).swapaxes(0, 1)), jnp.asarray(data.labels)

    def epoch(order: np.ndarray) -> float:
        losses = [step(net, optimiser, spikes[:, chosen], labels[chosen]) for chosen in batches(order, data.batch)]
        return float(np.mean(jax.block_until_ready(losses)))

    def look() -> Look:
        fired, _ = snn.run(snn.Sequential(*net.layers[:2]), spikes)
        right = snn.run(net, spikes)[0].mean(0).argmax(1) == labels
        return Look(float(fired.sum()) / len(labels), float(right.mean()))

    info = {
        "gradient": "surrogate, backpropagation through time",
        "loss": "cross-entropy of the mean of leaky integrators over time",
        "precision": "float32",
        "model": "CuBaLIF (current and membrane); decays are trained too, as by its default",
    }
    return Built(epoch, look, info)
