"""Flows of the three models against 50-digit closed forms, an ODE solver, and each other."""

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from saltation.kernels.physics import alif, exponentials, lif, lif_two

TAU = 10e-3
APART = [
    0.0,
    1e-16,
    -1e-16,
    1e-15,
    1e-14,
    1e-12,
    -1e-10,
    1e-8,
    1e-6,
    -1e-5,
    1e-4,
    1e-3,
    -1e-2,
    1e-2,
    0.1,
    0.5,
    1.0,
    4.0,
]
LENGTHS = [0.0, 1e-12, 1e-6, 1e-4, 1e-3, 4.9e-3, 5.1e-3, 9.9e-3, 0.0101, 0.03, 0.1, 1.0]

LIF = lif.derive((1.0, 0.2, -0.1, 2e-3, 12e-3, 7e-3))
TWO = lif_two.derive((1.0, 0.2, -0.1, 2e-3, 12e-3, 7e-3, 12e-3))
ADAPTIVE = alif.derive((1.0, 0.2, -0.1, 2e-3, 12e-3, 7e-3, 60e-3, 0.3))
MODELS = [
    (lif, LIF, (0.4, 1.7)),
    (lif_two, TWO, (0.4, 1.7, -0.9)),
    (alif, ADAPTIVE, (0.4, 1.7, 0.35)),
]
IDS = ["lif", "lif_two", "alif"]


def exact_kappa(s, tau_mem, tau_syn):
    """``kappa`` as a function of 50-digit numbers."""
    s, tm, ts = (x if isinstance(x, mp.mpf) else mp.mpf(x) for x in (s, tau_mem, tau_syn))
    if tm == ts:
        return s / tm * mp.exp(-s / tm)
    return ts / (tm - ts) * (mp.exp(-s / tm) - mp.exp(-s / ts))


def float_kappa(s, tm, ts):
    rm, rs = 1.0 / tm, 1.0 / ts
    em, es = np.exp(-s * rm), np.exp(-s * rs)
    kap = exponentials.kappa(s, rm, em, es, rs - rm)
    by_mem = exponentials.kappa_by_tau_mem(s, rm, em, es, rs - rm, kap)
    by_syn = exponentials.kappa_by_tau_syn(s, rm, rs, em, es, rs - rm)
    return kap, by_mem, by_syn


@pytest.mark.parametrize("apart", APART)
@pytest.mark.parametrize("s", LENGTHS)
def test_kappa_keeps_its_accuracy_when_the_time_constants_meet(apart, s):
    tau_syn = TAU * (1.0 + apart)
    with mp.workdps(100):
        want = float(exact_kappa(s, TAU, tau_syn))
    got = float_kappa(s, TAU, tau_syn)[0]
    # the exponentials carry the rounding of their argument
    assert abs(got - want) <= 1e-15 * (4.0 + 2.0 * s / min(TAU, tau_syn)) * abs(want)


@pytest.mark.parametrize("apart", APART)
@pytest.mark.parametrize("s", LENGTHS)
def test_derivatives_of_kappa(apart, s):
    tau_syn = TAU * (1.0 + apart)
    _, by_mem, by_syn = float_kappa(s, TAU, tau_syn)
    with mp.workdps(120):
        h = mp.mpf(10) ** -40
        step = h * mp.mpf(TAU)

        def slope(tm, ts, dm, ds):
            # off the diagonal by much less than the step's own error, and never on it
            tm, ts = mp.mpf(tm), mp.mpf(ts) * (1 + mp.mpf(10) ** -70)
            up = exact_kappa(s, tm + dm, ts + ds)
            return float((up - exact_kappa(s, tm - dm, ts - ds)) / (2 * step))

        want_mem, want_syn = slope(TAU, tau_syn, step, 0), slope(TAU, tau_syn, 0, step)
        size = float(exact_kappa(s, TAU, tau_syn)) / min(TAU, tau_syn)
    bound = 3e-14 * size * (1.0 + s / min(TAU, tau_syn))
    assert abs(by_mem - want_mem) <= bound
    assert abs(by_syn - want_syn) <= bound


def rhs(module, p, x):
    return np.array(module.field(p, tuple(x)))


@pytest.mark.parametrize(("module", "p", "x"), MODELS, ids=IDS)
@pytest.mark.parametrize("s", [1e-4, 3e-3, 20e-3, 80e-3])
def test_flow_solves_the_ordinary_differential_equation(module, p, x, s):
    solved = solve_ivp(lambda t, y: rhs(module, p, y), (0.0, s), x, method="DOP853", rtol=1e-13, atol=1e-15)
    assert np.allclose(module.flow(p, x, module.gap(p, s)), solved.y[:, -1], rtol=0.0, atol=5e-12)


@pytest.mark.parametrize(("module", "p", "x"), MODELS, ids=IDS)
def test_the_field_is_that_of_the_equations(module, p, x):
    v_leak, tau_mem = p[1], p[4]
    taus = {"lif": (7e-3,), "lif_two": (7e-3, 12e-3), "alif": (7e-3, 60e-3)}[module.__name__.rsplit(".", 1)[1]]
    currents = x[1:] if module is not alif else x[1:2]
    want = [(v_leak - x[0] + sum(currents)) / tau_mem] + [-y / tau for y, tau in zip(x[1:], taus, strict=True)]
    assert np.allclose(module.field(p, x), want, rtol=1e-14)
    assert np.allclose(module.held_field(p, x), [0.0, *want[1:]], rtol=1e-14)
    assert np.isclose(module.v_dot(p, x), want[0], rtol=1e-14)
    sinking = x[2] / 60e-3 if module is alif else 0.0
    assert np.isclose(module.slope(p, x), want[0] + sinking, rtol=1e-14)


@pytest.mark.parametrize(("module", "p", "x"), MODELS, ids=IDS)
def test_a_flow_in_two_steps_is_the_flow_in_one(module, p, x):
    once = module.flow(p, x, module.gap(p, 13e-3))
    half = module.flow(p, x, module.gap(p, 4e-3))
    assert np.allclose(module.flow(p, half, module.gap(p, 9e-3)), once, rtol=0.0, atol=1e-15)
    assert module.flow(p, x, module.gap(p, 0.0)) == x


@pytest.mark.parametrize(("module", "p", "x"), MODELS, ids=IDS)
def test_hold_runs_all_but_the_voltage(module, p, x):
    g = module.gap(p, 5e-3)
    held, free = module.hold(p, x, g), module.flow(p, x, g)
    assert held[0] == x[0]
    assert held[1:] == free[1:]


@pytest.mark.parametrize(("module", "p", "x"), MODELS, ids=IDS)
def test_area_is_the_integral_of_the_voltage(module, p, x):
    s = 17e-3
    nodes, weights = np.polynomial.legendre.leggauss(40)
    t = 0.5 * s * (nodes + 1.0)
    v = [module.flow(p, x, module.gap(p, r))[0] for r in t]
    got = module.area(p, s, x, module.flow(p, x, module.gap(p, s)))
    assert np.isclose(got, 0.5 * s * np.dot(weights, v), rtol=1e-13)


@pytest.mark.parametrize(("module", "p", "x"), MODELS, ids=IDS)
def test_no_overflow_and_no_nan_in_gaps_of_a_thousand_time_constants(module, p, x):
    for s in (1.0, 12.0, 1e3, 1e6):
        g = module.gap(p, s)
        y = module.flow(p, x, g)
        assert np.isclose(y[0], p[1], atol=1e-12)
        assert np.isfinite([*g, *y, module.area(p, s, x, y)]).all()
        h = module.companion_gap(p, s, g)
        k = module.companion_back(g, h, (1.0,) * len(x), (0.0,) * module.N_COMPANION)
        assert np.isfinite(k).all()


@pytest.mark.parametrize(("module", "p", "x"), MODELS, ids=IDS)
def test_bounds_hold_on_dense_samples(module, p, x):
    rng = np.random.default_rng(1)
    for _ in range(200):
        y = tuple(rng.normal(0.0, 1.5, len(x)))
        y = (*y[:2], abs(y[2])) if module is alif else y
        v = np.array([module.flow(p, y, module.gap(p, s))[0] for s in np.linspace(0.0, 0.1, 60)])
        assert v.max() <= module.ceiling(p, y) + 1e-14
        if not module.may_cross(p, y):
            assert v.max() <= p[0] + 1e-14


@pytest.mark.parametrize(("module", "p", "x"), MODELS, ids=IDS)
def test_the_interior_maximum(module, p, x):
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(300):
        y = tuple(rng.normal(0.0, 1.5, len(x)))
        s_max = rng.uniform(1e-3, 60e-3)
        t = np.linspace(0.0, s_max, 400)
        v = np.array([module.flow(p, y, module.gap(p, s))[0] for s in t])
        k = int(v.argmax())
        at = module.peak(p, y, s_max)
        if 3 < k < 396:
            found += 1
            assert 0.0 < at < s_max
            assert abs(at - t[k]) <= 2.0 * s_max / 399
            z = module.flow(p, y, module.gap(p, at))
            assert abs(module.v_dot(p, z)) * 12e-3 <= 1e-13 * (1.0 + sum(map(abs, y)))
        elif at >= 0.0:
            assert module.flow(p, y, module.gap(p, at))[0] <= v[k] + 1e-4
    assert found > 20
