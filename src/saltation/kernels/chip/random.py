"""Random numbers by place and not by order: a number for a key, a thing and a count, whatever was drawn before.

So a run that stops and goes on, or that does more in between, meets the same noise.
"""

import math

import numpy as np

from saltation.kernels.inlining import inlined

_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
_STEP = np.uint64(0x9E3779B97F4A7C15)
_LOW = np.uint64(0xFFFF)
_SHIFT = (np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(16), np.uint64(32), np.uint64(48))
# four numbers of 16 bits: their sum has this mean, and this reciprocal of its standard deviation
_MEAN = 2.0 * 65535.0
_SCALE = math.sqrt(3.0) / math.sqrt(65536.0**2 - 1.0)


@inlined
def scramble(x):
    """A 64-bit number of which every bit depends on every bit of ``x`` (the finaliser of SplitMix64)."""
    x = (x ^ (x >> _SHIFT[0])) * _MIX_A
    x = (x ^ (x >> _SHIFT[1])) * _MIX_B
    return x ^ (x >> _SHIFT[2])


@inlined
def word(key, thing, count):
    """64 random bits for a thing and a count."""
    return scramble(scramble(key + np.uint64(thing) * _STEP) + np.uint64(count) * _STEP)


@inlined
def nearly_normal(bits):
    """A number of mean 0 and variance 1, within 3.5: the sum of four even ones, whose kurtosis is 2.7 and not 3.

    Cheap, for noise that a membrane averages.
    """
    total = (bits & _LOW) + ((bits >> _SHIFT[3]) & _LOW) + ((bits >> _SHIFT[4]) & _LOW) + ((bits >> _SHIFT[5]) & _LOW)
    return (np.float64(total) - _MEAN) * _SCALE


@inlined
def normal(bits):
    """A normal number: Box and Muller's of the two halves."""
    high = (np.float64(bits >> _SHIFT[4]) + 0.5) * 2.0**-32
    low = np.float64(bits & np.uint64(0xFFFFFFFF)) * 2.0**-32
    return math.sqrt(-2.0 * math.log(high)) * math.cos(2.0 * math.pi * low)
