"""From the spikes of the sources to the sorted events of a component: delays added, samples merged, probes set in."""

import math

import numpy as np

from saltation.kernels.bits import natural
from saltation.kernels.cache import compile_kernel
from saltation.kernels.records import CAUSE, DELAY, END, PLAIN_ROWS, PROBE, RECEPTOR, ROW, START, STOP
from saltation.kernels.sorting import order_by, permute

LAST_CAUSE = 1 << 60

# How a projection's delays are given.
SCALAR = 0
PER_PRE = 1
PER_SYNAPSE = 2

# Columns of the table of projections.
SOURCE_OF = 0
MODE = 1
N_POST = 2
WEIGHT_AT = 3
DELAY_AT = 4
COLUMN = 5
RECEPTOR_OF = 6


def _make_events(first, stop, times, units, age, elapsed, offsets, table, delays, duration, probes, events):
    """Events of samples ``first <= b < stop``, and where each sample's begin.

    A spike from before this run (``age > 0``) is in the clock of the run that emitted it; what arrived in that run,
    at its very end too, is over.
    """
    at = 0
    for b in range(first, stop):
        begin = at
        ordered = True
        latest = -math.inf
        for j in range(table.shape[0]):
            per_synapse = table[j, MODE] == PER_SYNAPSE
            n_post = table[j, N_POST]
            width = n_post if per_synapse else 1
            step = 0 if table[j, MODE] == SCALAR else width
            source = table[j, SOURCE_OF]
            for i in range(offsets[source, b], offsets[source, b + 1]):
                spike = natural(i)
                unit = np.int64(units[spike])
                runs = age[spike] if age.size > 0 else 0
                delay = table[j, DELAY_AT] + unit * step
                for c in range(width):
                    t = times[spike] + delays[natural(delay + c)]
                    for back in range(runs, 0, -1):
                        t -= elapsed[elapsed.size - back]
                    if (runs > 0 and not t > 0.0) or not t <= duration:
                        continue
                    e = natural(at)
                    events.times[e] = t
                    events.ints[ROW, e] = table[j, WEIGHT_AT] + unit * n_post + c
                    events.ints[RECEPTOR, e] = table[j, RECEPTOR_OF]
                    events.ints[CAUSE, e] = i
                    events.ints[DELAY, e] = delay + c
                    if events.ints.shape[0] > PLAIN_ROWS:
                        events.ints[START, e] = table[j, COLUMN] + c
                        events.ints[STOP, e] = table[j, COLUMN] + (c + 1 if per_synapse else n_post)
                    ordered = ordered and latest <= t
                    latest = t
                    at += 1
        for k in range(probes.size + 1):
            t = probes[k] if k < probes.size else duration
            events.times[at] = t
            for row in range(events.ints.shape[0]):
                events.ints[row, at] = 0
            events.ints[ROW, at] = PROBE - k if k < probes.size else END
            # behind all arrivals at the same time, in this order
            events.ints[CAUSE, at] = LAST_CAUSE + k
            ordered = ordered and latest <= t
            latest = t
            at += 1
        events.offsets[b + 1] = at
        if not ordered:
            order = order_by(events.times, events.ints[CAUSE], begin, at)
            floats = np.empty(at - begin)
            ints = np.empty(at - begin, np.int64)
            permute(events.times.reshape((1, events.times.size)), 0, order, begin, floats)
            for row in range(events.ints.shape[0]):
                permute(events.ints, row, order, begin, ints)


make_events = compile_kernel(_make_events)
