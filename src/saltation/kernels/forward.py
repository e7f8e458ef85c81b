"""Moving one neuron forward in time: what the feed-forward kernels and the event queue share.

State goes through as tuples of floats; arrays are written only where something is recorded.  The names of the
physics are bound by :mod:`saltation.kernels.specialise`.
"""

# ruff: noqa: F821  the physics of a model is bound to these names when a kernel is specialised
# pyright: reportUndefinedVariable=false

import math

from saltation.kernels.bits import natural
from saltation.kernels.records import (
    AREA,
    AT_EVENT,
    AT_SPIKE,
    AT_START,
    COUNT,
    DUE,
    DUE_STOP,
    GAP,
    GRAZING,
    INTERIOR,
    LATEST,
    OUTCOME,
    PEAK,
    PEAK_INDEX,
    PEAK_KIND,
    PEAK_SLOPE,
    PEAK_TIME,
    PREVIOUS,
    RELEASE,
    SLOPE,
    STATES,
    TIME,
    UNCROSSED,
    UNIT,
    WHILE_HELD,
)

HELPERS = (
    "all_finite",
    "start_sample",
    "start_observed",
    "note_peak",
    "start_watch",
    "sum_up",
    "watch_piece",
    "next_spike",
    "coast",
    "emit",
)

GRAZING_SLOPE = 1e-6


def all_finite(x):
    """Whether a state ``[state, neuron]`` has no overflow in it."""
    for i in range(x.shape[0]):
        for m in range(x.shape[1]):
            if not math.isfinite(x[i, m]):
                return False
    return True


def start_sample(begin, start, x, release, marks):
    """Bring the neurons of a sample into row ``begin`` of the initial state."""
    for m in range(x.shape[1]):
        for i in range(x.shape[0]):
            x[i, m] = start.x[begin, i, m]
        release[m] = start.release[begin, m]
        marks[COUNT, m] = start.count[begin, m]
        marks[LATEST, m] = -1


def start_observed(b, observed_at, marks):
    """Which of the observed spikes are those of sample ``b``."""
    row = b if observed_at.shape[0] > 1 else 0
    for m in range(marks.shape[1]):
        marks[DUE, m] = observed_at[row, m]
        marks[DUE_STOP, m] = observed_at[row, m + 1]


def start_watch(watch, x):
    """Clear what is watched of a sample whose initial state is ``x [state, neuron]``."""
    for m in range(watch.shape[1]):
        watch[AREA, m] = 0.0
        note_peak(watch, m, x[0, m], 0.0, AT_START, -1, 0.0)


def sum_up(parameters, b, begin, end, outcome, tape, report):
    """The report of sample ``b``, whose spikes are ``[begin, end)`` on the tape."""
    grazing = 0
    uncrossed = 0
    least = math.inf
    for k in range(begin, end):
        p = load_parameters(parameters, natural(tape.ints[UNIT, natural(k)] if parameters.shape[1] > 1 else 0))
        rate = tape.floats[SLOPE, natural(k)]
        uncrossed += not rate > 0.0
        grazing += (rate > 0.0) & (rate * p[4] < GRAZING_SLOPE * (p[0] - p[2]))
        least = min(least, rate)
    report.ints[OUTCOME, b] = outcome
    report.ints[GRAZING, b] = grazing
    report.ints[UNCROSSED, b] = uncrossed
    report.least_slope[b] = least


def note_peak(watch, m, value, t, kind, index, rate):
    """A new maximum of neuron ``m``; ``rate`` is the slope of the voltage just before."""
    watch[PEAK, m] = value
    watch[PEAK_TIME, m] = t
    watch[PEAK_KIND, m] = kind
    watch[PEAK_INDEX, m] = index
    watch[PEAK_SLOPE, m] = rate


def watch_piece(p, m, x, y, t, s, event, watch):
    """Integral and maximum of neuron ``m`` over a free piece from ``x`` at ``t`` to ``y`` at ``t + s``.

    ``event`` is what ends the piece; a piece that ends in a spike (-1) leaves its end to :func:`emit`.
    """
    watch[AREA, m] += area(p, s, x, y)
    if ceiling(p, x) <= watch[PEAK, m]:
        return
    at = peak(p, x, s)
    if at >= 0.0:
        top = flow(p, x, gap(p, at))[0]
        if top > watch[PEAK, m]:
            note_peak(watch, m, top, t + at, INTERIOR, event, 0.0)
    if event >= 0 and y[0] > watch[PEAK, m]:
        note_peak(watch, m, y[0], t + s, AT_EVENT, event, v_dot(p, y))


def next_spike(p, x, release, t, t1):
    """Time of the next spike in ``[t, t1]`` of a neuron in state ``x`` if nothing arrives; inf if there is none."""
    if release > t:
        if release > t1:
            return math.inf
        x = hold(p, x, gap(p, release - t))
        t = release
    if not may_cross(p, x):
        return math.inf
    s = crossing(p, x, t1 - t)
    return min(t + s, t1) if s < math.inf else math.inf


def coast(p, m, x, release, latest, t, t1, event, tape, watch):
    """State of neuron ``m`` at ``t1`` from ``x`` at ``t``, through hold and release; no spike lies between."""
    watched = watch.shape[1] > 0
    if release > t:
        end = min(release, t1)
        x = hold(p, x, gap(p, end - t))
        if watched:
            watch[AREA, m] += x[0] * (end - t)
            if x[0] > watch[PEAK, m]:
                note_peak(watch, m, x[0], t, WHILE_HELD, -1, 0.0)
        if release > t1:
            return x
        if latest >= 0:
            store(tape, STATES + N_STATE, latest, x)
        t = end
    if not t1 > t:
        return x
    y = flow(p, x, gap(p, t1 - t))
    if watched:
        watch_piece(p, m, x, y, t, t1 - t, event, watch)
    return y


def emit(p, m, x, release, t, event, k, previous, base, ends, tape, watch):
    """Write spike ``k`` of neuron ``m`` at ``t`` on the tape; ``(state after it, end of its hold)``.

    ``previous`` is the neuron's spike before; what refers to spikes counts from ``base``.  ``ends``: it is the last
    spike that the neuron may emit.
    """
    held = release > t
    x = at_threshold(p, x)
    release = math.inf if ends else t + p[3]
    at = natural(k)
    tape.floats[TIME, at] = t
    tape.floats[SLOPE, at] = 0.0 if held else slope(p, x)
    tape.floats[RELEASE, at] = release
    store(tape.floats, STATES, at, x)
    tape.ints[UNIT, at] = m
    tape.ints[GAP, at] = event
    tape.ints[PREVIOUS, at] = previous - base if previous >= 0 else -1
    if watch.shape[1] > 0 and x[0] > watch[PEAK, m]:
        note_peak(watch, m, x[0], t, AT_SPIKE, k - base, v_dot(p, x))
    return fire(p, x), release
