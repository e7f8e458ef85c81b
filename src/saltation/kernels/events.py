"""From the spikes of the sources to the sorted events of a component: delays added, samples merged, probes set in."""

import numpy as np

from saltation.kernels.cache import compile_kernel
from saltation.kernels.records import CAUSE, DELAY, END, PROBE, RECEPTOR, ROW, START, STOP
from saltation.kernels.sorting import is_sorted, order_by, permute

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


def _make_events(times, units, age, elapsed, offsets, table, delays, duration, probes, batch, fill, events):
    """Events of all samples, or, without ``fill``, only where each sample's begin (in ``events.offsets``).

    A spike from before this run (``age > 0``) is in the clock of the run that emitted it; what arrived in that run,
    at its very end too, is over.
    """
    for b in range(batch):
        begin = events.offsets[b]
        at = begin
        for j in range(table.shape[0]):
            per_synapse = table[j, MODE] == PER_SYNAPSE
            width = table[j, N_POST] if per_synapse else 1
            source = table[j, SOURCE_OF]
            for i in range(offsets[source, b], offsets[source, b + 1]):
                delay = table[j, DELAY_AT]
                if table[j, MODE] != SCALAR:
                    delay += units[i] * width
                for c in range(width):
                    t = times[i] + delays[delay + c]
                    for back in range(age[i], 0, -1):
                        t -= elapsed[elapsed.size - back]
                    if (age[i] > 0 and not t > 0.0) or not t <= duration:
                        continue
                    if fill:
                        events.times[at] = t
                        events.ints[ROW, at] = table[j, WEIGHT_AT] + units[i] * table[j, N_POST] + c
                        events.ints[START, at] = table[j, COLUMN] + c
                        events.ints[STOP, at] = table[j, COLUMN] + (c + 1 if per_synapse else table[j, N_POST])
                        events.ints[RECEPTOR, at] = table[j, RECEPTOR_OF]
                        events.ints[CAUSE, at] = i
                        events.ints[DELAY, at] = delay + c
                    at += 1
        for k in range(probes.size + 1):
            if fill:
                events.times[at] = probes[k] if k < probes.size else duration
                for row in range(events.ints.shape[0]):
                    events.ints[row, at] = 0
                events.ints[ROW, at] = PROBE - k if k < probes.size else END
                # behind all arrivals at the same time, in this order
                events.ints[CAUSE, at] = LAST_CAUSE + k
            at += 1
        if not fill:
            events.offsets[b + 1] = at
        elif not is_sorted(events.times, begin, at):
            order = order_by(events.times, events.ints[CAUSE], begin, at)
            floats = np.empty(at - begin)
            ints = np.empty(at - begin, np.int64)
            permute(events.times.reshape((1, events.times.size)), 0, order, begin, floats)
            for row in range(events.ints.shape[0]):
                permute(events.ints, row, order, begin, ints)


make_events = compile_kernel(_make_events)
