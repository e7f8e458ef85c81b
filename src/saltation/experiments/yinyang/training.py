"""`train`: the epochs, with a checkpoint after each."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.errors import FileFormatError, GradientError, ParameterError, SimulationError
from saltation.experiments.results import Checkpoint, ResultFolder
from saltation.experiments.yinyang.evaluation import evaluate
from saltation.experiments.yinyang.learner import Learner, make_learner
from saltation.experiments.yinyang.loss import winner
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import PROJECTIONS, SEEDS, Labelled, labelled, orders

__all__ = ["Progress", "train"]


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
    """

    epoch: int
    weights: dict[str, npt.NDArray[np.float64]]
    history: list[dict[str, Any]]
    train_seconds: float


def train(
    settings: Settings,
    folder: ResultFolder | None = None,
    *,
    frontend: str = "numpy",
    threads: int | None = None,
    on_epoch: Callable[[Progress], object] = lambda progress: None,
) -> Progress:
    """Train a network, from where the checkpoint in `folder` is, or from the start.

    Parameters
    ----------
    settings : Settings
        The recipe.
    folder : ResultFolder, optional
        Where a checkpoint is written before the first and after each epoch, and read if there is one. What is
        then trained is bit for bit what it would have been without the interruption.
    frontend : str
        "numpy", "torch" or "jax".
    threads : int, optional
        Number of threads; the result does not depend on it.
    on_epoch : callable
        Called at the start and after each epoch.

    Returns
    -------
    Progress
        As it is after the last epoch.

    Raises
    ------
    GradientError
        If a loss, a gradient or a weight is not finite, or no neuron of a label spikes any more, so that
        there is nothing to learn from.
    ParameterError
        If the checkpoint has more epochs than wanted.
    FileFormatError
        If it is damaged.

    Examples
    --------
    >>> from saltation.experiments.yinyang import Settings, train
    >>> settings = Settings(epochs=1, hidden=20, train_points=32, held_out_points=10)
    >>> train(settings).history[0]["epoch"]
    1
    """
    learner, shuffle = make_learner(frontend, settings, threads), orders(settings)
    progress = Progress(0, learner.weights(), [], 0.0)
    if folder is not None and folder.has_checkpoint():
        _resume(folder, settings, progress, learner, shuffle)
    elif folder is not None:
        _save(folder, progress, learner, shuffle)
    data = labelled(settings.train_points, SEEDS["train"], settings)
    held_out = labelled(settings.held_out_points, SEEDS["validation"], settings)
    # what is compiled on first use is compiled here, so that the epochs' times are those of training
    learner.warm_up(data.stimulus[:1], data.labels[:1])
    on_epoch(progress)
    while progress.epoch < settings.epochs:
        start = time.perf_counter()
        learning_rate = settings.learning_rate_of(progress.epoch)
        record = _epoch(settings, learner, data, shuffle.permutation(len(data)), progress.epoch + 1, learning_rate)
        validation = asdict(evaluate(settings, learner.weights(), held_out, threads))
        record |= {f"validation_{name}": validation[name] for name in ("loss", "accuracy")}
        record |= {name: validation[name] for name in ("spikes_per_sample", "silent_fraction")}
        progress.weights = learner.weights()
        progress.history.append(record)
        progress.epoch += 1
        record["seconds"] = time.perf_counter() - start
        progress.train_seconds += record["seconds"]
        if folder is not None:
            _save(folder, progress, learner, shuffle)
            progress.train_seconds += time.perf_counter() - start - record["seconds"]
        on_epoch(progress)
    return progress


def _epoch(
    settings: Settings,
    learner: Learner,
    data: Labelled,
    order: npt.NDArray[np.int64],
    epoch: int,
    learning_rate: float,
) -> dict[str, Any]:
    """Train on all samples once; give the record of the epoch."""
    loss, right, heard = 0.0, 0, 0
    for number, at in enumerate(range(0, len(order), settings.batch), start=1):
        chosen = order[at : at + settings.batch]
        labels = data.labels[chosen]
        try:
            step = learner.step(data.stimulus[chosen], labels, learning_rate)
        except (GradientError, SimulationError) as error:
            raise GradientError(
                f"yinyang: training stopped in epoch {epoch}, batch {number}, learning rate {learning_rate:g}: "
                f"{error}. A smaller learning rate, in a new folder, may avoid this; the checkpoint, if there is one, "
                "is that of the last whole epoch"
            ) from error
        loss += step.loss * len(chosen)
        right += int(np.count_nonzero(winner(step.first) == labels))
        heard += int(np.count_nonzero(np.isfinite(step.first[np.arange(len(labels)), labels])))
    if not heard:
        raise GradientError(
            f"yinyang: in epoch {epoch} no neuron of a label spiked, so there is no gradient to learn from. The "
            "weights are too small, or a large learning rate made them so: try another one in a new folder"
        )
    n = len(order)
    return {
        "epoch": epoch,
        "learning_rate": learning_rate,
        "train_loss": loss / n,
        "train_accuracy": right / n,
        "train_silent_labels": 1.0 - heard / n,
    }


def _save(folder: ResultFolder, progress: Progress, learner: Learner, shuffle: np.random.Generator) -> None:
    extra = {"history": progress.history, "train_seconds": progress.train_seconds}
    state = shuffle.bit_generator.state
    folder.save_checkpoint(Checkpoint(progress.epoch, progress.weights, learner.state(), state, extra))


def _resume(
    folder: ResultFolder, settings: Settings, progress: Progress, learner: Learner, shuffle: np.random.Generator
) -> None:
    checkpoint = folder.load_checkpoint()
    if checkpoint.epoch > settings.epochs:
        raise ParameterError(
            f"yinyang: epochs must be at least {checkpoint.epoch}, which {folder.path} has behind it; got "
            f"{settings.epochs}"
        )
    try:
        learner.restore(checkpoint.arrays, checkpoint.optimiser)
        shuffle.bit_generator.state = checkpoint.rng_state
        progress.history = list(checkpoint.extra["history"])
        progress.train_seconds = float(checkpoint.extra["train_seconds"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise FileFormatError(
            f"{folder.path}: its checkpoint is not one of this experiment ({type(error).__name__}: {error}). Start "
            "again in another folder."
        ) from error
    progress.epoch = checkpoint.epoch
    progress.weights = {name: learner.weights()[name] for name in PROJECTIONS}
