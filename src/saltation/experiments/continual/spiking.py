"""`make_spiking`: the spiking network of the studies of continual learning, from pictures to logits."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from saltation.bss2 import Backend as OnChip
from saltation.continual import SpikingModule
from saltation.engine import Backend
from saltation.errors import ParameterError
from saltation.experiments.mnist import Settings, recipe
from saltation.experiments.mnist.settings import SIDE
from saltation.experiments.on_chip import make_on_chip
from saltation.model import LI, LIF, Input, MaxVoltage, Network, Spikes, latency, normal
from saltation.model.checks import integer
from saltation.torch import SNN, Output

__all__ = ["make_chip", "make_spiking"]

_DARK = 1.0 / 255.0


def make_spiking(
    pixels: int,
    labels: int,
    hidden: int,
    seed: int,
    backend: Backend | None = None,
    *,
    dataset: str = "digits",
) -> SpikingModule:
    """Make a network of one hidden layer that takes pictures and gives logits, for `saltation.continual.learn`.

    ::

        spike of a pixel of brightness x:    t = (1 - x) t_late,  none if x <= 1 / 255
        logit of a label:                    h_y = max over t of v_y(t)

    Hidden neurons are `saltation.LIF`, readouts `saltation.LI`; weights are trained. Time constants, window and
    distributions of the initial weights are those that `saltation.experiments.mnist.recipe` has for a chip, on every
    backend: weights to readouts are positive on average, for a voltage that never rises has no gradient.

    Parameters
    ----------
    pixels : int
        Number of pixels of a picture, the square of its side; where it is less than the data set has, weights to the
        hidden layer are larger, so that their sums stay as they are.
    labels, hidden : int
        Numbers of readouts and of hidden neurons.
    seed : int
        Of the initial weights.
    backend : Backend, optional
        How it runs, ``Exact()`` by default; `make_chip` gives an emulated chip.
    dataset : {"digits", "mnist", "fashion"}
        Whose recipe.

    Returns
    -------
    SpikingModule
        It takes brightnesses from 0 to 1, [batch, pixel] or [batch, height, width]; its parameters are float64.

    Raises
    ------
    ParameterError
        If an argument is not allowed, or a picture has another number of pixels.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import torch
    >>> from saltation.experiments.continual.spiking import make_spiking
    >>> module = make_spiking(64, labels=10, hidden=20, seed=1)
    >>> module(torch.linspace(0, 1, 128).reshape(2, 8, 8)).shape
    torch.Size([2, 10])
    """
    settings = _settings(pixels, hidden, seed, dataset)
    network = _network(settings, integer("make_spiking", "labels", labels, minimum=1))

    def encode(x: Tensor) -> dict[str, Spikes]:
        values = x.detach().reshape(len(x), -1).double().numpy()
        if values.shape[1] != pixels:
            raise ParameterError(
                f"make_spiking: pictures must have {pixels} pixels, as the network has; got {values.shape[1]}"
            )
        return {"in": latency(values, 0.0, settings.t_late, threshold=_DARK, inverted=True)}

    def readout(output: Output) -> Tensor:
        return output.voltage("out")

    snn = SNN(network, record={"out": MaxVoltage()}, backend=backend)
    return SpikingModule(snn, encode, readout, settings.duration)


def make_chip(dataset: str = "digits", serial: int = 1, **changed: Any) -> OnChip:
    """Give an emulated chip at the operating point that the recipe of a data set has for it.

    Parameters
    ----------
    dataset : {"digits", "mnist", "fashion"}
        Whose recipe.
    serial : int
        Which chip.
    **changed
        Other settings of `saltation.experiments.mnist.Settings`, such as ``imperfections="none"``.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    Examples
    --------
    >>> from saltation.experiments.continual.spiking import make_chip
    >>> make_chip("digits", serial=3).chip.serial
    3
    """
    return make_on_chip(replace(recipe(dataset, backend="bss2"), serial=serial, **changed))


def _settings(pixels: int, hidden: int, seed: int, dataset: str) -> Settings:
    """The recipe, checked, with the size of the pictures."""
    if dataset not in SIDE:
        raise ParameterError(f"make_spiking.dataset must be one of {', '.join(SIDE)}; got {dataset!r}")
    side = math.isqrt(integer("make_spiking", "pixels", pixels, minimum=1))
    if side * side != pixels:
        raise ParameterError(f"make_spiking.pixels must be the square of the pictures' side; got {pixels}")
    # For both: from the same initial weights a chip and the model can be compared, and a readout that begins below its
    # rest has no gradient on either.
    return replace(recipe(dataset, backend="bss2"), hidden=hidden, seed=seed, pixels=side)


def _network(settings: Settings, labels: int) -> Network:
    rng = np.random.default_rng([settings.seed, 0])
    share = (settings.side / SIDE[settings.dataset]) ** 2
    first = (settings.side**2, settings.hidden)
    network = Network()
    network.add("in", Input(settings.side**2))
    network.add("hid", LIF(settings.hidden, tau_mem=settings.tau_mem, tau_syn=settings.tau_syn))
    network.add("out", LI(labels, tau_mem=settings.tau_mem, tau_syn=settings.tau_syn))
    to_hidden = normal(first, settings.hidden_mean / share, settings.hidden_std / share**0.5, rng)
    network.connect("in", "hid", weight=to_hidden)
    network.connect("hid", "out", weight=normal((settings.hidden, labels), settings.out_mean, settings.out_std, rng))
    return network
