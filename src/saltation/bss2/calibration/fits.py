"""Time constants and amplitudes from noisy samples, of all circuits at once."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_READING = 4.0
"""LSB of the CADC below which noise is most of a reading."""

WORTH = 2.5
"""Time constants for which a decay is fitted."""


def decay_time(times: Floats, values: Floats, least: float, until: Floats | float = np.inf) -> Floats:
    r"""Time constants of decays ``A exp(-t / tau)``.

    A line through ``log y``, weighted by ``y^2``, the inverse variance of the logarithm of a value with constant noise.

    Parameters
    ----------
    times : ndarray, [sample]
        In seconds.
    values : ndarray, [sample, circuit]
        Distance from where they decay to.
    least : float
        Smaller values are left out.
    until : float or ndarray, [circuit]
        Later ones are left out too: what is then still large enough is so by its noise, and would make the decay long.

    Returns
    -------
    ndarray, [circuit]
        In seconds; NaN where fewer than three values are left or they do not fall.
    """
    used = (values >= least) & (times[:, None] <= until)
    weight = np.where(used, values, 0.0) ** 2
    log = np.log(np.where(used, values, 1.0))
    t = times[:, None]
    total = weight.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_t, mean_log = (weight * t).sum(axis=0) / total, (weight * log).sum(axis=0) / total
        slope = (weight * (t - mean_t) * (log - mean_log)).sum(axis=0) / (weight * (t - mean_t) ** 2).sum(axis=0)
        tau = -1.0 / slope
    return np.where((used.sum(axis=0) >= 3) & (tau > 0.0), tau, np.nan)


def decay_amplitude(times: Floats, values: Floats, tau: Floats) -> Floats:
    """Amplitudes ``A [circuit]`` of decays ``A exp(-t / tau)`` with known time constants, by least squares."""
    shape = np.exp(-times[:, None] / tau)
    return (shape * values).sum(axis=0) / (shape * shape).sum(axis=0)
