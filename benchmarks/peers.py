"""Training speed of Saltation and of other spiking frameworks: one task, one machine, one run.

    python benchmarks/peers.py                       # all, on one core and on two, three rounds
    python benchmarks/peers.py --peer norse --cores 1 --rounds 1 --out norse.json
    python benchmarks/peers_report.py                # table and picture from the result

Yin-Yang, 5-120-3, batch 150, 4950 samples an epoch; a step is forward, loss, backward and Adam.  A peer runs in a
virtual environment of its own, made on first use, and in a new process each round; a round runs all peers, so that a
change of load meets all alike.  Saltation runs in the environment of this script.  What fails is written down with its
error, and the others go on.

Where pip would bring the CUDA build of PyTorch, PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu spares it.
"""

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import click
import numpy as np

import saltation as sal
from saltation.cli import installation
from saltation.data import yinyang
from saltation.experiments.bench.report import header, write_json

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "peers.json"
ENVIRONMENTS = Path.home() / ".cache" / "saltation-benchmarks"
SCHEMA_VERSION = 1
NUMBERS = ("us_per_sample", "cpu_us_per_sample", "hidden_spikes", "accuracy_seen")
START_UP = ("startup_seconds", "peak_memory_mb")  # what compiling, in a first round, adds to

TASK: dict[str, Any] = {
    "hidden": 120,
    "samples": 4950,
    "batch": 150,
    "t_late": 30e-3,
    "duration": 60e-3,
    "steps": 60,
    # the ratio that all exact peers can do, and times as in jaxsnn's own example: t_late is twice tau_syn
    "tau_mem": 30e-3,
    "tau_syn": 15e-3,
    "learning_rate": 5e-3,
    "hidden_weights": [3.0, 1.6],
    "output_weights": [0.5, 0.8],
}

# Exact pins of what decides the speed; pip chooses the rest, and the result lists it.
JAX = ("jax==0.10.2", "jaxlib==0.10.2", "optax==0.2.8")
TORCH = ("torch==2.13.0", "numpy==2.4.6")  # snnTorch imports NumPy but does not require it
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "jaxsnn": ("jaxsnn==0.3.0", *JAX),
    "spyx": ("spyx==1.0.0", "flax==0.12.8", *JAX),
    "snntorch": ("snntorch==1.0.0", *TORCH),
    "norse": ("norse==1.1.0", *TORCH),
    "spikingjelly": ("spikingjelly==2.0.0", *TORCH),
    "exact-snn-nn": ("exact-snn-nn==3.2.3", *TORCH),
    # for nir_exchange.py
    "nir-snntorch": ("snntorch==1.0.0", "nir==1.0.8", "nirtorch==2.6", *TORCH),
    "nir-norse": ("norse==1.1.0", "nir==1.0.8", "nirtorch==2.6", *TORCH),
}


class Peer(NamedTuple):
    """Its code as MODULE or MODULE:VARIANT; its environment, None for that of this script; how to call and class it."""

    code: str
    environment: str | None
    label: str
    kind: str


PEERS = {
    "saltation-numpy": Peer("saltation_numpy:one", None, "Saltation, NumPy, one spike", "exact"),
    "saltation-torch": Peer("saltation_torch:one", None, "Saltation, PyTorch, one spike", "exact"),
    "saltation-jax": Peer("saltation_jax:one", None, "Saltation, JAX, one spike", "exact"),
    "saltation-numpy-many": Peer("saltation_numpy:many", None, "Saltation, NumPy, all spikes", "exact"),
    "saltation-torch-many": Peer("saltation_torch:many", None, "Saltation, PyTorch, all spikes", "exact"),
    "saltation-jax-many": Peer("saltation_jax:many", None, "Saltation, JAX, all spikes", "exact"),
    "exact-snn-nn": Peer("exact_snn_nn", "exact-snn-nn", "exact-snn-nn, ExactEventLinear", "exact"),
    "jaxsnn-eventprop": Peer("jaxsnn_event:eventprop", "jaxsnn", "jaxsnn, EventProp", "exact"),
    "jaxsnn-analytical": Peer("jaxsnn_event:analytical", "jaxsnn", "jaxsnn, analytical", "exact"),
    "saltation-grid-torch": Peer("saltation_grid_torch", None, "Saltation, PyTorch, grid", "time-stepped"),
    "saltation-grid-jax": Peer("saltation_grid_jax", None, "Saltation, JAX, grid", "time-stepped"),
    "torch-plain": Peer("torch_plain", None, "plain PyTorch loop", "time-stepped"),
    "jaxsnn-discrete": Peer("jaxsnn_discrete", "jaxsnn", "jaxsnn, discrete", "time-stepped"),
    "spyx": Peer("spyx", "spyx", "spyx, CuBaLIF", "time-stepped"),
    "snntorch": Peer("snntorch", "snntorch", "snnTorch, Synaptic", "time-stepped"),
    "norse": Peer("norse", "norse", "Norse, LIF", "time-stepped"),
    "spikingjelly": Peer("spikingjelly:lif", "spikingjelly", "SpikingJelly, LIFNode", "time-stepped"),
    "spikingjelly-cuba": Peer("spikingjelly:cuba", "spikingjelly", "SpikingJelly, CUBALIFNode", "time-stepped"),
}


def write_data(path: Path) -> None:
    """Write points as spike times, and the weights that all begin with."""
    rng = np.random.default_rng(0)
    points, labels = yinyang(TASK["samples"], 42)
    latencies = sal.latency(points, 0.0, TASK["t_late"], bias_time=0.0).first()
    mean, std = TASK["hidden_weights"]
    w_hid = rng.normal(mean, std, (5, TASK["hidden"]))
    mean, std = TASK["output_weights"]
    w_out = rng.normal(mean, std, (TASK["hidden"], 3))
    given = ("batch", "steps", "duration", "tau_mem", "tau_syn", "learning_rate")
    numbers = {name: TASK[name] for name in given} | {"dt": TASK["duration"] / TASK["steps"]}
    np.savez(path, latencies=latencies, labels=labels, w_hid=w_hid, w_out=w_out, **numbers)


def interpreter(
    name: str | None, folder: Path, requirements: Mapping[str, tuple[str, ...]] = MappingProxyType(REQUIREMENTS)
) -> str:
    """Python of an environment, which is made if it is not there; RuntimeError with pip's words if that fails."""
    if name is None:
        return sys.executable
    pins = requirements[name]
    # another pin or another Python is another environment
    mark = hashlib.sha256("\n".join([sys.version, *pins]).encode()).hexdigest()[:8]
    place = folder / f"{name}-{mark}"
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (place / "complete").exists():
        click.echo(f"{place}: installing {' '.join(pins)}")
        venv.create(place, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins]
        done = subprocess.run(pip, env=environment(None, 1), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"pip install {' '.join(pins)}: {last_lines(done.stderr)}")
        (place / "complete").write_text("\n".join(pins) + "\n", encoding="utf-8")
    return str(python)


def environment(kernel_cache: Path | None, threads: int) -> dict[str, str]:
    """Environment variables: those of now, with the number of threads, and for Saltation where kernels are kept."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    variables = {**os.environ, **{name: str(threads) for name in names}}
    # pip has left bytecode of the peers; that of what runs from its source is kept from a first round on
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    if kernel_cache is None:
        variables.pop("PYTHONPATH", None)  # what it names is for this script's environment
    else:
        variables["SALTATION_CACHE_DIR"] = str(kernel_cache)
    return variables


def last_lines(text: str, n: int = 12) -> str:
    return "\n".join(text.strip().splitlines()[-n:])


def measure(peer: Peer, python: str, cores: int, work: Path, options: dict[str, int]) -> dict[str, Any]:
    """Measure once; RuntimeError if the peer cannot be run."""
    cpus = allowed_cpus()
    if cores > len(cpus):
        raise RuntimeError(f"{cores} cores wanted, {len(cpus)} allowed to this process")
    result = work / "result.json"
    result.unlink(missing_ok=True)
    command = [python, str(HERE / "peers" / "protocol.py"), peer.code, "--data", str(work / "data.npz")]
    # from the last: interrupts tend to be served by the first
    command += ["--cpus", ",".join(map(str, cpus[-cores:])), "--threads", str(cores), "--out", str(result)]
    command += ["--warm-up", str(options["warm_up"]), "--epochs", str(options["epochs"])]
    # an empty cache for each row and number of cores: its first round compiles, the later ones load
    cache = work / f"kernels-{peer.code.replace(':', '-')}-{cores}" if peer.environment is None else None
    variables = environment(cache, cores)
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=options["timeout"], check=False
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"not done after {options['timeout']} s") from None
    if done.returncode or not result.exists():
        raise RuntimeError(f"exit code {done.returncode}: {last_lines(done.stderr)}")
    return json.loads(result.read_text(encoding="utf-8"))


def allowed_cpus() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def load_average() -> float | None:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds that went well, and what went wrong in the others."""
    good = [each for each in rounds if "error" not in each]
    errors = [each["error"] for each in rounds if "error" in each]
    result: dict[str, Any] = {"error": errors[0]} if errors else {}
    if good:
        later = [each for each in good if each["round"] > 1] or good
        for names, used in ((NUMBERS, good), (START_UP, later)):
            for name in names:
                values = [each[name] for each in used if each[name] is not None]
                result[name] = statistics.median(values) if values else None
        # caches on disk are empty in a first round
        result |= {f"first_{name}": good[0][name] for name in START_UP if good[0]["round"] == 1}
        result["learns"] = all(each["learns"] for each in good)
        result["info"] = good[0]["info"]
    return result


def show(name: str, cores: int, result: dict[str, Any]) -> None:
    if "error" in result:
        click.echo(f"{name:22s} {cores} core(s)   FAILED   {result['error'].splitlines()[-1]}")
        return
    losses = result["losses"]
    click.echo(
        f"{name:22s} {cores} core(s) {result['us_per_sample']:8.1f} us a sample   start-up "
        f"{result['startup_seconds']:5.1f} s   {result['peak_memory_mb'] or 0:6.0f} MB   "
        f"{result['hidden_spikes']:5.0f} hidden spikes   loss {losses[0]:.3f} to {losses[-1]:.3f}   "
        f"accuracy {result['accuracy_seen']:.3f}"
    )


def whole_numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    del context, parameter
    try:
        numbers = [int(part) for part in value.split(",")]
    except ValueError:
        numbers = [0]
    if min(numbers) < 1:
        raise click.BadParameter(f"numbers of cores, such as 1,2; got {value!r}")
    return numbers


@click.command()
@click.option("--peer", "chosen", type=click.Choice(list(PEERS)), multiple=True, help="Repeat for several.  [all]")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--cores", default="1,2", show_default=True, callback=whole_numbers)
@click.option("--warm-up", type=click.IntRange(1), default=3, show_default=True, help="Epochs before those timed.")
@click.option("--epochs", type=click.IntRange(1), default=5, show_default=True, help="Epochs timed in each round.")
@click.option("--timeout", type=click.IntRange(1), default=900, show_default=True, help="Of a peer in a round, in s.")
@click.option("--envs", type=click.Path(path_type=Path, file_okay=False), default=ENVIRONMENTS, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(chosen: tuple[str, ...], rounds: int, cores: list[int], envs: Path, out: Path, **options: int) -> None:
    peers = {name: PEERS[name] for name in chosen or PEERS}
    record: dict[str, Any] = {
        **header("peers", installation()),
        "schema_version": SCHEMA_VERSION,
        "allowed_cpus": allowed_cpus(),
        "task": TASK,
        "options": {"rounds": rounds, "cores": cores, **options},
        "requirements": REQUIREMENTS,
        "versions": {},
        "peers": {name: {**peer._asdict(), "cores": {}, "rounds": []} for name, peer in peers.items()},
    }
    pythons: dict[str | None, str | Exception] = {}
    for name in dict.fromkeys(peer.environment for peer in peers.values()):
        try:
            pythons[name] = interpreter(name, envs)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            pythons[name] = error
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write_data(work / "data.npz")
        for number in range(1, rounds + 1):
            for count in cores:
                for name, peer in peers.items():
                    entry = one_round(peer, pythons[peer.environment], count, work, options)
                    show(name, count, entry)
                    where = peer.environment or "saltation"
                    if "versions" in entry:  # the same in all rounds
                        record["versions"][where] = entry.pop("versions")
                    record["peers"][name]["rounds"].append({"round": number, "cores": count, **entry})
            for each in record["peers"].values():
                for count in cores:
                    each["cores"][str(count)] = summary([r for r in each["rounds"] if r["cores"] == count])
            # after each round, so that a run that is stopped leaves what it has
            write_json(out, record | {"rounds_done": number})
    failed = [name for name, each in record["peers"].items() if any("error" in r for r in each["rounds"])]
    if failed:
        click.echo(f"failed: {', '.join(failed)}; their errors are in {out}")


def one_round(peer: Peer, python: str | Exception, cores: int, work: Path, options: dict[str, int]) -> dict[str, Any]:
    about = {"load_average": load_average(), "started": time.strftime("%H:%M:%S", time.gmtime())}
    try:
        if isinstance(python, Exception):
            raise python
        return {**about, **measure(peer, python, cores, work, options)}
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        return {**about, "error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    main()
