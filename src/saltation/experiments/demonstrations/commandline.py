"""The commands ``saltation run chip-...``: all have the same options, and end with 1 where something did not hold."""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saltation.experiments.commands import EXIT_INTERRUPTED, tell
from saltation.experiments.console import emit, progress
from saltation.experiments.results import SCHEMA_VERSION, ResultFolder, open_folder

if TYPE_CHECKING:
    from saltation.experiments.demonstrations.checks import Outcome

__all__ = ["demonstration"]


def demonstration(name: str, module: str, text: str | None) -> click.Command:
    """Make the command of an experiment.

    Parameters
    ----------
    name : str
        Name of the experiment.
    module : str
        Its package; ``measure(setting)`` of the module ``measure`` in it gives an `Outcome`.
    text : str or None
        What ``--help`` shows: the docstring of the package, which runs without docstrings do not have.
    """

    @click.command(name, help=text, context_settings={"help_option_names": ["-h", "--help"]})
    @click.option("--serial", type=click.IntRange(0), default=1, show_default=True, help="Which chip.")
    @click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of temporal noise.")
    @click.option(
        "--uncalibrated",
        is_flag=True,
        help="One code for all circuits in place of a calibration; what needs one then does not hold.",
    )
    @click.option("--quick", is_flag=True, help="Fewer points and repeats.")
    @click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        help=f"Folder for the results.  [default: runs/{name}-<date-time>]",
    )
    @click.option("--no-figures", is_flag=True, help="Draw no figures.")
    @click.option("--json", "as_json", is_flag=True, help="Write one line of JSON and nothing else to stdout.")
    def command(**options: Any) -> None:
        folder = open_folder(options["out"], name, _config(options))
        try:
            held = _run(name, module, folder, options)
        except KeyboardInterrupt:
            tell(f"Interrupted. {folder.path} holds the configuration only.")
            sys.exit(EXIT_INTERRUPTED)
        if not held:
            sys.exit(1)

    return command


def _config(options: dict[str, Any]) -> dict[str, Any]:
    calibrated = not options["uncalibrated"]
    return {"serial": options["serial"], "seed": options["seed"], "calibrated": calibrated, "quick": options["quick"]}


def _run(name: str, module: str, folder: ResultFolder, options: dict[str, Any]) -> bool:
    # Here and not above, so that --help does not wait for the compiler.
    from saltation.bss2 import Chip
    from saltation.experiments.demonstrations.setting import prepare

    config, quiet = _config(options), options["as_json"]
    with progress(quiet=quiet) as bar:
        task = bar.add_task("calibrating" if config["calibrated"] else "measuring", total=None)

        def show(step: str, done: int, total: int) -> None:
            bar.update(task, description=f"calibrating: {step}", completed=done, total=total + 1)

        setting = prepare(
            Chip(config["serial"]),
            calibrated=config["calibrated"],
            quick=config["quick"],
            seed=config["seed"],
            on_step=show,
        )
        bar.update(task, description="measuring")
        outcome = import_module(f"{module}.measure").measure(setting)
        bar.update(task, description="done", completed=1, total=1)
    record = {
        "experiment": name,
        "schema_version": SCHEMA_VERSION,
        **config,
        "held": outcome.held,
        "checks": [each.to_dict() for each in outcome.checks],
    }
    folder.write_json("results", {**record, "curves": outcome.curves})
    if not options["no_figures"]:
        _draw(folder, outcome)
    if quiet:
        emit({**record, "out": str(folder.path)}, as_json=True)
    else:
        _in_words(outcome, folder, config)
    return outcome.held


def _draw(folder: ResultFolder, outcome: "Outcome") -> None:
    from saltation.experiments.output import has_matplotlib, save_figures

    if has_matplotlib():
        save_figures(folder, outcome.draw())
    else:
        tell('No figures: matplotlib is not installed (pip install "saltation[plot]").')


def _in_words(outcome: "Outcome", folder: ResultFolder, config: dict[str, Any]) -> None:
    from rich.console import Console

    from saltation.experiments.demonstrations.checks import table

    Console(width=max(Console().width, 100)).print(table(outcome.checks))
    failed = sum(not each.held for each in outcome.checks)
    chip = f"chip {config['serial']}, {'calibrated' if config['calibrated'] else 'not calibrated'}"
    if failed:
        click.echo(f"{failed} of {len(outcome.checks)} expectations did NOT hold on {chip}.")
    else:
        click.echo(f"All {len(outcome.checks)} expectations held on {chip}.")
    click.echo(f"Results are in {folder.path}")
