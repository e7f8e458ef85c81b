"""`run_epochs`: epochs with a checkpoint after each, so that an interrupted training goes on where it was."""

import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.errors import FileFormatError, GradientError, ParameterError, SimulationError
from saltation.experiments.results import Checkpoint, ResultFolder

__all__ = ["Progress", "Trained", "check_finite", "naming_the_batch", "run_epochs"]

Floats = npt.NDArray[np.float64]


@final
@dataclass(slots=True)
class Progress:
    """Where training is.

    Attributes
    ----------
    epoch : int
        Number of epochs done.
    weights : dict of str to ndarray
        The weights after them.
    history : list of dict
        A record for each epoch, as `saltation.plot.learning_curves` takes it.
    train_seconds : float
        Time that the epochs took, with validation and checkpoints, also before an interruption.
    prepare_seconds : float
        Time before them, of this process alone: data, compilation and, on a chip, calibration.
    """

    epoch: int
    weights: dict[str, Floats]
    history: list[dict[str, Any]]
    train_seconds: float
    prepare_seconds: float = 0.0


class Trained(ABC):
    """Weights and the state of their optimiser, as a checkpoint wants them; abstract."""

    @abstractmethod
    def weights(self) -> dict[str, Floats]:
        """Give the weights of now, by name."""

    @abstractmethod
    def state(self) -> Any:
        """Give the state of the optimiser, as a tree."""

    @abstractmethod
    def restore(self, weights: Mapping[str, Floats], state: Any) -> None:
        """Take up earlier weights, and the state of the optimiser that `state` gave."""


def run_epochs(
    name: str,
    epochs: int,
    learner: Trained,
    rng: np.random.Generator | None,
    folder: ResultFolder | None,
    start: Callable[[], Callable[[int], dict[str, Any]]],
    on_epoch: Callable[[Progress], object] = lambda progress: None,
) -> Progress:
    """Run epochs, from where the checkpoint in `folder` is, or from the first.

    Parameters
    ----------
    name : str
        Of the experiment, for errors.
    epochs : int
        How many there are in all.
    learner : Trained
        What is trained.
    rng : numpy.random.Generator, optional
        All randomness of an epoch; its state is part of the checkpoint. None where it is part of the learner's state.
    folder : ResultFolder, optional
        Where a checkpoint is written before the first and after each epoch, and read if there is one. What is
        then trained is bit for bit what it would have been without the interruption.
    start : callable
        Called once, when the learner is as it was: prepares the data, and gives the function that trains epoch 1,
        2, ... and returns its record. Its time does not count as training.
    on_epoch : callable
        Called at the start and after each epoch.

    Returns
    -------
    Progress
        As it is after the last epoch.

    Raises
    ------
    ParameterError
        If the checkpoint has more epochs than wanted.
    FileFormatError
        If it is damaged.
    """
    progress = Progress(0, learner.weights(), [], 0.0)
    if folder is not None and folder.has_checkpoint():
        _resume(name, folder, epochs, progress, learner, rng)
    elif folder is not None:
        _save(folder, progress, learner, rng)
    begin = time.perf_counter()
    epoch = start()
    progress.prepare_seconds = time.perf_counter() - begin
    on_epoch(progress)
    while progress.epoch < epochs:
        begin = time.perf_counter()
        record = epoch(progress.epoch + 1)
        progress.weights = learner.weights()
        progress.history.append(record)
        progress.epoch += 1
        record["seconds"] = time.perf_counter() - begin
        progress.train_seconds += record["seconds"]
        if folder is not None:
            _save(folder, progress, learner, rng)
            progress.train_seconds += time.perf_counter() - begin - record["seconds"]
        on_epoch(progress)
    return progress


@contextlib.contextmanager
def naming_the_batch(name: str, epoch: int, batch: int, learning_rate: float) -> Iterator[None]:
    """Let an error of a step say where it was, and what may help."""
    try:
        yield
    except (GradientError, SimulationError) as error:
        raise GradientError(
            f"{name}: training stopped in epoch {epoch}, batch {batch}, learning rate {learning_rate:g}: {error}. "
            "A smaller learning rate, in a new folder, may avoid this; the checkpoint, if there is one, is that of "
            "the last whole epoch"
        ) from error


def check_finite(what: str, values: Any) -> None:
    """Refuse to go on with a NaN or an infinity."""
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise GradientError(f"{what} is not finite ({bad} of {np.size(values)} values)")


def _save(folder: ResultFolder, progress: Progress, learner: Trained, rng: np.random.Generator | None) -> None:
    extra = {"history": progress.history, "train_seconds": progress.train_seconds}
    state = None if rng is None else rng.bit_generator.state
    folder.save_checkpoint(Checkpoint(progress.epoch, progress.weights, learner.state(), state, extra))


def _resume(
    name: str, folder: ResultFolder, epochs: int, progress: Progress, learner: Trained, rng: np.random.Generator | None
) -> None:
    checkpoint = folder.load_checkpoint()
    if checkpoint.epoch > epochs:
        raise ParameterError(
            f"{name}: epochs must be at least {checkpoint.epoch}, which {folder.path} has behind it; got {epochs}"
        )
    try:
        learner.restore(checkpoint.arrays, checkpoint.optimiser)
        if rng is not None:
            rng.bit_generator.state = checkpoint.rng_state
        progress.history = list(checkpoint.extra["history"])
        progress.train_seconds = float(checkpoint.extra["train_seconds"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise FileFormatError(
            f"{folder.path}: its checkpoint is not one of this experiment ({type(error).__name__}: {error}). Start "
            "again in another folder."
        ) from error
    progress.epoch = checkpoint.epoch
    progress.weights = learner.weights()
