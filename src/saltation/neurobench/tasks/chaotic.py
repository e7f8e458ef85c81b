"""Chaotic function prediction: what is known, what is to be predicted, and how a predictor goes on by itself."""

import abc
from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import explain, float_array, integer, to_array
from saltation.neurobench.metrics import smape
from saltation.neurobench.report import Complexity
from saltation.neurobench.tasks.mackey_glass import POINTS_PER_LYAPUNOV_TIME

__all__ = ["Predictor", "Window", "window", "windows"]

Floats = npt.NDArray[np.float64]

RUNS: Final = 30
TRAIN = TEST = 10 * POINTS_PER_LYAPUNOV_TIME
"""Points of ten Lyapunov times."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A run of the task.

    Attributes
    ----------
    known : ndarray, [751]
        Ten Lyapunov times of inputs, each with the point after it as its target, and the point that prediction starts
        from: input ``known[k]``, target ``known[k + 1]``.
    future : ndarray, [750]
        What is to be predicted, from the predictions alone.
    """

    known: Floats
    future: Floats

    def score(self, prediction: npt.ArrayLike) -> float:
        """SMAPE of a prediction; 200 if it did not stay finite."""
        return smape(prediction, self.future)


def window(values: npt.ArrayLike, run: int = 0, *, train: int = TRAIN, test: int = TEST) -> Window:
    """Cut a run of the benchmark out of a series: run r begins ``floor(37.5 r)`` points later.

    Parameters
    ----------
    values : array_like, [point]
        A series.
    run : int
        Number of the run, from 0.
    train, test : int
        Points to train on and to predict.

    Raises
    ------
    ParameterError
        If the series is too short, or not of finite numbers.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.tasks import window
    >>> last = window(np.arange(2588), 29)
    >>> last.known[[0, -1]], last.future[[0, -1]]
    (array([1087., 1837.]), array([1838., 2587.]))
    """
    series = to_array("window.values", values)
    first = integer("window", "run", run) * POINTS_PER_LYAPUNOV_TIME // 2
    train, test = (integer("window", name, n, minimum=1) for name, n in (("train", train), ("test", test)))
    needed = first + train + test + 1
    if series.ndim != 1 or series.size < needed:
        raise ParameterError(
            f"window.values must be one series of {needed} points or more for run {run}; got shape {series.shape}; "
            f"ask for more: mackey_glass(points={needed})"
        )
    series = float_array("window", "values", series, shapes=((None,),)).astype(np.float64)
    return Window(series[first : first + train + 1], series[first + train + 1 : needed])


def windows(values: npt.ArrayLike, runs: int = RUNS) -> list[Window]:
    """All runs of the benchmark on a series.

    They overlap by all but 37 points: their scores are not independent, and the deviation of their mean is not theirs
    divided by the root of their number. For an error, take several series from other pasts (`pasts`).
    """
    return [window(values, run) for run in range(integer("windows", "runs", runs, minimum=1))]


def known_points(owner: str, known: npt.ArrayLike) -> Floats:
    """Points to learn from, checked.

    Raises
    ------
    ParameterError
        If they are no series of finite numbers.

    Examples
    --------
    >>> from saltation.neurobench.tasks.chaotic import known_points
    >>> known_points("Constant", [1, 2])
    array([1., 2.])
    """
    points = float_array(f"{owner}.fit", "known", known, shapes=((None,),)).astype(np.float64)
    if points.size < 2:
        raise ParameterError(explain(f"{owner}.fit.known", "two points or more", f"{points.size}"))
    return points


def steps_to_predict(owner: str, steps: int, *, fitted: bool) -> int:
    """A number of steps, checked, of a predictor that has learned.

    Raises
    ------
    ParameterError
        If it is no whole number from 1 on, or nothing was learned yet.

    Examples
    --------
    >>> from saltation.neurobench.tasks.chaotic import steps_to_predict
    >>> steps_to_predict("Constant", 750, fitted=True)
    750
    """
    steps = integer(f"{owner}.predict", "steps", steps, minimum=1)
    if not fitted:
        raise ParameterError(f"{owner}.predict: nothing was learned yet; call fit first")
    return steps


class Predictor(abc.ABC):
    """What learns a series, and then goes on by itself."""

    @abc.abstractmethod
    def fit(self, known: Floats) -> None:
        """Learn from ``known[k] -> known[k + 1]``, and be ready to go on after its last point."""

    @abc.abstractmethod
    def predict(self, steps: int) -> Floats:
        """The points after the known ones, each from predictions alone once these have begun."""

    @abc.abstractmethod
    def costs(self) -> Complexity | None:
        """Costs of the last prediction, a step as a sample; None if no operation is made at all."""
