"""A network of spikes that goes on by itself: each point from its own predictions, many starts at once.

A small error of one step does not tell whether a predictor stays on the attractor: an error that moves it away from
the points that it learned from meets a function that nothing has trained there.  Free runs over known points tell.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from saltation.engine import Exact, simulate
from saltation.engine.run import Run
from saltation.model import Network, Spikes, Voltage
from saltation.neurobench.metrics import smape
from saltation.neurobench.tasks.spiking_network import SpikingSettings, encode

__all__ = ["closed_loop_error", "free_run", "run_points"]

Floats = npt.NDArray[np.float64]

STARTS: Final = 16
"""Free runs over known points: enough to meet most of the attractor."""


def run_points(network: Network, points: Floats, settings: SpikingSettings) -> Run:
    """A run of the network for each row of points, ``[sample, lag]``."""
    stimulus = {"in": Spikes.from_latencies(encode(points, settings))}
    probe = {"out": Voltage([settings.duration])}
    return simulate(network, stimulus, settings.duration, backend=Exact(threads=1), record=probe)


def free_run(network: Network, settings: SpikingSettings, seen: Floats, steps: int) -> tuple[Floats, Floats]:
    """Go on by itself from several starts.

    Parameters
    ----------
    seen : ndarray, [start, lag]
        The points before, the last one first.

    Returns
    -------
    found : ndarray, [start, step]
    inputs : ndarray, [start, step, input]
        What the network saw at each step.
    """
    lags = list(settings.lags)
    found, inputs = np.empty((len(seen), steps)), np.empty((len(seen), steps, len(lags)))
    for k in range(steps):
        inputs[:, k] = seen[:, lags]
        found[:, k] = run_points(network, inputs[:, k], settings).voltage["out"][:, 0, 0]
        seen = np.concatenate([found[:, k : k + 1], seen[:, :-1]], axis=1)
    return found, inputs


def closed_loop_error(network: Network, settings: SpikingSettings, known: Floats) -> float:
    """SMAPE of free runs of half the known points, from starts in their first half; 200 where one is lost."""
    longest = max(settings.lags) + 1
    steps = known.size // 2
    starts = np.unique(np.linspace(longest - 1, known.size - 1 - steps, STARTS).astype(int))
    seen = np.stack([known[start - longest + 1 : start + 1][::-1] for start in starts])
    found, _ = free_run(network, settings, seen, steps)
    return smape(found, np.stack([known[start + 1 : start + 1 + steps] for start in starts]))
