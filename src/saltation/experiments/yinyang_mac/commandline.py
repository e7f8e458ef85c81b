"""The command ``saltation run yinyang-mac``."""

import dataclasses
import sys
from typing import Any

import click

from saltation.errors import FileFormatError
from saltation.experiments.commands import (
    EXIT_INTERRUPTED,
    folder_options,
    interrupted,
    require_packages,
    stored_config,
    tell,
)
from saltation.experiments.console import emit, progress
from saltation.experiments.recipe import from_values
from saltation.experiments.results import SCHEMA_VERSION, ResultFolder, open_folder
from saltation.experiments.yinyang_mac.settings import UNITS, Settings

__all__ = ["command"]

_DEFAULT = Settings()
_NAMES = tuple(field.name for field in dataclasses.fields(Settings))


def _option(name: str, kind: Any, text: str) -> Any:
    # None stands for what the folder has that is resumed, or else for the default of the recipe
    default = getattr(_DEFAULT, name)
    return click.option(f"--{name.replace('_', '-')}", name, type=kind, help=f"{text}  [default: {default}]")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@_option("mock_epochs", click.IntRange(0), "Epochs in the ideal mode.")
@_option("chip_epochs", click.IntRange(0), "Epochs on the chip, after them.")
@_option("seed", click.IntRange(0), "Of weights, order and noise.")
@_option("hidden", click.IntRange(1), "Hidden units.")
@_option("avg", click.IntRange(1), "Columns that are averaged for an output.")
@_option("hidden_sends", click.IntRange(1), "How often points are sent to hidden units.")
@_option("out_sends", click.IntRange(1), "How often hidden activations are sent to the outputs.")
@_option("batch", click.IntRange(1), "Samples for one step.")
@_option("learning_rate", float, "In the first epoch of the ideal mode, for weights in LSB.")
@_option("chip_learning_rate", float, "On the chip.")
@_option("train_points", click.IntRange(1), "Training points.")
@_option("unit", click.Choice(UNITS), "What stands for the chip.")
@_option("serial", click.IntRange(0), "Which chip.")
@_option("gain", float, "Of an ideal unit: LSB for an activation of 1 and a weight of 1.")
@_option("noise_std", float, "Of an ideal unit: standard deviation of a result in LSB.")
@folder_options("yinyang-mac")
def command(**options: Any) -> None:
    """Train a dense network on Yin-Yang in the matrix mode: in the ideal mode, then in the loop.

    The test set is looked at behind the first, in the ideal mode and on the chip as it is, and behind the second.
    """
    require_packages("yinyang-mac", ("torch",), "torch")
    settings = _settings(options)
    folder = open_folder(
        options["out"],
        "yinyang-mac",
        dataclasses.asdict(settings),
        resume=options["resume"],
        may_differ=("chip_epochs",),
    )
    try:
        _run(settings, folder, options)
    except KeyboardInterrupt:
        tell(interrupted(folder, "yinyang-mac", settings.epochs))
        sys.exit(EXIT_INTERRUPTED)


def _settings(options: dict[str, Any]) -> Settings:
    """Settings of the folder where one is resumed, and what is given."""
    base, out = _DEFAULT, options["out"]
    if options["resume"] and out is not None and (out / "config.json").exists():
        stored = stored_config(ResultFolder(out), "yinyang-mac", {"mock_epochs", "chip_epochs"})
        try:
            base = from_values(Settings, stored)
        except (TypeError, ValueError) as error:
            raise FileFormatError(f"{out / 'config.json'} does not hold settings of yinyang-mac: {error}") from error
    given = {name: options[name] for name in _NAMES if options.get(name) is not None}
    return dataclasses.replace(base, **given)


def _run(settings: Settings, folder: ResultFolder, options: dict[str, Any]) -> None:
    # Here and not above, so that --help does not wait for PyTorch.
    from saltation.experiments.output import has_matplotlib, write_weights
    from saltation.experiments.training import Progress
    from saltation.experiments.yinyang_mac.output import write_figures
    from saltation.experiments.yinyang_mac.training import evaluate, labelled, train

    quiet = options["as_json"]
    with progress(quiet=quiet) as bar:
        task = bar.add_task("measuring the unit", total=settings.epochs)

        def show(now: Progress) -> None:
            where = "on the chip" if settings.in_loop(now.epoch) else "in the ideal mode"
            text = f"epoch {now.epoch + 1} {where}"
            if now.history:
                text += f", validation accuracy {100 * now.history[-1]['validation_accuracy']:.1f} %"
            bar.update(task, completed=now.epoch, description=text)

        outcome = train(settings, folder, on_epoch=show)
    done, test = outcome.progress, labelled(settings, "test")
    accuracy = {
        "mock_accuracy": evaluate(settings, outcome.before, test, mock=outcome.parameter)[0],
        "deployed_accuracy": evaluate(settings, outcome.before, test, mock=None)[0],
        "test_accuracy": evaluate(settings, done.weights, test, mock=None)[0],
    }
    folder.write_json("history", done.history)
    write_weights(folder, done.weights)
    result = {
        "experiment": "yinyang-mac",
        "schema_version": SCHEMA_VERSION,
        "unit": settings.unit,
        "serial": settings.serial,
        "seed": settings.seed,
        "epochs": done.epoch,
        "hidden": settings.hidden,
        "parameters": sum(weight.size for weight in done.weights.values()),
        "gain": outcome.parameter.gain,
        "noise_std": outcome.parameter.noise_std,
        **accuracy,
        "validation_accuracy": done.history[-1]["validation_accuracy"] if done.history else None,
        "train_seconds": round(done.train_seconds, 3),
        "out": str(folder.path),
    }
    folder.write_json("results", result)
    if not options["no_figures"]:
        if has_matplotlib():
            write_figures(folder, settings, done.weights, done.history, test)
        elif not quiet:
            tell('No figures: matplotlib is not installed (pip install "saltation[plot]").')
    if quiet:
        emit(result, as_json=True)
    else:
        click.echo(_in_words(result, settings))


def _in_words(result: dict[str, Any], settings: Settings) -> str:
    return "\n".join(
        [
            f"Test accuracy {100 * result['test_accuracy']:.1f} % on the {settings.unit} unit, of "
            f"{settings.held_out_points} points.",
            f"After {settings.mock_epochs} epochs in the ideal mode: {100 * result['mock_accuracy']:.1f} % there, "
            f"{100 * result['deployed_accuracy']:.1f} % on the unit as it is.",
            f"The unit has a gain of {result['gain']:.5f} LSB and noise of {result['noise_std']:.2f} LSB, as measured.",
            f"Trained in {result['train_seconds']:.0f} s (seed {result['seed']}, {result['parameters']:,} numbers).",
            f"Results are in {result['out']}",
        ]
    )
