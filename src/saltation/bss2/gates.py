"""Gates, which carry one event at a time, and the constants of the digital part for the kernels."""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.physics import Physics
from saltation.bss2.variation import Noise
from saltation.kernels.chip.records import Timing

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Gates: what carries one event at a time.
FIRST_OUTPUT = g.BUSES
FIRST_LINK = FIRST_OUTPUT + g.NEURON_OUTPUTS
GATES = FIRST_LINK + g.LINKS


def timing_of(physics: Physics, noise: Noise) -> Timing:
    """Constants of the digital part."""
    return Timing(
        physics.link_period,
        physics.link_depth * physics.link_period,
        physics.route_delay,
        physics.comparator_delay,
        noise.jitter,
        g.TICK,
    )
