"""The matrix mode of the chip: analog vector-matrix products."""

from saltation.bss2.mac.ranges import ACTIVATION_MAX, INPUTS, OUTPUT_MAX, OUTPUT_MIN, OUTPUTS, WEIGHT_MAX
from saltation.bss2.mac.unit import MatrixUnit, Tile

__all__ = [
    "ACTIVATION_MAX",
    "INPUTS",
    "OUTPUTS",
    "OUTPUT_MAX",
    "OUTPUT_MIN",
    "WEIGHT_MAX",
    "MatrixUnit",
    "Tile",
]
