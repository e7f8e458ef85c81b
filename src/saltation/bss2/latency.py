r"""The delay of a chip and thresholds, from how long circuits take to spike after an event.

An event that saturates the input of a membrane at rest pulls it with a constant drive ``D``, so that it meets the
threshold ``Theta`` after

    T = d - tau ln(1 - (Theta - L) / (D tau)),    e^{-T/tau} = e^{-d/tau} (1 - (Theta - L) / (D tau))

with the delay ``d`` from the event to the time stamp of the spike.  Over the reading ``L`` at rest the right one is a
line.  Lines of two drives meet where the drive does not count, at ``L = Theta`` and ``T = d``; neither the drives nor
the threshold need to be known, and noise, which makes membranes at rest spike below their threshold, does not matter.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.bench import Bench
from saltation.bss2.calibration.steps import silent
from saltation.bss2.configuration import Configuration
from saltation.bss2.crossbar import FIRST_LINK_IN
from saltation.bss2.registers import EXCITATORY
from saltation.bss2.section import ChipEvents, Observed, Section

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# the drive is in proportion to these codes
_DRIVES = (g.CODE_MAX, g.CODE_MAX // 2)
# of the way from leak to threshold; nearer to it, noise makes spikes
_RAISED = (0.0, 0.2, 0.4, 0.6)
# Slopes are in proportion to the inverse of the drives, 2 of each other; lines that are less apart meet anywhere.
_STEEPER = 1.25
_REPEATS = 8
# Circuits of a group, one column of each event output, spike together; more would wait for one another.
_GROUPS = g.COLUMNS_PER_OUTPUT
_LEAD = 20e-6
_APART = 8e-6
"""Seconds from the event of a group to that of the next, within which its circuits must spike."""

_FINE = 2.0
"""LSB of the CADC that a membrane may cross in a time stamp, for its threshold to be told from the latency."""


def latencies(bench: Bench, configuration: Configuration, circuits: Ints, distance: Floats) -> tuple[Floats, Floats]:
    """Readings at rest, and seconds from a saturating event to the spike, for two drives and some leaks.

    Parameters
    ----------
    bench : Bench
    configuration : Configuration
        Without rows, labels and routes.
    circuits : ndarray of int
    distance : ndarray, [512]
        From leak to threshold, about, in codes.

    Returns
    -------
    readings, times
        ``[drive, leak, circuit]``; NaN where a circuit did not spike in time, or before the event.
    """
    own = _driven(configuration, circuits)
    event = np.asarray(_LEAD + _APART * np.arange(_GROUPS), np.float64)
    section = Section(event[-1] + _APART, ChipEvents(event, 1 + np.arange(_GROUPS)))
    begin = event[_group_of(np.arange(g.CIRCUITS))]
    readings = np.empty((len(_DRIVES), len(_RAISED), circuits.size))
    times = np.empty_like(readings)
    for i, drive in enumerate(_DRIVES):
        own.set("excitatory_input_i_bias_gm", drive, at=circuits)
        for k, part in enumerate(_RAISED):
            raised = configuration["leak_v_leak"] + part * distance
            own.set("leak_v_leak", np.clip(np.rint(raised), 0, g.CODE_MAX).astype(int))
            readings[i, k] = bench.reading(silent(own))[circuits]
            times[i, k] = _first_spikes(bench.run(own, [section] * _REPEATS), begin)[circuits]
    return readings, times


def meeting_point(readings: Floats, times: Floats, tau: Floats) -> tuple[Floats, Floats]:
    """Delays and thresholds ``[circuit]`` from the lines of two drives.

    A delay is where the lines of its circuit meet; NaN where either has less than two points, a latency does not fall
    as the reading rises, or the lines are hardly apart.  A threshold is where they have the delay of the median
    circuit, which is more precise than its own; NaN also where it moves by too much in a time stamp.
    """
    y = np.exp(-times / tau)
    seen = np.isfinite(y)
    n = seen.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_x = np.where(seen, readings, 0.0).sum(axis=1) / n
        mean_y = np.where(seen, y, 0.0).sum(axis=1) / n
        x = np.where(seen, readings - mean_x[:, None], 0.0)
        slope = (x * np.where(seen, y - mean_y[:, None], 0.0)).sum(axis=1) / (x * x).sum(axis=1)
        # e^{-T/tau} rises with the reading, the more slowly the stronger the drive
        apart = (slope[0] > 0.0) & (slope[1] > _STEEPER * slope[0])
        slope = np.where((n >= 2) & apart, slope, np.nan)
        level = mean_y - slope * mean_x
        meet = (level[0] - level[1]) / (slope[1] - slope[0])
        delays = -tau * np.log(level[0] + slope[0] * meet)
        delay = np.median(delays[np.isfinite(delays)]) if np.isfinite(delays).any() else np.nan
        thresholds = ((np.exp(-delay / tau) - level) / slope).mean(axis=0)
        # how much a time stamp, which is rounded, says of the voltage
        resolution = g.TICK / tau / np.abs(slope).min(axis=0)
    return np.asarray(delays), np.where(resolution < _FINE, thresholds, np.nan)


def _group_of(circuits: Ints) -> Ints:
    return g.column_of(circuits) % _GROUPS


def _driven(configuration: Configuration, circuits: Ints) -> Configuration:
    """All rows drive the circuits of a group at an event with its label, as much as they can."""
    own = silent(configuration)
    for switch in ("threshold_enable", "event_routing_enable_digital", "excitatory_input_enable"):
        own.set(switch, 1, at=circuits)
    own.set("row_mode", EXCITATORY)
    own.set("synapse_dac_bias", g.CODE_MAX)
    hemisphere, column = g.hemisphere_of(circuits), g.column_of(circuits)
    own["synapse_weight"][hemisphere, :, column] = g.WEIGHT_MAX
    own["synapse_label"][hemisphere, :, column] = 1 + _group_of(circuits)[:, None]
    own["node_enable"][FIRST_LINK_IN, : g.BUSES] = 1
    for output in range(g.NEURON_OUTPUTS):
        own["node_enable"][output, g.BUSES + output % g.LINKS] = 1
    return own


def _first_spikes(observed: Sequence[Observed], begin: Floats) -> Floats:
    """Mean seconds ``[512]`` from the event of a circuit's group to its first spike behind it."""
    total, n = np.zeros(g.CIRCUITS), np.zeros(g.CIRCUITS)
    for each in observed:
        late = each.times - begin[each.circuits]
        first = np.full(g.CIRCUITS, np.inf)
        np.minimum.at(first, each.circuits[late >= 0.0], late[late >= 0.0])
        first[each.circuits[late < 0.0]] = np.inf  # by itself: it is not at rest
        total += np.where(first < _APART, first, 0.0)
        n += first < _APART
    # if some of them fail, those that are left are the fast ones
    return np.where(n == len(observed), total / len(observed), np.nan)
