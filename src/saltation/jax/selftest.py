"""Do custom calls work here?  ``python -m saltation.jax.selftest`` ends with the status 0 if they do.

A small network, forward and backward, eagerly, under ``jit`` and ``vmap``, beside the ordinary engine.
"""

import sys

import numpy as np

from saltation.model import LIF, Input, Network, Spikes


def main() -> int:
    """Run the test; 0 if all is well, else 1 with the reason on standard error."""
    import jax

    from saltation.engine import simulate
    from saltation.jax import Spikes as Padded
    from saltation.jax import build

    net = Network()
    net.add("in", Input(2))
    net.add("out", LIF(3, tau_mem=20e-3, tau_syn=10e-3))
    net.connect("in", "out", weight=[[2.0, 1.5, 1.0], [1.0, 2.0, 0.5]])
    stimulus = Spikes.from_lists([([0.0, 2e-3], [0, 1]), ([1e-3, 1e-3, 5e-3], [0, 1, 0])], n_units=2)
    run = simulate(net, {"in": stimulus}, 60e-3)
    spikes = run.spikes["out"]
    expected = run.gradient({"out": np.cos(spikes.times)}, time_constants=False)
    init, apply = build(net, capacity=20, duration=60e-3)
    padded = Padded.from_numpy(stimulus)

    def loss(params, times):
        given = Padded(times, padded.units, padded.count, 2)
        out = apply(params, {"in": given}).spikes["out"]
        return jax.numpy.where(
            out.units >= 0, jax.numpy.sin(jax.numpy.where(out.units >= 0, out.times, 0.0)), 0.0
        ).sum()

    gradient = jax.value_and_grad(loss, argnums=(0, 1))
    params = init()
    both = (np.stack([padded.times] * 2),)
    for name, found in (
        ("eager", gradient(params, padded.times)),
        ("jit", jax.jit(gradient)(params, padded.times)),
        ("vmap", jax.tree.map(lambda a: a[1], jax.jit(jax.vmap(gradient, (None, 0)))(params, *both))),
    ):
        value, (by_params, by_times) = found
        there = np.isfinite(np.asarray(padded.times))
        pairs = (
            (value, np.sin(spikes.times).sum()),
            (by_params["weight_in_out"], expected.weight["in", "out"]),
            (np.asarray(by_times)[there], expected.input_times["in"]),
        )
        if not spikes.n_events or not all(np.allclose(a, b, rtol=1e-11, atol=1e-13) for a, b in pairs):
            sys.stderr.write(f"{name}: the numbers are not those of the engine\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
