"""Refractory times: the clocks and counters that come closest, against a search through all of them."""

import itertools

import numpy as np
import pytest

from saltation.bss2 import Chip, Configuration, NeuronTarget, Noise, Variation
from saltation.bss2.calibration.clocks import best_clocks, counted, refractory_times
from saltation.bss2.calibration.routine import starting_point
from saltation.bss2.memory import stored_codes
from saltation.bss2.translation import translate
from saltation.bss2.variation import hidden

ALL = np.array([[2.0 ** (s + 1) / 250e6 * n for n in range(1, 256)] for s in range(16)])
"""Every refractory time there is, by scale and counter."""


def best_error(wanted, fast, slow):
    """Largest relative error with two clocks, each time taking the nearest of all."""
    there = ALL[[fast, slow]].reshape(-1)
    return max(float(np.abs(there - t).min()) / t for t in wanted)


def held(target):
    """What a chip makes of it."""
    chip = Chip(0, variation=Variation.none(), noise=Noise.none())
    configuration = starting_point(target)
    configuration.validate()
    codes = stored_codes(configuration, chip.physics)
    known = hidden(0, chip.variation)
    return translate(configuration, codes, known, chip.physics, chip.noise, np.arange(512)).analog.hold


@pytest.mark.parametrize("times", [[2e-6], [3e-6], [40e-9], [32e-6], [100e-9, 30e-6], [0.5e-6, 3e-6, 9e-6, 20e-6]])
def test_no_other_pair_of_clocks_is_closer(times):
    wanted = np.array(times)
    fast, slow = best_clocks(wanted, (0, 4))
    least = min(best_error(wanted, *pair) for pair in itertools.product(range(16), repeat=2))
    assert best_error(wanted, fast, slow) == pytest.approx(least, abs=1e-12)
    clock, count = counted(wanted, fast, slow)
    got = np.array([ALL[fast if c else slow, n - 1] for c, n in zip(clock, count, strict=True)])
    assert np.abs(got / wanted - 1.0).max() == pytest.approx(least, abs=1e-12)


def test_the_usual_time_leaves_the_clocks_as_they_are():
    configuration = starting_point(NeuronTarget())
    assert configuration["clock_scale_fast"].tolist() == [0, 0] and configuration["clock_scale_slow"].tolist() == [4, 4]
    assert np.all(configuration["refractory_period_input_clock"] == 1)
    assert np.all(configuration["refractory_period_refractory_time"] == 250)


def test_what_the_circuits_hold():
    # 128 ns a period left 3 us off by 1.9 %
    np.testing.assert_allclose(held(NeuronTarget(refractory_time=3e-6)), 3e-6, rtol=0.004)
    rng = np.random.default_rng(0)
    wanted = np.exp(rng.uniform(np.log(0.3e-6), np.log(30e-6), 512))
    got = held(NeuronTarget(refractory_time=wanted))
    assert np.abs(got / wanted - 1.0).max() < 0.05


def test_each_half_has_clocks_of_its_own():
    configuration, wanted = Configuration(), np.empty(512)
    left = np.arange(512) % 256 < 128
    wanted[left], wanted[~left] = 1e-6, 7e-6
    refractory_times(configuration, wanted)
    assert configuration["clock_scale_slow"][0] == 4 > configuration["clock_scale_slow"][1]
    slow = 2.0 ** (configuration["clock_scale_slow"][1] + 1) / 250e6
    period = np.where(configuration["refractory_period_input_clock"] == 1, 8e-9, slow)
    assert configuration["refractory_period_input_clock"].tolist() == left.astype(int).tolist()
    np.testing.assert_allclose(configuration["refractory_period_refractory_time"] * period, wanted, rtol=0.003)
