"""Straight lines through measured points."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Line", "line"]


class Line(NamedTuple):
    """``y = slope x + offset``; ``worst`` is the largest distance of a point from it, ``r2`` what it explains."""

    slope: float
    offset: float
    worst: float
    r2: float


def line(x: npt.ArrayLike, y: npt.ArrayLike) -> Line:
    """Fit a straight line by least squares.

    Parameters
    ----------
    x, y : array_like, [point]
        At least two points.

    Examples
    --------
    >>> line([0, 1, 2], [1, 3, 5]).slope.__round__(9)
    2.0
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    slope, offset = np.polyfit(x, y, 1)
    left = y - (slope * x + offset)
    total = ((y - y.mean()) ** 2).sum()
    r2 = 1.0 - (left**2).sum() / total if total > 0.0 else np.nan
    return Line(float(slope), float(offset), float(np.abs(left).max()), float(r2))
