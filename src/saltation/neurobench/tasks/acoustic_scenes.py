"""The rules of acoustic scene classification in the system track, and a result that carries them."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import explain, float_array, number, text
from saltation.neurobench.metrics import accuracy

__all__ = ["SCENE_RULES", "SceneResult", "scene_result"]

SAMPLES: Final = 16_240
"""Of the whole test part."""

SCENE_RULES: Final[tuple[str, ...]] = (
    "Data: four scenes (airport, street_traffic, bus, park) of TAU Urban Acoustic Scenes 2020 Mobile, device a, "
    "samples of one second, 41,360 to train on and 16,240 to test on; changing their rate is not measured.",
    "The test part is used for nothing but the test; a validation part is taken from training.",
    "Samples are processed one by one, each only when the one before is done.",
    "An inference is one second of sound; the step from outputs to a class need not be measured.",
    "Preprocessing is measured too, in time and energy, and reported apart from inference.",
    "Accuracy is that of the system itself, not of a simulation of it.",
    "Time begins when a sample is in the memory of the system and ends with its last step; mean and standard error "
    "over the test part.",
    "Idle power is that of a system that is configured and ready, not asleep; dynamic power = active - idle; energy = "
    "power x mean time; all parts that take part are counted.",
    "Results must be replicable: the mean of five trials lies within 5 % of what is reported.",
    "A report is due: architecture, algorithm, how time and power were measured and at which rate, what is left out.",
)
"""Of the specification, in short words."""


@final
@dataclass(frozen=True, slots=True)
class SceneResult:
    """What is reported of a system.

    Attributes
    ----------
    system : str
        What was measured, and how.
    accuracy : float
        On the samples.
    samples : int
        How many.
    inference, preprocessing : (float, float) or None
        Mean time of a sample and its standard error, in seconds; None where it was not measured.
    idle_power, active_power : float or None
        In watts.
    emulated : bool
        Whether the system is a simulation or an emulation: then it is no result of the system track.
    rules : tuple of str
        By which it is to be measured.
    """

    system: str
    accuracy: float
    samples: int
    inference: tuple[float, float] | None
    preprocessing: tuple[float, float] | None
    idle_power: float | None
    active_power: float | None
    emulated: bool
    rules: tuple[str, ...] = SCENE_RULES

    @property
    def dynamic_power(self) -> float | None:
        """Active minus idle power, in watts."""
        if self.idle_power is None or self.active_power is None:
            return None
        return self.active_power - self.idle_power

    @property
    def dynamic_energy(self) -> float | None:
        """Dynamic power times mean time of an inference, in joules."""
        if self.dynamic_power is None or self.inference is None:
            return None
        return self.dynamic_power * self.inference[0]

    @property
    def lacks(self) -> tuple[str, ...]:
        """What an official result would have and this has not."""
        parts = ("inference", "preprocessing", "idle_power", "active_power")
        missing = [name for name in parts if getattr(self, name) is None]
        if self.samples != SAMPLES:
            missing.append(f"all {SAMPLES:,} samples")
        if self.emulated:
            missing.append("a physical system")
        return tuple(missing)

    def to_dict(self) -> dict[str, Any]:
        """All of it, with the rules; ready for JSON."""
        derived = {
            "dynamic_power": self.dynamic_power,
            "dynamic_energy": self.dynamic_energy,
            "lacks": list(self.lacks),
        }
        return {**asdict(self), **derived}


def scene_result(
    system: str,
    predictions: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    emulated: bool,
    inference_seconds: npt.ArrayLike | None = None,
    preprocessing_seconds: npt.ArrayLike | None = None,
    idle_power: float | None = None,
    active_power: float | None = None,
) -> SceneResult:
    """Put a result together.

    Parameters
    ----------
    system : str
        What was measured, and how.
    predictions, labels : array_like of int, [sample]
        Scenes found and true.
    emulated : bool
        Whether the system is a simulation or an emulation; its times are no result, and are refused.
    inference_seconds, preprocessing_seconds : array_like, [sample], optional
        Measured times.
    idle_power, active_power : float, optional
        Measured, in watts.

    Raises
    ------
    ParameterError
        If arrays do not fit, or times or powers are given of an emulated system.

    References
    ----------
    NeuroBench, system benchmarks, ASC: https://github.com/NeuroBench/system_benchmarks.

    Examples
    --------
    >>> from saltation.neurobench.tasks import scene_result
    >>> result = scene_result("a board", [0, 1, 1], [0, 1, 2], emulated=False, inference_seconds=[0.04, 0.05, 0.06])
    >>> round(result.accuracy, 3), result.lacks
    (0.667, ('preprocessing', 'idle_power', 'active_power', 'all 16,240 samples'))
    """
    owner = "scene_result"
    measured = (inference_seconds, preprocessing_seconds, idle_power, active_power)
    if emulated and any(each is not None for each in measured):
        raise ParameterError(f"{owner}: times and powers of an emulated system are no result of it; leave them out")
    score = accuracy(predictions, labels)
    n = np.asarray(labels).size
    powers = [
        None if value is None else number(owner, name, value, minimum=0.0)
        for name, value in (("idle_power", idle_power), ("active_power", active_power))
    ]
    times = [
        None if value is None else _times(owner, name, value, n)
        for name, value in (("inference_seconds", inference_seconds), ("preprocessing_seconds", preprocessing_seconds))
    ]
    return SceneResult(text(owner, "system", system), score, n, times[0], times[1], powers[0], powers[1], emulated)


def _times(owner: str, name: str, value: npt.ArrayLike, n: int) -> tuple[float, float]:
    """Mean and standard error."""
    times = float_array(owner, name, value, shapes=((n,),), minimum=0.0).astype(np.float64)
    if n < 2:
        raise ParameterError(explain(f"{owner}.{name}", "of two samples or more, for a standard error", f"{n}"))
    return float(times.mean()), float(times.std(ddof=1)) / math.sqrt(n)
