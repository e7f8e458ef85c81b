"""Encoders: numbers become spikes."""

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import SECONDS, explain, float_array, number
from saltation.model.events import offsets_of
from saltation.model.initialisers import Seed, generator
from saltation.model.layouts import sort_events
from saltation.model.spikes import Spikes

MAX_EXPECTED = 1e9


def latency(
    values: npt.ArrayLike,
    t_early: float,
    t_late: float,
    threshold: float | None = None,
    bias_time: float | None = None,
    inverted: bool = False,
) -> Spikes:
    """Encode each value x as the time of one spike.

    ::

        t = t_early + x (t_late - t_early)
        t = t_early + (1 - x) (t_late - t_early)    if inverted: large values spike first

    Parameters
    ----------
    values : array_like, [batch, units]
        Values x, 0 <= x <= 1.
    t_early, t_late : float
        Bounds of the times in seconds, 0 <= t_early < t_late.
    threshold : float, optional
        Values at or below it, before any inversion, emit nothing.
    bias_time : float, optional
        Time in seconds of the spike, in each sample, of one more unit, the last one.
    inverted : bool
        Whether large values spike early.

    Returns
    -------
    Spikes
        At most one spike of each unit; one unit more than values where there is a bias.

    Raises
    ------
    ParameterError
        If a value is out of range or an argument not allowed.

    References
    ----------
    Göltz et al., Fast and energy-efficient neuromorphic deep learning with first-spike times, Nature Machine
    Intelligence 3, 823 (2021), doi:10.1038/s42256-021-00388-x.

    Examples
    --------
    >>> from saltation.model import latency
    >>> latency([[0.0, 0.5, 1.0]], t_early=0.0, t_late=20e-3, bias_time=5e-3).first()
    array([[0.   , 0.01 , 0.02 , 0.005]])
    >>> latency([[0.0, 0.5, 1.0]], 0.0, 20e-3, threshold=0.0, inverted=True).first()
    array([[ inf, 0.01, 0.  ]])
    """
    owner = "latency"
    x = float_array(
        owner,
        "values",
        values,
        shapes=((None, None),),
        minimum=0.0,
        maximum=1.0,
        hint="scale the data first, e.g. divide by its largest value",
    ).astype(np.float64)
    early = number(owner, "t_early", t_early, minimum=0.0, hint=SECONDS)
    late = number(owner, "t_late", t_late, minimum=early, strict=True, hint=f"t_late > t_early; {SECONDS}")
    times = early + ((1.0 - x) if inverted else x) * (late - early)
    if threshold is not None:
        times[x <= number(owner, "threshold", threshold)] = np.inf
    if bias_time is not None:
        bias = number(owner, "bias_time", bias_time, minimum=0.0, hint=SECONDS)
        times = np.column_stack([times, np.full(len(times), bias)])
    return Spikes.from_latencies(times)


def poisson(rates: npt.ArrayLike, duration: float, seed: Seed) -> Spikes:
    """Encode each rate as a homogeneous Poisson process, exactly.

    ::

        n ~ Poisson(rate * duration),    times ~ n independent U(0, duration), sorted

    since, given their number, the events of a Poisson process are uniform order statistics.

    Parameters
    ----------
    rates : array_like, [batch, units]
        Rates in Hz, >= 0.
    duration : float
        Duration in seconds, > 0.
    seed : int or numpy.random.Generator
        Where the randomness comes from.

    Returns
    -------
    Spikes
        Events in 0 <= t < duration.

    Raises
    ------
    ParameterError
        If an argument is not allowed, or more than 1e9 spikes are to be expected.

    References
    ----------
    Devroye, Non-Uniform Random Variate Generation, chapter VI, doi:10.1007/978-1-4613-8643-8.

    Examples
    --------
    >>> from saltation.model import poisson
    >>> spikes = poisson([[0.0, 1e4]], duration=1.0, seed=1)
    >>> int(spikes.counts()[0, 0]), 9_600 < int(spikes.counts()[0, 1]) < 10_400
    (0, True)
    """
    owner = "poisson"
    rate = float_array(owner, "rates", rates, shapes=((None, None),), minimum=0.0, hint="rates are in Hz").astype(
        np.float64
    )
    length = number(owner, "duration", duration, minimum=0.0, strict=True, hint=SECONDS)
    expected = float(rate.sum() * length)
    if not expected <= MAX_EXPECTED:
        hint = "rates are in Hz and the duration in seconds; encode a smaller batch"
        must = f"such that at most {MAX_EXPECTED:g} spikes are expected"
        raise ParameterError(explain(f"{owner}.rates", must, f"{expected:g}", hint))
    rng = generator(owner, seed)
    batch, n_units = rate.shape
    counts = rng.poisson(rate * length)
    units = np.repeat(np.tile(np.arange(n_units, dtype=np.int32), batch), counts.ravel())
    offsets = offsets_of(counts.sum(axis=1))
    times = length * rng.random(len(units))
    return Spikes(*sort_events(times, units, offsets), n_units=n_units)
