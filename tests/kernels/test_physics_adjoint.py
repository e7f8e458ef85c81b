"""Transposes, companions and tangents of the flows against differences and against each other."""

import mpmath as mp
import numpy as np
import pytest

from saltation.kernels.physics import alif, lif, lif_two

PRIMARY = {
    "lif": (1.0, 0.2, -0.1, 2e-3, 12e-3, 7e-3),
    "lif_equal": (1.0, 0.2, -0.1, 2e-3, 12e-3, 12e-3),
    "lif_close": (1.0, 0.2, -0.1, 2e-3, 12e-3, 12e-3 * (1 + 1e-9)),
    "lif_two": (1.0, 0.2, -0.1, 2e-3, 12e-3, 7e-3, 15e-3),
    "alif": (1.0, 0.2, -0.1, 2e-3, 12e-3, 7e-3, 60e-3, 0.3),
}
MODULES = {"lif": lif, "lif_equal": lif, "lif_close": lif, "lif_two": lif_two, "alif": alif}
TAUS = {"lif": (4, 5), "lif_equal": (4, 5), "lif_close": (4, 5), "lif_two": (4, 5, 6), "alif": (4, 5, 6)}
NAMES = list(PRIMARY)
GAPS = [1e-5, 2e-3, 6.1e-3, 30e-3, 0.2]


def exact_flow(name, primary, x, s):
    """The flow in 60 digits, of mpmath numbers."""

    def kappa(ts):
        tm = primary[4]
        if tm == ts:
            return s / tm * mp.exp(-s / tm)
        return ts / (tm - ts) * (mp.exp(-s / tm) - mp.exp(-s / ts))

    tm, leak = primary[4], primary[1]
    v = leak + (x[0] - leak) * mp.exp(-s / tm) + x[1] * kappa(primary[5])
    if name == "lif_two":
        return v + x[2] * kappa(primary[6]), x[1] * mp.exp(-s / primary[5]), x[2] * mp.exp(-s / primary[6])
    if name == "alif":
        return v, x[1] * mp.exp(-s / primary[5]), x[2] * mp.exp(-s / primary[6])
    return v, x[1] * mp.exp(-s / primary[5])


def exact_slope(name, which, x, s):
    """``d flow / d primary[which]`` by a 120-digit difference."""
    with mp.workdps(120):
        h = mp.mpf(10) ** -40
        base = [mp.mpf(v) for v in PRIMARY[name]]
        base[5] *= 1 + mp.mpf(10) ** -70  # never exactly on the diagonal
        ends = []
        for sign in (1, -1):
            moved = list(base)
            moved[which] += sign * h
            ends.append(exact_flow(name, moved, [mp.mpf(v) for v in x], mp.mpf(s)))
        return [float((a - b) / (2 * h)) for a, b in zip(*ends, strict=True)]


def draw(name, rng):
    n = MODULES[name].N_STATE
    return tuple(rng.normal(0.3, 1.2, n)), tuple(rng.normal(size=n)), tuple(rng.normal(size=n))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("s", GAPS)
def test_flow_back_is_the_transpose_of_the_flow(name, s):
    module, p = MODULES[name], MODULES[name].derive(PRIMARY[name])
    x, dx, lam = draw(name, np.random.default_rng(1))
    g = module.gap(p, s)
    none = (0.0,) * len(module.NAMES)
    for forward, back in (("flow", "flow_back"), ("hold", "hold_back")):
        moved = getattr(module, f"{forward}_tangent")(p, none, x, dx, s, g)
        if forward == "hold":  # the held voltage has no past: it belongs to the reset
            moved = (0.0, *moved[1:])
        left = np.dot(moved, lam)
        right = np.dot(dx, getattr(module, back)(p, g, lam))
        assert abs(left - right) <= 1e-15 * (np.abs(moved) @ np.abs(lam) + 1e-3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("s", GAPS)
def test_flow_tangent_for_every_parameter(name, s):
    module, p = MODULES[name], MODULES[name].derive(PRIMARY[name])
    x, _, _ = draw(name, np.random.default_rng(2))
    g = module.gap(p, s)
    still = (0.0,) * module.N_STATE
    for which in (1, *TAUS[name]):
        dp = tuple(float(i == which) for i in range(len(module.NAMES)))
        want = exact_slope(name, which, x, s)
        got = module.flow_tangent(p, dp, x, still, s, g)
        size = (sum(map(abs, x)) + 1.0) * (1.0 if which == 1 else 1.0 / PRIMARY[name][which])
        assert np.allclose(got, want, rtol=0.0, atol=1e-14 * size)
        held = module.hold_tangent(p, dp, x, still, s, g)
        assert held[0] == 0.0
        assert np.allclose(held[1:], want[1:], rtol=0.0, atol=1e-14 * size)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("s", GAPS)
@pytest.mark.parametrize("held", [False, True])
def test_the_companion_carries_the_gradients_of_the_time_constants(name, s, held):
    """Two gaps: what the companion collects at the start equals lam times the tangent of the flow."""
    module, p = MODULES[name], MODULES[name].derive(PRIMARY[name])
    x, _, lam = draw(name, np.random.default_rng(3))
    first, second = 0.4 * s, s
    gaps = [(0.0, False)] * 0 + [(first, False), (second, held)]
    still = (0.0,) * module.N_STATE
    for which in TAUS[name]:
        dp = tuple(float(i == which) for i in range(len(module.NAMES)))
        state, moved = x, still
        for length, stopped in gaps:
            g = module.gap(p, length)
            if stopped:
                moved, state = module.hold_tangent(p, dp, state, moved, length, g), module.hold(p, state, g)
            else:
                moved, state = module.flow_tangent(p, dp, state, moved, length, g), module.flow(p, state, g)
        back, companion = lam, (0.0,) * module.N_COMPANION
        if held:  # the voltage of a hold has its own past, which is not this flow's
            back = (0.0, *lam[1:])
        grad = np.zeros((1, len(module.NAMES)))
        for length, stopped in reversed(gaps):
            g = module.gap(p, length)
            step = module.companion_hold if stopped else module.companion_back
            companion = step(g, module.companion_gap(p, length, g), back, companion)
            back = (module.hold_back if stopped else module.flow_back)(p, g, back)
        module.companion_start(p, companion, x, grad, 0)
        want = np.dot(moved, (0.0, *lam[1:]) if held else lam)
        size = (np.abs(lam) @ np.ones(len(lam))) * (sum(map(abs, x)) + 1.0) / PRIMARY[name][which]
        assert abs(grad[0, which] - want) <= 1e-14 * size


@pytest.mark.parametrize("name", NAMES)
def test_the_companion_of_an_arrival_and_of_a_reset(name):
    """A jump of the current and of the voltage between two gaps contributes with the same carried factors."""
    module, p = MODULES[name], MODULES[name].derive(PRIMARY[name])
    rng = np.random.default_rng(4)
    x, _, lam = draw(name, rng)
    w, v = 1.3, -0.4
    receptor = 1 if name == "lif_two" else 0
    g1, g2 = module.gap(p, 3e-3), module.gap(p, 8e-3)
    still = (0.0,) * module.N_STATE
    for which in TAUS[name]:
        dp = tuple(float(i == which) for i in range(len(module.NAMES)))
        y = module.flow(p, x, g1)
        dy = module.flow_tangent(p, dp, x, still, 3e-3, g1)
        y, dy = (v, *module.arrive(y, receptor, w)[1:]), (0.0, *dy[1:])
        want = np.dot(module.flow_tangent(p, dp, y, dy, 8e-3, g2), lam)
        grad = np.zeros((1, len(module.NAMES)))
        c = module.companion_back(g2, module.companion_gap(p, 8e-3, g2), lam, (0.0,) * module.N_COMPANION)
        back = module.flow_back(p, g2, lam)
        module.companion_arrive(c, receptor, w, grad, 0)
        c = module.companion_voltage(p, c, v, grad, 0)
        back = module.without_voltage(back)
        c = module.companion_back(g1, module.companion_gap(p, 3e-3, g1), back, c)
        module.companion_start(p, c, x, grad, 0)
        assert np.isclose(grad[0, which], want, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_tangent_and_the_transpose_of_the_area(name):
    module, p = MODULES[name], MODULES[name].derive(PRIMARY[name])
    rng = np.random.default_rng(5)
    x, dx, _ = draw(name, rng)
    s = 9e-3
    g = module.gap(p, s)
    y = module.flow(p, x, g)
    for which in (None, 1, *TAUS[name]):
        dp = tuple(float(i == which) for i in range(len(module.NAMES)))
        moved = dx if which is None else (0.0,) * len(dx)
        dy = module.flow_tangent(p, dp, x, moved, s, g)
        got = module.area_tangent(p, dp, s, x, y, moved, dy)
        nodes, weights = np.polynomial.legendre.leggauss(40)
        t = 0.5 * s * (nodes + 1.0)
        v = [module.flow_tangent(p, dp, x, moved, r, module.gap(p, r))[0] for r in t]
        assert np.isclose(got, 0.5 * s * np.dot(weights, v), rtol=1e-11, atol=1e-14)
    # the state dependence, as the adjoint uses it: shift, transpose, shift back
    none = (0.0,) * len(module.NAMES)
    zero = (0.0,) * len(dx)
    lam = module.area_shift(p, 1.0, module.flow_back(p, g, module.area_shift(p, -1.0, zero)))
    dy = module.flow_tangent(p, none, x, dx, s, g)
    assert np.isclose(np.dot(lam, dx), module.area_tangent(p, none, s, x, y, dx, dy), rtol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_arrival_pull_is_the_time_derivative_of_an_arrival(name):
    """``dL/dt`` of an arrival: the flow before it is longer and the one after it shorter."""
    module, p = MODULES[name], MODULES[name].derive(PRIMARY[name])
    rng = np.random.default_rng(6)
    x, _, lam = draw(name, rng)
    w = 1.7
    for receptor in range(2 if name == "lif_two" else 1):
        y = module.arrive(x, receptor, w)
        jump = np.subtract(module.field(p, x), module.field(p, y))
        assert np.isclose(w * module.arrival_pull(p, lam, receptor), np.dot(lam, jump), rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_fire_pull_and_fire_back_are_the_saltation_of_a_spike(name):
    """Transpose of ``D fire (dx + f dt) - f' dt`` with ``dt = -d(level)/slope``."""
    module, p = MODULES[name], MODULES[name].derive(PRIMARY[name])
    rng = np.random.default_rng(7)
    x, dx, lam = draw(name, rng)
    x = (0.0, 3.0, *(abs(v) for v in x[2:]))
    x = module.at_threshold(p, x)
    dp = tuple(rng.normal(size=len(module.NAMES)))
    slope = module.slope(p, x)
    dt = -module.level_tangent(dp, dx) / slope
    after = module.fire(p, x)
    free = np.add(dx, np.multiply(module.field(p, x), dt))
    out = np.subtract(module.fire_tangent(p, dp, tuple(free)), np.multiply(module.field(p, after), dt))
    pull = module.fire_pull(p, x, lam, 0.0)
    step = pull / slope
    grad = np.zeros((1, len(module.NAMES)))
    module.spend_spike(p, lam, step, grad, 0)
    grad[0, 0] += step
    grad[0, 2] += lam[0]
    right = np.dot(module.fire_back(lam, step), dx) + grad[0] @ dp
    assert np.isclose(np.dot(out, lam), right, rtol=1e-12)
