"""`train`: the epochs, with a checkpoint after each."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.errors import GradientError
from saltation.experiments.results import ResultFolder
from saltation.experiments.training import Progress, naming_the_batch, run_epochs
from saltation.experiments.yinyang.evaluation import evaluate
from saltation.experiments.yinyang.learner import Learner, make_learner
from saltation.experiments.yinyang.readout import make_readout
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import SEEDS, Labelled, labelled, orders

__all__ = ["Progress", "train"]


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

    def start() -> Callable[[int], dict[str, Any]]:
        data = labelled(settings.train_points, SEEDS["train"], settings)
        held_out = labelled(settings.held_out_points, SEEDS["validation"], settings)
        # what is compiled on first use is compiled here, so that the epochs' times are those of training
        learner.warm_up(data.stimulus[:1], data.labels[:1])

        def epoch(number: int) -> dict[str, Any]:
            learning_rate = settings.learning_rate_of(number - 1)
            record = _epoch(settings, learner, data, shuffle.permutation(len(data)), number, learning_rate)
            validation = asdict(evaluate(settings, learner.weights(), held_out, threads))
            record |= {f"validation_{name}": validation[name] for name in ("loss", "accuracy")}
            return record | {name: validation[name] for name in ("spikes_per_sample", "silent_fraction")}

        return epoch

    return run_epochs("yinyang", settings.epochs, learner, shuffle, folder, start, on_epoch)


def _epoch(
    settings: Settings,
    learner: Learner,
    data: Labelled,
    order: npt.NDArray[np.int64],
    epoch: int,
    learning_rate: float,
) -> dict[str, Any]:
    """Train on all samples once; give the record of the epoch."""
    readout = make_readout(settings)
    loss, right, heard = 0.0, 0, 0
    for number, at in enumerate(range(0, len(order), settings.batch), start=1):
        chosen = order[at : at + settings.batch]
        labels = data.labels[chosen]
        with naming_the_batch("yinyang", epoch, number, learning_rate):
            step = learner.step(data.stimulus[chosen], labels, learning_rate)
        loss += step.loss * len(chosen)
        right += int(np.count_nonzero(readout.answers(step.observed) == labels))
        heard += int(np.count_nonzero(readout.heard(step.observed)[np.arange(len(labels)), labels]))
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
