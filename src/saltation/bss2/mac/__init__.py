"""The matrix mode of the chip: analog vector-matrix products."""

from saltation.bss2.mac.calibration import calibrate_hagen
from saltation.bss2.mac.circuits import Circuits, configure
from saltation.bss2.mac.fast import Fast
from saltation.bss2.mac.measuring import measure
from saltation.bss2.mac.model import FastModel
from saltation.bss2.mac.ranges import ACTIVATION_MAX, INPUTS, OUTPUT_MAX, OUTPUT_MIN, OUTPUTS, WEIGHT_MAX
from saltation.bss2.mac.result import HagenCalibration
from saltation.bss2.mac.target import HagenTarget
from saltation.bss2.mac.unit import MatrixUnit, Tile

__all__ = [
    "ACTIVATION_MAX",
    "INPUTS",
    "OUTPUTS",
    "OUTPUT_MAX",
    "OUTPUT_MIN",
    "WEIGHT_MAX",
    "Circuits",
    "Fast",
    "FastModel",
    "HagenCalibration",
    "HagenTarget",
    "MatrixUnit",
    "Tile",
    "calibrate_hagen",
    "configure",
    "measure",
]
