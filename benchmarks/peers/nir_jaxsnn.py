"""What jaxsnn does with a NIR file, by its own reader; runs inside an environment that has it.

    python nir_jaxsnn.py FOLDER      net.nir, stimulus.npz -> spikes.npz

``stimulus.npz`` holds ``times`` and ``units`` of the input's spikes and ``t_max``, in seconds, and ``room``, how many
events each population may have.  ``spikes.npz`` has the times and units of each.
"""

import sys
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402
import nir  # noqa: E402
import numpy as np  # noqa: E402
from jaxsnn.event import ConversionConfig, from_nir  # noqa: E402
from jaxsnn.event.types import Spike  # noqa: E402


def main(folder: Path) -> None:
    graph = nir.read(folder / "net.nir")
    with np.load(folder / "stimulus.npz") as stored:
        times, units, t_max, room = stored["times"], stored["units"], float(stored["t_max"]), int(stored["room"])
    (source,) = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    neurons = [name for name, node in graph.nodes.items() if isinstance(node, nir.CubaLIF)]
    init, apply = from_nir(graph, ConversionConfig(n_steps=dict.fromkeys([source, *neurons], room), t_max=t_max)).done()
    given = Spike(
        time=jnp.array(times)[None],
        idx=jnp.array(units)[None],
        current=jnp.zeros((1, len(times))),
        layer_idx=jnp.zeros((1, len(times)), int),
        internal=jnp.ones((1, len(times)), bool),
    )
    result = apply({source: given}, init(jax.random.PRNGKey(0)))
    found = {}
    for name in neurons:
        events = result[name]
        own = np.asarray((events.idx[0] >= 0) & events.internal[0] & (events.time[0] < t_max))
        found[f"{name}/times"], found[f"{name}/units"] = np.asarray(events.time[0])[own], np.asarray(events.idx[0])[own]
    np.savez(folder / "spikes.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
