"""What drifts from run to run: the strengths of pulses whose lengths differ, of each hemisphere."""

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.compiled import Compiled
from saltation.bss2.physics import Physics
from saltation.bss2.staging import Stage
from saltation.bss2.variation import Noise

Floats = NDArray[np.float64]

FIRST_MEASUREMENT = 1 << 40
"""Number of a run from which on runs are those of measurements, such as calibrations: they have noise of their own."""


def drift_of(serial: int, number: int, physics: Physics, noise: Noise) -> Floats:
    r"""By which part pulses are stronger in a run, of each hemisphere ``[2]``.

    ``d(n) = \sigma (z_k cos(\pi f / 2) + z_{k+1} sin(\pi f / 2))`` with ``n / N = k + f``: normal numbers ``z`` a
    drift's length ``N`` apart, and between them a way on which the variance stays the same.  It depends on the chip and
    the number of the run alone; runs of measurements count as if they were the first ones.

    Examples
    --------
    >>> from saltation.bss2 import Noise, Physics
    >>> from saltation.bss2.drift import drift_of
    >>> soon, late = (drift_of(1, number, Physics(), Noise()) for number in (11, 5000))
    >>> bool(abs(soon - drift_of(1, 10, Physics(), Noise())).max() < 1e-4 < abs(soon - late).max())
    True
    """
    whole, part = divmod(number % FIRST_MEASUREMENT / physics.hagen_drift_runs, 1.0)
    before, after = (_knot(serial, int(whole) + i) for i in range(2))
    return noise.hagen_drift * (before * np.cos(0.5 * np.pi * part) + after * np.sin(0.5 * np.pi * part))


def _knot(serial: int, index: int) -> Floats:
    return np.random.default_rng([serial, zlib.crc32(b"hagen_drift"), index]).standard_normal(g.HEMISPHERES)


def drifted(stages: Sequence[tuple[Stage, ...]], drift: Floats) -> list[tuple[Stage, ...]]:
    """The same with pulses as strong as they are in a run."""
    made: dict[int, Compiled] = {}

    def of(compiled: Compiled) -> Compiled:
        if id(compiled) not in made:
            made[id(compiled)] = _stronger(compiled, drift)
        return made[id(compiled)]

    return [tuple(Stage(stage.begin, of(stage.compiled)) for stage in listed) for listed in stages]


def _stronger(compiled: Compiled, drift: Floats) -> Compiled:
    pulsed = compiled.matches.steps > 0
    if not pulsed.any():
        return compiled
    by = 1.0 + drift[compiled.matches.driver // g.DRIVERS]
    factor = np.where(pulsed, compiled.wires.factor * by, compiled.wires.factor)
    return replace(compiled, wires=compiled.wires._replace(factor=factor))
