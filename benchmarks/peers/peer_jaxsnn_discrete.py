"""jaxsnn, step by step: its discrete layers without recurrence, in a loop that is compiled as a whole.

Its own example calls `jax.lax.scan` outside `jax.jit`; the compiled loop is what is measured.
"""

import jax
import jax.numpy as jnp
import optax
from jax_loop import make_epoch
from jaxsnn.discrete.functional import LIFParameters, LIParameters
from jaxsnn.discrete.modules import LI, LIF, Input, Linear
from jaxsnn.discrete.topology import Topology
from protocol import Built, Data, Look, Setup, binned


def build(data: Data, setup: Setup) -> Built:
    tau = {"tau_syn": data.tau_syn, "tau_mem": data.tau_mem}
    net = Topology(dt=data.dt)
    net.add(
        {
            "inp": Input(5),
            "hid": LIF(data.w_hid.shape[1], LIFParameters(**tau, v_th=1.0)),
            "out": LI(3, LIParameters(**tau)),
            "to_hid": Linear(pre_weights=jnp.asarray(data.w_hid, jnp.float32)),
            "to_out": Linear(pre_weights=jnp.asarray(data.w_out, jnp.float32)),
        }
    )
    net.connect([("inp", "to_hid"), ("to_hid", "hid"), ("hid", "to_out"), ("to_out", "out")])
    init, apply = net.done()
    apply = jax.vmap(apply, in_axes=(0, None))

    def scores(outputs: dict[str, jax.Array]) -> jax.Array:
        return outputs["out"].mean(1)

    def loss(weights: dict[str, jax.Array], spikes: jax.Array, labels: jax.Array) -> jax.Array:
        _, outputs = apply({"inp": spikes}, weights)
        return optax.softmax_cross_entropy_with_integer_labels(scores(outputs), labels).mean()

    spikes, labels = jnp.asarray(binned(data)), jnp.asarray(data.labels)
    weights = init(jax.random.PRNGKey(0))
    epoch, weights = make_epoch(loss, optax.adam(data.learning_rate), weights, spikes, labels, data)

    def look() -> Look:
        _, outputs = jax.jit(apply)({"inp": spikes}, weights())
        right = scores(outputs).argmax(1) == labels
        return Look(float(outputs["hid"].sum()) / len(labels), float(right.mean()))

    info = {
        "gradient": "surrogate, backpropagation through time",
        "loss": "cross-entropy of the mean of leaky integrators over time",
        "precision": "float32",
        "model": "LIF (current and membrane), SuperSpike",
    }
    return Built(epoch, look, info)
