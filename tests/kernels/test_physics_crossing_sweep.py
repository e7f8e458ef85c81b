"""1e5 random gaps through the compiled crossing functions: no spike missed, none invented, all times right.

Dense float64 samples judge all gaps; those near the threshold, and some of the rest, are judged by 50 digits.
"""

import numba
import numpy as np
import pytest

from reference.oracle import Gap
from saltation.kernels.physics import alif, lif, lif_two

ULP = 2.0**-52
TM, TA = 20e-3, 70e-3
N = 100_000 if not numba.config.DISABLE_JIT else 3_000
CASES = {
    "general": (lif, lif.crossing, (6e-3,)),
    "slow": (lif, lif.crossing, (33e-3,)),
    "ratio_one": (lif, lif.crossing_ratio_one, (TM,)),
    "ratio_two": (lif, lif.crossing_ratio_two, (TM / 2,)),
    "lif_two": (lif_two, lif_two.crossing, (5e-3, 12e-3)),
    "alif": (alif, alif.crossing, (6e-3,)),
}


def runner(function):
    """A compiled loop over gaps."""

    @numba.njit
    def loop(p, v, i0, i1, a, s_max, out):
        for k in range(v.size):
            out[k] = function(p[k], i0[k], v[k], i1[k], a[k], s_max[k])

    return loop


def unpacked(module, function):
    """``function`` of plain numbers, with the threshold and the leak in ``p``."""
    derive = numba.extending.register_jitable(module.derive)
    if module is lif:

        def call(p, i0, v, i1, a, s_max):
            return function(derive((p[0], p[1], 0.0, 0.0, TM, p[2])), (v, i0), s_max)
    elif module is lif_two:

        def call(p, i0, v, i1, a, s_max):
            return function(derive((p[0], p[1], 0.0, 0.0, TM, p[2], p[3])), (v, i0, i1), s_max)
    else:

        def call(p, i0, v, i1, a, s_max):
            return function(derive((p[0], p[1], 0.0, 0.0, TM, p[2], TA, 0.1)), (v, i0, a), s_max)

    return numba.extending.register_jitable(call)


def draw(n, taus, rng):
    """Random gaps of every kind."""
    p = np.empty((n, 4))
    p[:, 0], p[:, 1] = 1.0, rng.choice([0.0, 0.3, 1.15, 1.5], n)
    p[:, 2], p[:, 3] = taus[0], taus[-1]
    v = rng.uniform(-0.8, 0.95, n)
    i0, i1 = rng.normal(2.0, 4.0, n), rng.normal(0.0, 4.0, n)
    return p, v, i0, i1, rng.uniform(0.0, 0.5, n), TM * 10.0 ** rng.uniform(-2.0, 1.2, n)


def draw_near(module, n, taus, rng):
    """Gaps with one interior maximum, and thresholds at a margin of 1e-12 to 0.1 from it."""
    p, _, _, _, _, s_max = draw(n, taus, rng)
    p[:, 1] = rng.choice([0.0, 0.3], n)
    v = rng.uniform(-0.8, 0.2, n)
    i0, i1, a = rng.uniform(2.5, 6.0, n), rng.uniform(0.0, 2.0, n), np.zeros(n)
    s_max[:] = 5.0 * TM
    s = np.full(n, 6e-3)
    for _ in range(60):  # Newton's method on the slope, kept within the gap
        _level, slope, curve = motion(module, taus, p, v, i0, i1, s)
        s = np.clip(s - slope / np.where(curve < 0.0, curve, -1e4), 0.5 * s, 2.0 * s)
    top = motion(module, taus, p, v, i0, i1, s)[0] + p[:, 0]
    p[:, 0] = top + rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(-12, -1, n)
    keep = (p[:, 0] > v + 1e-3) & (s < s_max)
    return tuple(x[keep] for x in (p, v, i0, i1, a, s_max)), top[keep] - p[keep, 0], s[keep]


def motion(module, taus, p, v, i0, i1, s):
    """``V - threshold`` and two derivatives."""
    em = np.exp(-s / TM)
    q = v - p[:, 1]
    level, slope, curve = p[:, 1] - p[:, 0] + q * em, -q / TM * em, q / TM**2 * em
    for i, tau in zip((i0, i1) if module is lif_two else (i0,), taus, strict=True):
        e, k = np.exp(-s / tau), kappa(s, tau)
        level += i * k
        slope += i * (e - k) / TM
        curve -= i * (e / tau + (e - k) / TM) / TM
    return level, slope, curve


def kappa(s, tau):
    if tau == TM:
        return s / TM * np.exp(-s / TM)
    return tau / (TM - tau) * (np.exp(-s / TM) - np.exp(-s / tau))


def levels(module, taus, p, v, i0, i1, a, s_max, points):
    """``V - threshold`` on a quadratic grid, ``[point, gap]``."""
    s = s_max * (np.linspace(0.0, 1.0, points) ** 2)[:, None]
    level = p[:, 1] + (v - p[:, 1]) * np.exp(-s / TM) + i0 * kappa(s, taus[0]) - p[:, 0]
    if module is lif_two:
        level += i1 * kappa(s, taus[1])
    if module is alif:
        level -= a * np.exp(-s / TA)
    return level


def expected(level):
    """Whether dense samples cross upwards, and how close the call is."""
    crosses = (level[:-1] <= 0.0) & (level[1:] > 0.0)
    below = np.minimum.accumulate(level, axis=0) <= 0.0
    reach = np.where(below, level, -np.inf).max(axis=0)
    return crosses.any(axis=0), crosses.argmax(axis=0), np.abs(reach)


def run(name, gaps):
    """Compiled crossings of all gaps."""
    module, function, _ = CASES[name]
    got = np.empty(gaps[1].size)
    LOOPS.setdefault(name, runner(unpacked(module, function)))(*gaps, got)
    assert not np.isnan(got).any()
    hit = np.isfinite(got)
    assert (got[hit] >= 0.0).all()
    assert (got[hit] <= gaps[-1][hit]).all()
    return got


def judge(name, gaps, got, judged):
    """Compare with 50 digits: wrong gaps, and the worst error in units of 4 ulp of the condition."""
    module, _, taus = CASES[name]
    p, v, i0, i1, a, s_max = gaps
    wrong, worst = [], 0.0
    for k in judged:
        currents = [(i0[k], taus[0])] + ([(i1[k], taus[1])] if module is lif_two else [])
        gap = Gap(v[k], p[k, 1], p[k, 0], TM, currents, (a[k], TA) if module is alif else None)
        want, margin = gap.first(s_max[k])
        if abs(margin) <= 1e-13 * gap.scale:
            continue
        if (want is None) != (not np.isfinite(got[k])):
            wrong.append((int(k), float(got[k]), want and float(want), float(margin)))
        elif want is not None:
            worst = max(worst, abs(float((got[k] - want) / want)) / (4.0 * ULP * gap.condition(want)))
    return wrong, worst


@pytest.mark.parametrize("name", CASES)
def test_gaps_of_every_kind(name):
    module, _, taus = CASES[name]
    rng = np.random.default_rng(len(name))
    gaps = draw(N, taus, rng)
    got = run(name, gaps)
    doubtful = []
    points = 401
    for block in np.array_split(np.arange(N), max(1, N // 5000)):
        part = [x[block] for x in gaps]
        crosses, at, closeness = expected(levels(module, taus, *part, points))
        grid = gaps[-1][block] * (np.linspace(0.0, 1.0, points) ** 2)[:, None]
        columns = np.arange(block.size)
        lo, hi = grid[at, columns], grid[np.minimum(at + 1, points - 1), columns]
        slack = 1e-12 * gaps[-1][block]
        inside = (got[block] >= lo - slack) & (got[block] <= hi + slack)
        fine = np.where(crosses, inside, ~np.isfinite(got[block]))
        doubtful.append(block[~fine | (closeness < 1e-9)])
    doubtful = np.concatenate(doubtful)
    wrong, worst = judge(name, gaps, got, np.concatenate((doubtful[:100], rng.choice(N, 40, replace=False))))
    assert not wrong, f"{len(wrong)} judged gaps are wrong: {wrong[:5]}"
    assert doubtful.size <= 100, f"{doubtful.size} gaps differ from dense samples or are too close to call"
    assert worst <= 1.0, f"{worst:.1f} times 4 ulp of the condition"


@pytest.mark.parametrize("name", CASES)
def test_gaps_that_barely_cross_or_barely_do_not(name):
    module, _, taus = CASES[name]
    rng = np.random.default_rng(50 + len(name))
    gaps, margin, top = draw_near(module, N, taus, rng)
    got = run(name, gaps)
    clear = np.abs(margin) > 1e-13
    wrong = clear & ((margin > 0.0) != np.isfinite(got))
    assert not wrong.any(), f"{wrong.sum()} of {clear.sum()}, margins {margin[wrong][:5]}"
    hit = np.isfinite(got)
    assert (got[hit] <= top[hit] * (1.0 + 1e-7)).all()
    level, slope, _ = motion(module, taus, *(x[hit] for x in gaps[:4]), got[hit])
    assert np.abs(level).max() <= 1e-14
    assert (slope > -1e-6).all()
    wrong, worst = judge(name, gaps, got, rng.choice(got.size, 60, replace=False))
    assert not wrong
    assert worst <= 1.0, f"{worst:.1f} times 4 ulp of the condition"


LOOPS = {}


@pytest.mark.parametrize("name", CASES)
def test_the_voltage_is_at_the_threshold_at_every_crossing(name):
    module, _, taus = CASES[name]
    n = min(N, 20_000)
    p, v, i0, i1, a, _ = gaps = draw(n, taus, np.random.default_rng(8))
    got = run(name, gaps)
    hit = np.isfinite(got)
    assert hit.sum() > n // 20
    s = got[hit]
    level = p[hit, 1] + (v - p[:, 1])[hit] * np.exp(-s / TM) + i0[hit] * kappa(s, taus[0]) - p[hit, 0]
    if module is lif_two:
        level += i1[hit] * kappa(s, taus[1])
    if module is alif:
        level -= a[hit] * np.exp(-s / TA)
    scale = 1.0 + np.abs(i0[hit]) + np.abs(i1[hit])
    assert np.abs(level / scale).max() <= 2e-15
