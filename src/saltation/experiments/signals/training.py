"""`train`: what an epoch is, and from where it starts."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.experiments.mnist.clipping import clip_neurons
from saltation.experiments.readout_learner import ReadoutLearner, score, train_epoch
from saltation.experiments.results import ResultFolder
from saltation.experiments.signals.settings import Settings
from saltation.experiments.signals.task import (
    PROJECTIONS,
    Sets,
    initial_weights,
    make_backend,
    make_network,
    randomness,
    read_by,
)
from saltation.experiments.training import Progress, run_epochs

__all__ = ["train"]

Floats = npt.NDArray[np.float64]


def train(
    settings: Settings,
    sets: Sets,
    folder: ResultFolder | None = None,
    *,
    weights: Mapping[str, Floats] | None = None,
    threads: int | None = None,
    on_epoch: Callable[[Progress], object] = lambda progress: None,
) -> Progress:
    """Train a network, from where the checkpoint in `folder` is, or from the start.

    Parameters
    ----------
    settings : Settings
        The recipe.
    sets : Sets
        The data, as `saltation.experiments.signals.task.load` gives them.
    folder : ResultFolder, optional
        Where a checkpoint is written before the first and after each epoch, and read if there is one. What is
        then trained is bit for bit what it would have been without the interruption.
    weights : dict of str to ndarray, optional
        What the start is; None draws them.
    threads : int, optional
        Number of threads; the result does not depend on it.
    on_epoch : callable
        Called at the start and after each epoch.

    Returns
    -------
    Progress
        As it is after the last epoch; its records have loss and accuracy of validation where something is held out.

    Raises
    ------
    GradientError
        If a loss, a gradient or a weight is not finite.
    ParameterError
        If the checkpoint has more epochs than wanted.
    FileFormatError
        If it is damaged.
    """
    network = make_network(settings, initial_weights(settings) if weights is None else weights)
    backend = make_backend(settings, threads)
    window, readout, rng = settings.duration, read_by(settings), randomness(settings)
    learner = ReadoutLearner(network, PROJECTIONS, backend, window, readout, lambda each: _shortened(each, settings))

    def start() -> Callable[[int], dict[str, Any]]:
        learner.warm_up(sets.train[:1])

        def epoch(number: int) -> dict[str, Any]:
            record = train_epoch(settings.dataset, settings, learner, sets.train, rng, number)
            if sets.validation is None:
                return record
            now = make_network(settings, learner.weights())
            found = score(now, sets.validation, window, make_backend(settings, threads), readout)
            return record | {"validation_loss": found.loss, "validation_accuracy": found.accuracy}

        return epoch

    return run_epochs(settings.dataset, settings.epochs, learner, rng, folder, start, on_epoch)


def _shortened(gradients: dict[str, Floats], settings: Settings) -> dict[str, Floats]:
    into_hidden = clip_neurons(gradients["weight_in_hid"], settings.clip_quantile, axis=1)
    return gradients | {"weight_in_hid": into_hidden}
