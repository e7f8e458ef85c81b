"""Metrics of the accuracy matrix (T19), whose definitions differ between libraries."""

import numpy as np
import pytest

from saltation.continual import (
    average_accuracy,
    backward_transfer,
    forgetting,
    forward_transfer,
    learning_accuracy,
    mean_accuracy,
)
from saltation.errors import ParameterError

CHECK = np.array([[0.95, 0.10, 0.10], [0.90, 0.95, 0.10], [0.97, 0.85, 0.96]])


def test_t19_the_seven_numbers_of_the_check_matrix():
    found = (
        average_accuracy(CHECK),
        forgetting(CHECK, "avalanche"),
        forgetting(CHECK, "chaudhry"),
        forgetting(CHECK, "mammoth"),
        backward_transfer(CHECK, "gem"),
        backward_transfer(CHECK, "diaz-rodriguez"),
        mean_accuracy(CHECK),
    )
    expected = (2.78 / 3, 0.04, 0.04, 0.05, -0.04, -0.13 / 3, 5.58 / 6)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_by_loops_on_random_matrices():
    rng = np.random.default_rng(0)
    for n in (2, 5):
        r, b = rng.random((n, n)), rng.random(n)
        last = n - 1
        chaudhry = [max(r[i, j] for i in range(j, last)) - r[last, j] for j in range(last)]
        assert forgetting(r) == pytest.approx(np.mean(chaudhry), abs=1e-14)
        assert forgetting(r, "avalanche") == pytest.approx(-backward_transfer(r), abs=1e-14)
        mammoth = [max(r[i, j] for i in range(n)) - r[last, j] for j in range(last)]
        assert forgetting(r, "mammoth") == pytest.approx(np.mean(mammoth), abs=1e-14)
        later = [r[i, j] - r[j, j] for i in range(n) for j in range(i)]
        assert backward_transfer(r, "diaz-rodriguez") == pytest.approx(np.mean(later), abs=1e-14)
        gem = [r[j - 1, j] - b[j] for j in range(1, n)]
        assert forward_transfer(r, b) == pytest.approx(np.mean(gem), abs=1e-14)
        before = [r[i, j] for j in range(n) for i in range(j)]
        assert forward_transfer(r, definition="diaz-rodriguez") == pytest.approx(np.mean(before), abs=1e-14)
        assert learning_accuracy(r) == pytest.approx(np.mean([r[j, j] for j in range(n)]), abs=1e-14)
        seen = [r[i, j] for i in range(n) for j in range(i + 1)]
        assert mean_accuracy(r) == pytest.approx(np.mean(seen), abs=1e-14)


def test_what_is_refused():
    with pytest.raises(ParameterError, match=r"must be \[task, task\], of 2 tasks or more"):
        forgetting([[0.5]])
    with pytest.raises(ParameterError, match=r"got \(2, 3\)"):
        average_accuracy(np.zeros((2, 3)))
    with pytest.raises(ParameterError, match="<= 1; got 95"):
        average_accuracy([[95.0]])
    for metric in (forgetting, backward_transfer):
        with pytest.raises(ParameterError, match=f"{metric.__name__}.definition must be one of"):
            metric(CHECK, "other")
    with pytest.raises(ParameterError, match="definition must be one of"):
        forward_transfer(CHECK, definition="other")
    with pytest.raises(ParameterError, match="untrained must be given"):
        forward_transfer(CHECK)
    with pytest.raises(ParameterError, match="untrained must be left out"):
        forward_transfer(CHECK, [0.1] * 3, "diaz-rodriguez")
