"""Trained networks: those of a folder that is given, or trained here and kept in one of their own."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.experiments.commands import stored_config
from saltation.experiments.on_chip import ChipSettings
from saltation.experiments.recipe import Recipe
from saltation.experiments.results import ResultFolder, open_folder
from saltation.experiments.training import Progress

__all__ = ["Given", "chip_note", "given", "kept_weights", "training_of", "weights_of"]

Floats = npt.NDArray[np.float64]
Weights = dict[str, Floats]

_COMMANDS = ("mnist", "yinyang")
"""Experiments that `saltation run` trains; others are trained by the table alone."""


@final
@dataclass(frozen=True, slots=True)
class Given:
    """A trained network of a folder: its configuration, and where it is."""

    path: Path
    config: Mapping[str, Any]


def given(folders: Iterable[Path], experiment: str) -> list[Given]:
    """Those of folders of ``saltation run`` that are of one experiment.

    Raises
    ------
    FileFormatError
        If one of them holds no run.
    ParameterError
        If its training is not finished.
    """
    found: list[Given] = []
    for path in folders:
        folder = ResultFolder(path)
        stored = folder.read_json("config")
        if not isinstance(stored, dict) or stored.get("experiment") != experiment:
            continue
        config = stored_config(folder, experiment, {"epochs", "seed", "backend"})
        epoch = folder.load_checkpoint().epoch
        if epoch != config["epochs"]:
            raise ParameterError(
                f"{path}: its training is at epoch {epoch} of {config['epochs']}; go on with it: "
                + _to_go_on(path, experiment)
            )
        found.append(Given(path, config))
    return found


def _to_go_on(path: Path, experiment: str) -> str:
    if experiment in _COMMANDS:
        return f"saltation run {experiment} --resume --out {shlex.quote(str(path))}"
    return "the 'saltation bench neurobench' command that began it, again, with the same --out folder"


def kept_weights(
    path: Path,
    experiment: str,
    config: Mapping[str, Any],
    epochs: int,
    train: Callable[[ResultFolder, Callable[[Progress], object]], Progress],
    tell: Callable[[str], object],
) -> Weights:
    """Weights of a folder, trained if it has none yet or not to the end.

    Parameters
    ----------
    path : Path
        The folder, as ``saltation run`` would leave it.
    experiment, config : str, dict
        Written to a new folder, and compared with those of an old one.
    epochs : int
        How many there are in all.
    train : callable
        Trains in the folder, and tells after each epoch.
    tell : callable
        Hears where training is.

    Raises
    ------
    ParameterError
        If the folder holds a run of another configuration.
    """
    folder = open_folder(path, experiment, config, resume=True)
    if not folder.has_checkpoint() or folder.load_checkpoint().epoch < epochs:
        train(folder, lambda now: tell(f"training, epoch {now.epoch} of {epochs}"))
    return weights_of(path)


def weights_of(path: Path) -> Weights:
    """Weights of the last epoch."""
    arrays = ResultFolder(path).load_checkpoint().arrays
    return {name: np.asarray(array, np.float64) for name, array in arrays.items()}


def chip_note(settings: ChipSettings) -> str:
    """What is special of a chip: nothing where it has all imperfections, and is calibrated.

    Examples
    --------
    >>> from saltation.experiments.neurobench.models import chip_note
    >>> from saltation.experiments.yinyang import Settings
    >>> chip_note(Settings()), chip_note(Settings(calibrated=False))
    ('', ', uncalibrated')
    """
    left = "" if settings.imperfections == "all" else f", imperfections {settings.imperfections}"
    return left if settings.calibrated else f"{left}, uncalibrated"


def training_of(settings: Recipe, backend: str, serial: int) -> str:
    """On what a model was trained, and for how long, in words.

    Examples
    --------
    >>> from saltation.experiments.neurobench.models import training_of
    >>> from saltation.experiments.yinyang import Settings
    >>> training_of(Settings(epochs=30, backend="bss2", serial=2), "bss2", 2)
    'in the loop of chip 2, 30 epochs'
    """
    where = {"exact": "exact", "grid": "on a grid"}.get(backend, f"in the loop of chip {serial}")
    return f"{where}, {settings.epochs} epochs"
