"""Clipping to a quantile of the norms before: against a loop that keeps all of them."""

import numpy as np
import pytest

from saltation.errors import ParameterError
from saltation.experiments.norm_clip import NormClip


@pytest.mark.parametrize("quantile", [0.2, 0.5, 1.0])
def test_lengths_are_those_of_a_loop_over_all_steps(quantile):
    rng = np.random.default_rng(1)
    steps = [{"a": rng.standard_cauchy((3, 2)), "b": 1e-3 * rng.standard_normal(4)} for _ in range(400)]
    clip = NormClip(["a", "b"], quantile)
    shortened = 0
    for i, gradients in enumerate(steps):
        found = clip(gradients)
        for name, gradient in gradients.items():
            before = [np.linalg.norm(each[name]) for each in steps[max(0, i - 300) : i]]
            limit = np.quantile(before, quantile) if len(before) >= 10 else np.inf
            length = np.linalg.norm(gradient)
            shortened += length > limit
            np.testing.assert_allclose(found[name], gradient * min(1.0, limit / length), rtol=1e-12)
    assert shortened > 3


def test_goes_on_from_its_state():
    rng = np.random.default_rng(2)
    steps = [{"a": rng.standard_normal(3)} for _ in range(40)]
    whole, first, second = (NormClip(["a"], 0.5) for _ in range(3))
    for gradients in steps[:20]:
        whole(gradients)
        first(gradients)
    second.restore(first.state())
    for gradients in steps[20:]:
        np.testing.assert_array_equal(whole(gradients)["a"], second(gradients)["a"])


def test_zeros_say_nothing_of_the_usual_length():
    clip = NormClip(["a"], 0.5)
    for _ in range(400):
        np.testing.assert_array_equal(clip({"a": np.zeros(2)})["a"], np.zeros(2))
    for _ in range(10):
        np.testing.assert_array_equal(clip({"a": np.array([3.0, 4.0])})["a"], [3.0, 4.0])
    np.testing.assert_allclose(clip({"a": np.array([6.0, 8.0])})["a"], [3.0, 4.0])


@pytest.mark.parametrize("quantile", [0.0, 1.5, float("nan"), "half"])
def test_bad_quantiles(quantile):
    with pytest.raises(ParameterError, match=r"NormClip\.quantile"):
        NormClip(["a"], quantile)
