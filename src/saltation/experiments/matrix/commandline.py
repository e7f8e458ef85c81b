"""`command_of`: the commands ``saltation run mnist-mac``, ``har`` and ``yinyang-mac``."""

import dataclasses
import inspect
import shlex
import sys
from typing import Any

import click
from click.core import ParameterSource

from saltation.experiments.commands import EXIT_INTERRUPTED, folder_options, require_packages, stored_config, tell
from saltation.experiments.console import emit, progress
from saltation.experiments.matrix.settings import Settings, quick, recipe
from saltation.experiments.results import ResultFolder, open_folder

__all__ = ["command_of"]

_NUMBERS = (
    "seed",
    "epochs",
    "quantised_epochs",
    "ideal_epochs",
    "loop_epochs",
    "circuits",
    "train_limit",
    "test_limit",
)


def command_of(experiment: str, description: str) -> click.Command:
    """Make the command of an experiment."""
    base = recipe(experiment)

    def default(name: str) -> str:
        return f"  [default: {getattr(base, name)}]"

    @click.command(experiment, help=inspect.cleandoc(description), context_settings=_HELP)
    @click.option("--serial", type=click.IntRange(0), multiple=True, help="Which chip; several: each.  [default: 1]")
    @click.option("--seed", type=click.IntRange(0), help=f"Of weights, order and noise.{default('seed')}")
    @click.option("--epochs", type=click.IntRange(1), help=f"Of the float model.{default('epochs')}")
    @click.option(
        "--quantised-epochs",
        type=click.IntRange(0),
        help=f"Of the quantised model.{default('quantised_epochs')}",
    )
    @click.option(
        "--ideal-epochs",
        type=click.IntRange(0),
        help=f"In the ideal mode with noise, behind them.{default('ideal_epochs')}",
    )
    @click.option("--loop-epochs", type=click.IntRange(0), help=f"On each chip, in the loop.{default('loop_epochs')}")
    @click.option(
        "--circuits",
        type=click.IntRange(0),
        help=f"Test samples that also run on the emulated circuits of each chip.{default('circuits')}",
    )
    @click.option("--train-limit", type=click.IntRange(1), help="Train on so many samples only, for a quick look.")
    @click.option("--test-limit", type=click.IntRange(1), help="Test on so many samples only.")
    @click.option("--quick", is_flag=True, help="Few epochs, to see that all works.")
    @folder_options(experiment)
    @click.pass_context
    def command(ctx: click.Context, **options: Any) -> None:
        given = {
            name: value for name, value in options.items() if ctx.get_parameter_source(name) != ParameterSource.DEFAULT
        }
        require_packages(f"saltation run {experiment}", ("torch",), "torch")
        settings = _configuration(experiment, options, given)
        folder = open_folder(options["out"], experiment, settings.to_config(), resume=options["resume"])
        try:
            _run(settings, folder, options)
        except KeyboardInterrupt:
            again = f"saltation run {experiment} --resume --out {shlex.quote(str(folder.path))}"
            tell(f"Interrupted; trainings that are done are kept. To go on:\n  {again}")
            sys.exit(EXIT_INTERRUPTED)

    return command


_HELP = {"help_option_names": ["-h", "--help"]}


def _configuration(experiment: str, options: dict[str, Any], given: dict[str, Any]) -> Settings:
    """Settings of the recipe, or of the folder where one is resumed, and what is given."""
    base, out = recipe(experiment), options["out"]
    if options["resume"] and out is not None and (out / "config.json").exists():
        base = Settings.from_dict(stored_config(ResultFolder(out), experiment, {"experiment", "serials"}))
    if options["quick"]:
        base = quick(base)
    changed = {name: given[name] for name in _NUMBERS if given.get(name) is not None}
    if options["serial"]:
        changed["serials"] = options["serial"]
    return dataclasses.replace(base, **changed)


def _run(settings: Settings, folder: ResultFolder, options: dict[str, Any]) -> None:
    # Here and not above, so that --help waits neither for PyTorch nor for the compiler.
    from saltation.experiments.matrix.output import in_words, write_figures
    from saltation.experiments.matrix.stages import run
    from saltation.experiments.output import has_matplotlib

    quiet = options["as_json"]
    with progress(quiet=quiet) as bar:
        line = bar.add_task("reading data", total=None)

        def show(stage: str, record: dict[str, Any] | None) -> None:
            text = stage
            if record is not None:
                text += f", epoch {record['epoch']}: loss {record['train_loss']:.4f}"
            bar.update(line, description=text)

        outcome = run(settings, folder, show)
    folder.write_json("results", outcome.result)
    if not options["no_figures"]:
        if has_matplotlib():
            write_figures(folder, outcome)
        elif not quiet:
            tell('No figures: matplotlib is not installed (pip install "saltation[plot]").')
    if quiet:
        emit(outcome.result, as_json=True)
    else:
        click.echo(in_words(outcome.result))
