"""`NeuronTarget`: what a calibration is to reach, and what is within reach."""

from dataclasses import dataclass, fields
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.errors import CalibrationError

Floats = NDArray[np.float64]

# What calix accepts; potentials in LSB of the CADC, times in seconds.
FEASIBLE: dict[str, tuple[float, float]] = {
    "leak": (50, 160),
    "reset": (50, 160),
    "threshold": (50, 220),
    "tau_mem": (0.5e-6, 60e-6),
    "tau_syn_exc": (0.3e-6, 30e-6),
    "tau_syn_inh": (0.3e-6, 30e-6),
    "i_synin_gm_exc": (30, 800),
    "i_synin_gm_inh": (30, 800),
    "membrane_capacitance": (0, 63),
    "refractory_time": (40e-9, 32e-6),
    "synapse_dac_bias": (30, 1022),
}
_ONE_FOR_ALL = ("membrane_capacitance", "synapse_dac_bias")


@final
@dataclass(frozen=True, eq=False)
class NeuronTarget:
    """What circuits are calibrated to; each a number, or one for each circuit ``[512]``.

    Parameters
    ----------
    leak, reset, threshold : float or array_like
        Potentials in LSB of the CADC; defaults as in calix.
    tau_mem, tau_syn_exc, tau_syn_inh : float or array_like
        Time constants in seconds.
    i_synin_gm_exc, i_synin_gm_inh : int or array_like
        Strength of the inputs: that of the median circuit at this code.
    membrane_capacitance : int
        Code, 63 is the largest.
    refractory_time : float or array_like
        In seconds.
    synapse_dac_bias : int
        Current of the weights.

    Raises
    ------
    CalibrationError
        If a target is out of what the circuits can reach; the message gives the range.

    Examples
    --------
    >>> from saltation.bss2 import NeuronTarget
    >>> NeuronTarget(tau_mem=6e-6).tau_mem
    6e-06
    """

    leak: npt.ArrayLike = 80.0
    reset: npt.ArrayLike = 70.0
    threshold: npt.ArrayLike = 125.0
    tau_mem: npt.ArrayLike = 10e-6
    tau_syn_exc: npt.ArrayLike = 10e-6
    tau_syn_inh: npt.ArrayLike = 10e-6
    i_synin_gm_exc: npt.ArrayLike = 500
    i_synin_gm_inh: npt.ArrayLike = 500
    membrane_capacitance: int = 63
    refractory_time: npt.ArrayLike = 2e-6
    synapse_dac_bias: int = 600

    def __post_init__(self) -> None:
        """Check the targets."""
        for each in fields(self):
            value: Any = getattr(self, each.name)
            array, (low, high) = np.asarray(value), FEASIBLE[each.name]
            shapes = [()] if each.name in _ONE_FOR_ALL else [(), (g.CIRCUITS,)]
            if array.shape not in shapes or array.dtype.kind not in "iuf":
                more = "" if len(shapes) == 1 else f", or {g.CIRCUITS} of them"
                raise CalibrationError(f"NeuronTarget.{each.name} must be a number{more}; got {value!r}")
            if not (np.all(array >= low) and np.all(array <= high)):
                raise CalibrationError(
                    f"NeuronTarget.{each.name} must be {low:g}..{high:g}, what the circuits reach; got "
                    f"{float(array.min()):g}..{float(array.max()):g}"
                    + ("; times are in seconds: 10 us is 10e-6" if high < 1e-3 and array.max() > 1e-3 else "")
                )

    def of_all(self, name: str) -> Floats:
        """A target for each circuit."""
        return np.broadcast_to(np.asarray(getattr(self, name), np.float64), (g.CIRCUITS,))

    def to_dict(self) -> dict[str, Any]:
        """Numbers and lists, for files and to tell targets apart."""
        return {each.name: np.asarray(getattr(self, each.name)).tolist() for each in fields(self)}


SPIKING2 = NeuronTarget(
    leak=80,
    reset=80,
    threshold=150,
    tau_mem=6e-6,
    tau_syn_exc=6e-6,
    tau_syn_inh=6e-6,
    synapse_dac_bias=1000,
)
"""The target of the nightly calibration ``spiking2`` of hxtorch."""
