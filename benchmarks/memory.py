"""Peak memory: of the Yin-Yang job, of runs of any length, and of a layer of 10^8 synapses.

    taskset -c 0,1 python benchmarks/memory.py

Resident memory of a process of its own for each (Linux). The job is the command with its defaults, NumPy front end and
plots among them, for two epochs; with compiled kernels in the cache it must stay below ``LIMIT_MB``, or this script
ends with an error. With an empty cache the compiler's own memory comes on top, once.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from footprint import MB, peak, resident, run_child

import saltation as sal
from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json

RESULTS = Path(__file__).parent / "results" / "memory.json"
LIMIT_MB = 400.0
DURATIONS = (10e-3, 0.1, 1.0, 10.0)
WIDTH = 10_000
JOB = "import sys; from saltation.cli import main; sys.argv[0] = 'saltation'; main()"


def job(*options: str, cache: str | None = None) -> dict[str, Any]:
    """The command `saltation run yinyang`; an empty cache where one is given."""
    environment = {"MPLBACKEND": "Agg", **({"SALTATION_CACHE_DIR": cache} if cache else {})}
    with tempfile.TemporaryDirectory() as out:
        arguments = [
            "-c",
            JOB,
            "run",
            "yinyang",
            "--epochs",
            "2",
            "--frontend",
            "numpy",
            "--out",
            out,
            "--json",
            *options,
        ]
        text, most = run_child(arguments, environment=environment)
    return {"peak_mb": most / MB, "test_accuracy": json.loads(text)["test_accuracy"]}


def imports() -> dict[str, Any]:
    """What is there before any work."""
    sal.simulate  # noqa: B018  loads the engine, and with it the compiler
    return {}


def of_duration(duration: float) -> dict[str, Any]:
    """A run and its gradient; all spikes come within the shortest duration."""
    rng = np.random.default_rng(0)
    net = sal.Network()
    net.add("in", sal.Input(64))
    net.add("hid", sal.LIF(1024, tau_mem=20e-3, tau_syn=10e-3, max_spikes=1))
    net.connect("in", "hid", weight=rng.normal(1.2, 0.2, (64, 1024)))
    stim = sal.Spikes.from_latencies(rng.uniform(0.0, 3e-3, (64, 64)))
    run = sal.simulate(net, {"in": stim}, duration, backend=sal.Exact(threads=1))
    run.gradient({"hid": np.ones(run.spikes["hid"].n_events)})
    return {"duration": duration, "spikes": run.spikes["hid"].n_events}


def many_synapses(width: int) -> dict[str, Any]:
    """A feed-forward layer of ``width`` squared synapses, few input events, two threads."""
    rng = np.random.default_rng(0)
    steps: dict[str, float] = {}

    def note(what: str) -> None:
        steps[what] = resident() / MB

    warm(rng)
    note("before")
    # few events drive each neuron over its threshold: about 20 of them, of weight 0.5 on average
    weight = rng.random((width, width))
    note("weights")
    net = sal.Network()
    net.add("in", sal.Input(width))
    net.add("out", sal.LIF(width, tau_mem=20e-3, tau_syn=10e-3))
    net.connect("in", "out", weight=weight)
    note("network")
    # a network keeps a copy, so that both are there until the caller lets go of theirs
    del weight
    note("weights_released")
    times = np.sort(rng.uniform(0.0, 20e-3, (4, 20)), axis=1).ravel()
    stim = sal.Spikes(times, rng.integers(0, width, times.size), np.arange(5) * 20, width)
    run = sal.simulate(net, {"in": stim}, 40e-3, backend=sal.Exact(threads=2))
    note("run")
    after_run = peak()
    gradient = run.gradient({"out": np.ones(run.spikes["out"].n_events)}, time_constants=False)
    note("gradient")
    by_weight = gradient.weight["in", "out"]
    # rows without an event are pages that nobody has touched: an optimiser touches them all
    by_weight *= 0.01
    note("gradient_written")
    needed = (net.projections["in", "out"].weight.nbytes + by_weight.nbytes) / MB
    return {
        "synapses": width * width,
        "batch": 4,
        "threads": 2,
        "input_events": stim.n_events,
        "spikes": run.spikes["out"].n_events,
        "resident_mb": steps,
        "peak_of_run_mb": after_run / MB,
        "needed_mb": needed,
        "peak_over_needed": (peak() / MB - steps["before"]) / needed,
    }


def warm(rng: np.random.Generator) -> None:
    """Load the compiled code."""
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("out", sal.LIF(64, tau_mem=20e-3, tau_syn=10e-3))
    net.connect("in", "out", weight=rng.random((2, 64)))
    run = sal.simulate(net, {"in": sal.Spikes.from_latencies([[0.0, 1e-3]])}, 40e-3, backend=sal.Exact(threads=1))
    run.gradient({"out": np.ones(run.spikes["out"].n_events)}, time_constants=False)


PARTS: dict[str, Callable[..., dict[str, Any]]] = {
    "imports": imports,
    "duration": of_duration,
    "synapses": many_synapses,
}


def child(part: str, *values: float) -> dict[str, Any]:
    text, most = run_child([__file__, "--child", json.dumps([part, *values])])
    return {**json.loads(text), "peak_mb": most / MB}


@click.command()
@click.option("--width", default=WIDTH, show_default=True, help="Neurons of either side of the large layer.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
@click.option("--child", "work", hidden=True)
def main(width: int, out: Path, work: str | None) -> None:
    if work is not None:
        part, *values = json.loads(work)
        click.echo(json.dumps(PARTS[part](*values)))
        return
    record: dict[str, Any] = {**header("memory", installation()), "unit": "10^6 bytes", "limit_mb": LIMIT_MB}
    record["imports"] = child("imports")
    job()  # so that the next one finds its kernels in the cache
    with tempfile.TemporaryDirectory() as empty:
        record["yinyang"] = {
            "compiled": job(),
            "two_threads": job("--threads", "2"),
            "no_figures": job("--no-figures"),
            "no_fresh_points": job("--no-fresh"),
            "neither": job("--no-figures", "--no-fresh"),
            "empty_cache": job(cache=empty),
        }
    record["durations"] = [child("duration", duration) for duration in DURATIONS]
    record["synapses"] = child("synapses", width)
    write_json(out, record)
    click.echo(in_words(record))
    if record["yinyang"]["compiled"]["peak_mb"] > LIMIT_MB:
        sys.exit(f"the Yin-Yang job needs more than {LIMIT_MB:.0f} MB")


def in_words(record: dict[str, Any]) -> str:
    big = record["synapses"]
    lines = [
        f"imports {record['imports']['peak_mb']:.0f} MB",
        "saltation run yinyang --epochs 2: "
        + ", ".join(f"{name} {entry['peak_mb']:.0f} MB" for name, entry in record["yinyang"].items()),
        *(
            f"duration {entry['duration']:6.2f} s: {entry['peak_mb']:.1f} MB, {entry['spikes']} spikes"
            for entry in record["durations"]
        ),
        f"{big['synapses']:.0e} synapses: peak {big['peak_mb']:.0f} MB; weights and gradient need "
        f"{big['needed_mb']:.0f} MB, growth is {big['peak_over_needed']:.2f} times that",
        "  resident after each step: " + ", ".join(f"{name} {mb:.0f}" for name, mb in big["resident_mb"].items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
