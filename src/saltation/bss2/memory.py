"""The capacitor memory: what its cells really hold, which is not quite what was written."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration
from saltation.bss2.physics import Physics
from saltation.bss2.registers import ANALOG, NEURON_CODES

Floats = NDArray[np.float64]
Codes = Mapping[str, Floats]

_SETTLED = 9.99  # time constants


def stored_codes(
    configuration: Configuration, physics: Physics, before: Codes | None = None, waited: float = np.inf
) -> dict[str, Floats]:
    """What the capacitor memory really holds.

    A cell is shifted by every other cell of its quadrant that holds the same code, and a rewritten one approaches its
    new value exponentially: ``code(t) = new + (old - new) exp(-t / settling)``, until after ten time constants it is
    taken for settled: then what was written before that leaves no trace at all.

    Parameters
    ----------
    configuration : Configuration
        What was written.
    physics : Physics
        The constants.
    before : dict, optional
        What the memory held before that.
    waited : float
        Seconds since.
    """
    table = np.stack([configuration[name] for name in NEURON_CODES]).reshape(-1, g.QUADRANTS, g.CIRCUITS_PER_QUADRANT)
    shift = np.empty(table.shape)
    for quadrant in range(g.QUADRANTS):
        cells = table[:, quadrant]
        shift[:, quadrant] = physics.memory_crosstalk * (np.bincount(cells.reshape(-1), minlength=1024)[cells] - 1)
    codes = dict(zip(NEURON_CODES, (table + shift).reshape(len(NEURON_CODES), -1), strict=True))
    codes |= {name: configuration[name].astype(float) for name in ANALOG if name not in NEURON_CODES}
    if before is not None and waited < np.inf:
        left = np.exp(-waited / physics.memory_settling) if waited < _SETTLED * physics.memory_settling else 0.0
        codes = {name: code + (before[name] - code) * left for name, code in codes.items()}
    for code in codes.values():
        code.flags.writeable = False  # a chip keeps them
    return codes
