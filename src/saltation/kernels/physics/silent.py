"""What a population that never spikes has in place of a crossing: a leaky integrator is a LIF neuron with these."""

import math

from numba.extending import register_jitable


@register_jitable
def may_cross(p, x):
    """Never."""
    return False


@register_jitable
def crossing(p, x, s_max):
    """Never."""
    return math.inf
