"""The Mackey-Glass equation: the 14 series of NeuroBench, made here, from any number of pasts."""

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import integer, number, suggest
from saltation.neurobench.tasks.delay_equation import Solution, solve

__all__ = ["POINTS_PER_LYAPUNOV_TIME", "SERIES", "MackeyGlass", "mackey_glass", "pasts", "solution"]

Floats = npt.NDArray[np.float64]

POINTS_PER_LYAPUNOV_TIME: Final = 75


@final
@dataclass(frozen=True, slots=True)
class MackeyGlass:
    """Constants of a series.

    ::

        dx/dt = beta x(t - tau) / (1 + x(t - tau)^power) - gamma x,    x(t) = past for t <= 0

    Attributes
    ----------
    tau : float
        Delay, in the equation's own unit of time.
    lyapunov_time : float
        As the benchmark states it, in the same unit; 75 points are sampled in it.
    past : float
        Of the benchmark's own series.
    beta, gamma, power
        Of the equation; ``power`` is a whole number.

    Examples
    --------
    >>> from saltation.neurobench.tasks import SERIES
    >>> SERIES[17].lyapunov_time, SERIES[17].past, round(SERIES[17].interval, 4)
    (197.0, 0.7206597, 2.6267)
    """

    tau: float
    lyapunov_time: float
    past: float
    beta: float = 0.2
    gamma: float = 0.1
    power: int = 10

    @property
    def interval(self) -> float:
        """Time between two points."""
        return self.lyapunov_time / POINTS_PER_LYAPUNOV_TIME

    def drive(self, delayed: Floats) -> Floats:
        """``beta x / (1 + x^power)``, of products and a quotient alone."""
        return self.beta * delayed / (1.0 + _power(delayed, self.power))


SERIES: Final[dict[int, MackeyGlass]] = {
    tau: MackeyGlass(float(tau), float(lyapunov_time), past)
    for tau, lyapunov_time, past in (
        (17, 197, 0.7206597),
        (18, 138, 0.7744313),
        (19, 315, 0.7783468),
        (20, 131, 0.9225991),
        (21, 191, 0.9479431),
        (22, 119, 0.545596),
        (23, 106, 0.8622247),
        (24, 97, 0.325966),
        (25, 98, 0.8297825),
        (26, 104, 1.003349),
        (27, 112, 0.6491406),
        (28, 119, 1.0957495),
        (29, 131, 0.9256179),
        (30, 139, 0.2713639),
    )
}
"""The benchmark's, by delay; its published results are of 17."""


def solution(series: MackeyGlass, past: npt.ArrayLike, until: float) -> Solution:
    """Solve the equation from constant pasts up to a time, as polynomials to be read anywhere."""
    return solve(series.drive, series.gamma, series.tau, past, until)


def mackey_glass(
    tau: int = 17, *, points: int = 2588, past: npt.ArrayLike | None = None, settle: float = 0.0
) -> Floats:
    """Points of a Mackey-Glass series, 75 in a Lyapunov time.

    ::

        x_k = x(tau + settle lyapunov_time + k interval)

    The benchmark's own file begins at ``t = tau`` too, and was made by a solver whose result depends on the machine.
    This one has the same bits on every machine. Errors grow by e in about 150 units of time, so that no other solution
    can agree with the file for more than a few Lyapunov times: after that it is another stretch of the same attractor.

    Parameters
    ----------
    tau : int
        Which of the 14 series.
    points : int
        How many; 2588 are the 30 runs of the benchmark.
    past : float or array_like, [series], optional
        Values up to t = 0, each a series of its own; by default that of the benchmark.
    settle : float
        Lyapunov times to leave out, for series that are to be independent of their pasts.

    Returns
    -------
    ndarray of float64, [points] or [series, points]
        For one past, or several.

    Raises
    ------
    ParameterError
        If there is no such series, or an argument is out of range.

    References
    ----------
    M. C. Mackey, L. Glass, Oscillation and chaos in physiological control systems, Science 197, 287 (1977),
    doi:10.1126/science.267326. Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.neurobench.tasks import mackey_glass
    >>> mackey_glass(points=3).round(6)
    array([1.266778, 1.303401, 1.282305])
    """
    if tau not in SERIES:
        raise ParameterError(f"mackey_glass.tau must be one of the benchmark's; got {tau!r}; {suggest(tau, SERIES)}")
    series = SERIES[tau]
    points = integer("mackey_glass", "points", points, minimum=1)
    settle = number("mackey_glass", "settle", settle, minimum=0.0)
    given = np.asarray(series.past if past is None else past, np.float64)
    if given.ndim > 1 or not given.size:
        raise ParameterError(
            f"mackey_glass.past must be a number, or one for each series; got an array of shape {given.shape}"
        )
    first = series.tau + settle * series.lyapunov_time
    times = first + np.arange(points) * series.interval
    found = solution(series, given, float(times[-1]) + series.interval)(times).T
    return found[0] if given.ndim == 0 else np.ascontiguousarray(found)


def pasts(n: int, seed: int) -> Floats:
    """Draw constant pasts, uniform between 0.4 and 1.3.

    With ``settle`` of ten Lyapunov times each begins a series that tells nothing of the others.

    Examples
    --------
    >>> from saltation.neurobench.tasks import pasts
    >>> pasts(3, seed=1).round(3)
    array([0.861, 1.255, 0.53 ])
    """
    return np.random.default_rng(seed).uniform(0.4, 1.3, integer("pasts", "n", n, minimum=1))


def _power(x: Floats, power: int) -> Floats:
    """``x^power`` by squaring; the library's own function differs in its last bit among machines."""
    result: Floats | None = None
    while power:
        if power & 1:
            result = x if result is None else result * x
        x, power = x * x, power >> 1
    return np.ones_like(x) if result is None else result
