"""`NeuronTarget`: what a calibration is to reach, and what is within reach."""

import math
from dataclasses import dataclass, fields
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.errors import CalibrationError
from saltation.model.checks import freeze

Floats = NDArray[np.float64]

RECEPTORS = ("exc", "inh")

# What calix accepts, and for adaptation and exponential term, which it has not, what the emulated circuits reach at a
# membrane of 10 us; potentials in LSB of the CADC, times in seconds.
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
    "e_coba_reversal_exc": (100, math.inf),
    "e_coba_reversal_inh": (-math.inf, 120),
    "e_coba_reference_exc": (60, 160),
    "e_coba_reference_inh": (60, 160),
    "exponential_threshold": (60, 200),
    "tau_adap": (100e-6, 600e-6),
    "subthreshold_adaptation_strength": (-0.6, 5),
    "spike_triggered_adaptation_increment": (-30, 30),
}
_ONE_FOR_ALL = ("membrane_capacitance", "synapse_dac_bias")
_LEAST = {"subthreshold_adaptation_strength": 0.1, "spike_triggered_adaptation_increment": 1.0}
"""Sizes below which a strength cannot be told from noise."""
_SEPARATION = 40.0, 400.0
"""LSB between reference and reversal of a conductance: more makes it a current that hardly changes."""
_ADAPTATION = tuple(_LEAST)
_SLOWER = 4.0


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
    e_coba_reversal_exc, e_coba_reversal_inh : float or array_like, optional
        Potentials in LSB at which the inputs have no effect, also beyond what the CADC reads.  Inputs are currents
        where it is left out, or infinite.
    e_coba_reference_exc, e_coba_reference_inh : float or array_like, optional
        Potentials in LSB at which conductances have the strength of the currents; by default midway between leak and
        threshold.
    exponential_threshold : float or array_like, optional
        ``V_T`` in LSB; no exponential term where it is left out.  Its slope ``D_T``, 5 LSB, has no register.
    tau_adap : float or array_like, optional
        ``tau_w`` of the adaptation in seconds; no adaptation where it is left out.
    subthreshold_adaptation_strength : float or array_like, optional
        ``a / g_l``: by what part of a membrane's distance from its leak it is pulled back.
    spike_triggered_adaptation_increment : float or array_like, optional
        ``b / g_l`` in LSB: by how much a spike lowers where the membrane goes.

    Raises
    ------
    CalibrationError
        If a target is out of what the circuits can reach; the message gives the range.

    Examples
    --------
    >>> from saltation.bss2 import NeuronTarget
    >>> NeuronTarget(tau_mem=6e-6).tau_mem
    6e-06
    >>> conductances = NeuronTarget(e_coba_reversal_exc=300, e_coba_reversal_inh=30)
    >>> float(conductances.coba_reference("exc")[0])  # midway between leak and threshold
    102.5
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
    e_coba_reversal_exc: npt.ArrayLike | None = None
    e_coba_reversal_inh: npt.ArrayLike | None = None
    e_coba_reference_exc: npt.ArrayLike | None = None
    e_coba_reference_inh: npt.ArrayLike | None = None
    exponential_threshold: npt.ArrayLike | None = None
    tau_adap: npt.ArrayLike | None = None
    subthreshold_adaptation_strength: npt.ArrayLike | None = None
    spike_triggered_adaptation_increment: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        """Check the targets."""
        for each in fields(self):
            value: Any = getattr(self, each.name)
            if value is None and each.default is None:
                continue
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
            if each.name in _LEAST and np.any(np.abs(array) < _LEAST[each.name]):
                raise CalibrationError(
                    f"NeuronTarget.{each.name} must be at least {_LEAST[each.name]:g} in size, else it cannot be "
                    f"measured; got {float(np.abs(array).min()):g}; leave it out for none"
                )
            if array.ndim:  # the caller's own may be written to later
                object.__setattr__(self, each.name, freeze(np.array(array)))
        self._check_adaptation()
        for receptor in RECEPTORS:
            self._check_conductance(receptor)

    def _check_adaptation(self) -> None:
        for name in _ADAPTATION:
            if getattr(self, name) is not None and self.tau_adap is None:
                raise CalibrationError(f"NeuronTarget.{name} needs a time constant of the adaptation; give tau_adap=")
        if self.tau_adap is not None:
            least, slowest = float(self.of_all("tau_adap").min()), float(self.of_all("tau_mem").max())
            if least < _SLOWER * slowest:
                raise CalibrationError(
                    f"NeuronTarget.tau_adap must be at least {_SLOWER:g} times the slowest tau_mem, {slowest:g} s, "
                    f"else the adaptation cannot be told from the membrane; got {least:g} s"
                )

    def _check_conductance(self, receptor: str) -> None:
        name = f"e_coba_reversal_{receptor}"
        if getattr(self, name) is None:
            if getattr(self, f"e_coba_reference_{receptor}") is not None:
                raise CalibrationError(
                    f"NeuronTarget.e_coba_reference_{receptor} is that of a conductance; give {name}= as well"
                )
            return
        sign = 1.0 if receptor == "exc" else -1.0
        away = sign * (self.of_all(name) - self.coba_reference(receptor))[self.asks(name)]
        low, high = _SEPARATION
        if not (np.all(away >= low) and np.all(away <= high)):
            where = "above" if receptor == "exc" else "below"
            raise CalibrationError(
                f"NeuronTarget.{name} must be {low:g}..{high:g} LSB {where} the reference, which is "
                f"e_coba_reference_{receptor} or midway between leak and threshold; got "
                f"{away.min():g}..{away.max():g}; move either, or give an infinite reversal for currents"
            )

    def coba_reference(self, receptor: str) -> Floats:
        """Reference potentials ``[512]`` of the conductances of a receptor, "exc" or "inh"."""
        name = f"e_coba_reference_{receptor}"
        if getattr(self, name) is None:
            return 0.5 * (self.of_all("leak") + self.of_all("threshold"))
        return self.of_all(name)

    def asks(self, name: str) -> NDArray[np.bool_]:
        """Circuits ``[512]`` for which a quantity of the report is asked for; conductances not of all."""
        if name.startswith("e_coba"):
            return np.isfinite(self.of_all(f"e_coba_reversal_{name[-3:]}"))
        return np.ones(g.CIRCUITS, bool)

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

COBA = NeuronTarget(
    leak=110,
    reset=100,
    threshold=160,
    i_synin_gm_exc=180,
    i_synin_gm_inh=250,
    synapse_dac_bias=400,
    e_coba_reversal_exc=300,
    e_coba_reversal_inh=30,
)
"""The target of PyNN's ``CalibHXNeuronCoba`` as it is by default."""
