"""Do learned delays help? Yin-Yang with 30 hidden neurons: weights alone, weights and delays; over seeds.

    python benchmarks/delay_learning.py --threads 1       # about an hour on one core
    python benchmarks/delay_learning_report.py            # table for docs/performance.md

First the choice: every candidate of `CANDIDATES` trains for a short time with seeds of its own, and the validation set
decides, by the mean accuracy of the last epochs. There are as many candidates without delays as with them. Axonal
delays take the numbers that were chosen for synaptic ones. Then the result: the chosen settings, more epochs, other
seeds; the test set and 100,000 fresh points are looked at after the last epoch.

Each run is added to the results when it is done, and one that is there is not run again; one that is not done goes on
from its checkpoint in ``--work``. Only one may write a file of results at a time.
"""

import json
import statistics
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import click

from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.results import open_folder
from saltation.experiments.yinyang import RECIPES, Settings, evaluate, train
from saltation.experiments.yinyang.evaluation import evaluate_fresh
from saltation.experiments.yinyang.task import DELAYS, SEEDS, labelled

RESULTS = Path(__file__).parent / "results" / "delay_learning.json"
SCHEMA_VERSION = 1
WORK = Path("runs") / "delay_learning"
FRESH = 100_000
LAST = 5  # epochs whose validation accuracy is averaged for the choice
CHOICE_SEEDS = (11, 12)
BASE = replace(RECIPES["default"], hidden=30, batch=32)
# The numbers of DelGrad's networks, one seed each, 300 epochs, as stored by its authors; 10.1038/s41467-025-63120-y.
PUBLISHED = {"none": 0.967, "axonal": 0.975, "synaptic": 0.982}
CANDIDATES: dict[str, list[dict[str, float]]] = {
    "none": [{"learning_rate": rate, "tau0": tau0} for rate, tau0 in product((5e-3, 10e-3, 20e-3), (0.3e-3, 0.6e-3))],
    "synaptic": [
        {"learning_rate": rate, "delay_learning_rate": of_delays}
        for rate, of_delays in product((5e-3, 10e-3, 20e-3), (0.05e-3, 0.1e-3))
    ],
}
CHOSEN_FROM = {"none": "none", "axonal": "synaptic", "synaptic": "synaptic"}


@click.command()
@click.option("--seeds", default=5, show_default=True, help="Seeds 1 to this one, of the result.")
@click.option("--epochs", default=300, show_default=True, help="Of the result.")
@click.option("--choice-epochs", default=60, show_default=True, help="Of each candidate.")
@click.option("--threads", type=click.IntRange(1), help="Threads; all processors if left out.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=WORK, show_default=True)
def main(seeds: int, epochs: int, choice_epochs: int, threads: int | None, out: Path, work: Path) -> None:
    record = load(out, epochs, choice_epochs)
    for kind, candidates in CANDIDATES.items():
        for number, seed in product(range(len(candidates)), CHOICE_SEEDS):
            mark = {"kind": kind, "candidate": number, "seed": seed}
            if done(record["choice"], mark):
                continue
            settings = replace(BASE, delays=kind, epochs=choice_epochs, seed=seed, **candidates[number])
            name = f"choice-{kind}-{number}-{seed}"
            add(record, "choice", mark | candidates[number] | judge(settings, threads, work / name), out)
    # one seed of each kind in turn, so that what is there can be compared at any time
    for seed, (kind, source) in product(range(1, seeds + 1), CHOSEN_FROM.items()):
        mark = {"kind": kind, "seed": seed}
        if done(record["runs"], mark):
            continue
        chosen = CANDIDATES[source][best(record, source)]
        settings = replace(BASE, delays=kind, epochs=epochs, seed=seed, **chosen)
        add(record, "runs", mark | measure(settings, threads, work / f"{kind}-{seed}"), out)
        record["settings"][kind] = {name: value for name, value in settings.to_dict().items() if name != "seed"}
        record["summary"] = summary(record["runs"])
        write_json(out, record)
    click.echo(json.dumps(record["summary"], indent=1))


def done(entries: list[dict[str, Any]], mark: dict[str, Any]) -> bool:
    return any(all(entry[name] == value for name, value in mark.items()) for entry in entries)


def add(record: dict[str, Any], part: str, entry: dict[str, Any], out: Path) -> None:
    record[part].append(entry)
    write_json(out, record)
    click.echo(json.dumps({name: value for name, value in entry.items() if name != "validation_accuracy_by_epoch"}))


def judge(settings: Settings, threads: int | None, work: Path) -> dict[str, Any]:
    """Train a candidate; how well it does on the validation set."""
    folder = open_folder(work, "delay_learning", settings.to_dict(), resume=True)
    history = train(settings, folder, threads=threads).history
    last = [epoch["validation_accuracy"] for epoch in history[-LAST:]]
    return {"validation_accuracy": statistics.fmean(last)}


def best(record: dict[str, Any], kind: str) -> int:
    """Candidate with the highest validation accuracy over its seeds."""

    def accuracy(number: int) -> float:
        entries = [each for each in record["choice"] if each["kind"] == kind and each["candidate"] == number]
        return statistics.fmean(each["validation_accuracy"] for each in entries)

    return max(range(len(CANDIDATES[kind])), key=accuracy)


def measure(settings: Settings, threads: int | None, work: Path) -> dict[str, Any]:
    folder = open_folder(work, "delay_learning", settings.to_dict(), resume=True)
    progress = train(settings, folder, threads=threads)
    values = progress.weights
    test = evaluate(settings, values, labelled(settings.held_out_points, SEEDS["test"], settings), threads)
    fresh = evaluate_fresh(settings, values, FRESH, threads)
    return {
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "fresh_accuracy": fresh.accuracy,
        "validation_accuracy": progress.history[-1]["validation_accuracy"],
        "train_accuracy": progress.history[-1]["train_accuracy"],
        "spikes_per_sample": test.spikes_per_sample,
        "silent_fraction": test.silent_fraction,
        "parameters": sum(array.size for array in values.values()),
        "delays": {name: spread(values[name]) for name in DELAYS if name in values},
        "train_seconds": progress.train_seconds,
        "threads": threads,
        **{name: header("", installation())[name] for name in ("load_average", "date", "machine")},
        "validation_accuracy_by_epoch": [epoch["validation_accuracy"] for epoch in progress.history],
    }


def spread(delays: Any) -> dict[str, float]:
    """Of learned delays, in seconds; the share of those at 0."""
    return {
        "mean": float(delays.mean()),
        "std": float(delays.std()),
        "max": float(delays.max()),
        "zero": float((delays == 0.0).mean()),
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and spreads for each kind; the gain over weights alone, by seeds that both have."""
    result: dict[str, Any] = {}
    for kind in CHOSEN_FROM:
        mine = {run["seed"]: run for run in runs if run["kind"] == kind}
        if not mine:
            continue
        result[kind] = {"seeds": len(mine)}
        for name in ("test_accuracy", "fresh_accuracy", "spikes_per_sample", "silent_fraction", "train_seconds"):
            values = [run[name] for run in mine.values()]
            result[kind][name] = {
                "mean": statistics.fmean(values),
                "std": statistics.stdev(values) if len(values) > 1 else None,
                "min": min(values),
                "max": max(values),
            }
        plain = {run["seed"]: run for run in runs if run["kind"] == "none"}
        both = sorted(set(mine) & set(plain))
        for name in ("test_accuracy", "fresh_accuracy"):
            gains = [mine[seed][name] - plain[seed][name] for seed in both]
            result[kind][f"{name}_gain"] = {"mean": statistics.fmean(gains), "min": min(gains)} if gains else None
    return result


def load(path: Path, epochs: int, choice_epochs: int) -> dict[str, Any]:
    about = {
        "schema_version": SCHEMA_VERSION,
        "benchmark": "delay_learning",
        "epochs": epochs,
        "choice_epochs": choice_epochs,
        "candidates": CANDIDATES,
        "chosen_from": CHOSEN_FROM,
        "published": PUBLISHED,
    }
    return begun(path, about)


def begun(path: Path, about: dict[str, Any]) -> dict[str, Any]:
    """The record that is there, which must be of the same kind, or an empty one."""
    if not path.exists():
        return {**about, "choice": [], "settings": {}, "runs": [], "summary": {}}
    record = json.loads(path.read_text(encoding="utf-8"))
    if {name: record.get(name) for name in about} != about:
        raise click.ClickException(
            f"{path} holds other results (version, epochs or candidates): give another file with --out."
        )
    return record


if __name__ == "__main__":
    main()
