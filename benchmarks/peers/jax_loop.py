"""Training with JAX: one compiled scan over the batches of an epoch."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from protocol import Data, batches


def make_epoch(
    loss: Callable[[Any, Any, jax.Array], jax.Array],
    optimiser: optax.GradientTransformation,
    weights: Any,
    inputs: Any,
    targets: jax.Array,
    data: Data,
) -> tuple[Callable[[np.ndarray], float], Callable[[], Any]]:
    """Give the function for an epoch, and one that tells the weights of now.

    ``loss(weights, inputs, targets)`` is that of a batch; `inputs` is a tree of arrays [sample, ...].
    """
    state = (weights, optimiser.init(weights))

    @jax.jit
    def run(state: Any, inputs: Any, targets: jax.Array, order: jax.Array) -> tuple[Any, jax.Array]:
        def step(state: Any, chosen: jax.Array) -> tuple[Any, jax.Array]:
            weights, memory = state
            batch = jax.tree.map(lambda leaf: leaf[chosen], inputs)
            value, gradient = jax.value_and_grad(loss)(weights, batch, targets[chosen])
            change, memory = optimiser.update(gradient, memory)
            return (optax.apply_updates(weights, change), memory), value

        state, losses = jax.lax.scan(step, state, order)
        return state, losses.mean()

    def epoch(order: np.ndarray) -> float:
        nonlocal state
        state, mean = jax.block_until_ready(run(state, inputs, targets, jnp.asarray(batches(order, data.batch))))
        return float(mean)

    return epoch, lambda: state[0]
