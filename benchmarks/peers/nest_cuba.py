"""NEST: the CUBA network on its grid (``iaf_psc_exp``) or with spike times off the grid (``iaf_psc_exp_ps``).

    python nest_cuba.py --network network.npz --model iaf_psc_exp --seconds 1 --repeats 5

Prints one line of JSON. Delays are one step, the least there can be: there is none without.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from cuba import PARAMETERS, Cuba, Stretch, load, report

START = time.perf_counter()

import nest  # noqa: E402

MS = 1e3


def build(network: Cuba, model: str, dt: float, threads: int) -> "nest.NodeCollection":
    """Make all anew; give the recorder of spikes."""
    nest.ResetKernel()
    nest.set_verbosity("M_ERROR")
    nest.SetKernelStatus({"resolution": dt * MS, "local_num_threads": threads, "overwrite_files": True})
    p = PARAMETERS
    cells = nest.Create(
        model,
        network.neurons,
        {
            # a capacity of tau_mem times 1 nS: a current of 1 pA moves the voltage by 1 mV
            "C_m": p["tau_mem"] * MS,
            "tau_m": p["tau_mem"] * MS,
            "tau_syn_ex": p["tau_exc"] * MS,
            "tau_syn_in": p["tau_inh"] * MS,
            "E_L": p["v_leak"],
            "V_th": p["v_th"],
            "V_reset": p["v_reset"],
            "t_ref": p["t_refrac"] * MS,
        },
    )
    cells.V_m = network.v_init.tolist()
    weights = np.where(network.pre < network.excitatory, p["w_exc"], p["w_inh"])
    ids = np.array(cells.tolist())
    nest.Connect(
        ids[network.pre],
        ids[network.post],
        "one_to_one",
        {"weight": weights, "delay": np.full(weights.size, dt * MS), "synapse_model": "static_synapse"},
    )
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    return recorder


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the CUBA network in NEST.")
    parser.add_argument("--network", required=True)
    parser.add_argument("--model", choices=("iaf_psc_exp", "iaf_psc_exp_ps"), default="iaf_psc_exp")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dt", type=float, default=1e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--spikes", type=Path, help="where the spikes of the last repeat go")
    given = parser.parse_args()
    network = load(given.network)
    builds: list[float] = []

    def run() -> Stretch:
        start = time.perf_counter()
        recorder = build(network, given.model, given.dt, given.threads)
        nest.Prepare()
        builds.append(time.perf_counter() - start)
        wall, cpu = time.perf_counter(), time.process_time()
        nest.Run(given.seconds * MS)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        nest.Cleanup()
        events = recorder.events
        return Stretch(np.array(events["times"]) / MS, np.array(events["senders"]) - 1, wall, cpu)

    ready = time.perf_counter() - START
    result = report(network, given.seconds, given.repeats, run, given.spikes)
    # the import once, and the network
    result |= {"build": ready + builds[0], "dt": given.dt, "threads": given.threads}
    result["versions"] = {"nest-simulator": nest.__version__, "numpy": np.__version__}
    sys.stdout.write("\n" + json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
