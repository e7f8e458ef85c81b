"""A network of spikes for chaotic functions: how points become times, what it is built of, what its readout sees."""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.engine import Exact, simulate
from saltation.engine.run import Run
from saltation.errors import ParameterError
from saltation.model import LI, LIF, Input, Network, Spikes
from saltation.model.checks import SECONDS, integer, number

__all__ = ["SpikingSettings", "encode", "features", "hidden_network", "response", "response_slope", "whole_network"]

Floats = npt.NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SpikingSettings:
    """What a spiking predictor is built of, and how it learns.

    Attributes
    ----------
    lags : tuple of int
        Which points it sees: 0 is the last one. Those in between are left out, since errors in points that are almost
        equal to each other are what lets a predictor leave the attractor.
    hidden : int
        Hidden neurons.
    largest : float
        Points between 0 and this become spikes; others are moved to the nearer end.
    latest : float
        Time in seconds of a spike that stands for 0; for ``largest`` it is 0.
    duration : float
        Seconds for a point; the readout is read at the end.
    tau_mem, tau_syn : float
        Time constants in seconds, of hidden neurons and of the readout.
    v_leak : (float, float)
        Hidden neurons get leak potentials evenly drawn between these, above their threshold 1: without input each fires
        on its way there, and input makes it earlier or later.
    weight_mean, weight_std : float
        Of the first weights: mean and standard deviation of the sum over all inputs of a neuron.
    ridge : float
        Penalty of the readout.
    iterations : int
        Steps of training.
    rate : float
        Learning rate at the first step; it falls to zero along a cosine. Leak potentials have a fifth of it.
    networks : int
        Networks that are trained, each from other first weights; the one that stays closest to the known points by
        itself is taken.
    seed : int
        Of the first weights.

    Raises
    ------
    ParameterError
        If a value is not allowed.

    Examples
    --------
    >>> from saltation.neurobench.tasks import SpikingSettings
    >>> SpikingSettings(hidden=20).hidden
    20
    """

    lags: tuple[int, ...] = (0, 4, 5, 6, 7, 8)
    hidden: int = 200
    largest: float = 1.6
    latest: float = 10e-3
    duration: float = 60e-3
    tau_mem: float = 20e-3
    tau_syn: float = 10e-3
    v_leak: tuple[float, float] = (1.1, 1.5)
    weight_mean: float = 1.0
    weight_std: float = 3.0
    ridge: float = 1e-11
    iterations: int = 1000
    rate: float = 0.1
    networks: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        """Check all values."""
        for name, minimum in (("hidden", 1), ("iterations", 0), ("networks", 1), ("seed", 0)):
            integer("SpikingSettings", name, getattr(self, name), minimum=minimum)
        for name in ("largest", "latest", "duration", "tau_mem", "tau_syn", "ridge", "rate", "weight_std"):
            number("SpikingSettings", name, getattr(self, name), minimum=0.0, strict=True, hint=SECONDS)
        lags = [integer("SpikingSettings", "lags", lag) for lag in self.lags]
        if not lags or sorted(set(lags)) != lags:
            raise ParameterError(f"SpikingSettings.lags must rise, each once, one at least; got {self.lags}")
        if not 1.0 < self.v_leak[0] <= self.v_leak[1]:
            raise ParameterError(
                f"SpikingSettings.v_leak must be a range above the threshold 1; got {self.v_leak}; below it a spike "
                "can vanish at once when a weight moves, and no gradient tells"
            )
        if self.tau_mem == self.tau_syn:
            raise ParameterError(f"SpikingSettings.tau_mem must not be tau_syn; got {self.tau_mem} for both")
        if self.latest >= self.duration:
            raise ParameterError(
                f"SpikingSettings.latest must be before the end, {self.duration} s; got {self.latest}; {SECONDS}"
            )


def encode(points: Floats, settings: SpikingSettings) -> Floats:
    """Time of the spike of each point: ``latest (1 - x / largest)``, larger ones first.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.tasks import SpikingSettings
    >>> from saltation.neurobench.tasks.spiking_network import encode
    >>> encode(np.array([0.0, 0.4, 1.6, 2.0]), SpikingSettings()).tolist()
    [0.01, 0.0075, 0.0, 0.0]
    """
    return settings.latest * (1.0 - np.clip(points / settings.largest, 0.0, 1.0))


def response(s: Floats, settings: SpikingSettings) -> Floats:
    """Voltage of the readout a time s after a spike through a weight of 1.

    ::

        kappa(s) = tau_syn / (tau_mem - tau_syn) (e^(-s / tau_mem) - e^(-s / tau_syn))
    """
    mem, syn = settings.tau_mem, settings.tau_syn
    return syn / (mem - syn) * (np.exp(-s / mem) - np.exp(-s / syn))


def response_slope(s: Floats, settings: SpikingSettings) -> Floats:
    """``d kappa / ds``."""
    mem, syn = settings.tau_mem, settings.tau_syn
    return syn / (mem - syn) * (np.exp(-s / syn) / syn - np.exp(-s / mem) / mem)


def hidden_network(settings: SpikingSettings, weight: Floats, v_leak: Floats) -> Network:
    """Inputs and hidden neurons; each fires once at most, so that late ones do not fire again at the end."""
    net = Network()
    net.add("in", Input(len(settings.lags)))
    neurons = LIF(
        settings.hidden,
        tau_mem=settings.tau_mem,
        tau_syn=settings.tau_syn,
        v_leak=v_leak,
        v_init=0.0,
        max_spikes=1,
    )
    net.add("hid", neurons)
    net.connect("in", "hid", weight=weight)
    return net


def whole_network(settings: SpikingSettings, weight: Floats, v_leak: Floats, readout: Floats) -> Network:
    """The same with a readout, which inputs and hidden neurons reach.

    ``readout`` holds its constant, then weights of inputs, then of hidden neurons.
    """
    net = hidden_network(settings, weight, v_leak)
    n = len(settings.lags)
    net.add("out", LI(1, tau_mem=settings.tau_mem, tau_syn=settings.tau_syn, v_leak=readout[0]))
    net.connect("in", "out", weight=readout[1 : n + 1, None])
    net.connect("hid", "out", weight=readout[n + 1 :, None])
    return net


def features(network: Network, points: Floats, settings: SpikingSettings) -> tuple[Floats, Run]:
    """What the readout sees of samples ``[sample, lag]``: 1, and the response to each input and each hidden neuron.

    ::

        v(T) = readout_0 + sum_j readout_j  sum over spikes t of j  kappa(T - t)

    Returns
    -------
    design : ndarray, [sample, 1 + lags + hidden]
    run : Run
        With the hidden spikes.
    """
    times = encode(points, settings)
    stimulus = {"in": Spikes.from_latencies(times)}
    run = simulate(network, stimulus, settings.duration, backend=Exact(threads=1))
    spikes = run.spikes["hid"]
    hidden = np.zeros((len(points), settings.hidden))
    np.add.at(hidden, (spikes.sample_index(), spikes.units), response(settings.duration - spikes.times, settings))
    inputs = response(settings.duration - times, settings)
    return np.concatenate([np.ones((len(points), 1)), inputs, hidden], axis=1), run
