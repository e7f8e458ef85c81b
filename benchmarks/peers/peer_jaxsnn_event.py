"""jaxsnn, event by event: "eventprop" or "analytical" gradients; loss and optimiser as in its Yin-Yang examples."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax_loop import make_epoch
from jaxsnn.event.encode import target_temporal_encode
from jaxsnn.event.loss import first_spike, mse_loss
from jaxsnn.event.modules import LIF, Linear, Source
from jaxsnn.event.modules.lif.lif import LIFParameters
from jaxsnn.event.topology import Topology
from jaxsnn.event.types import Spike
from protocol import Built, Data, Look, Setup

ON_TIME, LATE = 0.8, 1.2  # of the target times, in units of tau_syn; those of the example


def stimulus(latencies: np.ndarray) -> Spike:
    order = np.argsort(latencies, axis=1, kind="stable")
    times = jnp.asarray(np.take_along_axis(latencies, order, 1), jnp.float32)
    zero = jnp.zeros(times.shape, int)
    return Spike(time=times, idx=jnp.asarray(order), current=0.0 * times, layer_idx=zero, internal=zero == 0)


def build(data: Data, setup: Setup) -> Built:
    hidden = data.w_hid.shape[1]
    # the low reset lets a neuron spike once; it is how jaxsnn's own examples do it
    neuron = LIFParameters(v_reset=-1000.0, v_th=1.0, tau_syn=data.tau_syn, tau_mem=data.tau_mem)
    net = Topology(t_max=data.duration, backprop_method=setup.variant)
    net.add(
        {
            "inp": Source(5),
            # events that a layer holds: its own spikes and those that come in
            "hid": LIF(hidden, hidden + 5, neuron),
            "out": LIF(3, hidden + 3, neuron),
            "to_hid": Linear(pre_weights=jnp.asarray(data.w_hid, jnp.float32)),
            "to_out": Linear(pre_weights=jnp.asarray(data.w_out, jnp.float32)),
        }
    )
    net.connect([("inp", "to_hid"), ("to_hid", "hid"), ("hid", "to_out"), ("to_out", "out")])
    init, apply = net.done()

    def first(events: dict[str, Spike]) -> jax.Array:
        return jax.vmap(first_spike, in_axes=(0, None))(events["out"], 3)

    def loss(weights: dict[str, jax.Array], spikes: Spike, targets: jax.Array) -> jax.Array:
        times = first(apply({"inp": spikes}, weights))
        return jax.vmap(mse_loss, in_axes=(0, 0, None))(times, targets, data.tau_mem).mean()

    optimiser = optax.chain(optax.scale(1.0 / data.tau_syn), optax.clip(0.01), optax.adam(data.learning_rate))
    labels = jnp.asarray(data.labels)
    targets = jax.vmap(lambda label: target_temporal_encode(label, ON_TIME * data.tau_syn, LATE * data.tau_syn, 3))(
        labels
    )
    spikes = stimulus(data.latencies)
    epoch, weights = make_epoch(loss, optimiser, init(jax.random.PRNGKey(0)), spikes, targets, data)

    def look() -> Look:
        @jax.jit
        def seen(batch: Spike) -> tuple[jax.Array, jax.Array]:
            events = apply({"inp": batch}, weights())
            own = events["hid"].where(events["hid"].internal)
            return ((own.idx >= 0) & jnp.isfinite(own.time)).sum(), first(events).argmin(1)

        parts = [seen(spikes[at : at + data.batch]) for at in range(0, len(labels), data.batch)]
        right = np.concatenate([winner for _, winner in parts]) == data.labels
        return Look(sum(int(count) for count, _ in parts) / len(labels), float(right.mean()))

    info = {
        "gradient": f"exact, {setup.variant}",
        "loss": "squared distance to target times",
        "precision": "float32",
        "model": "LIF, exponential current; one spike a neuron, by a reset to -1000",
    }
    return Built(epoch, look, info)
