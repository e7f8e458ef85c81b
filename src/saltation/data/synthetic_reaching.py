"""A synthetic stand-in for primate reaching: a cosine-tuned population that fires while a cursor goes to targets.

It has the form of the real recordings, so that whatever reads and scores them can be run without them. It is no data of
a brain: neurons are independent and tuned to velocity alone, without drift, and scores on it are higher or lower than
on the real ones for reasons of its own. Recordings say that they are synthetic, and so does every result from them.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from saltation.data.reaching import INTERVAL, ReachingRecording
from saltation.model.checks import integer

__all__ = ["synthetic_reaching"]

Floats = npt.NDArray[np.float64]

GRID: Final = 15.0
"""Distance of neighbouring targets, in mm."""
SIDE: Final = 8
"""Targets in a row of the square."""
TYPICAL_SPEED: Final = 60.0
"""Speed in mm/s at which a neuron that prefers the direction is modulated by its whole depth."""


def synthetic_reaching(channels: int = 96, reaches: int = 200, seed: int = 0) -> ReachingRecording:
    """Make a recording: random targets, smooth reaches, Poisson spikes at rates tuned to velocity.

    ::

        position    p(s) = a + (b - a)(10 s^3 - 15 s^4 + 6 s^5),  s = 0..1 of a reach from a to b (minimum jerk)
        duration    0.3 s + |b - a| / (100 mm/s), after a pause of 0.2 to 0.5 s
        rate        r_c(t) = b_c exp(m_c . v(t) / 60 mm/s),  b_c 1 to 20 Hz,  |m_c| 0.5 to 1.5, any direction
        spikes      Poisson with that rate in each 4 ms, at uniform times in them; each goes to one of two units

    Parameters
    ----------
    channels : int
        Number of electrodes: 96 or 192 in the real recordings.
    reaches : int
        How many; a real session has some hundreds to a thousand.
    seed : int
        Of all that is drawn.

    Returns
    -------
    ReachingRecording
        With `synthetic` set, and a name that begins with "synthetic".

    References
    ----------
    T. Flash, N. Hogan, The coordination of arm movements, Journal of Neuroscience 5, 1688 (1985), DOI
    10.1523/JNEUROSCI.05-07-01688.1985. D. W. Moran, A. B. Schwartz, Motor cortical representation of speed and
    direction during reaching, Journal of Neurophysiology 82, 2676 (1999), DOI 10.1152/jn.1999.82.5.2676.

    Examples
    --------
    >>> from saltation.data import synthetic_reaching
    >>> recording = synthetic_reaching(channels=4, reaches=5, seed=1)
    >>> recording.name, recording.channels, recording.synthetic
    ('synthetic_4_5_1', 4, True)
    """
    owner = "synthetic_reaching"
    channels, reaches = (
        integer(owner, name, value, minimum=1) for name, value in (("channels", channels), ("reaches", reaches))
    )
    seed = integer(owner, "seed", seed)
    rng = np.random.default_rng(seed)
    cursor, target = _path(reaches, rng)
    # real ones do not begin at 0 either
    times = np.asarray(10.0 + INTERVAL * np.arange(len(cursor)), np.float64)
    velocity = np.gradient(cursor, axis=0) / INTERVAL
    spikes: list[tuple[Floats, ...]] = []
    for _ in range(channels):
        base, depth, angle = np.exp(rng.uniform(0.0, np.log(20.0))), rng.uniform(0.5, 1.5), rng.uniform(0.0, 2 * np.pi)
        drive = velocity @ (depth * np.array([np.cos(angle), np.sin(angle)])) / TYPICAL_SPEED
        counts = rng.poisson(base * np.exp(np.minimum(drive, 3.0)) * INTERVAL)
        at = np.sort(np.repeat(times, counts) + INTERVAL * (rng.random(counts.sum()) - 1.0))
        first = rng.random(len(at)) < 0.3
        spikes.append((at[first], at[~first]))
    name = f"synthetic_{channels}_{reaches}_{seed}"
    return ReachingRecording(name, times, cursor, target, tuple(spikes), synthetic=True)


def _path(reaches: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Cursor and target, [n, 2] each."""
    here = rng.integers(SIDE, size=2)
    cursor, target = [], []
    for _ in range(reaches):
        goal = here
        while (goal == here).all():
            goal = rng.integers(SIDE, size=2)
        a, b = GRID * here, GRID * goal
        steps = round((0.3 + float(np.hypot(*(b - a))) / 100.0) / INTERVAL)
        pause = round(rng.uniform(0.2, 0.5) / INTERVAL)
        s = np.arange(1, steps + 1)[:, None] / steps
        moving = a + (b - a) * (10.0 * s**3 - 15.0 * s**4 + 6.0 * s**5)
        cursor += [np.repeat(a[None], pause, axis=0), moving]
        target.append(np.repeat(b[None], pause + steps, axis=0))
        here = goal
    return np.concatenate(cursor), np.concatenate(target).astype(np.float64)
