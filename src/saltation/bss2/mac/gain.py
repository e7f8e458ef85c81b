"""`gain_and_noise`: gain and noise of units, found by multiplying patterns whose products are known."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.mac.ideal import MockParameter
from saltation.bss2.mac.ranges import ACTIVATION_MAX, INPUTS, OUTPUTS, WEIGHT_MAX
from saltation.bss2.mac.unit import MatrixUnit, Tile
from saltation.errors import SimulationError

Floats = NDArray[np.float64]

_ACTIVATION, _WEIGHT = (ACTIVATION_MAX + 1) // 2, WEIGHT_MAX // 3
_STEPS, _THINNING = 20, 0.85
_BATCH = 50
# Results are linear to about 80; fewer than this do not make a line.
_LINEAR, _LEAST = 80.0, 2 * _BATCH
_OF_ROUNDING = 1.0 / 12.0


def gain_and_noise(units: Sequence[MatrixUnit], *, seed: int = 0) -> MockParameter:
    r"""Measure what `Ideal` needs to stand for units.

    ::

        result of column j = gain_j (x @ weights) + offset_j + noise

    Full hemispheres with a weight of 21 get random patterns of inputs of 16, of which fewer and fewer are active. Each
    column has a straight line, from the patterns whose median is within 80 LSB; the gain is the median of the slopes,
    the noise that of the standard deviations from the lines, less that of rounding.

    Parameters
    ----------
    units : sequence of MatrixUnit
        What is measured, all together.
    seed : int
        Of the patterns.

    Returns
    -------
    MockParameter

    Raises
    ------
    SimulationError
        If the results of nearly all patterns saturate, or do not grow with the inputs.

    References
    ----------
    The patterns are those of hxtorch's ``measure_mock_parameter``, which takes one ratio of one step.

    Examples
    --------
    >>> from saltation.bss2.mac import Ideal, MockParameter
    >>> from saltation.bss2.mac.gain import gain_and_noise
    >>> found = gain_and_noise([Ideal(MockParameter(gain=0.003, noise_std=1.5))])
    >>> round(found.gain, 4), round(found.noise_std, 1)
    (0.003, 1.5)
    """
    rng = np.random.default_rng(seed)
    density = np.repeat(_THINNING ** np.arange(_STEPS), _BATCH)
    x = _ACTIVATION * (rng.random((density.size, INPUTS)) < density[:, None]).astype(np.int64)
    weights = np.full((INPUTS, OUTPUTS), _WEIGHT, np.int64)
    tiles = [Tile(hemisphere, weights) for hemisphere in range(g.HEMISPHERES)]
    results = [result for unit in units for result in unit.multiply(tiles, [x] * len(tiles))]
    found = np.concatenate(results, axis=1).astype(np.float64)
    medians = np.median(found, axis=1)
    linear = np.abs(medians) <= _LINEAR
    if linear.sum() < _LEAST:
        raise SimulationError(
            f"measure_mock_parameter: results must be within {_LINEAR:.0f} LSB for at least {_LEAST} of {density.size} "
            f"patterns; their medians are {medians.min():.0f} to {medians.max():.0f}; the gain is far above 0.002, or "
            "the units are not calibrated for the matrix mode"
        )
    slopes, deviations = _lines(weights[0, 0] * x.sum(axis=1)[linear].astype(np.float64), found[linear])
    gain = float(np.median(slopes))
    if not 0.0 < gain <= 1.0:
        raise SimulationError(
            f"measure_mock_parameter: the gain must be in (0, 1]; got {gain:.3g}; the units do not multiply: their "
            "inputs may be off"
        )
    # rounding down has noise of its own, which the ideal unit adds as well
    return MockParameter(noise_std=float(np.sqrt(max(np.median(deviations**2) - _OF_ROUNDING, 0.0))), gain=gain)


def _lines(products: Floats, results: Floats) -> tuple[Floats, Floats]:
    """Of each column the slope of its results ``[sample, column]``, and their standard deviation from the line."""
    centred = products - products.mean()
    residual = results - results.mean(axis=0)
    slopes = centred @ residual / (centred @ centred)
    residual -= centred[:, None] * slopes
    return slopes, np.sqrt((residual**2).sum(axis=0) / (len(products) - 2))
