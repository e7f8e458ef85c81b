"""What the three outputs say: which of them spikes first, or whose voltage gets highest; with the loss of each."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.engine import Run
from saltation.engine.observation import Record
from saltation.experiments import voltage_loss
from saltation.experiments.yinyang.loss import softmax, ttfs_cross_entropy, winner
from saltation.experiments.yinyang.settings import Settings
from saltation.model import MaxVoltage

__all__ = ["FirstSpike", "LargestVoltage", "Readout", "make_readout"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Readout(ABC):
    """A number for each output neuron, what it means, and its loss; abstract."""

    record: Record

    @abstractmethod
    def observe(self, run: Run) -> Floats:
        """Give the numbers of a run, [batch, 3]."""

    @abstractmethod
    def loss(self, observed: Floats, labels: Ints) -> tuple[float, Floats]:
        """Give the loss, and its derivative by the numbers."""

    @abstractmethod
    def cotangents(self, run: Run, derivative: Floats) -> Mapping[str, Any]:
        """Arguments of `Run.gradient` for a derivative by the numbers."""

    @abstractmethod
    def answers(self, observed: Floats) -> Ints:
        """Give the class of each sample, -1 where there is none."""

    @abstractmethod
    def probabilities(self, observed: Floats) -> Floats:
        """Give the probabilities of the classes."""

    @abstractmethod
    def heard(self, observed: Floats) -> npt.NDArray[np.bool_]:
        """Tell which outputs say anything."""


@final
class FirstSpike(Readout):
    """Times of first spikes in seconds, inf where a neuron is silent; the first to spike is the answer.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.yinyang import Settings
    >>> from saltation.experiments.yinyang.readout import FirstSpike
    >>> FirstSpike(Settings()).answers(np.array([[2e-3, 1e-3, np.inf]]))
    array([1])
    """

    def __init__(self, settings: Settings) -> None:
        self.record = {}
        self._settings = settings

    def observe(self, run: Run) -> Floats:
        """Give first spike times."""
        return run.spikes["out"].first()

    def loss(self, observed: Floats, labels: Ints) -> tuple[float, Floats]:
        """Cross-entropy of first spike times."""
        settings = self._settings
        return ttfs_cross_entropy(observed, labels, tau0=settings.tau0, tau1=settings.tau1, alpha=settings.alpha)

    def cotangents(self, run: Run, derivative: Floats) -> Mapping[str, Any]:
        """Derivatives by the times of first spikes."""
        out = run.spikes["out"]
        index = out.first_index()
        fired = index >= 0
        cotangent = np.zeros(out.n_events)
        cotangent[index[fired]] = derivative[fired]
        return {"spike_times": {"out": cotangent}}

    def answers(self, observed: Floats) -> Ints:
        """Which spikes first."""
        return winner(observed)

    def probabilities(self, observed: Floats) -> Floats:
        """Softmax of times."""
        return softmax(observed, self._settings.tau0)

    def heard(self, observed: Floats) -> npt.NDArray[np.bool_]:
        """Which spike."""
        return np.isfinite(observed)


@final
class LargestVoltage(Readout):
    """Largest voltages of leaky integrators; the highest is the answer.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.yinyang.readout import LargestVoltage
    >>> LargestVoltage().answers(np.array([[0.2, 0.1, 0.3]]))
    array([2])
    """

    def __init__(self) -> None:
        self.record = {"out": MaxVoltage()}

    def observe(self, run: Run) -> Floats:
        """Give largest voltages."""
        return run.voltage["out"]

    def loss(self, observed: Floats, labels: Ints) -> tuple[float, Floats]:
        """Cross-entropy of voltages."""
        return voltage_loss.cross_entropy(observed, labels)

    def cotangents(self, run: Run, derivative: Floats) -> Mapping[str, Any]:
        """Derivatives by voltages."""
        return {"voltage": {"out": derivative}}

    def answers(self, observed: Floats) -> Ints:
        """Which gets highest."""
        return observed.argmax(axis=1)

    def probabilities(self, observed: Floats) -> Floats:
        """Softmax of voltages."""
        return voltage_loss.softmax(observed)

    def heard(self, observed: Floats) -> npt.NDArray[np.bool_]:
        """All: a voltage always says something."""
        return np.ones(observed.shape, bool)


def make_readout(settings: Settings) -> Readout:
    """Make that of the settings."""
    return FirstSpike(settings) if settings.readout == "first_spike" else LargestVoltage()
