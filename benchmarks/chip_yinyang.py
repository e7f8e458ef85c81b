"""Yin-Yang on emulated chips: in the loop by EventProp and by surrogates, deployed, uncalibrated; each imperfection.

    python benchmarks/chip_yinyang.py --kind eventprop --serials 1,2,3,4,5
    python benchmarks/chip_yinyang.py --kind noise.membrane --kind variation.leak --serials 1,2

A kind is ``eventprop``, ``default`` (the same with the recipe of the exact backend), ``surrogate``, ``deployed``
(trained exactly, then run on the chip), ``uncalibrated``, or what `saltation.bss2.imperfect` takes, of which only that
is left.  Each run is added to the results when it is done, and one that is there is not run again; one that is not done
goes on from its checkpoint in ``--work``.  Nothing is chosen by the test set: the accuracy is that after the last
epoch.
"""

import json
import statistics
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from saltation.bss2 import imperfect
from saltation.cli import installation
from saltation.errors import ChipWarning
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.results import open_folder
from saltation.experiments.yinyang import RECIPES, evaluate, train
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import SEEDS, labelled

RESULTS = Path(__file__).parent / "results" / "chip_yinyang.json"
WORK = Path("runs") / "chip_yinyang"
SCHEMA_VERSION = 1
HIDDEN = 120
CONDITIONS = ("load_average", "date", "machine")


def settings_of(kind: str, serial: int, epochs: int) -> Settings:
    """The settings of a run; of ``deployed`` those of the chip on which it is tested."""
    recipe = RECIPES[{"surrogate": "voltage", "deployed": "default", "default": "default"}.get(kind, "chip")]
    base = replace(recipe, backend="bss2", serial=serial, hidden=HIDDEN, epochs=epochs)
    if kind == "surrogate":
        return replace(base, gradient="surrogate")
    if kind == "uncalibrated":
        return replace(base, calibrated=False)
    if kind in ("eventprop", "default", "deployed"):
        return base
    imperfect(kind)
    return replace(base, imperfections=kind)


@click.command()
@click.option("--kind", "kinds", multiple=True, default=("eventprop",), show_default=True)
@click.option("--serials", default="1", show_default=True, help="Serial numbers, with commas.")
@click.option("--epochs", default=30, show_default=True)
@click.option("--threads", type=click.IntRange(1))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=WORK, show_default=True)
def main(kinds: tuple[str, ...], serials: str, epochs: int, threads: int | None, out: Path, work: Path) -> None:
    for kind in kinds:
        for serial in map(int, serials.split(",")):
            # others may have written in the meantime
            if not any((run["kind"], run["serial"]) == (kind, serial) for run in load(out)["runs"]):
                run = measure(kind, serial, epochs, threads, work / f"{kind}-{serial}")
                record = load(out)
                record["runs"] = sorted([*record["runs"], run], key=lambda run: (run["kind"], run["serial"]))
                record["summary"] = summary(record["runs"])
                write_json(out, record)
                click.echo(json.dumps({**run, "validation_accuracy_by_epoch": None}))


def measure(kind: str, serial: int, epochs: int, threads: int | None, work: Path) -> dict[str, Any]:
    settings = settings_of(kind, serial, epochs)
    trained = replace(settings, backend="exact") if kind == "deployed" else settings
    folder = open_folder(work, "chip_yinyang", trained.to_config(), resume=True)
    with warnings.catch_warnings():
        # weights beyond the chip's range are cut, as they are on a chip; the accuracy shows what that costs
        warnings.simplefilter("ignore", ChipWarning)
        done = train(trained, folder, threads=threads)
        held_out = {name: labelled(settings.held_out_points, SEEDS[name], settings) for name in ("test", "validation")}
        scores = {name: evaluate(settings, done.weights, data, threads) for name, data in held_out.items()}
    return {
        "kind": kind,
        "serial": serial,
        "epochs": done.epoch,
        "test_accuracy": scores["test"].accuracy,
        "validation_accuracy": scores["validation"].accuracy,
        "spikes_per_sample": scores["test"].spikes_per_sample,
        "train_seconds": done.train_seconds,
        "threads": threads,
        "settings": settings.to_config(),
        **{name: value for name, value in header("", installation()).items() if name in CONDITIONS},
        "validation_accuracy_by_epoch": [epoch["validation_accuracy"] for epoch in done.history],
    }


def load(out: Path) -> dict[str, Any]:
    if out.exists():
        return dict(json.loads(out.read_text()))
    return {"schema_version": SCHEMA_VERSION, "benchmark": "chip_yinyang", "runs": []}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation of the test accuracy over chips, by kind."""
    result: dict[str, Any] = {}
    for kind in sorted({run["kind"] for run in runs}):
        values = [run["test_accuracy"] for run in runs if run["kind"] == kind]
        result[kind] = {
            "chips": len(values),
            "test_accuracy_mean": statistics.mean(values),
            "test_accuracy_std": statistics.stdev(values) if len(values) > 1 else None,
        }
    return result


if __name__ == "__main__":
    main()
