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
PER_WEIGHT = 2

# Columns of the table of projections.
SOURCE_OF = 0
MODE = 1
N_POST = 2
WEIGHT_AT = 3
DELAY_AT = 4
COLUMN = 5
RECEPTOR_OF = 6
CUT_AT = 7  # where the cuts of its synapses begin; -1: it has all pairs
TABLE_COLUMNS = 8


def _make_events(first, stop, times, units, age, elapsed, offsets, table, synapses, delays, duration, probes, events):
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
            per_weight = table[j, MODE] == PER_WEIGHT
            n_post = table[j, N_POST]
            listed = table[j, CUT_AT] >= 0
            step = n_post if per_weight else 0 if table[j, MODE] == SCALAR else 1
            source = table[j, SOURCE_OF]
            for i in range(offsets[source, b], offsets[source, b + 1]):
                spike = natural(i)
                unit = np.int64(units[spike])
                runs = age[spike] if age.size > 0 else 0
                begin_of = synapses.cuts[table[j, CUT_AT] + unit] if listed else 0
                end_of = synapses.cuts[table[j, CUT_AT] + unit + 1] if listed else n_post
                for c in range(end_of - begin_of if per_weight else 1):
                    delay = table[j, DELAY_AT] + unit * step + c
                    weight = table[j, WEIGHT_AT] + unit * n_post + c
                    target = table[j, COLUMN] + c
                    if listed and per_weight:
                        weight = np.int64(synapses.places[begin_of + c])
                        delay = table[j, DELAY_AT] + weight - table[j, WEIGHT_AT]
                        target = np.int64(synapses.targets[begin_of + c])
                    elif listed:
                        if begin_of == end_of:
                            continue
                        delay = table[j, DELAY_AT] + unit * step
                        weight = 0
                    t = times[spike] + delays[natural(delay)]
                    for back in range(runs, 0, -1):
                        t -= elapsed[elapsed.size - back]
                    if (runs > 0 and not t > 0.0) or not t <= duration:
                        continue
                    e = natural(at)
                    events.times[e] = t
                    events.ints[ROW, e] = weight
                    events.ints[RECEPTOR, e] = table[j, RECEPTOR_OF]
                    events.ints[CAUSE, e] = i
                    events.ints[DELAY, e] = delay
                    if events.ints.shape[0] > PLAIN_ROWS:
                        if listed and not per_weight:
                            events.ints[START, e] = -1 - begin_of
                            events.ints[STOP, e] = end_of
                        else:
                            events.ints[START, e] = target
                            events.ints[STOP, e] = table[j, COLUMN] + n_post if not per_weight else target + 1
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
