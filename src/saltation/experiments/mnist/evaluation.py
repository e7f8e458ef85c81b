"""How good weights are: accuracy, loss and activity on pictures that are not trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.engine import Run, simulate
from saltation.experiments.mnist.learner import RECORD
from saltation.experiments.mnist.settings import Settings
from saltation.experiments.mnist.task import Labelled, make_backend, make_network
from saltation.experiments.voltage_loss import cross_entropy
from saltation.model import Spikes

__all__ = ["Scores", "evaluate", "peaks", "run_network"]

Floats = npt.NDArray[np.float64]

_AT_ONCE = 100  # samples of one call: bounds the memory for what a gradient would need of them


@final
@dataclass(frozen=True, slots=True)
class Scores:
    """Averages over samples.

    Attributes
    ----------
    accuracy : float
        Share of samples in which the readout of the label reaches highest; the lowest of those that reach equally
        high counts.
    loss : float
        As in training, without dropout.
    spikes_per_sample : float
        Spikes of the hidden layer.
    samples : int
        Number of samples.
    """

    accuracy: float
    loss: float
    spikes_per_sample: float
    samples: int


def run_network(settings: Settings, weights: Mapping[str, Floats], stimulus: Spikes, threads: int | None = None) -> Run:
    """Run the network with given weights."""
    network, backend = make_network(settings, weights), make_backend(settings, threads)
    return simulate(network, {"in": stimulus}, settings.duration, backend=backend, record=RECORD)


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
    peak, spikes = peaks(settings, weights, data.stimulus, threads)
    loss, _ = cross_entropy(peak, data.labels)
    right = float(np.mean(peak.argmax(axis=1) == data.labels))
    return Scores(right, loss, spikes / len(data), len(data))


def peaks(
    settings: Settings, weights: Mapping[str, Floats], stimulus: Spikes, threads: int | None = None
) -> tuple[Floats, int]:
    """Give the largest voltages, [sample, class], and the number of hidden spikes."""
    # one for all calls: a chip then has other noise in each
    network, backend = make_network(settings, weights), make_backend(settings, threads)
    found: list[Floats] = []
    spikes = 0
    for at in range(0, stimulus.batch, _AT_ONCE):
        # no run outlives its turn: each holds what a gradient would need
        some = {"in": stimulus[at : at + _AT_ONCE]}
        run = simulate(network, some, settings.duration, backend=backend, record=RECORD)
        found.append(run.voltage["out"])
        spikes += run.spikes["hid"].n_events
    return np.concatenate(found), spikes
