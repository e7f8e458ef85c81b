"""Accuracy of a Yin-Yang recipe over seeds: last epoch, test set and 100,000 fresh points.

    python benchmarks/yinyang_accuracy.py --recipe default --seeds 10 --threads 1

Each seed is added to the results when it is done, and a seed that is there is not run again; one that is not done
goes on from its checkpoint in ``--work``. So the script can be stopped and started. Only one may write a file of
results at a time. Nothing is chosen by the test set: the accuracy is that after the last epoch.
"""

import json
import statistics
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.results import open_folder
from saltation.experiments.yinyang import RECIPES, evaluate, train
from saltation.experiments.yinyang.evaluation import evaluate_fresh
from saltation.experiments.yinyang.task import SEEDS, labelled

RESULTS = Path(__file__).parent / "results"
SCHEMA_VERSION = 1
WORK = Path("runs") / "yinyang_accuracy"
FRESH = 100_000
CONDITIONS = ("load_average", "date", "machine")


@click.command()
@click.option("--seeds", default=10, show_default=True, help="Seeds 1 to this one.")
@click.option("--threads", type=click.IntRange(1), help="Threads; all processors if left out.")
@click.option("--recipe", type=click.Choice(sorted(RECIPES)), default="default", show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of results.  [default: yinyang_accuracy_<recipe>.json beside those that are there]",
)
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=WORK, show_default=True)
def main(seeds: int, threads: int | None, recipe: str, out: Path | None, work: Path) -> None:
    out = out or RESULTS / f"yinyang_accuracy_{recipe}.json"
    base = RECIPES[recipe]
    record = load(out, recipe)
    record["settings"] = {name: value for name, value in base.to_dict().items() if name != "seed"}
    for seed in range(1, seeds + 1):
        if any(run["seed"] == seed for run in record["runs"]):
            continue
        record["runs"].append(measure(recipe, seed, threads, work / f"{recipe}-{seed}"))
        record["runs"].sort(key=lambda run: run["seed"])
        record["summary"] = summary(record["runs"])
        write_json(out, record)
        click.echo(json.dumps({**record["runs"][-1], "validation_accuracy_by_epoch": None}))
    click.echo(json.dumps(record.get("summary")))


def measure(recipe: str, seed: int, threads: int | None, work: Path) -> dict[str, Any]:
    settings = replace(RECIPES[recipe], seed=seed)
    folder = open_folder(work, "yinyang_accuracy", settings.to_dict(), resume=True)
    done = train(settings, folder, threads=threads)
    start = time.perf_counter()
    test = evaluate(settings, done.weights, labelled(settings.held_out_points, SEEDS["test"], settings), threads)
    fresh = evaluate_fresh(settings, done.weights, FRESH, threads)
    return {
        "seed": seed,
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "fresh_accuracy": fresh.accuracy,
        "validation_accuracy": done.history[-1]["validation_accuracy"],
        "spikes_per_sample": test.spikes_per_sample,
        "silent_fraction": test.silent_fraction,
        "train_seconds": done.train_seconds,
        "evaluation_seconds": time.perf_counter() - start,
        "threads": threads,
        **{name: value for name, value in header("", installation()).items() if name in CONDITIONS},
        "validation_accuracy_by_epoch": [epoch["validation_accuracy"] for epoch in done.history],
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {"seeds": len(runs)}
    for name in ("test_accuracy", "fresh_accuracy", "spikes_per_sample", "silent_fraction", "train_seconds"):
        values = [run[name] for run in runs]
        result[name] = {
            "mean": statistics.fmean(values),
            "std": statistics.stdev(values) if len(values) > 1 else None,
            "min": min(values),
            "max": max(values),
        }
    return result


def load(path: Path, recipe: str) -> dict[str, Any]:
    if not path.exists():
        return {"schema_version": SCHEMA_VERSION, "benchmark": "yinyang_accuracy", "recipe": recipe, "runs": []}
    record = json.loads(path.read_text(encoding="utf-8"))
    if record.get("schema_version") != SCHEMA_VERSION or record.get("recipe") != recipe:
        raise click.ClickException(f"{path} holds other results (version or recipe): give another file with --out.")
    return record


if __name__ == "__main__":
    main()
