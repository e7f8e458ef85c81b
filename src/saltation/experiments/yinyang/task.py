"""The network of the experiment, its initial weights, and its data as spikes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.data import yinyang
from saltation.engine import Backend, Exact, Grid
from saltation.experiments.yinyang.settings import Settings
from saltation.model import LI, LIF, Input, Network, Spikes, SuperSpike, latency, normal

__all__ = [
    "DELAYS",
    "PROJECTIONS",
    "SEEDS",
    "Labelled",
    "initial_weights",
    "labelled",
    "make_backend",
    "make_network",
    "orders",
    "with_values",
]

Floats = npt.NDArray[np.float64]

PROJECTIONS = {"weight_in_hid": ("in", "hid"), "weight_hid_out": ("hid", "out")}
"""Trained arrays by name, and the projections they are the weights of."""

DELAYS = {"delay_in_hid": ("in", "hid"), "delay_hid_out": ("hid", "out")}
"""Arrays that are trained too where delays are learned, and the projections they are the delays of."""

SEEDS = {"train": 42, "validation": 41, "test": 40}
"""Of the data; those of the authors of the data set."""


@final
@dataclass(frozen=True, slots=True)
class Labelled:
    """Points, as they are and as spikes, with their classes."""

    points: Floats
    stimulus: Spikes
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


def labelled(n: int, seed: int, settings: Settings) -> Labelled:
    """Draw `n` points and encode them: a spike for each coordinate, and one at 0 for the bias.

    Examples
    --------
    >>> from saltation.experiments.yinyang import Settings
    >>> from saltation.experiments.yinyang.task import labelled
    >>> labelled(2, 42, Settings()).stimulus
    Spikes(batch=2, events=10, units=5, t=0 s..0.0270698 s)
    """
    points, labels = yinyang(n, seed)
    return Labelled(points, encode(points, settings), labels)


def encode(points: Floats, settings: Settings) -> Spikes:
    """Encode points [n, 4]."""
    return latency(points, 0.0, settings.t_late, bias_time=0.0)


def initial_weights(settings: Settings) -> dict[str, Floats]:
    """Draw the initial weights, and delays if they are learned; the seed alone decides them, not the samples' order.

    The weights are the same with delays and without.

    Examples
    --------
    >>> from saltation.experiments.yinyang import Settings
    >>> from saltation.experiments.yinyang.task import initial_weights
    >>> {name: weight.shape for name, weight in initial_weights(Settings()).items()}
    {'weight_in_hid': (5, 200), 'weight_hid_out': (200, 3)}
    """
    rng = np.random.default_rng([settings.seed, 0])
    out_mean = settings.out_mean if settings.out_sum is None else settings.out_sum / settings.hidden
    values = {
        "weight_in_hid": normal((5, settings.hidden), settings.hidden_mean, settings.hidden_std, rng),
        "weight_hid_out": normal((settings.hidden, 3), out_mean, settings.out_std, rng),
    }
    if settings.delays == "none":
        return values
    rng = np.random.default_rng([settings.seed, 2])
    shapes = {name: values[name.replace("delay", "weight")].shape for name in DELAYS}
    if settings.delays == "axonal":
        shapes = {name: shape[:1] for name, shape in shapes.items()}
    return values | {name: rng.uniform(0.0, settings.delay_init, shape) for name, shape in shapes.items()}


def orders(settings: Settings) -> np.random.Generator:
    """Give the generator that shuffles the samples."""
    return np.random.default_rng([settings.seed, 1])


def make_network(settings: Settings, weights: Mapping[str, Floats]) -> Network:
    """Build the network with given weights, and delays where there are.

    Examples
    --------
    >>> from saltation.experiments.yinyang import Settings
    >>> from saltation.experiments.yinyang.task import initial_weights, make_network
    >>> list(make_network(Settings(), initial_weights(Settings())).populations)
    ['in', 'hid', 'out']
    """
    network = Network()
    network.add("in", Input(5))
    network.add("hid", LIF(settings.hidden, tau_mem=settings.tau_mem, tau_syn=settings.tau_syn))
    outputs = LIF if settings.readout == "first_spike" else LI
    network.add("out", outputs(3, tau_mem=settings.tau_mem, tau_syn=settings.tau_syn))
    for name, (pre, post) in PROJECTIONS.items():
        delay = weights.get(name.replace("weight", "delay"), 0.0)
        network.connect(pre, post, weight=weights[name], delay=delay)
    return network


def make_backend(settings: Settings, threads: int | None) -> Backend:
    """Give what runs the network."""
    if settings.backend == "exact":
        return Exact(threads=threads)
    gradient = "surrogate" if settings.surrogate_gradients else "eventprop"
    grid = Grid(settings.dt, surrogate=SuperSpike(settings.beta), gradient=gradient, threads=threads)
    if settings.backend == "bss2":
        from saltation.experiments.on_chip import make_on_chip

        return make_on_chip(settings, adjoint=grid if settings.surrogate_gradients else None, threads=threads)
    return grid


def with_values(network: Network, values: Mapping[str, Floats]) -> Network:
    """Give the network other weights, and delays if they are learned; what was found out about its graph is kept."""
    return network.replace(
        weight={key: values[name] for name, key in PROJECTIONS.items()},
        delay={key: values[name] for name, key in DELAYS.items() if name in values},
    )
