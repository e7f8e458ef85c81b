"""`train`: what an epoch is."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from saltation.experiments.mnist.evaluation import evaluate
from saltation.experiments.mnist.learner import make_learner
from saltation.experiments.mnist.settings import Settings
from saltation.experiments.mnist.task import load, randomness
from saltation.experiments.readout_learner import train_epoch
from saltation.experiments.results import ResultFolder
from saltation.experiments.training import Progress, run_epochs

__all__ = ["train"]


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
        "numpy" or "torch".
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
    MissingDataError
        If the data set is not on this machine.
    GradientError
        If a loss, a gradient or a weight is not finite.
    ParameterError
        If the checkpoint has more epochs than wanted.
    FileFormatError
        If it, or a file of the data set, is damaged.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from saltation.experiments.mnist import recipe, train
    >>> train(replace(recipe("digits"), epochs=1, hidden=20, train_limit=64)).history[0]["epoch"]
    1
    """
    sets = load(settings)
    learner, rng = make_learner(frontend, settings, threads), randomness(settings)

    def start() -> Callable[[int], dict[str, Any]]:
        # what is compiled on first use is compiled here, so that the epochs' times are those of training
        learner.warm_up(sets.train[:1])

        def epoch(number: int) -> dict[str, Any]:
            record = train_epoch("mnist", settings, learner, sets.train, rng, number)
            validation = asdict(evaluate(settings, learner.weights(), sets.validation, threads))
            return record | {f"validation_{name}": validation[name] for name in ("loss", "accuracy")}

        return epoch

    return run_epochs("mnist", settings.epochs, learner, rng, folder, start, on_epoch)
