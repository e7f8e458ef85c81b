"""The matrix mode of the chip: analog vector-matrix products, of any size, on one chip or several.

>>> import numpy as np
>>> from saltation.bss2.mac import Ideal, converting_relu, hardware, mac
>>> with hardware(Ideal(seed=1)):
...     y = converting_relu(mac(np.full((2, 300), 8), np.full((300, 4), 9)), shift=1)
>>> y.shape, y.dtype
((2, 4), dtype('int8'))
"""

from saltation.bss2.mac.calibration import calibrate_hagen
from saltation.bss2.mac.circuits import Circuits, configure
from saltation.bss2.mac.connection import (
    connected,
    get_mock_parameter,
    hardware,
    init_hardware,
    measure_mock_parameter,
    release_hardware,
    set_mock_parameter,
)
from saltation.bss2.mac.fast import Fast
from saltation.bss2.mac.ideal import Ideal, MockParameter
from saltation.bss2.mac.measuring import measure
from saltation.bss2.mac.model import FastModel
from saltation.bss2.mac.operations import (
    add,
    argmax,
    conv1d,
    conv2d,
    converting_relu,
    expanded_conv1d,
    mac,
    matmul,
    relu,
)
from saltation.bss2.mac.partition import Block, Plan, PlannedRun, partition
from saltation.bss2.mac.ranges import ACTIVATION_MAX, INPUTS, OUTPUT_MAX, OUTPUT_MIN, OUTPUTS, WEIGHT_MAX
from saltation.bss2.mac.result import HagenCalibration
from saltation.bss2.mac.running import System
from saltation.bss2.mac.target import HagenTarget
from saltation.bss2.mac.timing import ChipTiming, RunTime
from saltation.bss2.mac.trace import Trace, Traced
from saltation.bss2.mac.unit import MatrixUnit, Tile

__all__ = [
    "ACTIVATION_MAX",
    "INPUTS",
    "OUTPUTS",
    "OUTPUT_MAX",
    "OUTPUT_MIN",
    "WEIGHT_MAX",
    "Block",
    "ChipTiming",
    "Circuits",
    "Fast",
    "FastModel",
    "HagenCalibration",
    "HagenTarget",
    "Ideal",
    "MatrixUnit",
    "MockParameter",
    "Plan",
    "PlannedRun",
    "RunTime",
    "System",
    "Tile",
    "Trace",
    "Traced",
    "add",
    "argmax",
    "calibrate_hagen",
    "configure",
    "connected",
    "conv1d",
    "conv2d",
    "converting_relu",
    "expanded_conv1d",
    "get_mock_parameter",
    "hardware",
    "init_hardware",
    "mac",
    "matmul",
    "measure",
    "measure_mock_parameter",
    "partition",
    "release_hardware",
    "relu",
    "set_mock_parameter",
]
