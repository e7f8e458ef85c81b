"""Equations with a delay and a linear decay, solved by collocation: the same bits on every machine.

::

    dx/dt = g(x(t - tau)) - gamma x,    x(t) = past for t <= 0

On a segment of length h = tau / m the drive is known from the segment m before it, at the same places. So there is
nothing to iterate: with nodes u_i of the unit interval and the polynomials l_j through them,

    x(t + h u_i) = e^(-gamma h u_i) x(t) + sum_j Q_ij g(x(t + h u_j - tau)),
    Q_ij = h int_0^u_i e^(-gamma h (u_i - u)) l_j(u) du

is exact but for the polynomial that stands for the drive. Jumps of derivatives, which the start leaves at all multiples
of tau, lie between segments.

Of a chaotic solution all digits are lost after a while to the rounding of the first steps: two programs that are both
right end in different numbers. Here Q is rounded once, from 100 digits, and what follows is made of sums, products and
quotients one after the other, which IEEE 754 defines to the bit.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import integer, number

__all__ = ["Solution", "solve"]

Floats = npt.NDArray[np.float64]

ORDER = 10
"""Degree of the polynomials."""
SEGMENTS = 24
"""Of a delay."""

_DIGITS = 100


@final
@dataclass(frozen=True, slots=True)
class Solution:
    """A solution as polynomials on segments of equal length, each through its values at the nodes.

    Attributes
    ----------
    length : float
        Length of a segment.
    nodes : ndarray, [order + 1]
        Places in the unit interval, 0 and 1 among them.
    values : ndarray, [segment, order + 1, series]
        At the nodes of each segment; the first segment begins at 0.
    """

    length: float
    nodes: Floats
    values: Floats

    def __call__(self, times: npt.ArrayLike) -> Floats:
        """Values at given times, ``[time, series]``.

        Raises
        ------
        ParameterError
            If a time is outside of what was solved.
        """
        wanted = np.atleast_1d(np.asarray(times, np.float64))
        place = wanted / self.length
        if place.size and not (place.min() >= 0.0 and place.max() <= len(self.values)):
            raise ParameterError(
                f"Solution: times must be in 0 to {self.length * len(self.values):g}, what was solved; got "
                f"{wanted.min():g} to {wanted.max():g}; solve for longer"
            )
        segment = np.minimum(place.astype(np.int64), len(self.values) - 1)
        weights = _interpolation(self.nodes, place - segment)
        at = self.values[segment]
        total = np.zeros((wanted.size, self.values.shape[2]))
        # one after the other: a product of matrices adds in an order that depends on the machine
        for j in range(self.nodes.size):
            total += weights[:, j, None] * at[:, j]
        return total


def solve(
    drive: Callable[[Floats], Floats],
    decay: float,
    delay: float,
    past: npt.ArrayLike,
    until: float,
    *,
    segments: int = SEGMENTS,
    order: int = ORDER,
) -> Solution:
    """Solve ``dx/dt = drive(x(t - delay)) - decay x`` from constant pasts, several at once.

    Parameters
    ----------
    drive : callable
        Elementwise function of an array; with sums, products and quotients alone, the result has the same bits
        everywhere.
    decay : float
        gamma, >= 0.
    delay : float
        tau, > 0.
    past : float or array_like, [series]
        Value of each series up to t = 0.
    until : float
        How far to solve; up to the end of a delay.
    segments : int
        Segments in a delay.
    order : int
        Degree of the polynomial on a segment, 1 to 20; the error falls with its length to the power ``order + 1``.

    Returns
    -------
    Solution

    Raises
    ------
    ParameterError
        If an argument is not allowed, or the solution does not stay finite.

    References
    ----------
    A. Bellen, M. Zennaro, Numerical Methods for Delay Differential Equations, 2003,
    doi:10.1093/acprof:oso/9780198506546.001.0001 (method of steps, collocation).

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.tasks.delay_equation import solve
    >>> solution = solve(lambda x: 2.0 * x, decay=1.0, delay=1.0, past=1.0, until=1.0)
    >>> float(abs(solution(0.7)[0, 0] - (2.0 - np.exp(-0.7)))) < 1e-14  # dx/dt = 2 - x
    True
    """
    decay = number("solve", "decay", decay, minimum=0.0)
    delay = number("solve", "delay", delay, minimum=0.0, strict=True)
    until = number("solve", "until", until, minimum=0.0)
    segments = integer("solve", "segments", segments, minimum=1)
    order = integer("solve", "order", order, minimum=1)
    if order > 20:
        raise ParameterError(f"solve.order must be at most 20; got {order}; take more segments")
    start = np.atleast_1d(np.asarray(past, np.float64))
    if start.ndim != 1 or not np.isfinite(start).all():
        raise ParameterError(f"solve.past must be a finite number, or one for each series; got {past!r}")
    length = delay / segments
    nodes, integral, decays = _coefficients(decay, length, order)
    delays = max(1, math.ceil(until / delay))
    values = np.empty((delays, segments, order + 1, start.size))
    before = np.broadcast_to(start, values.shape[1:])
    end = start
    for now in values:
        driven = drive(before)
        # particular solution of every segment, as if it began at 0
        for i in range(order + 1):
            now[:, i] = 0.0
            for j in range(order + 1):
                now[:, i] += integral[i, j] * driven[:, j]
        for segment in now:
            segment += decays[:, None] * end
            end = segment[-1]
        before = now
    if not np.isfinite(values).all():
        raise ParameterError("solve: the solution does not stay finite; look at the drive and at the past")
    return Solution(length, nodes, values.reshape(-1, order + 1, start.size))


@functools.cache
def _coefficients(decay: float, length: float, order: int) -> tuple[Floats, Floats, Floats]:
    """Nodes u_i, Q_ij, and e^(-gamma h u_i)."""
    # Chebyshev's points of the second kind; cut to 30 bits, since cosines differ in their last bit among machines
    places = [Fraction(round(2**29 * (1.0 - math.cos(math.pi * i / order))), 2**30) for i in range(order + 1)]
    basis = [_lagrange(places, j) for j in range(order + 1)]
    with localcontext() as context:
        context.prec = _DIGITS
        h, rate = Decimal(length), Decimal(decay) * Decimal(length)
        exact = [Decimal(u.numerator) / Decimal(u.denominator) for u in places]
        integral = [
            [h * sum(_decimal(c) * m for c, m in zip(basis[j], moments, strict=True)) for j in range(order + 1)]
            for moments in (_moments(u, rate, order) for u in exact)
        ]
        decays = [(-rate * u).exp() for u in exact]
    return np.array([float(u) for u in places]), np.array(integral, dtype=float), np.array(decays, dtype=float)


def _moments(u: Decimal, rate: Decimal, order: int) -> list[Decimal]:
    """``int_0^u e^(-rate (u - s)) s^k ds = sum_n (-rate)^n u^(n + k + 1) k! / (n + k + 1)!`` for k = 0 .. order."""
    found: list[Decimal] = []
    for k in range(order + 1):
        term = u ** (k + 1) / (k + 1)
        total, n = term, 0
        while abs(term) > abs(total) * Decimal(10) ** -60:
            n += 1
            term *= -rate * u / (n + k + 1)
            total += term
        found.append(total)
    return found


def _lagrange(places: list[Fraction], j: int) -> list[Fraction]:
    """Coefficients of the polynomial that is 1 at place j and 0 at the others, the constant first."""
    result = [Fraction(1)]
    for i, u in enumerate(places):
        if i != j:
            scale = 1 / (places[j] - u)
            shifted = [Fraction(0), *result]
            result = [scale * (a - u * b) for a, b in zip(shifted, [*result, Fraction(0)], strict=True)]
    return result


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _interpolation(nodes: Floats, places: Floats) -> Floats:
    """Weights of the values at the nodes for each place, ``[place, node]``."""
    weights = np.ones((places.size, nodes.size))
    for j in range(nodes.size):
        for i in range(nodes.size):
            if i != j:
                weights[:, j] *= (places - nodes[i]) / (nodes[j] - nodes[i])
    return weights
