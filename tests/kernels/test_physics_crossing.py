"""First crossings of single gaps: every bracket, every model, against 50-digit roots."""

import math

import numpy as np
import pytest

from reference.oracle import Gap
from saltation.kernels.physics import alif, lif, lif_two

ULP = 2.0**-52
TM = 20e-3
# name -> (module, function, tau_syn of each current)
FINDERS = {
    "general": (lif, lif.crossing, (6e-3,)),
    "four": (lif, lif.crossing, (5e-3,)),
    "half": (lif, lif.crossing, (40e-3,)),
    "close": (lif, lif.crossing, (TM * (1 + 1e-7),)),
    "one_general": (lif, lif.crossing, (TM,)),
    "two_general": (lif, lif.crossing, (TM / 2,)),
    "ratio_one": (lif, lif.crossing_ratio_one, (TM,)),
    "ratio_two": (lif, lif.crossing_ratio_two, (TM / 2,)),
    "lif_two": (lif_two, lif_two.crossing, (5e-3, 12e-3)),
    "lif_two_equal": (lif_two, lif_two.crossing, (7e-3, 7e-3)),
    "lif_two_half": (lif_two, lif_two.crossing, (TM / 2, 40e-3)),
    "alif": (alif, alif.crossing, (6e-3,)),
    "alif_fast": (alif, alif.crossing, (6e-3,)),
}
ADAPT = {"alif": 80e-3, "alif_fast": 9e-3}
NAMES = list(FINDERS)


def find(name, v, currents, s_max, *, v_th=1.0, v_leak=0.0, a=0.0):
    """``(engine's crossing, oracle)`` of one gap."""
    module, function, taus = FINDERS[name]
    if module is lif:
        p, x = lif.derive((v_th, v_leak, 0.0, 0.0, TM, taus[0])), (v, currents[0])
    elif module is lif_two:
        p, x = lif_two.derive((v_th, v_leak, 0.0, 0.0, TM, *taus)), (v, *currents[:2])
    else:
        p = alif.derive((v_th, v_leak, 0.0, 0.0, TM, taus[0], ADAPT[name], 0.1))
        x = (v, currents[0], a)
    used = list(zip(currents, taus, strict=False))
    gap = Gap(v, v_leak, v_th, TM, used, (a, ADAPT[name]) if module is alif else None)
    return function(p, x, s_max), gap


def check(name, v, currents, s_max, **rest):
    """The engine finds what the oracle finds, to 4 ulp times the condition of the problem; returns the error."""
    got, gap = find(name, v, currents, s_max, **rest)
    want, margin = gap.first(s_max)
    if abs(margin) <= 1e-13 * max(gap.scale, 1.0):
        return 0.0
    if want is None:
        assert got == math.inf, f"a false crossing at {got}, margin {float(margin):.2g}"
        return 0.0
    assert math.isfinite(got), f"missed the crossing at {float(want)}, margin {float(margin):.2g}"
    error = abs(float((got - want) / want)) if want > 0 else abs(got)
    bound = 4.0 * ULP * gap.condition(want)
    assert error <= bound, f"{error / ULP:.1f} ulp at condition {gap.condition(want):.3g}"
    return error / bound


@pytest.mark.parametrize("name", NAMES)
def test_rising_then_peak(name):
    for v, i in [(0.0, 5.0), (-0.7, 8.0), (0.5, 3.0), (0.9, 2.5), (0.99, 40.0)]:
        check(name, v, (i, 0.5), 60e-3)
        check(name, v, (i, -0.7), 60e-3, a=0.05)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("v_leak", [1.05, 1.4, 3.0])
def test_falling_then_rising(name, v_leak):
    for v, i in [(0.0, -4.0), (0.5, -9.0), (0.9, -2.5), (0.999, -1.5), (-2.0, -0.1)]:
        check(name, v, (i, -0.5), 200e-3, v_leak=v_leak)
        check(name, v, (i, 0.2), 200e-3, v_leak=v_leak, a=0.03)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("below", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12, 1e-15])
def test_falling_from_just_under_the_threshold_then_rising(name, below):
    for i in (-1.0, -5.0, -30.0):
        check(name, 1.0 - below, (i, -0.1), 0.3, v_leak=1.4)


@pytest.mark.parametrize("name", NAMES)
def test_monotone(name):
    for v, i, leak in [(0.0, 0.0, 1.5), (0.2, 0.3, 1.5), (-1.0, 0.1, 2.0), (0.3, 0.0, 0.0), (0.9, -1.0, 0.0)]:
        check(name, v, (i, 0.0), 80e-3, v_leak=leak)
        check(name, v, (i, 0.0), 3e-3, v_leak=leak)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("below", [1e-3, 1e-6, 1e-9, 1e-12, 1e-15])
def test_imminent_spikes(name, below):
    for i in (1.5, 4.0, 100.0):
        check(name, 1.0 - below, (i, 0.1), 30e-3)
        check(name, 1.0 - below, (i, -0.2), 30e-3, v_leak=0.3)


@pytest.mark.parametrize("name", ["lif_two", "lif_two_half", "alif", "alif_fast"])
def test_two_interior_extrema(name):
    rng = np.random.default_rng(3)
    for _ in range(25):
        if FINDERS[name][0] is alif:
            check(name, rng.uniform(-1, 0.4), (rng.uniform(-12, -3),), 0.2, v_leak=1.4, a=rng.uniform(0.1, 3.0))
        else:
            i = rng.uniform(4, 25) * rng.choice([-1, 1])
            check(
                name,
                rng.uniform(-1, 0.9),
                (i, -i * rng.uniform(0.3, 1.2)),
                0.2,
                v_leak=rng.choice([0.0, 1.3]),
            )


def top_of(name, v, currents, s_max, v_leak=0.0):
    """Highest voltage of a gap (threshold far away), in float64."""
    import mpmath as mp

    _module, _, taus = FINDERS[name]
    gap = Gap(v, v_leak, 0.0, TM, list(zip(currents, taus, strict=False)))
    s = np.linspace(0.0, s_max, 4001)
    k = int(gap.dense(s)[0].argmax())
    with mp.workdps(50):
        at = gap.bisect(gap.slope, s[k - 1], s[k + 1], False)
        return gap.level(at), at


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("alif")])
@pytest.mark.parametrize("margin", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12])
def test_near_tangency_no_spike_is_missed_and_none_invented(name, margin):
    rng = np.random.default_rng(11)
    for _ in range(3):
        v, i = rng.uniform(-0.5, 0.5), rng.uniform(2.0, 6.0)
        top, _ = top_of(name, v, (i, 0.4), 0.1)
        for sign in (-1.0, 1.0):
            check(name, v, (i, 0.4), 0.1, v_th=float(top) + sign * margin)


@pytest.mark.parametrize("margin", [1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12])
@pytest.mark.parametrize("name", ["alif", "alif_fast"])
def test_near_tangency_of_an_adaptive_threshold(name, margin):
    rng = np.random.default_rng(12)
    for _ in range(3):
        v, i, a = rng.uniform(-0.5, 0.5), rng.uniform(2.0, 6.0), rng.uniform(0.05, 0.5)
        _, gap = find(name, v, (i,), 0.1, a=a, v_th=100.0)
        s = np.linspace(0.0, 0.1, 4001)
        k = int(gap.dense(s)[0].argmax())
        top = gap.level(gap.bisect(gap.slope, s[k - 1], s[k + 1], False)) + 100
        for sign in (-1.0, 1.0):
            check(name, v, (i,), 0.1, a=a, v_th=float(top) + sign * margin)


@pytest.mark.parametrize("name", NAMES)
def test_a_voltage_that_only_touches_the_threshold_does_not_spike(name):
    # V = i kappa(s) with tau_mem = 2 tau_syn has its top i/4 exactly at the threshold, in exact arithmetic
    if name in ("ratio_two", "two_general"):
        assert find(name, 0.0, (4.0,), 1.0)[0] == math.inf
        assert find(name, 0.0, (8.0,), 1.0, v_th=2.0)[0] == math.inf
    # at rest exactly at the threshold, without a drive
    assert find(name, 1.0, (0.0, 0.0), 1.0, v_leak=1.0)[0] == math.inf
    # at the threshold and falling
    assert find(name, 1.0, (-1.0, -1.0), 1.0)[0] == math.inf
    assert find(name, 1.0, (0.5, 0.0), 1.0)[0] == math.inf
    # approaching a leak potential that is the threshold
    assert find(name, 0.0, (0.0, 0.0), 1e3, v_leak=1.0)[0] == math.inf


@pytest.mark.parametrize("name", NAMES)
def test_at_the_threshold_and_rising_spikes_at_once(name):
    assert find(name, 1.0, (3.0, 0.0), 10e-3)[0] == 0.0
    assert find(name, 1.0 + 2.0**-52, (3.0, 0.0), 10e-3)[0] == 0.0
    assert find(name, 1.0, (3.0, 0.0), 0.0)[0] == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_a_gap_that_ends_around_the_crossing(name):
    v, currents = 0.1, (9.0, 0.3)
    s, gap = find(name, v, currents, 50e-3)
    assert math.isfinite(s)
    width = 64 * ULP * gap.condition(s)
    assert find(name, v, currents, s * (1.0 - width))[0] == math.inf
    assert abs(find(name, v, currents, s * (1.0 + width))[0] / s - 1.0) <= width
    at = find(name, v, currents, s)[0]
    assert at == math.inf or at <= s
    for k in range(-4, 5):
        end = s + k * math.ulp(s)
        at = find(name, v, currents, end)[0]
        assert at == math.inf or at <= end


@pytest.mark.parametrize("name", NAMES)
def test_long_gaps_and_large_and_small_currents(name):
    for s_max in (1000 * TM, 1e6):
        for i in (1e-300, 1e-12, 1e-3, 3.0, 1e3, 1e9):
            check(name, 0.0, (i, 0.0), s_max)
            check(name, -50.0, (i, 0.0), s_max)
            check(name, 0.2, (-i, 0.0), s_max, v_leak=1.2)
    check(name, 0.0, (0.0, 0.0), 1000 * TM)


def test_gap_sweep_of_random_parameters():
    """Everything drawn at random, ratios among them."""
    rng = np.random.default_rng(5)
    for name in NAMES:
        for _ in range(20):
            leak = rng.choice([0.0, 0.3, 1.2])
            currents = rng.normal(0.0, 6.0, 2)
            check(
                name,
                rng.uniform(-1.0, 0.99),
                tuple(currents),
                10.0 ** rng.uniform(-4, 0),
                v_leak=leak,
                a=rng.uniform(0, 0.4),
            )
