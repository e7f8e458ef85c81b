"""A link: events one after another, each in its period; what waits too long is lost."""

import math


def serve(times, period, patience, served):
    """When each of the sorted ``times`` is through, inf where it is lost; the number lost."""
    free = -math.inf
    lost = 0
    for i in range(times.size):
        start = max(times[i], free)
        if start - times[i] > patience:
            served[i] = math.inf
            lost += 1
        else:
            served[i] = start
            free = start + period
    return lost
