"""Surrogate derivatives of a spike by the distance of the voltage from the threshold: ``height f(x sharpness)``."""

import math

from saltation.kernels.inlining import inlined

SUPER_SPIKE = 0
SIGMOID = 1
TRIANGLE = 2
ATAN = 3
BOXCAR = 4
GAUSSIAN = 5


@inlined
def surrogate(kind, height, sharpness, x):
    """Value at a distance ``x``; 0 infinitely far away, and where it is NaN."""
    u = abs(x) * sharpness
    if kind == SUPER_SPIKE:
        value = 1.0 / ((1.0 + u) * (1.0 + u))
    elif kind == SIGMOID:
        fallen = math.exp(-u)
        value = 4.0 * fallen / ((1.0 + fallen) * (1.0 + fallen))
    elif kind == TRIANGLE:
        value = max(0.0, 1.0 - u)
    elif kind == ATAN:
        value = 1.0 / (1.0 + u * u)
    elif kind == BOXCAR:
        value = 1.0 if u <= 1.0 else 0.0
    else:
        value = math.exp(-0.5 * u * u)
    return height * value if x == x else 0.0
