"""Events from outside: each through its link, and from there to where the crossbar leads it."""

import math


def serve(times, sources, source, tick, period, patience, served):
    """When each of the sorted ``times`` of a source is through its link, inf where it is lost; the number lost.

    Events wait for a tick, then one after another, each for its period; what waits too long is lost.
    """
    free = -math.inf
    lost = 0
    for i in range(times.size):
        if sources[i] != source:
            continue
        stamp = math.ceil(times[i] / tick - 1e-6) * tick
        start = max(stamp, free)
        if start - stamp > patience:
            served[i] = math.inf
            lost += 1
        else:
            served[i] = start
            free = start + period
    return lost


def count_led(served, sources, labels, after, stop, slot, first):
    """How many arrivals there are of events that are through after ``after`` and up to ``stop``."""
    total = 0
    for i in range(served.size):
        if after < served[i] <= stop:
            k = slot[sources[i], labels[i]]
            total += first[k + 1] - first[k]
    return total


def lead(served, sources, labels, source, after, stop, slot, first, flat, delay, at, time, address):
    """Write the arrivals of a source's events that are through after ``after`` and up to ``stop``; where they end.

    One follows for each place to which the crossbar leads an event, sorted by time and address.
    """
    begin = at
    for i in range(served.size):
        if sources[i] != source or not after < served[i] <= stop:
            continue
        k = slot[source, labels[i]]
        for j in range(first[k], first[k + 1]):
            now, to = served[i] + delay, flat[j]
            place = at
            while place > begin and time[place - 1] == now and address[place - 1] > to:
                time[place], address[place] = time[place - 1], address[place - 1]
                place -= 1
            time[place], address[place] = now, to
            at += 1
    return at
