"""The emulated chip BrainScaleS-2: its circuits, their variation and their noise."""

from saltation.bss2.backend import Backend
from saltation.bss2.calibration import COBA, SPIKING2, Calibration, NeuronTarget, calibrate
from saltation.bss2.chip import Chip, ChipState, Execution
from saltation.bss2.configuration import Configuration
from saltation.bss2.experiment import Experiment, Health, Result, Samples, Statistics, Ticket
from saltation.bss2.measuring import MeasuredScales, measure_scales
from saltation.bss2.physics import Physics
from saltation.bss2.placement import Placement, place
from saltation.bss2.readout import Cadc, IdealProbe, Madc
from saltation.bss2.registers import REGISTERS
from saltation.bss2.section import ChipEvents, Observed, Section
from saltation.bss2.variation import Noise, Variation, imperfect
from saltation.bss2.writing import Write

__all__ = [
    "COBA",
    "REGISTERS",
    "SPIKING2",
    "Backend",
    "Cadc",
    "Calibration",
    "Chip",
    "ChipEvents",
    "ChipState",
    "Configuration",
    "Execution",
    "Experiment",
    "Health",
    "IdealProbe",
    "Madc",
    "MeasuredScales",
    "NeuronTarget",
    "Noise",
    "Observed",
    "Physics",
    "Placement",
    "Result",
    "Samples",
    "Section",
    "Statistics",
    "Ticket",
    "Variation",
    "Write",
    "calibrate",
    "imperfect",
    "measure_scales",
    "place",
]
