"""Brian2: the CUBA network by its Cython or its compiled standalone target.

    python brian2_cuba.py --network network.npz --target cython --seconds 1 --repeats 5

Prints one line of JSON. A spike acts from the next step on, and there are no delays.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cuba import PARAMETERS, Cuba, Stretch, load, peak_memory, report

START = time.perf_counter()

import brian2 as b2  # noqa: E402

EQUATIONS = """
dv/dt = (g_exc + g_inh - (v - v_leak)) / tau_mem : volt (unless refractory)
dg_exc/dt = -g_exc / tau_exc : volt
dg_inh/dt = -g_inh / tau_inh : volt
"""


def build(network: Cuba, dt: float) -> tuple[Any, Any, dict[str, Any]]:
    """Network, its monitor of spikes, and the constants that the equations name."""
    constants = {name: value * (b2.second if name[0] == "t" else b2.mV) for name, value in PARAMETERS.items()}
    b2.defaultclock.dt = dt * b2.second
    cells = b2.NeuronGroup(
        network.neurons,
        EQUATIONS,
        threshold="v > v_th",
        reset="v = v_reset",
        refractory=PARAMETERS["t_refrac"] * b2.second,
        method="exact",
        namespace=constants,
    )
    cells.v = network.v_init * b2.mV
    sends = network.pre < network.excitatory
    synapses = []
    for kind, chosen in (("exc", sends), ("inh", ~sends)):
        each = b2.Synapses(cells, cells, on_pre=f"g_{kind} += w_{kind}", namespace=constants)
        each.connect(i=network.pre[chosen], j=network.post[chosen])
        synapses.append(each)
    monitor = b2.SpikeMonitor(cells)
    return b2.Network(cells, *synapses, monitor), monitor, constants


def cython(network: Cuba, given: argparse.Namespace) -> tuple[float, Callable[[], Stretch]]:
    b2.prefs.codegen.target = "cython"
    whole, monitor, _ = build(network, given.dt)
    whole.store()
    whole.run(given.dt * b2.second)  # makes and compiles the code
    ready = time.perf_counter() - START

    def run() -> Stretch:
        whole.restore()
        wall, cpu = time.perf_counter(), time.process_time()
        whole.run(given.seconds * b2.second)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Stretch(np.array(monitor.t / b2.second), np.array(monitor.i), wall, cpu)

    return ready, run


def standalone(network: Cuba, given: argparse.Namespace, folder: str) -> tuple[float, Callable[[], Stretch]]:
    b2.set_device("cpp_standalone", build_on_run=False)
    whole, monitor, _ = build(network, given.dt)
    whole.run(given.seconds * b2.second)
    device = b2.device
    device.build(directory=folder, compile=True, run=False)
    ready = time.perf_counter() - START

    def run() -> Stretch:
        cpu = children()
        device.run(directory=folder, with_output=False, run_args=[])
        cpu = children() - cpu
        # the loop alone, as the program itself times it; the processor time is that of the whole program
        return Stretch(np.array(monitor.t / b2.second), np.array(monitor.i), device._last_run_time, cpu)

    return ready, run


def children() -> float:
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def program_memory(folder: str) -> float | None:
    """Peak of the program alone, in 10^6 bytes."""
    most = None
    program = subprocess.Popen(["./main"], cwd=folder, stdout=subprocess.DEVNULL)
    while program.poll() is None:
        most = peak_memory(program.pid) or most
        time.sleep(2e-3)
    return most


def main() -> None:
    parser = argparse.ArgumentParser(description="Run the CUBA network in Brian2.")
    parser.add_argument("--network", required=True)
    parser.add_argument("--target", choices=("cython", "cpp_standalone"), required=True)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dt", type=float, default=1e-4)
    parser.add_argument("--spikes", type=Path, help="where the spikes of the last repeat go")
    given = parser.parse_args()
    network = load(given.network)
    with tempfile.TemporaryDirectory() as folder:
        if given.target == "cython":
            ready, run = cython(network, given)
        else:
            ready, run = standalone(network, given, folder)
        result = report(network, given.seconds, given.repeats, run, given.spikes)
        if given.target == "cpp_standalone":
            result["python_peak_mb"], result["peak_mb"] = result["peak_mb"], program_memory(folder)
    result |= {"build": ready, "dt": given.dt, "versions": {"brian2": b2.__version__, "numpy": np.__version__}}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
