"""Accuracy of a recipe of the experiment mnist over seeds, with the time and the memory of its epochs.

    python benchmarks/mnist.py --seeds 1 --threads 1
    python benchmarks/mnist.py --dataset fashion --net conv --seeds 1 --seeds 2

Each seed has a folder in ``--work``: one that is done is not run again, one that is not goes on from its checkpoint.
Several processes may each run a seed. At its end, each collects what is done, of any seed, into the results. The test
set is looked at once for each seed, after its last epoch; nothing is chosen by it.
"""

import json
import os
import resource
import statistics
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.mnist import Settings, evaluate, recipe, train
from saltation.experiments.mnist.settings import DATASETS, NETS
from saltation.experiments.mnist.task import load_test
from saltation.experiments.results import ResultFolder, open_folder
from saltation.experiments.training import Progress

RESULTS = Path(__file__).parent / "results"
SCHEMA_VERSION = 1
WORK = Path("runs") / "benchmark_mnist"
BY_EPOCH = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "spikes_per_sample", "seconds")
# RUSAGE counts in KiB, but on macOS in bytes
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@click.command()
@click.option("--dataset", type=click.Choice(DATASETS), default="mnist", show_default=True)
@click.option("--net", type=click.Choice(NETS), default="dense", show_default=True)
@click.option("--seeds", multiple=True, type=int, help="Repeat for several; without it what is done is collected.")
@click.option("--epochs", type=click.IntRange(1), help="In place of those of the recipe.")
@click.option("--threads", type=click.IntRange(1), help="Threads; all processors if left out.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File of results.")
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=WORK, show_default=True)
def main(
    dataset: str,
    net: str,
    seeds: tuple[int, ...],
    epochs: int | None,
    threads: int | None,
    out: Path | None,
    work: Path,
) -> None:
    base = recipe(dataset, net)
    base = base if epochs is None else replace(base, epochs=epochs)
    name = f"{dataset}_{net}_{base.epochs}"
    for seed in seeds:
        measure(replace(base, seed=seed), threads, work / f"{name}-{seed}")
    record = collect(base, sorted(work.glob(f"{name}-*/measured.json")))
    write_json(out or RESULTS / f"{name}.json", record)
    click.echo(json.dumps(record["summary"]))


def measure(settings: Settings, threads: int | None, work: Path) -> None:
    """Train and test one seed, and leave ``measured.json``; `work` is taken up where it was left."""
    if (work / "measured.json").exists():
        return
    config = {"frontend": "numpy", **settings.to_dict()}
    folder = open_folder(work, "mnist", config, resume=True)
    done = train(settings, folder, threads=threads, on_epoch=Clock(folder))
    start = time.perf_counter()
    test = evaluate(settings, done.weights, load_test(settings)[1], threads)
    folder.write_json(
        "measured",
        {
            "seed": settings.seed,
            "test": asdict(test),
            "validation_accuracy": done.history[-1]["validation_accuracy"],
            "train_seconds": done.train_seconds,
            "test_seconds": time.perf_counter() - start,
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT,
            "threads": threads,
            "header": header("mnist", installation()),
            "by_epoch": {name: [epoch[name] for epoch in done.history] for name in BY_EPOCH},
            "clock": folder.read_json("clock"),
        },
    )


class Clock:
    """Notes the processor's time of each epoch and the load of the machine, which wall time alone does not tell."""

    def __init__(self, folder: ResultFolder) -> None:
        self._folder = folder
        self._before: float | None = None
        self._notes: list[dict[str, float]] = []

    def __call__(self, progress: Progress) -> None:
        now = time.process_time()
        if self._before is not None:
            self._notes.append({"processor_seconds": now - self._before, "load_average": os.getloadavg()[0]})
            self._folder.write_json("clock", self._notes)
        elif progress.epoch:
            self._notes = list(self._folder.read_json("clock"))[: progress.epoch]
        self._before = now


def collect(base: Settings, files: list[Path]) -> dict[str, Any]:
    """Put together what is done; where and when each seed ran stands with it."""
    runs = [ResultFolder(path.parent).read_json("measured") for path in files]
    runs.sort(key=lambda run: run["seed"])
    return {
        "schema_version": SCHEMA_VERSION,
        "benchmark": "mnist",
        "settings": {name: value for name, value in base.to_dict().items() if name != "seed"},
        "summary": summary(runs),
        "runs": runs,
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Give mean and spread over seeds."""
    values = {
        "test_accuracy": [run["test"]["accuracy"] for run in runs],
        "validation_accuracy": [run["validation_accuracy"] for run in runs],
        "spikes_per_sample": [run["test"]["spikes_per_sample"] for run in runs],
        "seconds_an_epoch": [statistics.median(run["by_epoch"]["seconds"]) for run in runs],
        "processor_seconds_an_epoch": [
            statistics.median(note["processor_seconds"] for note in run["clock"]) for run in runs
        ],
        "peak_bytes": [run["peak_bytes"] for run in runs],
    }
    result: dict[str, Any] = {"seeds": len(runs)}
    for name, numbers in values.items():
        if numbers:
            spread = statistics.stdev(numbers) if len(numbers) > 1 else None
            result[name] = {"mean": statistics.fmean(numbers), "std": spread, "min": min(numbers), "max": max(numbers)}
    return result


if __name__ == "__main__":
    main()
