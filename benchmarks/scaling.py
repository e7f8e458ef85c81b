"""Time and memory of a run and its gradient against everything that can grow; see docs/performance.md.

    taskset -c 0 python benchmarks/scaling.py --cores 0,1

One layer, ``tau_mem = 2 tau_syn``, float64; one quantity grows at a time, from 256 neurons, 100 input events a sample
and a batch of 64. Every point is a process of its own: first memory (the peak of what NumPy holds, by tracemalloc, and
growth of the resident memory, for one run and one gradient in fresh memory), then time: processor time of one thread,
so that other programs on the core do not count. ``--cores`` names those on which one thread is compared with two, by
the clock on the wall; all else stays on the core that the script was given.
"""

import dataclasses
import datetime
import json
import os
import time
import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from footprint import forget_peak, peak, resident, run_child
from pages import PERFORMANCE, replace_block
from scaling_report import draw, exponents, section

import saltation as sal
from saltation.cli import installation
from saltation.experiments.bench.cases import CASES, DURATION, network, stimulus
from saltation.experiments.bench.measure import alternate
from saltation.experiments.bench.report import header, write_json

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "scaling.json"
FIGURE = ROOT / "docs" / "images" / "scaling.png"
UNITS = 64
THREADED = (150, 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One measurement: times in seconds; `drive` multiplies all weights; inputs arrive within `span`."""

    neurons: int = 256
    events: int = 100
    drive: float = 1.0
    batch: int = 64
    duration: float = 60e-3
    span: float = 30e-3
    max_spikes: int | None = None
    repeats: int = 15


# a strong drive, one spike each: all spikes come within the shortest window
EARLY = Point(span=3e-3, drive=10.0, max_spikes=1)
SWEEPS: dict[str, list[Point]] = {
    "neurons": [Point(neurons=n) for n in (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)],
    "events": [Point(events=n) for n in (10, 30, 100, 300, 1000, 3000)],
    "spikes": [Point(drive=d) for d in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)],
    "batch": [Point(batch=n) for n in (1, 4, 16, 64, 256, 1024, 4096)],
    "duration": [replace(EARLY, duration=d) for d in (10e-3, 0.1, 1.0, 10.0)],
}


def build(point: Point) -> tuple[sal.Network, sal.Spikes]:
    rng = np.random.default_rng(0)
    net = sal.Network()
    net.add("in", sal.Input(UNITS))
    net.add("hid", sal.LIF(point.neurons, tau_mem=20e-3, tau_syn=10e-3, max_spikes=point.max_spikes))
    # however many events there are, a neuron gets the same charge, and neurons differ by as much
    scale = 4.0 * point.drive / point.events
    net.connect("in", "hid", weight=rng.normal(1.85 * scale, 0.45 * scale * UNITS**0.5, (UNITS, point.neurons)))
    times = np.sort(rng.uniform(0.0, point.span, (point.batch, point.events)), axis=1)
    units = rng.integers(0, UNITS, times.shape)
    return net, sal.Spikes(times.ravel(), units.ravel(), np.arange(point.batch + 1) * point.events, UNITS)


def jobs(net: sal.Network, stim: sal.Spikes, duration: float, threads: int, out: str) -> dict[str, Any]:
    backend = sal.Exact(threads=threads)

    def gradient(run: sal.Run) -> sal.Run:
        run.gradient({out: np.ones(run.spikes[out].n_events)}, time_constants=False)
        return run

    return {"run": lambda _: sal.simulate(net, {"in": stim}, duration, backend=backend), "gradient": gradient}


def measure_point(point: Point) -> dict[str, Any]:
    """Memory, then time; in a process of its own."""
    # compiled code and the interpreter's own are not what is asked for
    small = replace(point, batch=1, events=10, neurons=UNITS)
    alternate(jobs(*build(small), small.duration, 1, "hid"), 1)
    work = jobs(*build(point), point.duration, 1, "hid")
    fresh = forget_peak()
    before = resident()
    tracemalloc.start()
    run = work["run"](None)
    held, run_bytes = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    work["gradient"](run)
    gradient_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    growth = peak() - before
    spikes = run.spikes["hid"].n_events
    del run
    _, times = alternate(work, point.repeats, time.process_time)
    return {
        **dataclasses.asdict(point),
        "spikes": spikes / point.batch,
        "run_seconds": float(np.median(times["run"])),
        "gradient_seconds": float(np.median(times["gradient"])),
        "run_best": min(times["run"]),
        "gradient_best": min(times["gradient"]),
        "run_bytes": run_bytes,
        "run_held_bytes": held,
        "gradient_bytes": gradient_bytes,
        "peak_bytes": max(run_bytes, gradient_bytes),
        "rss_growth": growth if fresh else None,
    }


def measure_threads(batch: int) -> dict[str, Any]:
    """One thread and two in turns on Yin-Yang's network; the serial share by Amdahl's law."""
    net, stim = network(CASES["ratio 2"]), stimulus(CASES["ratio 2"], batch)
    one, two = (jobs(net, stim, DURATION, threads, "out") for threads in (1, 2))
    both = {f"{name}_1": job for name, job in one.items()} | {f"{name}_2": job for name, job in two.items()}
    _, times = alternate(both, 60)
    best = {name: min(values) for name, values in times.items()}
    result: dict[str, Any] = {
        "batch": batch,
        "cores": sorted(os.sched_getaffinity(0)),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "load_average": os.getloadavg()[0],
    }
    for name, which in (("run", ("run",)), ("gradient", ("gradient",)), ("both", ("run", "gradient"))):
        alone, together = (sum(best[f"{part}_{threads}"] for part in which) for threads in (1, 2))
        medians = [sum(float(np.median(times[f"{part}_{threads}"])) for part in which) for threads in (1, 2)]
        result[name] = {
            "one_thread": alone,
            "two_threads": together,
            "ratio": alone / together,
            "ratio_of_medians": medians[0] / medians[1],
            "serial_share": 2.0 * together / alone - 1.0,
        }
    return result


def child(kind: str, value: Any, cores: set[int] | None = None) -> dict[str, Any]:
    text, peak_rss = run_child([__file__, "--child", json.dumps([kind, value])], cores=cores)
    return {**json.loads(text), "peak_rss": peak_rss}


@click.command()
@click.option("--sweep", "chosen", multiple=True, type=click.Choice([*SWEEPS, "threads"]), help="Only these.")
@click.option("--cores", default="0,1", show_default=True, help="Two cores for the comparison of threads.")
@click.option("--report", "only_report", is_flag=True, help="Measure nothing; write figure and page again.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
@click.option("--child", "job", hidden=True)
def main(chosen: tuple[str, ...], cores: str, only_report: bool, out: Path, job: str | None) -> None:
    if job is not None:
        kind, value = json.loads(job)
        click.echo(json.dumps(measure_point(Point(**value)) if kind == "point" else measure_threads(value)))
        return
    # what is not measured now stays as it was
    record = json.loads(out.read_text()) if out.exists() and (chosen or only_report) else {"sweeps": {}}
    if not only_report:
        if not chosen or set(chosen) != {"threads"}:
            record = {**record, **header("scaling", installation())}
        for name, points in SWEEPS.items():
            if not chosen or name in chosen:
                record["sweeps"][name] = [tell(name, child("point", dataclasses.asdict(point))) for point in points]
        if not chosen or "threads" in chosen:
            pair = {int(core) for core in cores.split(",")}
            record["threads"] = [child("threads", batch, pair) for batch in THREADED]
        record["exponents"] = {name: exponents(name, points) for name, points in record["sweeps"].items()}
        write_json(out, record)
    draw(record, FIGURE)
    replace_block(PERFORMANCE, "scaling", section(record))
    click.echo(section(record))


def tell(name: str, point: dict[str, Any]) -> dict[str, Any]:
    click.echo(
        f"{name:9s} {point[name]:9g}  spikes {point['spikes']:8.0f}  run {1e3 * point['run_best']:9.3f} ms  "
        f"gradient {1e3 * point['gradient_best']:9.3f} ms  {point['peak_bytes'] / 1e6:8.1f} MB"
    )
    return point


if __name__ == "__main__":
    main()
