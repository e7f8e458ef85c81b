"""What a network is: neurons, projections, `Network`, `Spikes`, probes, initialisers and encoders.

Everything here is passive. Records hold checked, read-only arrays, and nothing is simulated; the layer
imports NumPy alone.
"""

from saltation.model.connectivity import Sparse
from saltation.model.convolution import Conv1d, Conv2d
from saltation.model.encoders import latency, poisson
from saltation.model.initialisers import fan_in_normal, normal, uniform
from saltation.model.network import Network
from saltation.model.neurons import ALIF, LI, LIF, Input, Neuron, Population
from saltation.model.pooling import Pooled, SumPool2d
from saltation.model.probes import MaxVoltage, SpikeTrain, Voltage, VoltageIntegral, VoltageSamples
from saltation.model.projection import Connectivity, DelayOf, Projection, ProjectionKey, Receptor
from saltation.model.spikes import Spikes
from saltation.model.surrogates import ATan, Boxcar, Gaussian, Sigmoid, SuperSpike, Surrogate, Triangle

__all__ = [
    "ALIF",
    "LI",
    "LIF",
    "ATan",
    "Boxcar",
    "Connectivity",
    "Conv1d",
    "Conv2d",
    "DelayOf",
    "Gaussian",
    "Input",
    "MaxVoltage",
    "Network",
    "Neuron",
    "Pooled",
    "Population",
    "Projection",
    "ProjectionKey",
    "Receptor",
    "Sigmoid",
    "Sparse",
    "SpikeTrain",
    "Spikes",
    "SumPool2d",
    "SuperSpike",
    "Surrogate",
    "Triangle",
    "Voltage",
    "VoltageIntegral",
    "VoltageSamples",
    "fan_in_normal",
    "latency",
    "normal",
    "poisson",
    "uniform",
]
