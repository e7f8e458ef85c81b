"""Probes: what to record of the voltages of a population.

A run evaluates them exactly, from the closed form of the voltage between events, and the adjoint takes the
gradient of a loss with respect to what they return.
"""

import dataclasses
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import FloatArray, explain, float_array, increasing_times
from saltation.model.record import Record, set_fields


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Voltage(Record):
    """Voltages at given times.

    ::

        y[b, k, n] = V_n(times[k])    in sample b

    Parameters
    ----------
    times : array_like, [K]
        Times in seconds, >= 0 and sorted, at least one.

    Raises
    ------
    ParameterError
        If the times are not allowed.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> from saltation.model import Voltage
    >>> Voltage([1e-3, 2e-3])
    Voltage(times=array[2] 0.001..0.002)
    """

    times: npt.NDArray[np.float64]

    def __init__(self, times: npt.ArrayLike) -> None:
        set_fields(self, times=increasing_times("Voltage", "times", times))


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class MaxVoltage(Record):
    """Largest voltage of each neuron over the run.

    ::

        y[b, n] = max of V_n(t) over 0 <= t <= duration    in sample b

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> from saltation.model import MaxVoltage
    >>> MaxVoltage()
    MaxVoltage()
    """

    def __init__(self) -> None:
        """Take no arguments: the probe covers the whole run."""


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class VoltageIntegral(Record):
    """Integral of the voltage of each neuron over the run, in volt seconds.

    ::

        y[b, n] = integral of V_n(t) dt over 0 <= t <= duration    in sample b

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> from saltation.model import VoltageIntegral
    >>> VoltageIntegral()
    VoltageIntegral()
    """

    def __init__(self) -> None:
        """Take no arguments: the probe covers the whole run."""


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class SpikeTrain(Record):
    """Spikes of each neuron at every point of a time grid, zeros and ones.

    ::

        y[b, k, n] = 1 if neuron n spikes at k dt, else 0    in sample b,  k = 0 .. steps

    For runs with ``Grid(dt)``, where a surrogate is their derivative: for losses of spikes, and for layers that follow.
    An exact run has spike times, and no grid.

    References
    ----------
    Neftci, Mostafa and Zenke, IEEE Signal Processing Magazine 36, 51 (2019), doi:10.1109/MSP.2019.2931595.

    Examples
    --------
    >>> from saltation.model import SpikeTrain
    >>> SpikeTrain()
    SpikeTrain()
    """

    def __init__(self) -> None:
        """Take no arguments: the probe covers the whole run."""


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class VoltageSamples(Record):
    """Voltages measured elsewhere, such as by the converters of a chip.

    ::

        values[b, k, n] = V_n(times[k])    in sample b, with the error of the measurement

    Parameters
    ----------
    times : array_like, [K]
        Times in seconds, >= 0 and sorted, at least one.
    values : array_like, [batch, K, n]
        Finite voltages; float32 and float64 are kept.

    Raises
    ------
    ParameterError
        If times or values are not allowed, or do not fit each other.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> from saltation.model import VoltageSamples
    >>> VoltageSamples([1e-3, 2e-3], [[[0.1], [0.3]]])
    VoltageSamples(times=array[2] 0.001..0.002, values=array[1, 2, 1] 0.1..0.3)
    """

    times: npt.NDArray[np.float64]
    values: FloatArray

    def __init__(self, times: npt.ArrayLike, values: npt.ArrayLike) -> None:
        checked_times = increasing_times("VoltageSamples", "times", times)
        checked = float_array("VoltageSamples", "values", values, shapes=((None, None, None),))
        if checked.shape[1] != len(checked_times):
            raise ParameterError(
                explain(
                    "VoltageSamples.values",
                    f"an array [batch, {len(checked_times)}, n], one row for each time",
                    f"shape {checked.shape}",
                    "time is the second axis",
                )
            )
        set_fields(self, times=checked_times, values=checked)
