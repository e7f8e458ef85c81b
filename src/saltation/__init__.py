"""Saltation: spiking neural networks in continuous time, simulated event by event and trained by exact gradients.

>>> import saltation as sal
>>> net = sal.Network()
>>> _ = net.add("in", sal.Input(2))
>>> _ = net.add("out", sal.LIF(1, tau_mem=20e-3, tau_syn=5e-3))
>>> _ = net.connect("in", "out", weight=[[3.0], [4.0]])
>>> run = sal.simulate(net, {"in": sal.Spikes.from_lists([([0.0, 1e-3], [0, 1])])}, duration=30e-3)
>>> run.spikes["out"]
Spikes(batch=1, events=1, units=1, t=0.00618663 s..0.00618663 s)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saltation import errors
from saltation._version import __version__
from saltation.model import (
    ALIF,
    LI,
    LIF,
    ATan,
    Boxcar,
    Conv1d,
    Conv2d,
    Gaussian,
    Input,
    MaxVoltage,
    Network,
    Pooled,
    Projection,
    Sigmoid,
    Sparse,
    Spikes,
    SpikeTrain,
    SumPool2d,
    SuperSpike,
    Triangle,
    Voltage,
    VoltageIntegral,
    VoltageSamples,
    fan_in_normal,
    latency,
    normal,
    poisson,
    uniform,
)

if TYPE_CHECKING:
    from saltation import bss2, continual, data, experiments, io, jax, neurobench, plot, torch
    from saltation.engine import Exact, Gradient, Grid, Report, Run, State, Status, Tangent, simulate

# The compiler behind the engine takes longer to import than all the rest: it is loaded when it is first asked for.
_ENGINE = ("Exact", "Gradient", "Grid", "Report", "Run", "State", "Status", "Tangent", "simulate")
_PARTS = ("bss2", "continual", "data", "experiments", "io", "jax", "neurobench", "plot", "torch")

__all__ = [
    "ALIF",
    "LI",
    "LIF",
    "ATan",
    "Boxcar",
    "Conv1d",
    "Conv2d",
    "Exact",
    "Gaussian",
    "Gradient",
    "Grid",
    "Input",
    "MaxVoltage",
    "Network",
    "Pooled",
    "Projection",
    "Report",
    "Run",
    "Sigmoid",
    "Sparse",
    "SpikeTrain",
    "Spikes",
    "State",
    "Status",
    "SumPool2d",
    "SuperSpike",
    "Tangent",
    "Triangle",
    "Voltage",
    "VoltageIntegral",
    "VoltageSamples",
    "__version__",
    "bss2",
    "continual",
    "data",
    "errors",
    "experiments",
    "fan_in_normal",
    "io",
    "jax",
    "latency",
    "neurobench",
    "normal",
    "plot",
    "poisson",
    "simulate",
    "torch",
    "uniform",
]


def __getattr__(name: str) -> Any:
    """Load the engine and the parts with heavy dependencies when they are first asked for."""
    if name in _ENGINE:
        value = getattr(import_module("saltation.engine"), name)
        globals()[name] = value
        return value
    if name in _PARTS:
        return import_module(f"saltation.{name}")
    raise AttributeError(f"module 'saltation' has no attribute {name!r}")


def __dir__() -> list[str]:
    """All public names, loaded or not."""
    return sorted(__all__)
