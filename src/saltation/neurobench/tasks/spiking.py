"""`Spiking`: a network of spikes that predicts a chaotic function, trained by exact gradients.

Only hidden neurons are trained by descent. The readout is linear in its weights, and at each step it is the best one:

    F(weight, v_leak) = min_readout  mean (v(T) - target)^2 + ridge |readout|^2

The derivative of such a minimum is that at a fixed readout, so EventProp's gradient of the hidden weights, with the
best readout held, is the exact gradient of F (variable projection). The logarithm of F is descended, for F falls by
orders of magnitude and a step should not.

A prediction has to be right to four digits to stay right for some Lyapunov times. That takes functions without jumps.
Leak potentials above the threshold see to it: spikes neither appear nor vanish but at the end of the window, where they
do not count yet, unless inhibition that is on its way turns a neuron back just below its threshold.
"""

import dataclasses
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.kernels.adam import adam
from saltation.model import Network
from saltation.model.checks import integer
from saltation.neurobench.counting.runs import count_run
from saltation.neurobench.report import Complexity
from saltation.neurobench.tasks.chaotic import Predictor, known_points
from saltation.neurobench.tasks.closed_loop import closed_loop_error, free_run, run_points
from saltation.neurobench.tasks.simple import lagged, ridge_regression
from saltation.neurobench.tasks.spiking_network import (
    SpikingSettings,
    features,
    hidden_network,
    response,
    response_slope,
    whole_network,
)

__all__ = ["Spiking", "loss_and_gradient"]

Floats = npt.NDArray[np.float64]

_LEAST_LEAK = 1.02  # of a leak potential that is trained: above the threshold 1
_LEAK_RATE = 0.2
_BETAS, _EPS = (0.9, 0.99), 1e-12


@final
class Spiking(Predictor):
    """A spiking predictor: points as spike times, a hidden layer, and a voltage that is the next point.

    Parameters
    ----------
    settings : SpikingSettings, optional
        What it is built of.
    iterations, hidden, seed
        And all else of `SpikingSettings`, by name, to change.

    Attributes
    ----------
    network : Network
        After `fit`: what predicts.
    losses : list of float
        ``F`` at each step of its training.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.
    Golub and Pereyra, SIAM Journal on Numerical Analysis 10, 413 (1973), doi:10.1137/0710036 (variable projection).

    Examples
    --------
    >>> from saltation.neurobench.tasks import Spiking, mackey_glass, window
    >>> run = window(mackey_glass(points=1501))
    >>> spiking = Spiking(hidden=10, iterations=3)
    >>> spiking.fit(run.known)
    >>> spiking.losses[-1] < spiking.losses[0]
    True
    >>> spiking.predict(5).shape, spiking.costs().dense  # 6 x 10 + 10 + 6 synapses
    ((5,), 76.0)
    """

    def __init__(self, settings: SpikingSettings | None = None, **changed: Any) -> None:
        self.settings = dataclasses.replace(settings or SpikingSettings(), **changed)
        self.network: Network | None = None
        self._last = np.empty(0)
        self._inputs = np.empty((0, len(self.settings.lags)))
        self.losses: list[float] = []

    def fit(self, known: Floats) -> None:
        """Train on all samples at once, and take the network that does best by itself over the known points."""
        settings = self.settings
        self.network, self._inputs = None, np.empty((0, len(settings.lags)))
        known = known_points("Spiking", known)
        longest = max(settings.lags) + 1
        if settings.networks > 1 and known.size < 2 * longest - 1:
            raise ParameterError(
                f"Spiking.fit.known must hold {2 * longest - 1} points or more, to choose among {settings.networks} "
                f"networks by runs of half of them; got {known.size}"
            )
        trained = [self._trained(known, which) for which in range(settings.networks)]
        errors = [0.0]
        if len(trained) > 1:
            errors = [closed_loop_error(network, settings, known) for network, _ in trained]
        self.network, self.losses = trained[int(np.argmin(errors))]
        self._last = known[-longest:][::-1].copy()

    def _trained(self, known: Floats, which: int) -> tuple[Network, list[float]]:
        settings = self.settings
        points, targets = lagged(known, settings.lags)
        values = first_values(settings, which)
        moments = {name: (np.zeros(value.size), np.zeros(value.size)) for name, value in values.items()}
        losses, best = [], np.inf
        readout = kept = None
        for step in range(settings.iterations + 1):
            loss, found, gradient = loss_and_gradient(settings, values, points, targets)
            losses.append(loss)
            if loss < best:
                best, kept, readout = loss, values, found
            cosine = 0.5 * (1.0 + np.cos(np.pi * step / max(settings.iterations, 1)))
            moved = {}
            for name, value in values.items():
                rate = settings.rate * cosine * (_LEAK_RATE if name == "v_leak" else 1.0)
                new = np.empty(value.size)
                size, scale = rate / (1.0 - _BETAS[0] ** (step + 1)), (1.0 - _BETAS[1] ** (step + 1)) ** 0.5
                slope = gradient[name].reshape(-1) / loss
                adam(value.reshape(-1), slope, *moments[name], *_BETAS, size, scale, _EPS, new)
                moved[name] = new.reshape(value.shape)
            values = moved | {"v_leak": np.maximum(moved["v_leak"], _LEAST_LEAK)}
        if kept is None or readout is None:
            raise ParameterError("Spiking.fit: the loss was never finite; are the known points?")
        return whole_network(settings, kept["weight"], kept["v_leak"], readout), losses

    def predict(self, steps: int) -> Floats:
        """Step by step, each point a run of the network."""
        steps = integer("Spiking.predict", "steps", steps, minimum=1)
        if self.network is None:
            raise ParameterError("Spiking.predict: nothing was learned yet; call fit first")
        found, inputs = free_run(self.network, self.settings, self._last[None], steps)
        self._inputs = inputs[0]
        return found[0]

    def costs(self) -> Complexity:
        """Events of the last prediction, a point as the reference step; with the points it keeps in the footprint."""
        if self.network is None or not len(self._inputs):
            raise ParameterError("Spiking.costs: nothing was predicted yet; call fit and predict first")
        run = run_points(self.network, self._inputs, self.settings)
        counted = count_run(run, step=self.settings.duration, trainable=("weight", "v_leak"))
        kept = {**counted.static.bytes_of, "points": self._last.nbytes}
        static = dataclasses.replace(counted.static, footprint=sum(kept.values()), bytes_of=kept)
        return dataclasses.replace(counted, static=static)


def first_values(settings: SpikingSettings, which: int = 0) -> dict[str, Floats]:
    """Weights and leak potentials to begin with, of one of several networks."""
    rng = np.random.default_rng([settings.seed, which])
    n = len(settings.lags)
    v_leak = rng.uniform(*settings.v_leak, settings.hidden)
    weight = rng.normal(settings.weight_mean / n, settings.weight_std / n**0.5, (n, settings.hidden))
    return {"weight": weight, "v_leak": v_leak}


def loss_and_gradient(
    settings: SpikingSettings, values: dict[str, Floats], points: Floats, targets: Floats
) -> tuple[float, Floats, dict[str, Floats]]:
    """``F`` of the hidden weights and leak potentials, the best readout, and the exact gradient of F.

    The penalty is on weights in units of the readout's response to a spike at half the time, about the size of what a
    neuron does to it.
    """
    design, run = features(hidden_network(settings, values["weight"], values["v_leak"]), points, settings)
    unit = float(response(np.array(0.5 * settings.duration), settings))
    scaled = design / unit
    scaled[:, 0] = 1.0
    weights = ridge_regression(scaled, targets, settings.ridge)
    missing = scaled @ weights - targets
    loss = float(np.mean(missing**2) + settings.ridge * np.sum(weights[1:] ** 2))
    readout = weights / unit
    readout[0] = weights[0]
    spikes = run.spikes["hid"]
    of_unit = readout[1 + len(settings.lags) :][spikes.units]
    slope = response_slope(settings.duration - spikes.times, settings)
    bar = -2.0 / len(targets) * missing[spikes.sample_index()] * of_unit * slope
    found = run.gradient(spike_times={"hid": bar}, time_constants=False)
    return loss, readout, {"weight": found.weight["in", "hid"], "v_leak": found.v_leak["hid"]}
