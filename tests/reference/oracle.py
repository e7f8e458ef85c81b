"""The first crossing of one gap to 50 digits: bracketed by dense sampling, polished by mpmath."""

import mpmath as mp
import numpy as np

DIGITS = 50
_GRID = np.unique(np.concatenate((np.linspace(0.0, 1.0, 1501) ** 2, np.logspace(-14, 0, 700), [0.0])))


class Gap:
    """``V - threshold`` over one gap: membrane, up to two currents, and an adaptation that decays."""

    def __init__(self, v, v_leak, v_th, tau_mem, currents, adaptation=None):
        with mp.workdps(DIGITS):
            self.q = mp.mpf(v) - mp.mpf(v_leak)
            self.floor = mp.mpf(v_leak) - mp.mpf(v_th)
            self.tm = mp.mpf(tau_mem)
            self.currents = [(mp.mpf(i), mp.mpf(tau)) for i, tau in currents]
            self.a, self.ta = (mp.mpf(x) for x in adaptation) if adaptation else (mp.mpf(0), mp.mpf(1))
            self.scale = max(abs(v), abs(v_th), abs(v_leak), *(abs(i) for i, _ in currents))

    def kappa(self, s, tau):
        if tau == self.tm:
            return s / tau * mp.exp(-s / tau)
        digits = DIGITS if abs(tau - self.tm) > 1e-3 * tau else 3 * DIGITS
        with mp.workdps(digits):
            return tau / (self.tm - tau) * (mp.exp(-s / self.tm) - mp.exp(-s / tau))

    def level(self, s):
        """``V - threshold``."""
        total = self.floor + self.q * mp.exp(-s / self.tm) - self.a * mp.exp(-s / self.ta)
        return total + mp.fsum(i * self.kappa(s, tau) for i, tau in self.currents)

    def slope(self, s):
        """Its derivative."""
        total = -self.q / self.tm * mp.exp(-s / self.tm) + self.a / self.ta * mp.exp(-s / self.ta)
        for i, tau in self.currents:
            total += i * (mp.exp(-s / tau) - self.kappa(s, tau)) / self.tm
        return total

    def dense(self, s):
        """Level and slope in float64 on an array."""
        tm, q = float(self.tm), float(self.q)
        level = float(self.floor) + q * np.exp(-s / tm) - float(self.a) * np.exp(-s / float(self.ta))
        slope = -q / tm * np.exp(-s / tm) + float(self.a / self.ta) * np.exp(-s / float(self.ta))
        for i, tau in self.currents:
            x = s * float(1 / tau - 1 / self.tm)
            small = np.abs(x) < 1e-9
            e = np.where(small, 1.0 - x / 2, -np.expm1(-np.clip(x, -2.0, 2.0)) / np.where(small, 1.0, x))
            with np.errstate(over="ignore", invalid="ignore"):
                k = np.where(
                    np.abs(x) < 1.0,
                    s / tm * np.exp(-s / tm) * e,
                    float(tau) / float(self.tm - tau) * (np.exp(-s / tm) - np.exp(-s / float(tau)))
                    if tau != self.tm
                    else 0.0,
                )
            level += float(i) * k
            slope += float(i) * (np.exp(-s / float(tau)) - k) / tm
        return level, slope

    def curve(self, s):
        """The second derivative."""
        total = self.q / self.tm**2 * mp.exp(-s / self.tm) - self.a / self.ta**2 * mp.exp(-s / self.ta)
        for i, tau in self.currents:
            e = mp.exp(-s / tau)
            total -= i * (e / tau + (e - self.kappa(s, tau)) / self.tm) / self.tm
        return total

    def bisect(self, f, lo, hi, rising):
        """The sign change of ``f``, level or slope, between ``lo`` and ``hi``."""
        derivative = self.slope if f == self.level else self.curve
        lo, hi = mp.mpf(lo), mp.mpf(hi)
        for halvings in range(400):
            mid = (lo + hi) / 2
            if hi - lo <= mp.mpf(10) ** -32 * hi:
                return mid
            if halvings > 12 and halvings % 4 == 0:  # leap by Newton's method, if that can be proved to work
                leap = mid - f(mid) / (derivative(mid) or mp.mpf(1))
                for _ in range(3):
                    leap -= f(leap) / (derivative(leap) or mp.mpf(1))
                width = mp.mpf(10) ** -34 * abs(leap)
                if lo < leap < hi and ((f(leap + width) > 0) == rising) and ((f(leap - width) > 0) != rising):
                    return leap
            if (f(mid) > 0) == rising:
                hi = mid
            else:
                lo = mid
        return (lo + hi) / 2

    def first(self, s_max):
        """``(crossing or None, margin)``: the smallest distance by which a top or the end clears or misses."""
        with mp.workdps(DIGITS):
            s = s_max * _GRID
            _, slope = self.dense(s)
            points = [mp.mpf(0)]
            for k in np.flatnonzero((slope[:-1] > 0) != (slope[1:] > 0)):
                lo, hi = float(s[max(k - 1, 0)]), float(s[min(k + 2, s.size - 1)])
                if (self.slope(mp.mpf(lo)) > 0) == (self.slope(mp.mpf(hi)) > 0):
                    continue
                at = self.bisect(self.slope, lo, hi, bool(self.slope(mp.mpf(hi)) > 0))
                if at > points[-1]:
                    points.append(at)
            points.append(mp.mpf(s_max))
            levels = [self.level(p) for p in points]
            margin = mp.mpf("inf")
            for lo, hi, below, above in zip(points, points[1:], levels, levels[1:], strict=False):
                if above > below:
                    margin = min(margin, abs(above), key=abs)
                if below < 0 < above or (below == 0 < above):
                    return self.bisect(self.level, lo, hi, True), margin
            return None, margin

    def condition(self, s):
        """Change of the crossing per relative change of the parameters, in units of itself, and at least 1."""
        with mp.workdps(30):
            em = mp.exp(-s / self.tm)
            terms = abs(self.floor + self.q) + abs(self.q) * (1 - em + em * s / self.tm) + abs(self.a)
            for i, tau in self.currents:
                slow = max(tau, self.tm)
                terms += abs(i) * (
                    2 * self.kappa(s, tau) + s / self.tm * mp.exp(-s / slow) * (1 + s / min(tau, self.tm))
                )
            return float(max(1, terms / (abs(self.slope(s)) * s))) if s > 0 else 1.0
