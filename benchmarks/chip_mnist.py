"""MNIST on an emulated chip in the loop: 256-246-10, which fills one chip, and 784-256-10, which runs in parts.

    python benchmarks/chip_mnist.py --net 256-246-10 --epochs 20
    python benchmarks/chip_mnist.py --net 784-256-10 --epochs 1 --train-limit 10000

A run that is not done goes on from its checkpoint in ``--work``; one of the same net, epochs, pictures and chip that is
in the results is replaced.  Beside each, the same recipe by the exact backend.  The test set is looked at once, after
the last epoch.
"""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from saltation.cli import installation
from saltation.errors import ChipWarning
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.mnist import Settings, evaluate, recipe, train
from saltation.experiments.mnist.task import initial_weights, load_test, make_backend, make_network
from saltation.experiments.results import open_folder

RESULTS = Path(__file__).parent / "results" / "chip_mnist.json"
WORK = Path("runs") / "chip_mnist"
SCHEMA_VERSION = 1
NETS: dict[str, dict[str, Any]] = {
    "256-246-10": {"pixels": 16, "hidden": 246},
    "784-256-10": {"hidden": 256},
}
CONDITIONS = ("load_average", "date", "machine")


@click.command()
@click.option("--net", type=click.Choice(list(NETS)), default="256-246-10", show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True)
@click.option("--train-limit", type=click.IntRange(1), help="So many training pictures at most.")
@click.option("--serial", type=click.IntRange(0), default=1, show_default=True)
@click.option("--threads", type=click.IntRange(1))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=WORK, show_default=True)
def main(
    net: str, epochs: int, train_limit: int | None, serial: int, threads: int | None, out: Path, work: Path
) -> None:
    runs = []
    for backend in ("bss2", "exact"):
        base = recipe("mnist", "dense", "bss2")
        settings = replace(base, **NETS[net], epochs=epochs, train_limit=train_limit, serial=serial, backend=backend)
        runs.append(
            {
                "net": net,
                "key": key_of(net, settings),
                **measure(settings, threads, work / "-".join(map(str, key_of(net, settings)))),
            }
        )
    record = json.loads(out.read_text()) if out.exists() else {"schema_version": SCHEMA_VERSION, "runs": []}
    record["benchmark"] = "chip_mnist"
    done = {tuple(run["key"]) for run in runs}
    record["runs"] = [run for run in record["runs"] if tuple(run["key"]) not in done] + runs
    write_json(out, record)
    click.echo(json.dumps([{name: run[name] for name in ("net", "backend", "test_accuracy")} for run in runs]))


def key_of(net: str, settings: Settings) -> list[str]:
    """What tells runs apart."""
    chip = settings.serial if settings.backend == "bss2" else "none"
    return [net, settings.backend, str(settings.epochs), str(settings.train_limit or "all"), str(chip)]


def measure(settings: Settings, threads: int | None, work: Path) -> dict[str, Any]:
    folder = open_folder(work, "chip_mnist", settings.to_config(), resume=True)
    with warnings.catch_warnings():
        # weights beyond the chip's range are cut, as they are on a chip; the accuracy shows what that costs
        warnings.simplefilter("ignore", ChipWarning)
        done = train(settings, folder, threads=threads)
        test = evaluate(settings, done.weights, load_test(settings)[1], threads)
    return {
        "backend": settings.backend,
        "serial": settings.serial,
        "parts": parts_of(settings) if settings.backend == "bss2" else 1,
        "epochs": done.epoch,
        "test_accuracy": test.accuracy,
        "validation_accuracy_by_epoch": [epoch["validation_accuracy"] for epoch in done.history],
        "spikes_per_sample": test.spikes_per_sample,
        "train_seconds": done.train_seconds,
        "threads": threads,
        "settings": settings.to_config(),
        **{name: value for name, value in header("", installation()).items() if name in CONDITIONS},
    }


def parts_of(settings: Settings) -> int:
    """In how many parts the network runs on a chip, one after another."""
    backend: Any = make_backend(settings, None)
    return len(backend.parts(make_network(settings, initial_weights(settings))))


if __name__ == "__main__":
    main()
