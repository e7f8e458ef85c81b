"""Exact gradients against surrogate gradients on equal footing: same network, same initial weights, same updates.

    python benchmarks/learning_curves.py --threads 1
    python benchmarks/learning_curves_report.py           # table and picture for docs/performance.md

Yin-Yang, 5-200-3, leaky integrators as outputs, the highest voltage is the answer.  Three ways to the gradient:
``exact``, event by event and EventProp; ``surrogate``, on a grid with SuperSpike and backpropagation through time;
and ``eventprop on a grid``, EventProp at the spikes that the same grid finds.  First the choice: for each way the
same learning rates, trained as long as for the result but with seeds of their own, and the validation set decides (a
shorter training would favour rates at which neurons fall silent later).  Then the result: seeds 0 to 4; the test set
is looked at after the last epoch, with the run's own backend and, for what the weights are worth without a grid, with
the exact one.

Each run is added to the results when it is done, and one that is there is not run again; one that is not done goes on
from its checkpoint in ``--work``.
"""

import json
import statistics
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import click
from delay_learning import add, begun, done

from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.results import open_folder
from saltation.experiments.yinyang import RECIPES, Settings, evaluate, train
from saltation.experiments.yinyang.task import SEEDS, labelled

RESULTS = Path(__file__).parent / "results" / "learning_curves.json"
SCHEMA_VERSION = 2
WORK = Path("runs") / "learning_curves"
LAST = 3  # epochs whose validation accuracy is averaged for the choice
CHOICE_SEEDS = (11, 12)
BASE = RECIPES["voltage"]
RATES = (2.5e-3, 5e-3, 10e-3)
WAYS: dict[str, dict[str, Any]] = {
    "exact": {"backend": "exact"},
    "surrogate": {"backend": "grid", "gradient": "surrogate"},
    "eventprop on a grid": {"backend": "grid", "gradient": "eventprop"},
}
CANDIDATES: dict[str, list[dict[str, float]]] = {way: [{"learning_rate": rate} for rate in RATES] for way in WAYS}


@click.command()
@click.option("--seeds", default=5, show_default=True, help="Seeds 0 to one less, of the result.")
@click.option("--epochs", default=50, show_default=True, help="Of the result.")
@click.option("--threads", type=click.IntRange(1), help="Threads; all processors if left out.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=WORK, show_default=True)
def main(seeds: int, epochs: int, threads: int | None, out: Path, work: Path) -> None:
    record = load(out, epochs)
    for way, candidates in CANDIDATES.items():
        for number, seed in product(range(len(candidates)), CHOICE_SEEDS):
            mark = {"way": way, "candidate": number, "seed": seed}
            if done(record["choice"], mark):
                continue
            settings = replace(BASE, **WAYS[way], epochs=epochs, seed=seed, **candidates[number])
            folder = open_folder(
                work / f"choice-{way}-{number}-{seed}", "learning_curves", settings.to_dict(), resume=True
            )
            last = [epoch["validation_accuracy"] for epoch in train(settings, folder, threads=threads).history[-LAST:]]
            add(record, "choice", mark | candidates[number] | {"validation_accuracy": statistics.fmean(last)}, out)
    for seed, way in product(range(seeds), WAYS):
        mark = {"way": way, "seed": seed}
        if done(record["runs"], mark):
            continue
        settings = replace(BASE, **WAYS[way], epochs=epochs, seed=seed, **CANDIDATES[way][best(record, way)])
        add(record, "runs", mark | measure(settings, threads, work / f"{way}-{seed}"), out)
        record["settings"][way] = {name: value for name, value in settings.to_dict().items() if name != "seed"}
        write_json(out, record)
    record["summary"] = {way: summary([run for run in record["runs"] if run["way"] == way]) for way in WAYS}
    write_json(out, record)
    click.echo(json.dumps(record["summary"], indent=1))


def best(record: dict[str, Any], way: str) -> int:
    """Candidate with the highest validation accuracy over its seeds."""

    def accuracy(number: int) -> float:
        entries = [each for each in record["choice"] if each["way"] == way and each["candidate"] == number]
        return statistics.fmean(each["validation_accuracy"] for each in entries)

    return max(range(len(CANDIDATES[way])), key=accuracy)


def measure(settings: Settings, threads: int | None, work: Path) -> dict[str, Any]:
    folder = open_folder(work, "learning_curves", settings.to_dict(), resume=True)
    progress = train(settings, folder, threads=threads)
    data = labelled(settings.held_out_points, SEEDS["test"], settings)
    test = evaluate(settings, progress.weights, data, threads)
    exact = evaluate(replace(settings, backend="exact"), progress.weights, data, threads)
    curves = ("validation_accuracy", "validation_loss", "train_loss", "spikes_per_sample")
    return {
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "exact_test_accuracy": exact.accuracy,
        "validation_accuracy": progress.history[-1]["validation_accuracy"],
        "spikes_per_sample": test.spikes_per_sample,
        **operations(settings, test.spikes_per_sample),
        "train_seconds": progress.train_seconds,
        "threads": threads,
        **{name: header("", installation())[name] for name in ("load_average", "date", "machine")},
        "curves": {name: [epoch[name] for epoch in progress.history] for name in curves},
    }


def operations(settings: Settings, hidden_spikes: float) -> dict[str, float]:
    """Additions of a weight to a current, and updates of a neuron's state, that a forward pass of a sample takes."""
    synaptic = 5 * settings.hidden + hidden_spikes * 3
    if settings.backend == "exact":
        return {"synaptic_operations": synaptic, "neuron_updates": synaptic}
    steps = round(settings.duration / settings.dt)
    return {"synaptic_operations": synaptic, "neuron_updates": float(steps * (settings.hidden + 3))}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("test_accuracy", "exact_test_accuracy", "spikes_per_sample", "synaptic_operations", "neuron_updates")
    result: dict[str, Any] = {"seeds": len(runs)}
    for name in (*names, "train_seconds"):
        values = [run[name] for run in runs]
        spread = statistics.stdev(values) if len(values) > 1 else None
        result[name] = {"mean": statistics.fmean(values), "std": spread, "min": min(values), "max": max(values)}
    return result


def load(path: Path, epochs: int) -> dict[str, Any]:
    about = {
        "schema_version": SCHEMA_VERSION,
        "benchmark": "learning_curves",
        "epochs": epochs,
        "candidates": CANDIDATES,
        "base": BASE.to_dict(),
    }
    return begun(path, about)


if __name__ == "__main__":
    main()
