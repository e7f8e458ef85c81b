"""What the commands of all trainings share: settings of a folder that is resumed, and how a run ends early."""

import importlib.util
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from saltation.errors import FileFormatError, MissingDependencyError, ParameterError
from saltation.experiments.results import ResultFolder

__all__ = [
    "CHIP_OPTIONS",
    "EXIT_INTERRUPTED",
    "check_imperfections",
    "chip_options",
    "folder_options",
    "interrupted",
    "refuse_idle",
    "require_frontend",
    "require_packages",
    "stored_config",
    "tell",
]

EXIT_INTERRUPTED = 130
CHIP_OPTIONS = ("serial", "rows", "imperfections", "calibrated")
"""Settings that `chip_options` gives."""

Command = TypeVar("Command", bound=Callable[..., Any])


def chip_options(rows: int) -> Callable[[Command], Command]:
    """Add the options of a chip to a command, with a default of rows."""
    options = [
        click.option("--serial", type=click.IntRange(0), default=1, show_default=True, help="Which chip."),
        click.option(
            "--rows",
            type=click.IntRange(1),
            default=rows,
            show_default=True,
            help="Rows of a synapse on the chip.",
        ),
        click.option(
            "--imperfections",
            default="all",
            show_default=True,
            help="Of the chip: all, none, or what is left of them, such as noise or variation.leak.",
        ),
        click.option(
            "--calibrated/--uncalibrated",
            default=True,
            show_default=True,
            help="Codes for each circuit, or for all. Calibrations are kept in the folder $SALTATION_CALIBRATIONS, if "
            "that is set.",
        ),
    ]
    return lambda command: _with(command, options)


def folder_options(experiment: str) -> Callable[[Command], Command]:
    """Add the options of a run and its folder to a command: out, resume, no-figures and json."""
    options = [
        click.option(
            "--out",
            type=click.Path(path_type=Path, file_okay=False),
            help=f"Folder for the results.  [default: runs/{experiment}-<date-time>]",
        ),
        click.option("--resume", is_flag=True, help="Go on with the run in --out, with its settings, or start it."),
        click.option("--no-figures", is_flag=True, help="Draw no figures."),
        click.option("--json", "as_json", is_flag=True, help="Write one line of JSON and nothing else to stdout."),
    ]
    return lambda command: _with(command, options)


def _with(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    for option in reversed(options):  # click lists the last one that is added first
        command = option(command)
    return command


def refuse_idle(given: Mapping[str, Any], names: tuple[str, ...], used: bool, owner: str, remedy: str) -> None:
    """Refuse options that would have no effect; a folder that is resumed may be what uses them.

    Raises
    ------
    ParameterError
        If one of them is given and not used.
    """
    idle = [f"--{name.replace('_', '-')}" for name in names if name in given]
    if idle and not used:
        raise ParameterError(
            f"{' and '.join(idle)} {'belong' if idle[1:] else 'belongs'} to {owner}, and would change nothing here. "
            f"Leave that out, or take {remedy}"
        )


def check_imperfections(what: str) -> None:
    """Refuse imperfections that a chip does not have now, before a folder is made and kernels are compiled.

    Raises
    ------
    ParameterError
        If there is no such imperfection.
    """
    from saltation.bss2 import imperfect  # here, so that --help does not wait for it

    imperfect(what)


def stored_config(folder: ResultFolder, experiment: str, needed: set[str]) -> dict[str, Any]:
    """Read the configuration of a run that is resumed.

    Raises
    ------
    FileFormatError
        If the folder does not hold a run of this experiment, which has the `needed` keys.
    """
    stored = folder.read_json("config")
    config = stored.get("config") if isinstance(stored, dict) else None
    if not isinstance(config, dict) or not needed <= set(config):
        raise FileFormatError(
            f"{folder.path / 'config.json'} does not hold the configuration of a run of {experiment}: give another "
            "folder."
        )
    return dict(config)


def require_frontend(frontend: str) -> None:
    """Miss the packages of a front end now, before a folder is made.

    Raises
    ------
    MissingDependencyError
        If one of them is not installed.
    """
    packages = {"torch": ("torch",), "jax": ("jax", "optax")}.get(frontend, ())
    require_packages(f"--frontend {frontend}", packages, frontend, "; --frontend numpy needs nothing more")


def require_packages(what: str, packages: Iterable[str], extra: str, otherwise: str = "") -> None:
    """Miss packages now, before a folder is made.

    Raises
    ------
    MissingDependencyError
        If one of them is not installed.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(
                f'{what} needs {package}, which is not installed: pip install "saltation[{extra}]"{otherwise}'
            )


def interrupted(folder: ResultFolder, experiment: str, epochs: int, unit: str = "epoch") -> str:
    """Say where an interrupted run stands, and how to go on."""
    if not folder.has_checkpoint():
        return f"Interrupted before training began. {folder.path} holds the configuration only."
    epoch = folder.load_checkpoint().epoch
    again = f"saltation run {experiment} --resume --out {shlex.quote(str(folder.path))}"
    return f"Interrupted after {unit} {epoch} of {epochs}. To go on:\n  {again}"


def tell(text: str) -> None:
    """Write to stderr, where stdout is for results."""
    click.echo(text, err=True)
