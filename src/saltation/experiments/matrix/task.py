"""Data sets and float networks of the three experiments."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from saltation.data import features, hapt, mnist, yinyang
from saltation.data.yinyang import CLASS_NAMES
from saltation.experiments.matrix.settings import Settings
from saltation.experiments.matrix.spectrum import band_energies

__all__ = ["Labelled", "Task", "load", "network"]

_DEVIATIONS = 3.0  # features beyond so many are cut: a chip has 31 steps for all of them
_POINTS = 5000  # of Yin-Yang, as its authors have it; and seeds
_TEST_POINTS, _TRAIN_SEED, _TEST_SEED = 1000, 42, 40


@final
@dataclass(frozen=True, slots=True)
class Labelled:
    """Samples ``[n, ...]`` and their classes ``[n]``."""

    x: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, limit: int | None) -> "Labelled":
        """So many of them, or all."""
        return Labelled(self.x[:limit], self.labels[:limit])


@final
@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learned."""

    train: Labelled
    test: Labelled
    names: tuple[str, ...]


def load(settings: Settings) -> Task:
    """Read the data set.

    MNIST: brightness from 0 to 1. HAPT-6: 63 simple features and 36 energies of bands of each window, with mean and
    deviation of training subjects taken off, cut at three deviations; subjects of training and test are apart.
    Yin-Yang: four coordinates.

    Raises
    ------
    MissingDataError
        If it is not on this machine.

    Examples
    --------
    >>> from saltation.experiments.matrix.settings import recipe
    >>> from saltation.experiments.matrix.task import load
    >>> task = load(recipe("yinyang-mac"))
    >>> task.train.x.shape, len(task.test), task.names
    (torch.Size([5000, 4]), 1000, ('yin', 'yang', 'dot'))
    """
    train, test, names = _READERS[settings.experiment]()
    # the same ones for all seeds, and of all classes and subjects
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(train)))
    chosen = order[: settings.train_limit]
    return Task(Labelled(train.x[chosen], train.labels[chosen]), test.first(settings.test_limit), names)


def network(experiment: str) -> nn.Sequential:
    """Make the float network, with initial weights from torch's generator.

    Examples
    --------
    >>> from saltation.experiments.matrix.task import network
    >>> network("yinyang-mac")
    Sequential(
      (0): Linear(in_features=4, out_features=128, bias=True)
      (1): ReLU()
      (2): Linear(in_features=128, out_features=3, bias=True)
    )
    """
    if experiment == "mnist-mac":
        convolution = nn.Conv2d(1, 20, 10, stride=5, padding=1)
        return nn.Sequential(convolution, nn.ReLU(), nn.Flatten(), nn.Linear(500, 128), nn.ReLU(), nn.Linear(128, 10))
    inputs, hidden, outputs = {"har": (99, 64, 6), "yinyang-mac": (4, 128, 3)}[experiment]
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


# ------------------------------------------------------------------------------------------------ private
Parts = tuple[Labelled, Labelled, tuple[str, ...]]


def _mnist() -> Parts:
    train, test = (mnist(part) for part in ("train", "test"))
    found = [_labelled(each.values().reshape(-1, 1, *each.shape), each.labels) for each in (train, test)]
    return found[0], found[1], train.names


def _hapt() -> Parts:
    train, test = (hapt(part) for part in ("train", "test"))
    of_train, of_test = (np.concatenate([features(each), band_energies(each)], axis=1) for each in (train, test))
    mean, deviation = of_train.mean(axis=0), of_train.std(axis=0)
    cut = [np.clip((each - mean) / deviation, -_DEVIATIONS, _DEVIATIONS) for each in (of_train, of_test)]
    return _labelled(cut[0], train.labels), _labelled(cut[1], test.labels), train.names


def _yinyang() -> Parts:
    return (
        _labelled(*yinyang(_POINTS, _TRAIN_SEED)),
        _labelled(*yinyang(_TEST_POINTS, _TEST_SEED)),
        CLASS_NAMES,
    )


def _labelled(x: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> Labelled:
    return Labelled(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(labels.astype(np.int64)))


_READERS: dict[str, Callable[[], Parts]] = {"mnist-mac": _mnist, "har": _hapt, "yinyang-mac": _yinyang}
