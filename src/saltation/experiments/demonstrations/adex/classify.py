"""Which firing pattern a train of spikes shows, by their number and intervals alone."""

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

__all__ = ["ADAPTING", "INITIAL", "NAMES", "OTHER", "REGULAR", "SILENT", "TONIC", "TRANSIENT", "classify"]

SILENT, OTHER = "silent", "other"
TONIC, ADAPTING, INITIAL, REGULAR, TRANSIENT = "tonic", "adapting", "initial burst", "regular bursting", "transient"
NAMES = (TONIC, ADAPTING, INITIAL, REGULAR, TRANSIENT)

_GAP = 2.5  # ratio of neighbours among sorted intervals from which on they are of two kinds
_EARLY = 0.25  # of the step
_FEW = 4
_STEADY = 1.35  # of late intervals by early ones, at most
_SLOWER = 2.0  # of late intervals by the first, at least
_VARIES = 0.25  # of equal intervals, standard deviation by mean


def classify(times: npt.ArrayLike, duration: float) -> str:
    """Name the pattern of spikes in a step.

    Parameters
    ----------
    times : array_like, [spike]
        Sorted, in seconds since the begin of the step.
    duration : float
        Of the step, in seconds.

    Returns
    -------
    str
        - ``"silent"``: no spike;
        - ``"transient"``: at most four, all in the first quarter;
        - ``"tonic"``: at least eight, equally spaced;
        - ``"adapting"``: at least six, with intervals that become at least twice as long, without a gap among them;
        - ``"initial burst"``: at least two short intervals, then at least three long and equal ones;
        - ``"regular bursting"``: at least three bursts of two spikes or more, the last of which the end may cut;
        - ``"other"``.

    Examples
    --------
    >>> classify([10e-6, 30e-6, 50e-6, 70e-6, 90e-6, 110e-6, 130e-6, 150e-6], 160e-6)
    'tonic'
    >>> classify([5e-6, 8e-6, 60e-6, 63e-6, 110e-6, 113e-6], 150e-6)
    'regular bursting'
    """
    times = np.asarray(times, np.float64)
    if times.size == 0:
        return SILENT
    if times.size <= _FEW and times[-1] < _EARLY * duration:
        return TRANSIENT
    if times.size < _FEW + 1:
        return OTHER
    intervals = np.diff(times)
    ordered = np.sort(intervals)
    ratios = ordered[1:] / ordered[:-1]
    if ratios.max() >= _GAP:
        return _of_bursts(intervals <= ordered[int(ratios.argmax())], intervals)
    late, early = intervals[-3:].mean(), intervals[:3].mean()
    if intervals.size >= 7 and late <= _STEADY * early and early <= _STEADY * late and _equal(intervals):
        return TONIC
    if intervals.size >= 5 and late >= _SLOWER * intervals[0]:
        return ADAPTING
    return OTHER


def _of_bursts(short: NDArray[np.bool_], intervals: NDArray[np.float64]) -> str:
    """Tell bursts apart, where intervals are of two kinds."""
    first = int((~short).argmax())  # short intervals before the first long one
    rest = intervals[first:]
    if first >= 2 and not short[first:].any() and rest.size >= 3 and _equal(rest):
        return INITIAL
    # the end of the step may cut the last burst to one spike
    again = (~short[:-1]) & (~short[1:])
    if short[0] and (~short).sum() >= 2 and not again.any():
        return REGULAR
    return OTHER


def _equal(intervals: NDArray[np.float64]) -> bool:
    return bool(intervals.std() <= _VARIES * intervals.mean())
