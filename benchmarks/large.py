"""The CUBA network: Saltation, Brian2 and NEST in turns, their statistics, and how far Saltation goes.

    python benchmarks/large.py                                # all parts
    python benchmarks/large.py --part timing --rounds 3
    python benchmarks/large_report.py                         # tables for docs/performance.md

4,000 neurons and about 320,000 synapses, as `peers/cuba.py` has them. Every simulator reads the same networks from the
same files and runs in a process of its own on one core; Brian2 and NEST have environments of their own, made on first
use. Three parts, each kept in the file of results until it is measured again:

timing      one network, one biological second from the start, several times; all simulators in each round
statistics  several networks, ten biological seconds; rates, irregularity and synchrony; and, of the two simulators that
            find spikes off the grid, whether they are the same
scaling     Saltation alone, more neurons and more synapses

The statistics of simulators that are not among those chosen are kept.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from peers import ENVIRONMENTS, allowed_cpus, environment, interpreter, last_lines, load_average

from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "large.json"
SCHEMA_VERSION = 1
PARTS = ("timing", "statistics", "scaling")
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    # the newest that runs on Python 3.11; it does not load with NumPy 2.4, and Cython is what it compiles with
    "brian2": ("brian2==2.9.0", "numpy==1.26.4", "cython==3.3.1", "setuptools==80.9.0"),
    "nest": ("nest-simulator==3.10.0", "numpy==2.4.6"),
}


class Simulator(NamedTuple):
    """Its script, its environment (None for that of this script), what it is told, and how to call it."""

    script: str
    environment: str | None
    arguments: tuple[str, ...]
    label: str


SIMULATORS = {
    "saltation": Simulator("saltation_cuba.py", None, (), "Saltation, exact, no delay"),
    "saltation-delay": Simulator("saltation_cuba.py", None, ("--delay", "1e-4"), "Saltation, exact, delay 0.1 ms"),
    "brian2-standalone": Simulator(
        "brian2_cuba.py", "brian2", ("--target", "cpp_standalone"), "Brian2, compiled standalone, 0.1 ms"
    ),
    "brian2-cython": Simulator("brian2_cuba.py", "brian2", ("--target", "cython"), "Brian2, Cython, 0.1 ms"),
    "brian2-fine": Simulator(
        "brian2_cuba.py", "brian2", ("--target", "cython", "--dt", "1e-5"), "Brian2, Cython, 0.01 ms"
    ),
    "nest": Simulator("nest_cuba.py", "nest", ("--model", "iaf_psc_exp"), "NEST, iaf_psc_exp, 0.1 ms"),
    "nest-precise": Simulator(
        "nest_cuba.py", "nest", ("--model", "iaf_psc_exp_ps"), "NEST, iaf_psc_exp_ps, delay 0.1 ms"
    ),
}
TIMED = ("saltation", "brian2-standalone", "brian2-cython", "nest", "nest-precise")
COUNTED = ("saltation", "saltation-delay", "brian2-cython", "brian2-fine", "nest", "nest-precise")
# Both find spikes off any grid, with the same delay: what one does, the other has to do.
SAME = ("saltation-delay", "nest-precise")
# Neurons, and synapses that reach each; weights are smaller where there are more, so that their sum stays.
SIZES = ((4000, 80), (10_000, 80), (30_000, 80), (100_000, 80), (100_000, 300), (100_000, 1000))


def cuba() -> Any:
    """Load the module that the scripts of the simulators share."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("cuba", HERE / "peers" / "cuba.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, python: str, network: Path, options: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    """Run a simulator once in a process of its own; what it says, or its error."""
    simulator = SIMULATORS[name]
    command = [python, str(HERE / "peers" / simulator.script), "--network", str(network), *simulator.arguments]
    for option, value in options.items():
        command += [f"--{option}", str(value)]
    # as in peers.py, from the last core; Saltation's kernels come from its usual cache, as in every run but the first
    core = {allowed_cpus()[-1]}
    variables = environment(None, 1) if simulator.environment else dict(os.environ)
    about = {"load_average": load_average()}
    try:
        done = subprocess.run(
            command,
            env=variables,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            preexec_fn=(lambda: os.sched_setaffinity(0, core)) if hasattr(os, "sched_setaffinity") else None,
        )
    except subprocess.TimeoutExpired:
        return {**about, "error": f"not done after {timeout:.0f} s"}
    if done.returncode:
        return {**about, "error": f"exit code {done.returncode}: {last_lines(done.stderr or done.stdout)}"}
    return {**about, **json.loads(done.stdout.strip().splitlines()[-1])}


def show(what: str, result: Mapping[str, Any]) -> None:
    if "error" in result:
        click.echo(f"{what:40s} FAILED  {result['error'].splitlines()[-1]}")
        return
    memory = "not known" if result["peak_mb"] is None else f"{result['peak_mb']:.0f} MB"
    click.echo(
        f"{what:40s} {result['wall']:8.3f} s a biological second (processor {result['cpu']:.3f}), "
        f"{result['spikes']} spikes, {memory}"
    )


def timing(
    pythons: Mapping[str, str], chosen: list[str], work: Path, rounds: int, repeats: int, timeout: float
) -> dict[str, Any]:
    """All simulators in each round, so that a change of load meets all alike."""
    network = work / "timing.npz"
    cuba().save(network, cuba().make(1))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
    for number in range(1, rounds + 1):
        for name in chosen:
            result = run(name, pythons[name], network, {"seconds": 1.0, "repeats": repeats}, timeout)
            show(f"round {number}, {name}", result)
            found[name].append(result)
    return {
        "seconds": 1.0,
        "repeats": repeats,
        "rounds": found,
        "summary": {name: medians(results) for name, results in found.items()},
    }


def medians(results: list[dict[str, Any]]) -> dict[str, Any]:
    good = [each for each in results if "error" not in each]
    if not good:
        return {"error": results[0]["error"]}
    # the first build may compile
    later = good[1:] or good
    names = ("wall", "wall_least", "cpu", "peak_mb", "spikes")
    return {name: statistics.median(each[name] for each in good if each[name] is not None) for name in names} | {
        "first_build": good[0]["build"],
        "build": statistics.median(each["build"] for each in later),
    }


def counted(
    pythons: Mapping[str, str], chosen: list[str], work: Path, seeds: int, seconds: float, timeout: float
) -> dict[str, Any]:
    """Each network in all simulators, once and for longer; the rasters of `SAME` are compared spike by spike."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
    same: list[dict[str, Any]] = []
    for seed in range(1, seeds + 1):
        network = work / f"seed{seed}.npz"
        cuba().save(network, cuba().make(seed))
        rasters = {name: work / f"seed{seed}-{name}.npz" for name in SAME if name in chosen}
        for name in chosen:
            options: dict[str, Any] = {"seconds": seconds, "repeats": 1}
            if name in rasters:
                options["spikes"] = rasters[name]
            result = run(name, pythons[name], network, options, timeout)
            show(f"seed {seed}, {name}", result)
            found[name].append({"seed": seed, **result})
        if len(rasters) == len(SAME) and all(path.exists() for path in rasters.values()):
            same.append({"seed": seed, **cuba().compare(*(raster(path) for path in rasters.values()))})
            click.echo(f"seed {seed}, spike by spike: {same[-1]}")
    about = {"seconds": seconds, "seeds": seeds, "bin": cuba().BIN, "transient": cuba().TRANSIENT}
    return {**about, "runs": found, **({"same": same} if same else {})}


def raster(path: Path) -> tuple[Any, Any]:
    with np.load(path) as stored:
        return stored["times"], stored["units"]


def scaling(python: str, work: Path, sizes: list[tuple[int, int]], timeout: float) -> list[dict[str, Any]]:
    """Saltation with more neurons, and with more synapses of each."""
    found: list[dict[str, Any]] = []
    for neurons, reached in sizes:
        network = work / "scaling.npz"
        cuba().save(network, cuba().make(1, neurons, reached / neurons))
        options = {"seconds": 1.0, "repeats": 1, "scale": 80 / reached}
        result = run("saltation", python, network, options, timeout)
        show(f"{neurons} neurons, {reached} synapses each", result)
        found.append({"reached": reached, "scale": options["scale"], "asked": neurons, **result})
        network.unlink()
    return found


def ready(chosen: list[str], folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Interpreters of those that can be run, and errors of those that cannot."""
    pythons: dict[str, str] = {}
    errors: dict[str, str] = {}
    for name in chosen:
        try:
            pythons[name] = interpreter(SIMULATORS[name].environment, folder, REQUIREMENTS)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            errors[name] = f"{type(error).__name__}: {error}"
            click.echo(f"{name}: {errors[name]}")
    return pythons, errors


def load(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    record = json.loads(path.read_text(encoding="utf-8"))
    if record.get("benchmark") != "large" or record.get("schema_version") != SCHEMA_VERSION:
        raise click.ClickException(f"{path} holds other results (version or benchmark): give another file with --out.")
    return record


@click.command()
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Repeat for several.  [all]")
@click.option("--simulator", "chosen", type=click.Choice(list(SIMULATORS)), multiple=True, help="[all]")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Runs timed in each round.")
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="Networks for the statistics.")
@click.option("--seconds", type=click.FloatRange(1.0), default=10.0, show_default=True, help="Of the statistics.")
@click.option("--largest", type=click.IntRange(1), default=10**8, show_default=True, help="Synapses at most.")
@click.option("--timeout", type=click.FloatRange(1.0), default=3600.0, show_default=True, help="Of one run, in s.")
@click.option("--envs", type=click.Path(path_type=Path, file_okay=False), default=ENVIRONMENTS, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(
    parts: tuple[str, ...], chosen: tuple[str, ...], largest: int, timeout: float, envs: Path, out: Path, **options: Any
) -> None:
    parts = parts or PARTS
    needed = {*(TIMED if "timing" in parts else ()), *(COUNTED if "statistics" in parts else ())}
    pythons, errors = ready([name for name in SIMULATORS if name in needed.intersection(chosen or SIMULATORS)], envs)
    record = load(out)
    record |= {"benchmark": "large", "schema_version": SCHEMA_VERSION, "requirements": REQUIREMENTS}
    record["labels"] = {name: simulator.label for name, simulator in SIMULATORS.items()}
    record["parameters"] = cuba().PARAMETERS
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for part in parts:
            begun = header("large", installation())
            if part == "timing":
                some = [name for name in TIMED if name in pythons]
                result: Any = timing(pythons, some, work, options["rounds"], options["repeats"], timeout)
            elif part == "statistics":
                some = [name for name in COUNTED if name in pythons]
                result = counted(pythons, some, work, options["seeds"], options["seconds"], timeout)
                before = record.get(part, {})
                # spikes do not depend on the load: those of other simulators that were counted before stay
                if all(before.get(name) == result[name] for name in ("seconds", "seeds", "bin", "transient")):
                    result["runs"] = {**before["runs"], **result["runs"]}
                    result = {**({"same": before["same"]} if "same" in before else {}), **result}
            else:
                sizes = [size for size in SIZES if size[0] * size[1] <= largest]
                result = {"sizes": scaling(sys.executable, work, sizes, timeout)}
            about = ("date", "machine", "load_average")
            record[part] = {**{name: begun[name] for name in about}, "not_installed": errors, **result}
            write_json(out, record)


if __name__ == "__main__":
    main()
