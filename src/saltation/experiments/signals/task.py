"""The data as spikes, the network, and its initial weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.data import Sequences, features, hapt, level_crossing, spoken_digits, stratified
from saltation.engine import Backend, Exact
from saltation.experiments.labelled import Labelled
from saltation.experiments.readout_learner import LARGEST, Readout
from saltation.experiments.signals.settings import Settings
from saltation.model import LI, LIF, Input, Network, Spikes, VoltageIntegral, latency, normal

__all__ = [
    "CLASSES",
    "PROJECTIONS",
    "Sets",
    "crossings",
    "initial_weights",
    "load",
    "make_backend",
    "make_network",
    "n_inputs",
    "randomness",
    "read_by",
    "two_sided",
    "with_copies",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PROJECTIONS = {"weight_in_hid": ("in", "hid"), "weight_hid_out": ("hid", "out")}
"""Trained arrays by name, and the projections they are the weights of."""

CLASSES = {"hapt": 6, "spoken-digits": 10}
_FEATURES = 63
_COEFFICIENTS = 13


@final
@dataclass(frozen=True, slots=True)
class Sets:
    """What is trained on, what is held out of it, if anything is, and what is tested on."""

    train: Labelled
    validation: Labelled | None
    test: Labelled


def load(settings: Settings, root: str | Path | None = None, *, original: bool = True) -> Sets:
    """Read and encode all samples.

    Parameters
    ----------
    settings : Settings
        The recipe.
    root, original
        As `saltation.data.hapt` and `saltation.data.spoken_digits` have them.

    Raises
    ------
    MissingDataError
        If the data set is not there.
    FileFormatError
        If it is damaged.
    """
    read = _windows if settings.dataset == "hapt" else _clips
    return read(settings, root, original)


def _windows(settings: Settings, root: str | Path | None, original: bool) -> Sets:
    values, labels, subjects = _features("train", root, original)
    asked, wanted, _ = _features("test", root, original)
    people = np.unique(subjects)
    held_out = np.isin(subjects, people[len(people) - round(settings.held_out * len(people)) :])
    training = np.flatnonzero(~held_out)
    training = training[_some(len(training), settings.train_limit)]
    mean, deviation = values[training].mean(axis=0), values[training].std(axis=0)
    scale = 1.0 / np.where(deviation > 0.0, deviation, 1.0)

    def encoded(some: Floats, classes: Ints) -> Labelled:
        return Labelled(two_sided((some - mean) * scale, settings), classes)

    return Sets(
        encoded(values[training], labels[training]),
        encoded(values[held_out], labels[held_out]) if held_out.any() else None,
        encoded(asked, wanted),
    )


@lru_cache(maxsize=2)  # reading takes longer than all the rest
def _features(part: str, root: str | Path | None, original: bool) -> tuple[Floats, Ints, Ints]:
    windows = hapt("train" if part == "train" else "test", root, original=original)
    assert windows.subjects is not None
    return features(windows), windows.labels, windows.subjects


def _clips(settings: Settings, root: str | Path | None, original: bool) -> Sets:
    training, test = (spoken_digits(part, root=root, original=original) for part in ("train", "test"))
    held_out = None
    if settings.held_out:
        kept, others = stratified(training.labels, settings.held_out)
        held_out, training = training[others], training[kept]
    training = training[_some(len(training), settings.train_limit)]
    several = training.standardised(test, *([] if held_out is None else [held_out]))
    train, tested, *validation = (Labelled(crossings(each, settings), each.labels) for each in several)
    return Sets(train, validation[0] if validation else None, tested)


def _some(n: int, limit: int | None) -> Ints:
    """Indices of at most so many of n samples, spread evenly: neighbours are alike."""
    return np.arange(n) if limit is None or limit >= n else np.arange(limit) * n // limit


def two_sided(values: Floats, settings: Settings) -> Spikes:
    """Encode standardised values [n, f] by spikes of 2 f + 1 units, see `Settings`.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.signals import Settings
    >>> from saltation.experiments.signals.task import two_sided
    >>> two_sided(np.array([[-1.25, 9.0]]), Settings(clip=2.5, t_late=20e-3)).first()
    array([[0.005, 0.02 , 0.015, 0.   , 0.   ]])
    """
    x = np.clip(0.5 + values / (2.0 * settings.clip), 0.0, 1.0)
    return latency(np.concatenate([x, 1.0 - x], axis=1), 0.0, settings.t_late, bias_time=0.0)


def crossings(sequences: Sequences, settings: Settings) -> Spikes:
    """Encode standardised sequences by the level crossings of their channels, and copies of them."""
    signals = [sequences.one(i)[: settings.frames] for i in range(len(sequences))]
    found = level_crossing(signals, settings.interval, settings.threshold)
    return with_copies(found, settings.copies, settings.copy_delay)


def with_copies(spikes: Spikes, copies: int, delay: float) -> Spikes:
    """Let each spike come several times, each time from another unit.

    ::

        spike of unit u at t   ->   spikes of units u + k n_units at t + k delay,   k = 0 .. copies - 1

    On a chip, which has no delays of synapses, the host plays them.

    Examples
    --------
    >>> from saltation.experiments.signals.task import with_copies
    >>> from saltation.model import Spikes
    >>> twice = with_copies(Spikes.from_lists([([0.0, 1e-3], [0, 1])], n_units=2), 2, 0.5e-3)
    >>> twice.times.tolist(), twice.units.tolist()
    ([0.0, 0.0005, 0.001, 0.0015], [0, 2, 1, 3])
    """
    assert spikes.n_units is not None
    sample = np.tile(np.repeat(np.arange(spikes.batch), np.diff(spikes.offsets)), copies)
    times = np.concatenate([spikes.times + k * delay for k in range(copies)])
    units = np.concatenate([spikes.units + k * spikes.n_units for k in range(copies)])
    order = np.lexsort((times, sample))
    return Spikes(times[order], units[order].astype(np.int32), copies * spikes.offsets, copies * spikes.n_units)


def n_inputs(settings: Settings) -> int:
    """Number of input units."""
    return 2 * _FEATURES + 1 if settings.dataset == "hapt" else 2 * _COEFFICIENTS * settings.copies


def initial_weights(settings: Settings) -> dict[str, Floats]:
    """Draw the initial weights; the seed alone decides them, not the order of the samples.

    Examples
    --------
    >>> from saltation.experiments.signals import recipe
    >>> from saltation.experiments.signals.task import initial_weights
    >>> {name: weight.shape for name, weight in initial_weights(recipe("spoken-digits")).items()}
    {'weight_in_hid': (104, 120), 'weight_hid_out': (120, 10)}
    """
    rng = np.random.default_rng([settings.seed, 0])
    into = (n_inputs(settings), settings.hidden)
    out = (settings.hidden, CLASSES[settings.dataset])
    return {
        "weight_in_hid": normal(into, settings.hidden_mean, settings.hidden_std, rng),
        "weight_hid_out": normal(out, settings.out_mean, settings.out_std, rng),
    }


def randomness(settings: Settings) -> np.random.Generator:
    """Give the generator of all that is random in training: the order of the samples, and dropout."""
    return np.random.default_rng([settings.seed, 1])


def make_network(settings: Settings, weights: Mapping[str, Floats]) -> Network:
    """Build the network with given weights.

    Examples
    --------
    >>> from saltation.experiments.signals import recipe
    >>> from saltation.experiments.signals.task import initial_weights, make_network
    >>> settings = recipe("hapt")
    >>> [each.size for each in make_network(settings, initial_weights(settings)).populations.values()]
    [127, 120, 6]
    """
    network = Network()
    network.add("in", Input(n_inputs(settings)))
    membranes = {"tau_mem": settings.tau_mem, "t_refrac": settings.t_refrac}
    network.add("hid", LIF(settings.hidden, tau_syn=settings.tau_syn, **membranes))
    network.add("out", LI(CLASSES[settings.dataset], tau_mem=settings.tau_mem, tau_syn=settings.tau_syn))
    for name, (pre, post) in PROJECTIONS.items():
        network.connect(pre, post, weight=weights[name])
    return network


def read_by(settings: Settings) -> Readout:
    """What is read of the voltages."""
    return LARGEST if settings.readout == "largest" else Readout(VoltageIntegral(), settings.tau_mem)


def make_backend(settings: Settings, threads: int | None) -> Backend:
    """Give what runs the network."""
    if settings.backend == "exact":
        return Exact(threads=threads)
    from saltation.experiments.on_chip import make_on_chip

    return make_on_chip(settings, threads=threads)
