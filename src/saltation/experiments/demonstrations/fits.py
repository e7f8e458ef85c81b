"""Straight lines through measured points, and medians of what could be measured."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Line", "line", "median"]

_LEAST = 3


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
        Points of which a coordinate is not finite could not be measured, and are left out; with fewer than three
        others nothing is known, and all is NaN.

    Examples
    --------
    >>> line([0, 1, 2], [1, 3, 5]).slope.__round__(9)
    2.0
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    measured = np.isfinite(x) & np.isfinite(y)
    if measured.sum() < _LEAST:
        return Line(np.nan, np.nan, np.nan, np.nan)
    x, y = x[measured], y[measured]
    slope, offset = np.polyfit(x, y, 1)
    left = y - (slope * x + offset)
    total = ((y - y.mean()) ** 2).sum()
    r2 = 1.0 - (left**2).sum() / total if total > 0.0 else np.nan
    return Line(float(slope), float(offset), float(np.abs(left).max()), float(r2))


def median(values: npt.ArrayLike) -> float:
    """The median of what could be measured; NaN where nothing could.

    Examples
    --------
    >>> median([1.0, float("nan"), 3.0]), median([float("nan")])
    (2.0, nan)
    """
    values = np.asarray(values, np.float64)
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else np.nan
