"""Combinations of exponentials that keep their accuracy when two time constants meet.

With the rates ``rm = 1/tau_mem`` and ``rs = 1/tau_syn`` and their difference ``delta = rs - rm``, the response of
the membrane to a unit of synaptic current is

    kappa(s) = rm * integral_0^s exp(-rm (s - r)) exp(-rs r) dr = rm * s * exp(-rm s) * E(delta s),

with ``E(x) = (1 - exp(-x)) / x``.  Written with ``delta`` there is nothing to cancel when the time constants
are close or equal: an error of ``delta`` enters only through ``E``, which is flat there.
"""

import math

from numba.extending import register_jitable

_SERIES_TERMS = 15


@register_jitable
def relative_decay(x):
    """``E(x) = (1 - exp(-x)) / x``, continued by 1 at zero."""
    if abs(x) < 1e-5:
        return 1.0 - x * (0.5 - x / 6.0)
    return -math.expm1(-x) / x


@register_jitable
def kappa(s, rm, em, es, delta):
    """Membrane response to a unit current after ``s``; ``em = exp(-rm s)``, ``es = exp(-rs s)``."""
    x = delta * s
    if abs(x) < 1.0:
        return rm * s * em * relative_decay(x)
    return rm * (em - es) / delta


@register_jitable
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


@register_jitable
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
