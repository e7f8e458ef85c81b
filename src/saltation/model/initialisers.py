"""Random initial weights, the same for the same seed."""

from collections.abc import Sequence
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, integer, number

Seed: TypeAlias = int | np.random.Generator
"""A seed >= 0, or a generator, which the draw advances."""


def normal(shape: Sequence[int], mean: float, std: float, seed: Seed) -> npt.NDArray[np.float64]:
    """Draw weights from a normal distribution.

    ::

        w ~ N(mean, std^2)

    Parameters
    ----------
    shape : sequence of int
        Shape of the result, for weights (n_pre, n_post).
    mean, std : float
        Mean and standard deviation, std >= 0, in the unit of the voltage.
    seed : int or numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    ndarray of float64, [*shape]
        The weights.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    Examples
    --------
    >>> from saltation.model import normal
    >>> normal((5, 120), mean=0.1, std=0.2, seed=1).shape
    (5, 120)
    """
    owner = "normal"
    lengths = _shape(owner, shape)
    return generator(owner, seed).normal(number(owner, "mean", mean), number(owner, "std", std, minimum=0.0), lengths)


def uniform(shape: Sequence[int], low: float, high: float, seed: Seed) -> npt.NDArray[np.float64]:
    """Draw weights from a uniform distribution.

    ::

        w ~ U(low, high),    low <= w < high

    Parameters
    ----------
    shape : sequence of int
        Shape of the result, for weights (n_pre, n_post).
    low, high : float
        Bounds, low <= high, in the unit of the voltage.
    seed : int or numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    ndarray of float64, [*shape]
        The weights.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    Examples
    --------
    >>> from saltation.model import uniform
    >>> bool((abs(uniform((5, 120), -0.1, 0.1, seed=1)) <= 0.1).all())
    True
    """
    owner = "uniform"
    lengths = _shape(owner, shape)
    bottom = number(owner, "low", low)
    return generator(owner, seed).uniform(bottom, number(owner, "high", high, minimum=bottom), lengths)


def fan_in_normal(shape: Sequence[int], mean: float, std: float, seed: Seed) -> npt.NDArray[np.float64]:
    """Draw weights from a normal distribution scaled by the number of inputs.

    ::

        w ~ N(mean / sqrt(n_pre), std^2 / n_pre)

    If each input spikes once, the variance of the summed weights of a neuron is std^2 whatever n_pre is. The
    mean has the same factor, so that mean / std, and with it the share of positive weights, does not depend
    on n_pre either; the mean of the sum is sqrt(n_pre) mean.

    Parameters
    ----------
    shape : sequence of int
        (n_pre, n_post).
    mean, std : float
        Mean and standard deviation before scaling, std >= 0, in the unit of the voltage.
    seed : int or numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    ndarray of float64, [n_pre, n_post]
        The weights.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    LeCun et al., Efficient BackProp, section 4.6, doi:10.1007/978-3-642-35289-8_3.

    Examples
    --------
    >>> from saltation.model import fan_in_normal
    >>> round(float(fan_in_normal((400, 1000), mean=0.0, std=2.0, seed=1).std()), 3)
    0.1
    """
    owner = "fan_in_normal"
    lengths = _shape(owner, shape)
    if len(lengths) != 2:
        raise ParameterError(explain(f"{owner}.shape", "(n_pre, n_post)", str(lengths)))
    scale = 1.0 / np.sqrt(lengths[0])
    return generator(owner, seed).normal(
        scale * number(owner, "mean", mean), scale * number(owner, "std", std, minimum=0.0), lengths
    )


def generator(owner: str, seed: object) -> np.random.Generator:
    """Take a generator as it is, or make one from a seed; None is refused, since it could not be repeated."""
    if isinstance(seed, np.random.Generator):
        return seed
    hint = "a run has to be repeatable: pass e.g. seed=1, or a numpy.random.Generator"
    return np.random.default_rng(integer(owner, "seed", seed, hint=hint))


def _shape(owner: str, shape: object) -> tuple[int, ...]:
    if not isinstance(shape, tuple | list):
        raise ParameterError(explain(f"{owner}.shape", "a tuple of integers >= 1", describe(shape)))
    lengths = cast(Sequence[object], shape)
    return tuple(integer(owner, "shape", length, minimum=1) for length in lengths)
