"""How good weights are: accuracy, loss and activity on points that are not trained on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.engine import Run, simulate
from saltation.experiments.yinyang.readout import make_readout
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import Labelled, encode, labelled, make_backend, make_network
from saltation.model import Spikes

__all__ = ["Scores", "evaluate", "evaluate_fresh", "observe", "run_network"]

Floats = npt.NDArray[np.float64]

_AT_ONCE = 1000  # samples of one call: bounds the memory for their spikes
_FRESH_SEED = 1234


@final
@dataclass(frozen=True, slots=True)
class Scores:
    """Averages over samples.

    Attributes
    ----------
    accuracy : float
        Share of samples in which the neuron of the label spikes first, or gets the highest voltage. Of several at once,
        the one with the lowest number counts; a sample in which all are silent is wrong.
    loss : float
        As in training.
    spikes_per_sample : float
        Spikes of the hidden and the output layer together.
    silent_fraction : float
        Share of output neurons, in all samples, that do not spike where they should.
    samples : int
        Number of samples.
    """

    accuracy: float
    loss: float
    spikes_per_sample: float
    silent_fraction: float
    samples: int


def run_network(settings: Settings, weights: Mapping[str, Floats], stimulus: Spikes, threads: int | None = None) -> Run:
    """Run the network with given weights."""
    network, backend = make_network(settings, weights), make_backend(settings, threads)
    record = make_readout(settings).record
    return simulate(network, {"in": stimulus}, settings.duration, backend=backend, record=record)


def evaluate(settings: Settings, weights: Mapping[str, Floats], data: Labelled, threads: int | None = None) -> Scores:
    """Score weights on labelled points.

    Examples
    --------
    >>> from saltation.experiments.yinyang import Settings, evaluate
    >>> from saltation.experiments.yinyang.task import initial_weights, labelled
    >>> settings = Settings(hidden=20)
    >>> evaluate(settings, initial_weights(settings), labelled(10, 41, settings)).samples
    10
    """
    parts = [
        _scores(settings, weights, data.stimulus[at : at + _AT_ONCE], data.labels[at : at + _AT_ONCE], threads)
        for at in range(0, len(data), _AT_ONCE)
    ]
    return _mean(parts)


def evaluate_fresh(
    settings: Settings,
    weights: Mapping[str, Floats],
    samples: int,
    threads: int | None = None,
    done: Callable[[int], object] = lambda samples: None,
) -> Scores:
    """Score weights on freshly drawn points (seed 1234); `done` hears of each batch."""
    data = labelled(samples, _FRESH_SEED, settings)
    parts: list[Scores] = []
    for at in range(0, samples, _AT_ONCE):
        cut = slice(at, at + _AT_ONCE)
        parts.append(_scores(settings, weights, data.stimulus[cut], data.labels[cut], threads))
        done(parts[-1].samples)
    return _mean(parts)


def observe(settings: Settings, weights: Mapping[str, Floats], points: Floats, threads: int | None = None) -> Floats:
    """What the readout gives for points [n, 2], the coordinates x and y, or [n, 4]; [n, 3]."""
    if points.shape[1] == 2:
        points = np.concatenate([points, 1.0 - points], axis=1)
    parts = [points[at : at + _AT_ONCE] for at in range(0, len(points), _AT_ONCE)]
    runs = (run_network(settings, weights, encode(part, settings), threads) for part in parts)
    return np.concatenate([make_readout(settings).observe(run) for run in runs])


def _scores(
    settings: Settings,
    weights: Mapping[str, Floats],
    stimulus: Spikes,
    labels: npt.NDArray[np.int64],
    threads: int | None,
) -> Scores:
    run, readout = run_network(settings, weights, stimulus, threads), make_readout(settings)
    observed = readout.observe(run)
    loss, _ = readout.loss(observed, labels)
    spikes = sum(run.spikes[name].n_events for name in ("hid", "out") if name in run.spikes)
    return Scores(
        accuracy=float(np.mean(readout.answers(observed) == labels)),
        loss=loss,
        spikes_per_sample=spikes / len(labels),
        silent_fraction=1.0 - float(np.mean(readout.heard(observed))),
        samples=len(labels),
    )


def _mean(parts: list[Scores]) -> Scores:
    samples = sum(part.samples for part in parts)

    def mean(name: str) -> float:
        return sum(getattr(part, name) * part.samples for part in parts) / samples

    return Scores(
        accuracy=mean("accuracy"),
        loss=mean("loss"),
        spikes_per_sample=mean("spikes_per_sample"),
        silent_fraction=mean("silent_fraction"),
        samples=samples,
    )
