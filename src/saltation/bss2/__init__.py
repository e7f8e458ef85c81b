"""The emulated chip BrainScaleS-2: its circuits, their variation and their noise."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from saltation.bss2 import mac, perceptron, perceptron_jax
    from saltation.bss2.mac import init_hardware, release_hardware
    from saltation.bss2.perceptron import convert

# The matrix mode, parts of which need a front end, is loaded when it is first asked for.
_PARTS = ("mac", "perceptron", "perceptron_jax")
_LAZY = {"convert": "perceptron", "init_hardware": "mac", "release_hardware": "mac"}

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
    "convert",
    "imperfect",
    "init_hardware",
    "mac",
    "measure_scales",
    "perceptron",
    "perceptron_jax",
    "place",
    "release_hardware",
]


def __getattr__(name: str) -> Any:
    """Load the matrix mode when it is first asked for."""
    if name in _PARTS:
        return import_module(f"saltation.bss2.{name}")
    if name in _LAZY:
        return getattr(import_module(f"saltation.bss2.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'saltation.bss2' has no attribute {name!r}")


def __dir__() -> list[str]:
    """All public names, loaded or not."""
    return sorted(__all__)
