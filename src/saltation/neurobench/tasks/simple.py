"""The simplest predictors: a constant, and a linear map of the last points."""

from typing import final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import integer, number
from saltation.neurobench.counting.record import Activity, LayerCount, Static
from saltation.neurobench.report import Complexity
from saltation.neurobench.rules import rules_of
from saltation.neurobench.tasks.chaotic import Predictor, known_points, steps_to_predict

__all__ = ["Constant", "Linear", "lagged"]

Floats = npt.NDArray[np.float64]


@final
class Constant(Predictor):
    """The mean of all targets of training: about 21.7 on the series with delay 17, and what has to be beaten.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.tasks import Constant
    >>> constant = Constant()
    >>> constant.fit(np.array([9.0, 1.0, 2.0]))
    >>> constant.predict(2)
    array([1.5, 1.5])
    """

    def __init__(self) -> None:
        self._mean: float | None = None

    def fit(self, known: Floats) -> None:
        """Take the mean."""
        self._mean = None
        self._mean = float(np.mean(known_points("Constant", known)[1:]))

    def predict(self, steps: int) -> Floats:
        """The mean, each time."""
        return np.full(steps_to_predict("Constant", steps, fitted=self._mean is not None), self._mean)

    def costs(self) -> Complexity | None:
        """None: nothing is computed."""
        return None


@final
class Linear(Predictor):
    """A linear map of the last points, by ridge regression.

    ::

        x_k+1 = b + sum_i a_i x_k-i,    min  mean_k (x_k+1 - target)^2 + ridge |a|^2

    Parameters
    ----------
    lags : int
        Number of points that it sees.
    ridge : float
        Weight of the penalty.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.tasks import Linear
    >>> linear = Linear(lags=2, ridge=0.0)
    >>> linear.fit(np.cos(np.arange(100.0)))
    >>> bool(abs(linear.predict(50) - np.cos(np.arange(100.0, 150.0))).max() < 1e-9)
    True
    >>> linear.costs().effective_macs
    2.0
    """

    def __init__(self, lags: int = 50, ridge: float = 1e-8) -> None:
        self.lags = integer("Linear", "lags", lags, minimum=1)
        self.ridge = number("Linear", "ridge", ridge, minimum=0.0)
        self._weights = np.empty(0)
        self._counted: LayerCount | None = None
        self._steps = 0

    def fit(self, known: Floats) -> None:
        """Solve for the map."""
        self._weights, self._counted = np.empty(0), None
        known = known_points("Linear", known)
        inputs, targets = lagged(known, range(self.lags))
        self._weights = ridge_regression(with_constant(inputs), targets, self.ridge)
        self._last = known[-self.lags :][::-1].copy()

    def predict(self, steps: int) -> Floats:
        """Step by step."""
        steps = steps_to_predict("Linear", steps, fitted=bool(self._weights.size))
        seen = self._last.copy()
        found, macs = np.empty(steps), 0
        for k in range(steps):
            macs += int(np.count_nonzero(self._weights[1:] * seen))
            with np.errstate(over="ignore", invalid="ignore"):
                found[k] = self._weights[0] + self._weights[1:] @ seen
            seen = np.concatenate([found[k : k + 1], seen[:-1]])
        self._counted = LayerCount("readout", "linear", macs, 0, steps * self.lags)
        self._steps = steps
        return found

    def costs(self) -> Complexity:
        """A multiplication for each lag; the constant is a bias."""
        if self._counted is None:
            raise ParameterError("Linear.costs: nothing was predicted yet; call fit and predict first")
        weights = self._weights[1:]
        size = {"parameters": self._weights.nbytes, "buffers": self._last.nbytes}
        zeros = int((weights == 0.0).sum())
        static = Static(sum(size.values()), self._weights.size, weights.size, zeros, size)
        rules = rules_of("per-sample", "synapse", "analog", "dense", "footprint", "learning")
        return Complexity(
            "linear", self._steps, (self._counted,), static, Activity(None, None, ()), None, None, None, {}, rules
        )


def lagged(known: Floats, lags: range | tuple[int, ...]) -> tuple[Floats, Floats]:
    """Points at given lags ``[sample, lag]``, 0 the last, and the point after each.

    Raises
    ------
    ParameterError
        If the series is shorter than the longest lag.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.tasks.simple import lagged
    >>> inputs, targets = lagged(np.arange(5.0), (0, 2))
    >>> inputs.tolist(), targets.tolist()
    ([[2.0, 0.0], [3.0, 1.0]], [3.0, 4.0])
    """
    last = np.arange(max(lags), len(known) - 1)
    if not last.size:
        raise ParameterError(f"known must hold more than {max(lags) + 1} points, the longest lag; got {len(known)}")
    return np.stack([known[last - lag] for lag in lags], axis=1), known[last + 1]


def with_constant(inputs: Floats) -> Floats:
    """A column of ones in front."""
    return np.concatenate([np.ones((len(inputs), 1)), inputs], axis=1)


def ridge_regression(design: Floats, targets: Floats, ridge: float) -> Floats:
    """``min_w  mean (design w - targets)^2 + ridge |w[1:]|^2``; the first column, a constant, is free.

    Solved by singular values of the design with the penalty below it: normal equations would have the square of its
    condition number, and no digit left.
    """
    penalty = np.full(design.shape[1], np.sqrt(ridge * len(design)))
    penalty[0] = 0.0
    stacked = np.concatenate([design, np.diag(penalty)])
    solved = np.linalg.lstsq(stacked, np.concatenate([targets, np.zeros(penalty.size)]), rcond=None)[0]
    return solved.astype(np.float64, copy=False)
