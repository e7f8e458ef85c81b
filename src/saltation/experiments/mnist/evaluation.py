"""How good weights are: accuracy, loss and activity on pictures that are not trained on."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from saltation.engine import Run, simulate
from saltation.experiments.labelled import Labelled
from saltation.experiments.mnist.settings import Settings
from saltation.experiments.mnist.task import make_backend, make_network
from saltation.experiments.readout_learner import LARGEST, Scores, readings_of, score
from saltation.model import Spikes

__all__ = ["Scores", "evaluate", "peaks", "run_network"]

Floats = npt.NDArray[np.float64]


def run_network(settings: Settings, weights: Mapping[str, Floats], stimulus: Spikes, threads: int | None = None) -> Run:
    """Run the network with given weights."""
    network, backend = make_network(settings, weights), make_backend(settings, threads)
    return simulate(network, {"in": stimulus}, settings.duration, backend=backend, record=LARGEST.record)


def evaluate(settings: Settings, weights: Mapping[str, Floats], data: Labelled, threads: int | None = None) -> Scores:
    """Score weights on labelled pictures.

    Examples
    --------
    >>> from saltation.experiments.mnist import evaluate, recipe
    >>> from saltation.experiments.mnist.task import initial_weights, load
    >>> settings = recipe("digits")
    >>> evaluate(settings, initial_weights(settings), load(settings).validation).samples
    200
    """
    return score(make_network(settings, weights), data, settings.duration, make_backend(settings, threads))


def peaks(
    settings: Settings, weights: Mapping[str, Floats], stimulus: Spikes, threads: int | None = None
) -> tuple[Floats, int]:
    """Give the largest voltages, [sample, class], and the number of hidden spikes."""
    return readings_of(make_network(settings, weights), stimulus, settings.duration, make_backend(settings, threads))
