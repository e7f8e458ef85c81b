"""The delay equation against closed forms, another solver and plain loops; the series of the benchmark."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from saltation.errors import ParameterError
from saltation.neurobench.tasks import SERIES, mackey_glass, pasts, window, windows
from saltation.neurobench.tasks.delay_equation import _coefficients, solve
from saltation.neurobench.tasks.mackey_glass import solution


def _slow_reference(past, until, tau=17.0):
    """Delay after delay by an adaptive Runge-Kutta method of order 8, with its own dense output."""
    pieces = [lambda t: past]
    value = past
    while (len(pieces) - 1) * tau < until:
        start = (len(pieces) - 1) * tau
        before = pieces[-1]

        def slope(t, x, before=before):
            delayed = before(t - tau)
            return 0.2 * delayed / (1.0 + delayed**10) - 0.1 * x

        found = solve_ivp(slope, (start, start + tau), [value], "DOP853", dense_output=True, rtol=1e-13, atol=1e-14)
        value = found.y[0, -1]
        pieces.append(lambda t, sol=found.sol: sol(t)[0])
    return lambda t: pieces[1 + min(int(t // tau), len(pieces) - 2)](t)


def test_the_solution_is_that_of_another_solver():
    times = np.linspace(0.0, 300.0, 173)
    reference = _slow_reference(0.7206597, 300.0)
    found = solution(SERIES[17], 0.7206597, 300.0)(times)[:, 0]
    assert np.abs(found - [reference(t) for t in times]).max() < 1e-11


def test_the_first_delays_in_closed_form():
    # dx/dt = 3 x(t - 2) - x, past 1: 3 - 2 e^-t, and then, with s = t - 2, 9 - 6 s e^-s + (x(2) - 9) e^-s
    found = solve(lambda x: 3.0 * x, 1.0, 2.0, 1.0, 4.0, segments=8)
    first, second = np.linspace(0.0, 2.0, 17), np.linspace(0.0, 2.0, 17)
    np.testing.assert_allclose(found(first)[:, 0], 3.0 - 2.0 * np.exp(-first), rtol=0, atol=1e-13)
    at_2 = 3.0 - 2.0 * math.exp(-2.0)
    wanted = 9.0 - 6.0 * second * np.exp(-second) + (at_2 - 9.0) * np.exp(-second)
    np.testing.assert_allclose(found(2.0 + second)[:, 0], wanted, rtol=0, atol=1e-12)
    # without decay: 1 + 3 t
    flat = solve(lambda x: 3.0 * x, 0.0, 2.0, 1.0, 2.0)
    np.testing.assert_allclose(flat(first)[:, 0], 1.0 + 3.0 * first, rtol=0, atol=1e-13)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_the_error_falls_with_the_order_of_the_polynomials(order):
    series = SERIES[17]
    times = np.linspace(0.0, 200.0, 331)

    def error(segments):
        found = solve(series.drive, series.gamma, series.tau, series.past, 200.0, segments=segments, order=order)
        return np.abs(found(times) - exact).max()

    exact = solution(series, series.past, 200.0)(times)
    errors = np.array([error(segments) for segments in (16, 32, 64)])
    slopes = np.log2(errors[:-1] / errors[1:])
    assert (slopes > order + 0.7).all() and (slopes < order + 2.3).all()


def test_the_same_bits_by_plain_loops():
    """What the arrays do is sums, products and quotients of doubles in a stated order, and nothing else."""
    series = SERIES[17]
    segments, order = 24, 10
    _, integral, decays = _coefficients(series.gamma, series.tau / segments, order)
    before = [[0.9] * (order + 1) for _ in range(segments)]
    end, found = 0.9, []
    for _ in range(30):
        now = []
        for segment in before:
            driven = []
            for x in segment:
                square = x * x
                eighth = (square * square) * (square * square)
                driven.append(0.2 * x / (1.0 + square * eighth))
            values = []
            for i in range(order + 1):
                total = 0.0
                for j in range(order + 1):
                    total += float(integral[i, j]) * driven[j]
                values.append(total + float(decays[i]) * end)
            end = values[-1]
            now.append(values)
        found += now
        before = now
    ours = solution(series, [0.5, 0.9], 30 * 17.0).values[:, :, 1]
    assert np.array_equal(ours, np.array(found))


def test_coefficients_against_quadrature():
    nodes, integral, decays = _coefficients(0.1, 1.7, 4)
    x, weights = np.polynomial.legendre.leggauss(40)
    for i, u in enumerate(nodes):
        s = 0.5 * u * (x + 1.0)
        for j in range(5):
            others = np.delete(nodes, j)
            basis = np.prod([(s - o) / (nodes[j] - o) for o in others], axis=0)
            wanted = 1.7 * 0.5 * u * np.sum(weights * np.exp(-0.17 * (u - s)) * basis)
            assert abs(integral[i, j] - wanted) < 1e-14
        assert abs(decays[i] - math.exp(-0.17 * u)) < 1e-15


def test_the_series_of_the_benchmark():
    assert list(SERIES) == list(range(17, 31))
    values = mackey_glass()
    assert values.shape == (2588,)
    # x(17) in closed form: the drive is constant in the first delay
    driven = 0.2 * 0.7206597 / (1.0 + 0.7206597**10) / 0.1
    assert abs(values[0] - (driven + (0.7206597 - driven) * math.exp(-1.7))) < 1e-14
    # mean and variance of the attractor, and the score of a constant, about 21.7 in all reports
    assert abs(values.mean() - 0.93) < 0.01 and abs(values.var() - 0.051) < 0.002
    scores = [run.score(np.full(750, run.known[1:].mean())) for run in windows(values)]
    assert abs(np.mean(scores) - 21.7) < 0.2
    for tau in SERIES:
        made = mackey_glass(tau, points=200)
        assert 0.0 < made.min() < made.max() < 2.0


def test_bits_that_were_found_before():
    # any change of the last bit of a step would show in all digits by then
    assert mackey_glass()[-1].hex() == "0x1.1c5d3640ae3bap-1"


def test_other_pasts_are_other_series():
    drawn = pasts(4, seed=1)
    values = mackey_glass(points=1501, past=drawn, settle=10.0)
    assert values.shape == (4, 1501)
    assert np.array_equal(values[2], mackey_glass(points=1501, past=drawn[2], settle=10.0))
    # one strong period, at any phase: correlated over a window, yet never the same stretch
    apart = np.abs(values[:, None] - values[None, :]).mean(axis=2)
    assert apart[~np.eye(4, dtype=bool)].min() > 0.1
    assert np.array_equal(pasts(4, seed=1), drawn) and not np.array_equal(pasts(4, seed=2), drawn)


def test_runs_begin_half_a_lyapunov_time_after_each_other():
    values = np.arange(2588.0)
    runs = windows(values)
    assert [int(run.known[0]) for run in runs[:4]] == [0, 37, 75, 112] and len(runs) == 30
    for run in runs:
        assert run.known.size == 751 and run.future.size == 750 and run.future[0] == run.known[-1] + 1
    assert runs[-1].future[-1] == 2587.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mackey_glass(16), "tau must be one of"),
        (lambda: mackey_glass(points=0), "points"),
        (lambda: mackey_glass(past=np.nan), "past must be"),
        (lambda: window(np.zeros(1500)), "1501 points or more"),
        (lambda: solution(SERIES[17], 0.5, 30.0)(40.0), "solve for longer"),
        (lambda: solve(lambda x: 1e200 * x * x, 0.1, 1.0, 1.0, 5.0), "does not stay finite"),
        (lambda: solve(lambda x: x, 0.1, 0.0, 1.0, 5.0), "delay"),
    ],
)
def test_what_cannot_be_is_refused(call, words):
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(ParameterError, match=words):
        call()
