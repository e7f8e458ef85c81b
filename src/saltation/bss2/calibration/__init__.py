"""Calibration of the circuits of a chip, by measurement through its converters and counters alone."""

from saltation.bss2.calibration.result import Calibration
from saltation.bss2.calibration.routine import calibrate
from saltation.bss2.calibration.target import COBA, SPIKING2, NeuronTarget

__all__ = ["COBA", "SPIKING2", "Calibration", "NeuronTarget", "calibrate"]
