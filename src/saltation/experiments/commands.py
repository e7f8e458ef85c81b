"""What the commands of all trainings share: settings of a folder that is resumed, and how a run ends early."""

import importlib.util
import shlex
from typing import Any

import click

from saltation.errors import FileFormatError, MissingDependencyError
from saltation.experiments.results import ResultFolder

__all__ = ["EXIT_INTERRUPTED", "interrupted", "require_frontend", "stored_config", "tell"]

EXIT_INTERRUPTED = 130


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
    for package in {"torch": ("torch",), "jax": ("jax", "optax")}.get(frontend, ()):
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(
                f"--frontend {frontend} needs {package}, which is not installed: "
                f'pip install "saltation[{frontend}]"; --frontend numpy needs nothing more'
            )


def interrupted(folder: ResultFolder, experiment: str, epochs: int) -> str:
    """Say where an interrupted run stands, and how to go on."""
    if not folder.has_checkpoint():
        return f"Interrupted before training began. {folder.path} holds the configuration only."
    epoch = folder.load_checkpoint().epoch
    again = f"saltation run {experiment} --resume --out {shlex.quote(str(folder.path))}"
    return f"Interrupted after epoch {epoch} of {epochs}. To go on:\n  {again}"


def tell(text: str) -> None:
    """Write to stderr, where stdout is for results."""
    click.echo(text, err=True)
