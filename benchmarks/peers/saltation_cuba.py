"""Saltation: the CUBA network, event by event, without a grid.

    python saltation_cuba.py --network network.npz --seconds 1 --repeats 5

Prints one line of JSON. It runs in the environment of whoever calls it.
"""

import argparse
import json
import sys
import time
from pathlib import Path

START = time.perf_counter()

import numpy as np  # noqa: E402
from cuba import PARAMETERS, Cuba, Stretch, load, report  # noqa: E402

import saltation as sal  # noqa: E402
from saltation._version import __version__  # noqa: E402


def build(network: Cuba, scale: float, delay: float) -> sal.Network:
    """One population; the sign of a weight chooses the time constant of its current."""
    p = PARAMETERS
    cells = sal.LIF(
        network.neurons,
        tau_mem=p["tau_mem"],
        tau_syn_exc=p["tau_exc"],
        tau_syn_inh=p["tau_inh"],
        v_leak=p["v_leak"],
        v_th=p["v_th"],
        v_reset=p["v_reset"],
        t_refrac=p["t_refrac"],
        v_init=network.v_init,
    )
    net = sal.Network()
    net.add("cells", cells)
    weight = np.where(network.pre < network.excitatory, scale * p["w_exc"], scale * p["w_inh"])
    shape = (network.neurons, network.neurons)
    links = sal.Sparse(network.pre, network.post, shape=shape)
    net.connect("cells", "cells", weight=weight, delay=delay, connectivity=links)
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the CUBA network in Saltation.")
    parser.add_argument("--network", required=True)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="times the weights")
    parser.add_argument("--delay", type=float, default=0.0, help="of all synapses, in seconds")
    parser.add_argument("--spikes", type=Path, help="where the spikes of the last repeat go")
    given = parser.parse_args()
    network = load(given.network)
    net = build(network, given.scale, given.delay)
    backend = sal.Exact(threads=1, max_events=1 << 40)
    sal.simulate(net, {}, 1e-4, backend=backend)  # compiles what is not in the cache, packs the network
    ready = time.perf_counter() - START

    def run() -> Stretch:
        wall, cpu = time.perf_counter(), time.process_time()
        done = sal.simulate(net, {}, given.seconds, backend=backend)
        spikes = done.spikes["cells"]
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Stretch(spikes.times, spikes.units, wall, cpu)

    result = report(network, given.seconds, given.repeats, run, given.spikes)
    result |= {"build": ready, "versions": {"saltation": __version__, "numpy": np.__version__}}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
