"""Signals as events: a spike whenever a channel has moved by a threshold."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model import Spikes
from saltation.model.checks import SECONDS, explain, float_array, number
from saltation.model.events import offsets_of
from saltation.model.layouts import sort_events

__all__ = ["level_crossing"]

Floats = npt.NDArray[np.float64]


def level_crossing(signals: Sequence[npt.ArrayLike] | npt.NDArray[Any], interval: float, threshold: float) -> Spikes:
    """Encode each signal by the times at which it has moved by a threshold, up or down.

    ::

        x_c(t)   is 0 at t = 0, value k at (k + 1) interval, and linear between
        r_c      begins at 0
        up       x_c(t) = r_c + threshold:  spike of unit c,      r_c <- r_c + threshold
        down     x_c(t) = r_c - threshold:  spike of unit C + c,  r_c <- r_c - threshold

    So the signal is at all times within a threshold of ``threshold (ups - downs)``. Values should be of order 1 and
    have their mean near 0, as standardised ones.

    Parameters
    ----------
    signals : sequence of array_like [step, channel], or array [sample, step, channel]
        Of any number of steps each, with C channels.
    interval : float
        Seconds from one value to the next.
    threshold : float
        Of a spike, in units of the signal.

    Returns
    -------
    Spikes
        Of 2 C units: C for up, C for down.

    Raises
    ------
    ParameterError
        If signals are not as described.

    References
    ----------
    M. Miskowicz, Send-on-delta concept: an event-based data reporting strategy, Sensors 6, 49 (2006), DOI
    10.3390/s6010049.

    Examples
    --------
    >>> from saltation.data import level_crossing
    >>> spikes = level_crossing([[[1.0], [1.0], [0.5]]], interval=10e-3, threshold=0.5)
    >>> spikes.times, spikes.units
    (array([0.005, 0.01 , 0.03 ]), array([0, 0, 1], dtype=int32))
    """
    owner = "level_crossing"
    length = number(owner, "interval", interval, minimum=0.0, strict=True, hint=SECONDS)
    step = number(owner, "threshold", threshold, minimum=0.0, strict=True)
    given = [
        float_array(owner, f"signals[{i}]", each, shapes=((None, None),)).astype(np.float64)
        for i, each in enumerate(signals)
    ]
    channels = {each.shape[1] for each in given}
    if len(channels) > 1 or 0 in channels:
        raise ParameterError(explain(f"{owner}.signals", "of the same number of channels, >= 1", f"{sorted(channels)}"))
    if not given:
        raise ParameterError(explain(f"{owner}.signals", "one or more", "none"))
    parts = [_crossings(each, length, step) for each in given]
    offsets = offsets_of(np.array([len(times) for times, _ in parts], np.int64))
    times = np.concatenate([times for times, _ in parts])
    units = np.concatenate([units for _, units in parts])
    return Spikes(*sort_events(times, units, offsets), n_units=2 * given[0].shape[1])


def _crossings(values: Floats, interval: float, threshold: float) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Times and units of one signal, step after step."""
    channels = values.shape[1]
    scaled = np.concatenate([np.zeros((1, channels)), values / threshold])
    level = np.zeros(channels)
    times, units = [np.empty(0)], [np.empty(0, np.int32)]
    for k, (before, after) in enumerate(pairwise(scaled)):
        ups = np.maximum(np.floor(after) - level, 0.0).astype(np.int64)
        downs = np.maximum(level - np.ceil(after), 0.0).astype(np.int64)
        n = ups + downs  # of each channel only one is not 0
        if not n.any():
            continue
        channel = np.repeat(np.arange(channels), n)
        sign = np.where(ups > 0, 1.0, -1.0)[channel]
        number_ = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n) + 1
        reached = level[channel] + sign * number_
        part = (reached - before[channel]) / (after[channel] - before[channel])
        times.append((k + np.clip(part, 0.0, 1.0)) * interval)
        units.append(np.where(sign > 0, channel, channels + channel).astype(np.int32))
        level = level + ups - downs
    return np.concatenate(times), np.concatenate(units)
