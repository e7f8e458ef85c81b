"""Combinations of exponentials that keep their accuracy when two time constants meet.

With the rates ``rm = 1/tau_mem`` and ``rs = 1/tau_syn`` and their difference ``delta = rs - rm``, the response of
the membrane to a unit of synaptic current is

    kappa(s) = rm * integral_0^s exp(-rm (s - r)) exp(-rs r) dr = rm * s * exp(-rm s) * E(delta s),

with ``E(x) = (1 - exp(-x)) / x``.  Written with ``delta`` there is nothing to cancel when the time constants
are close or equal: an error of ``delta`` enters only through ``E``, which is flat there.
"""

import math
from typing import Any

import numpy as np

from saltation.kernels.bits import bits_of, float_of
from saltation.kernels.inlining import inlined

_SERIES_TERMS = 15

_LOG2_E = 1.4426950408889634
# ln 2 in two parts: the first has zeros enough at its end that a small integer times it is exact
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
# added to a number of moderate size, this leaves the nearest integer in the low bits
_ROUND = 6755399441055744.0
_LEAST_EXPONENT = -708.0
# Exponentials below this say little of one another: the least of them do not fall any further.
_TRUSTED = 1e-280
# the bits of sqrt(1/2), cut to the upper half, and their distance from those of 1
_ROOT_HALF = 0x3FE6A09E << 32
_HALF_UP = (0x3FF00000 - 0x3FE6A09E) << 32
_FRACTION = 0x000FFFFFFFFFFFFF


@inlined
def decay(x):
    """``exp(x)`` for ``x <= 0`` to within 1 ulp, without a branch, so that loops over it are vectorised.

    ``exp(x) = 2^k exp(r)`` with ``|r| <= ln(2)/2``, a Taylor polynomial of degree 13 (the remainder is below 5e-18),
    and ``2^k`` added to the exponent's bits.  Below exp(-708), the end of the normal numbers, it stays there.
    """
    x = max(x, _LEAST_EXPONENT)
    shifted = x * _LOG2_E + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    c2 = 1.0 / 2.0 + r * (1.0 / 6.0)
    c4 = 1.0 / 24.0 + r * (1.0 / 120.0)
    c6 = 1.0 / 720.0 + r * (1.0 / 5040.0)
    c8 = 1.0 / 40320.0 + r * (1.0 / 362880.0)
    c10 = 1.0 / 3628800.0 + r * (1.0 / 39916800.0)
    c12 = 1.0 / 479001600.0 + r * (1.0 / 6227020800.0)
    tail = c2 + r2 * ((c4 + r2 * c6) + r4 * (c8 + r2 * (c10 + r2 * c12)))
    return float_of(bits_of(1.0 + (r + r2 * tail)) + (bits_of(shifted) << 52))


@inlined
def minus_log(z, rest):
    """``-log(z + rest)`` for ``0 < z <= 1`` and a ``rest`` of the size of its rounding, to within 1 ulp, branch-free.

    With ``z = 2^k (1 + f)``, ``1 + f`` between sqrt(1/2) and sqrt(2), and ``s = f / (2 + f)``: ``log(1 + f) =
    2 atanh(s) = f - f^2/2 + s (f^2/2 + R(s^2))``; the coefficients of ``R`` are those of FreeBSD's msun.
    """
    bits = bits_of(z) + _HALF_UP
    k = float((bits >> 52) - 1023)
    f = float_of((bits & _FRACTION) + _ROOT_HALF) - 1.0
    s = f / (2.0 + f)
    s2 = s * s
    s4 = s2 * s2
    odd = s4 * (0.3999999999940942 + s4 * (0.22222198432149784 + s4 * 0.15313837699209373))
    even = s2 * (0.6666666666666735 + s4 * (0.2857142874366239 + s4 * (0.1818357216161805 + s4 * 0.14798198605116586)))
    half = 0.5 * f * f
    return ((half - (s * (half + (odd + even)) + (k * _LN2_LOW + rest / z))) - f) - k * _LN2_HIGH


@inlined
@inlined
def largest_kappa(rm: Any, rs: Any) -> Any:
    """Maximum of ``kappa`` over time, ``(rs/rm)^(-rs/(rs - rm))``, rounded up; ``1/e`` for equal rates."""
    # no smaller than where it is 1 to rounding, and never quite 0 / 0
    x = np.maximum(rs / rm, 1e-15) - 1.0 + 1e-300
    return np.exp(-(1.0 + x) * np.log1p(x) / x) * (1.0 + 1e-9)


@inlined
def largest_within(current, response, largest):
    """Largest response to a unit of current within a gap, from the current and the response at its end.

    ``tau_mem d kappa/dt = current - kappa``: the response rises as long as it is below the current, and is then largest
    at the end; behind its peak it is ``largest``, the maximum over all time.  So it is where the current has decayed to
    where exponentials are cut, and does not tell.
    """
    return response if (current > response) & (current > _TRUSTED) else largest


@inlined
def relative_decay(x):
    """``E(x) = (1 - exp(-x)) / x``, continued by 1 at zero."""
    if abs(x) < 1e-5:
        return 1.0 - x * (0.5 - x / 6.0)
    return -math.expm1(-x) / x


@inlined
def kappa(s, rm, em, es, delta):
    """Membrane response to a unit current after ``s``; ``em = exp(-rm s)``, ``es = exp(-rs s)``."""
    x = delta * s
    if abs(x) < 1.0:
        return rm * s * em * relative_decay(x)
    return rm * (em - es) / delta


@inlined
def kappa_by_tau_mem(s, rm, em, es, delta, kap):
    """``d kappa / d tau_mem`` at fixed ``tau_syn``: ``-rm kappa + rm^3 s^2 em (exp(-x) - 1 + x) / x^2``."""
    x = delta * s
    if abs(x) < 0.5:
        term = 0.5
        total = 0.5
        for k in range(1, _SERIES_TERMS):
            term *= -x / (k + 2)
            total += term
        tail = em * total
    else:
        tail = (em * (x - 1.0) + es) / (x * x)
    return rm * (rm * rm * s * s * tail - kap)


@inlined
def kappa_by_tau_syn(s, rm, rs, em, es, delta):
    """``d kappa / d tau_syn`` at fixed ``tau_mem``: ``rm rs^2 s^2 em (1 - exp(-x)(1 + x)) / x^2``."""
    x = delta * s
    if abs(x) < 0.5:
        power = 1.0
        total = 0.5
        for k in range(1, _SERIES_TERMS):
            power *= -x / k
            total += power / (k + 2)
        tail = em * total
    else:
        tail = (em - es * (1.0 + x)) / (x * x)
    return rm * rs * rs * s * s * tail
