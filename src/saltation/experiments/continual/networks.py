"""The networks of the experiment: an MLP of rectified linear units, or a spiking network."""

import math

import torch
from torch import nn

from saltation.continual import Stream
from saltation.engine import Backend, Exact
from saltation.experiments.continual.problems import check_stream
from saltation.experiments.continual.settings import Settings, sub_seed
from saltation.model.checks import integer

__all__ = ["make_mlp", "make_network"]


def make_mlp(pixels: int, labels: int, hidden: int, layers: int = 2, seed: int = 0) -> nn.Sequential:
    """Make an MLP of rectified linear units, with the initial values that PyTorch has by default.

    ::

        pixels - hidden - ... - hidden - labels,    w, b ~ U(-1 / sqrt(fan_in), 1 / sqrt(fan_in))

    Parameters
    ----------
    pixels, labels : int
        Numbers of inputs and outputs.
    hidden, layers : int
        Width and number of hidden layers.
    seed : int
        Of the initial values. PyTorch's global generator stays as it is.

    Returns
    -------
    torch.nn.Sequential
        Of float32.

    Raises
    ------
    ParameterError
        If a number is not allowed.

    Examples
    --------
    >>> from saltation.experiments.continual.networks import make_mlp
    >>> sum(p.numel() for p in make_mlp(784, 10, hidden=100).parameters())
    89610
    """
    sizes = {"pixels": pixels, "labels": labels, "hidden": hidden, "layers": layers}
    pixels, labels, hidden, layers = (integer("make_mlp", name, n, minimum=1) for name, n in sizes.items())
    parts: list[nn.Module] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer("make_mlp", "seed", seed))
        for before in [pixels] + [hidden] * (layers - 1):
            parts += [nn.Linear(before, hidden, dtype=torch.float32), nn.ReLU()]
        parts.append(nn.Linear(hidden, labels, dtype=torch.float32))
    return nn.Sequential(*parts)


def make_network(settings: Settings, stream: Stream) -> tuple[nn.Module, Backend | None]:
    """Make the network that the settings ask for, with as many inputs and outputs as the stream needs.

    Returns
    -------
    module : torch.nn.Module
        From inputs [batch, pixels] to logits.
    backend : Backend or None
        What runs a spiking network.

    Raises
    ------
    ParameterError
        If a picture is no square, or a chip cannot be so.
    """
    pixels = math.prod(stream.tasks[0].part("test")[0].shape[1:])
    seed = sub_seed(settings.seed, "network")
    if settings.network == "mlp":
        return make_mlp(pixels, stream.labels, settings.hidden, settings.layers, seed), None
    # here, so that an MLP does not wait for the chip
    from saltation.experiments.continual.spiking import make_chip, make_spiking

    dataset = check_stream(settings.stream, settings.tasks)[1]
    backend: Backend = Exact()
    if settings.backend == "bss2":
        chip = {name: getattr(settings, name) for name in ("rows", "imperfections", "calibrated")}
        backend = make_chip(dataset, settings.serial, **chip)
    module = make_spiking(pixels, stream.labels, settings.hidden, seed, backend, dataset=dataset)
    return module, backend
