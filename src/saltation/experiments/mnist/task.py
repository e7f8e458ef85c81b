"""The network of the experiment, its initial weights, and its data as spikes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.data import Images, digits, fashion_mnist, mnist, split
from saltation.engine import Backend, Exact
from saltation.experiments.labelled import Labelled
from saltation.experiments.mnist.settings import SIDE, Settings
from saltation.experiments.mnist.shrinking import area_average
from saltation.model import LI, LIF, Conv2d, Input, Network, Spikes, latency, normal

__all__ = [
    "HIDDEN_AXIS",
    "PROJECTIONS",
    "READERS",
    "Sets",
    "brightness",
    "encode",
    "initial_weights",
    "load",
    "load_test",
    "make_backend",
    "make_network",
    "randomness",
]

Floats = npt.NDArray[np.float64]

PROJECTIONS = {"weight_in_hid": ("in", "hid"), "weight_hid_out": ("hid", "out")}
"""Trained arrays by name, and the projections they are the weights of."""

HIDDEN_AXIS = {"dense": 1, "conv": 0}
"""Axis of hidden neurons, or of their maps, in the weights to them."""

CLASSES = 10
READERS = {"mnist": mnist, "fashion": fashion_mnist, "digits": digits}
_DARK = 1.0 / 255.0
_AT_ONCE = 5000  # pictures that are encoded at once: bounds the memory for it


@final
@dataclass(frozen=True, slots=True)
class Sets:
    """What is trained on, and what is held out of the training pictures."""

    train: Labelled
    validation: Labelled


def load(settings: Settings) -> Sets:
    """Read the training pictures, divide them and encode them.

    Raises
    ------
    MissingDataError
        If the data set is not there.

    Examples
    --------
    >>> from saltation.experiments.mnist import recipe
    >>> from saltation.experiments.mnist.task import load
    >>> sets = load(recipe("digits"))
    >>> len(sets.train), len(sets.validation)
    (1237, 200)
    """
    training, held_out = split(READERS[settings.dataset]("train"), settings.held_out)
    return Sets(encode(training[: settings.train_limit], settings), encode(held_out, settings))


def load_test(settings: Settings) -> tuple[Images, Labelled]:
    """Read the test pictures, and encode them."""
    images = READERS[settings.dataset]("test")
    return images, encode(images, settings)


def brightness(images: Images, settings: Settings) -> Floats:
    """Pictures as the network gets them, from 0 to 1, [n, side, side]."""
    if settings.pixels is None:
        return images.values().reshape(len(images), *images.shape)
    return area_average(images.pixels, settings.pixels) / float(images.brightest)


def encode(images: Images, settings: Settings) -> Labelled:
    """Encode pictures: a spike for each pixel that is not dark, the brightest first.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data import Images
    >>> from saltation.experiments.mnist import Settings
    >>> from saltation.experiments.mnist.task import encode
    >>> images = Images(np.array([[[0, 1, 51, 255]]], np.uint8), np.array([7]), tuple("0123456789"))
    >>> encode(images, Settings()).stimulus.first()
    array([[  inf,   inf, 0.016, 0.   ]])
    """
    cuts = [slice(at, at + _AT_ONCE) for at in range(0, len(images), _AT_ONCE)]
    values = (brightness(images[cut], settings) for cut in cuts)
    parts = [
        latency(each.reshape(len(each), -1), 0.0, settings.t_late, threshold=_DARK, inverted=True) for each in values
    ]
    return Labelled(Spikes.concatenate(parts), images.labels)


def initial_weights(settings: Settings) -> dict[str, Floats]:
    """Draw the initial weights; the seed alone decides them, not the order of the samples.

    Examples
    --------
    >>> from saltation.experiments.mnist import recipe
    >>> from saltation.experiments.mnist.task import initial_weights
    >>> {name: weight.shape for name, weight in initial_weights(recipe("mnist")).items()}
    {'weight_in_hid': (784, 350), 'weight_hid_out': (350, 10)}
    >>> {name: weight.shape for name, weight in initial_weights(recipe("mnist", "conv")).items()}
    {'weight_in_hid': (8, 1, 5, 5), 'weight_hid_out': (1152, 10)}
    """
    rng = np.random.default_rng([settings.seed, 0])
    conv = _convolution(settings)
    shape = (settings.side**2, settings.hidden) if conv is None else conv.weight_shape
    hidden = settings.hidden if conv is None else conv.n_post
    # of fewer pixels each counts more, so that their sums are as they were
    share = 1.0 if conv is not None else (settings.side / SIDE[settings.dataset]) ** 2
    return {
        "weight_in_hid": normal(shape, settings.hidden_mean / share, settings.hidden_std / share**0.5, rng),
        "weight_hid_out": normal((hidden, CLASSES), settings.out_mean, settings.out_std, rng),
    }


def randomness(settings: Settings) -> np.random.Generator:
    """Give the generator of all that is random in training: the order of the samples, and dropout."""
    return np.random.default_rng([settings.seed, 1])


def make_network(settings: Settings, weights: Mapping[str, Floats]) -> Network:
    """Build the network with given weights.

    Examples
    --------
    >>> from saltation.experiments.mnist import recipe
    >>> from saltation.experiments.mnist.task import initial_weights, make_network
    >>> settings = recipe("mnist", "conv")
    >>> make_network(settings, initial_weights(settings)).populations["hid"].size
    1152
    """
    conv = _convolution(settings)
    network = Network()
    network.add("in", Input(settings.side**2))
    hidden = settings.hidden if conv is None else conv.n_post
    network.add("hid", LIF(hidden, tau_mem=settings.tau_mem, tau_syn=settings.tau_syn))
    network.add("out", LI(CLASSES, tau_mem=settings.tau_mem, tau_syn=settings.tau_syn))
    network.connect("in", "hid", weight=weights["weight_in_hid"], connectivity=conv)
    network.connect("hid", "out", weight=weights["weight_hid_out"])
    return network


def make_backend(settings: Settings, threads: int | None) -> Backend:
    """Give what runs the network."""
    if settings.backend == "exact":
        return Exact(threads=threads)
    from saltation.experiments.on_chip import make_on_chip

    return make_on_chip(settings, threads=threads)


def _convolution(settings: Settings) -> Conv2d | None:
    if settings.net == "dense":
        return None
    shape = (1, settings.side, settings.side)
    return Conv2d(shape, settings.channels, settings.kernel, stride=settings.stride)
