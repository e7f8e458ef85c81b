"""Networks that go to other frameworks as NIR files, and come from them: the spikes of both sides.

    python benchmarks/nir_exchange.py                        # makes an environment for each framework
    python benchmarks/nir_exchange.py --python .venv/bin/python  # one that has them

A network of 5-20-4 neurons with synapses of 5 and 4 ms and membranes of 20 and 10 ms, and 20 input spikes in 40 ms.
The other framework steps through it in steps of dt by Euler's method, with its own importer and exporter; here it is
run exactly.  Spikes are matched neuron by neuron in their order: their distance has to shrink with dt.
"""

import itertools
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
import peers

import saltation as sal
from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "nir_exchange.json"
SIZES, DURATION = (5, 20, 4), 60e-3
TAU_SYN, TAU_MEM = (5e-3, 4e-3), (20e-3, 10e-3)
STEPS = (4e-4, 1e-4, 2.5e-5)
FRAMEWORKS = ("snntorch", "norse")
SNNTORCH_STEP = 1e-4


def model(seed: int) -> dict[str, np.ndarray]:
    """Weights of two layers, [in, out] in units of the threshold, and their time constants in seconds."""
    rng = np.random.default_rng(seed)
    values: dict[str, np.ndarray] = {}
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(SIZES)):
        mean = (1.2, 0.35)[layer]
        values[f"weight{layer + 1}"] = rng.normal(mean, 0.5 * mean, (n_in, n_out)).astype(np.float32)
        values[f"tau_syn{layer + 1}"], values[f"tau_mem{layer + 1}"] = (
            np.array(TAU_SYN[layer]),
            np.array(TAU_MEM[layer]),
        )
    return values


def network(values: dict[str, np.ndarray]) -> sal.Network:
    net = sal.Network()
    net.add("input", sal.Input(SIZES[0]))
    for layer, (pre, post) in enumerate((("input", "hidden"), ("hidden", "readout")), start=1):
        neurons = sal.LIF(SIZES[layer], tau_mem=values[f"tau_mem{layer}"], tau_syn=values[f"tau_syn{layer}"])
        net.connect(pre, net.add(post, neurons), weight=values[f"weight{layer}"].astype(np.float64), name=f"fc{layer}")
    return net


def stimulus(seed: int) -> tuple[sal.Spikes, np.ndarray]:
    """Spikes at multiples of the largest step, so that all steps can hold them, and where they lie on a grid."""
    rng = np.random.default_rng(seed)
    at = np.sort(rng.choice(np.arange(100) * SIZES[0], 20, replace=False) + rng.integers(0, SIZES[0], 20))
    times, units = at // SIZES[0] * STEPS[0], at % SIZES[0]
    return sal.Spikes.from_lists([(times, units)], n_units=SIZES[0]), np.stack([at // SIZES[0], units])


def grid(cells: np.ndarray, dt: float) -> np.ndarray:
    """The stimulus on a grid of steps dt, [step, input]."""
    steps = np.zeros((round(DURATION / dt), SIZES[0]), np.float32)
    steps[cells[0] * round(STEPS[0] / dt), cells[1]] = 1
    return steps


def exchange(framework: str, python: str, what: str, dt: float, seed: int) -> dict[str, Any]:
    """Let a framework read our file, or write one for us, and compare the spikes of the output neurons."""
    given, cells = stimulus(seed)
    values = model(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "stimulus.npz", grid=grid(cells, dt), dt=dt)
        # snnTorch counts in steps of 1e-4 of its unit, whatever the unit is
        unit = dt / SNNTORCH_STEP if framework == "snntorch" else 1.0
        if what == "read":
            net = network(values)
            sal.io.write_nir(folder / "net.nir", net, time_unit=unit, step=dt)
        else:
            for key in [key for key in values if key.startswith("tau")] if framework == "snntorch" else []:
                values[key] = values[key] / unit
            np.savez(folder / "model.npz", **values)
            if framework == "snntorch":
                np.savez(folder / "stimulus.npz", grid=grid(cells, dt), dt=SNNTORCH_STEP)
        command = [python, str(HERE / "peers" / "nir_peer.py"), framework, what, str(folder)]
        done = subprocess.run(command, env=peers.environment(None, 1), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(peers.last_lines(done.stderr))
        with np.load(folder / "spikes.npz") as stored:
            theirs = stored["spikes"]
        if what == "write":
            path = folder / "net.nir"
            net = read_norse(path) if framework == "norse" else sal.io.read_nir(path, time_unit=unit, step=dt)
        (source,) = [name for name, each in net.populations.items() if isinstance(each, sal.Input)]
        run = sal.simulate(net, {source: given}, duration=DURATION)
        last = list(net.populations)[-1]
        return compare(run.spikes[last], theirs, dt)


def read_norse(path: Path) -> sal.Network:
    """Read a file of Norse as its neurons work.

    Their current jumps by the weight, but the exporter writes ``w_in = 1``, by which NIR's equation has it jump by
    1 / tau_syn; ``w_in = tau_syn`` is what they do.
    """
    import nir

    graph = nir.read(path, type_check=False)
    for node in graph.nodes.values():
        if isinstance(node, nir.CubaLIF):
            node.w_in = node.tau_syn
    return sal.io.from_nir(graph, time_unit="s")


def compare(ours: sal.Spikes, theirs: np.ndarray, dt: float) -> dict[str, Any]:
    """Match the spikes of each neuron in their order; theirs of step k lie between k dt and (k + 1) dt."""
    times, units = ours.sample(0)
    distances: list[float] = []
    equal = True
    for n in range(theirs.shape[1]):
        mine, its = times[units == n], (np.flatnonzero(theirs[:, n]) + 0.5) * dt
        equal = equal and len(mine) == len(its)
        both = min(len(mine), len(its))
        distances += np.abs(mine[:both] - its[:both]).tolist()
    return {
        "dt": dt,
        "spikes_here": len(times),
        "spikes_there": int(theirs.sum()),
        "equal_numbers": equal,
        "mean_distance": float(np.mean(distances)) if distances else None,
        "largest_distance": float(np.max(distances)) if distances else None,
    }


@click.command()
@click.option("--python", help="Interpreter that has all frameworks.  [an environment is made for each]")
@click.option("--seeds", default=3, show_default=True)
@click.option("--envs", type=click.Path(path_type=Path, file_okay=False), default=peers.ENVIRONMENTS, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(python: str | None, seeds: int, envs: Path, out: Path) -> None:
    record: dict[str, Any] = {
        **header("nir_exchange", installation()),
        "sizes": SIZES,
        "seeds": seeds,
        "frameworks": {},
    }
    for framework in FRAMEWORKS:
        interpreter = python or peers.interpreter(f"nir-{framework}", envs)
        entry: dict[str, Any] = {"versions": versions(interpreter)}
        for what in ("read", "write"):
            rows = [exchange(framework, interpreter, what, dt, seed) for dt in STEPS for seed in range(seeds)]
            entry[what] = rows
            for dt in STEPS:
                here = [row for row in rows if row["dt"] == dt]
                same = sum(row["equal_numbers"] for row in here)
                largest = max(row["largest_distance"] for row in here)
                mean = np.mean([row["mean_distance"] for row in here])
                click.echo(
                    f"{framework:9s} {what:5s} dt {dt:.1e} s: {same} of {len(here)} with equal numbers of spikes, "
                    f"distance {mean:.1e} s, at most {largest:.1e} s"
                )
        record["frameworks"][framework] = entry
    write_json(out, record)


def versions(python: str) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, json; "
        "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions()}))"
    )
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(found.stdout)


if __name__ == "__main__":
    main()
