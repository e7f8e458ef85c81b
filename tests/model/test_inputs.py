"""Encoders, initialisers and probes."""

import numpy as np
import pytest

from saltation.errors import ParameterError
from saltation.model import Spikes, Voltage, VoltageSamples, fan_in_normal, latency, normal, poisson, uniform


def test_latency():
    values = np.array([[0.0, 0.25, 1.0], [0.5, 0.1, 0.0]])
    np.testing.assert_allclose(latency(values, 1e-3, 5e-3).first(), 1e-3 + values * 4e-3)
    np.testing.assert_allclose(latency(values, 1e-3, 5e-3, inverted=True).first(), 5e-3 - values * 4e-3)
    silent = latency(values, 1e-3, 5e-3, threshold=0.1, inverted=True)
    np.testing.assert_array_equal(np.isinf(silent.first()), values <= 0.1)
    with_bias = latency(values, 1e-3, 5e-3, threshold=0.5, bias_time=2e-3)
    assert with_bias.n_units == 4
    np.testing.assert_array_equal(with_bias.first()[:, 3], 2e-3)


def test_poisson_statistics():
    rates = np.array([[0.0, 50.0, 400.0]] * 200)
    spikes = poisson(rates, 0.5, seed=3)
    counts = spikes.counts()
    assert Spikes(spikes.times, spikes.units, spikes.offsets, 3) == spikes
    assert spikes.times.min() >= 0 and spikes.times.max() < 0.5
    mean = rates[0] * 0.5
    tolerance = 5 * np.sqrt(mean / 200)
    assert np.all(np.abs(counts.mean(axis=0) - mean) <= tolerance)
    np.testing.assert_allclose(counts.var(axis=0)[1:], mean[1:], rtol=0.5)
    np.testing.assert_allclose(np.quantile(spikes.times, [0.25, 0.5, 0.75]), [0.125, 0.25, 0.375], atol=5e-3)


def test_seeds():
    rates = np.full((2, 3), 100.0)
    draws = [
        lambda seed: normal((3, 4), 0.0, 1.0, seed),
        lambda seed: uniform((3, 4), 0.0, 1.0, seed),
        lambda seed: fan_in_normal((3, 4), 0.0, 1.0, seed),
        lambda seed: poisson(rates, 1.0, seed).times,
    ]
    for draw in draws:
        np.testing.assert_array_equal(draw(1), draw(np.random.default_rng(1)))
        assert not np.array_equal(draw(1), draw(2))
        rng = np.random.default_rng(1)
        assert not np.array_equal(draw(rng), draw(rng))


def test_initialisers():
    weight = normal((300, 300), 0.5, 0.2, seed=1)
    assert abs(weight.mean() - 0.5) < 5e-3 and abs(weight.std() - 0.2) < 5e-3
    weight = uniform((300, 300), -1.0, 3.0, seed=1)
    assert weight.min() >= -1 and weight.max() < 3 and abs(weight.mean() - 1.0) < 0.05
    np.testing.assert_allclose(
        fan_in_normal((16, 7), 0.5, 0.2, seed=1), normal((16, 7), 0.5, 0.2, seed=1) / 4, rtol=1e-12
    )


def test_probes():
    assert Voltage([0, 1]).times.dtype == np.float64
    assert Voltage([0.1, 0.2]) == Voltage([0.1, 0.2]) != Voltage([0.1, 0.3])
    samples = VoltageSamples([0.1], np.zeros((2, 1, 3), np.float32))
    assert samples.values.dtype == np.float32 and not samples.times.flags.writeable
    with pytest.raises(ParameterError, match=r"VoltageSamples\.values .*\[batch, 1, n\]"):
        VoltageSamples([0.1], np.zeros((2, 2, 3)))
