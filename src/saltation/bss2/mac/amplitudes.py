"""What a calibration for the matrix mode measures: amplitudes of drivers and of columns, as products of matrices."""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.bench import EXC, Bench
from saltation.bss2.configuration import Configuration
from saltation.bss2.mac import layout
from saltation.bss2.mac.layout import Schedule
from saltation.bss2.mac.ranges import INPUTS, OUTPUTS, WEIGHT_MAX
from saltation.bss2.mac.unit import Tile
from saltation.bss2.section import Section

Floats = NDArray[np.float64]

# one driver at a time: about 30 LSB, as in calix
_DRIVER_ACTIVATION, _DRIVER_SCHEDULE = 15, Schedule(1, 16, 20)
# all drivers at once: about 55 LSB
_COLUMN_ACTIVATION, _COLUMN_WEIGHT, _COLUMN_VECTORS = 11, 21, 24


def driver_amplitudes(bench: Bench, configuration: Configuration) -> Floats:
    """Mean result of the columns of a hemisphere, in LSB, of each driver alone: ``[256]``."""
    sections = one_by_one(_DRIVER_ACTIVATION, _DRIVER_SCHEDULE)
    own = matrix(configuration, [Tile(h, np.full((INPUTS, OUTPUTS), WEIGHT_MAX)) for h in range(g.HEMISPHERES)])
    found = differences(bench, own, sections).reshape(g.DRIVERS, g.HEMISPHERES, g.COLUMNS)
    return found.mean(axis=2).T.reshape(-1)


def column_amplitudes(bench: Bench, configuration: Configuration, receptor: int) -> Floats:
    """Size of the result of each column, in LSB, to the same events of all drivers: ``[512]``."""
    sign = 1 if receptor == EXC else -1
    tiles = [Tile(h, np.full((INPUTS, OUTPUTS), sign * _COLUMN_WEIGHT)) for h in range(g.HEMISPHERES)]
    vectors = np.full((_COLUMN_VECTORS, INPUTS), _COLUMN_ACTIVATION)
    sections = layout.sections_of(tiles, [vectors] * g.HEMISPHERES, Schedule(INPUTS))
    return sign * differences(bench, matrix(configuration, tiles), sections).mean(axis=0)


def matrix(configuration: Configuration, tiles: list[Tile]) -> Configuration:
    """A copy that multiplies by tiles."""
    own = configuration.copy()
    layout.wire(own)
    layout.write_weights(own, tiles)
    return own


def one_by_one(activation: int, schedule: Schedule) -> list[Section]:
    """Sections in each of which one driver of each hemisphere has events, ``[driver]``."""
    vector = np.full((1, 1), activation)
    sections: list[Section] = []
    for driver in range(g.DRIVERS):
        tiles = [Tile(h, np.zeros((1, 1), np.int64), row=driver) for h in range(g.HEMISPHERES)]
        sections += layout.sections_of(tiles, [vector] * g.HEMISPHERES, schedule)
    return sections


def differences(bench: Bench, configuration: Configuration, sections: list[Section]) -> Floats:
    """Readings less baselines ``[section, 512]``."""
    observed = bench.run(configuration, sections)
    return np.stack([layout.less_baseline(each.samples[0]) for each in observed]).astype(np.float64)
