"""Surrogate derivatives of a spike by the distance of the voltage from the threshold: ``height f(|x| sharpness)``."""

from saltation.kernels.inlining import inlined
from saltation.kernels.physics.exponentials import decay

SUPER_SPIKE = 0
SIGMOID = 1
TRIANGLE = 2
ATAN = 3
BOXCAR = 4
GAUSSIAN = 5


@inlined
def pull_by_spike(kind, height, sharpness, holds, distance, dz, values):
    """Surrogates at the distances of all neurons times ``dz``; 0 infinitely far away, and where the distance is NaN.

    Only where neurons are held are there distances that are NaN.

    One loop for each kind, so that each becomes vector instructions.
    """
    n = distance.size
    if kind == SUPER_SPIKE:
        for m in range(n):
            u = 1.0 + abs(distance[m]) * sharpness
            values[m] = dz[m] * (height / (u * u))
    elif kind == SIGMOID:
        for m in range(n):
            fallen = decay(-abs(distance[m]) * sharpness)
            values[m] = dz[m] * 4.0 * height * fallen / ((1.0 + fallen) * (1.0 + fallen))
    elif kind == TRIANGLE:
        for m in range(n):
            values[m] = dz[m] * height * max(0.0, 1.0 - abs(distance[m]) * sharpness)
    elif kind == ATAN:
        for m in range(n):
            u = abs(distance[m]) * sharpness
            values[m] = dz[m] * (height / (1.0 + u * u))
    elif kind == BOXCAR:
        for m in range(n):
            values[m] = dz[m] * height if abs(distance[m]) * sharpness <= 1.0 else 0.0
    else:
        for m in range(n):
            u = abs(distance[m]) * sharpness
            values[m] = dz[m] * height * decay(-0.5 * u * u)
    if holds:
        for m in range(n):
            values[m] = values[m] if distance[m] == distance[m] else 0.0
