"""`HagenTarget`: what a calibration for the matrix mode is to reach."""

from dataclasses import asdict, dataclass, fields
from typing import Any, final

from saltation.bss2.calibration.target import NeuronTarget
from saltation.errors import CalibrationError

# What calix accepts, within what the emulated circuits reach: potentials in LSB of the CADC, times in seconds.
FEASIBLE: dict[str, tuple[float, float]] = {
    "leak": (80, 160),
    "tau_mem": (20e-6, 60e-6),
    "tau_syn": (0.3e-6, 2e-6),
    "i_synin_gm": (100, 600),
    "synapse_dac_bias": (300, 1022),
}


@final
@dataclass(frozen=True)
class HagenTarget:
    """What circuits are calibrated to for the matrix mode, after the target of calix of that name.

    Parameters
    ----------
    leak : float
        Baseline in LSB of the CADC.
    tau_mem : float
        Seconds; the leak is as weak as it can be.
    tau_syn : float
        Seconds, of both inputs.
    i_synin_gm : int
        Strength of the inputs: that of the median column at this code.  It decides the gain.
    synapse_dac_bias : int
        Current of the weights.

    Raises
    ------
    CalibrationError
        If a target is out of what the circuits can reach; the message gives the range.

    Examples
    --------
    >>> from saltation.bss2.mac import HagenTarget
    >>> HagenTarget(i_synin_gm=400).tau_mem
    6e-05
    """

    leak: float = 120.0
    tau_mem: float = 60e-6
    tau_syn: float = 0.32e-6
    i_synin_gm: int = 450
    synapse_dac_bias: int = 1022

    def __post_init__(self) -> None:
        """Check the targets."""
        for each in fields(self):
            value: Any = getattr(self, each.name)
            low, high = FEASIBLE[each.name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
                hint = "; times are in seconds: 60 us is 60e-6" if high < 1e-3 else ""
                raise CalibrationError(
                    f"HagenTarget.{each.name} must be {low:g}..{high:g}, what the circuits reach; got {value!r}{hint}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Numbers, for files."""
        return asdict(self)

    def neurons(self) -> NeuronTarget:
        """The same for the steps that all calibrations share."""
        return NeuronTarget(
            leak=self.leak,
            tau_mem=self.tau_mem,
            tau_syn_exc=self.tau_syn,
            tau_syn_inh=self.tau_syn,
            i_synin_gm_exc=self.i_synin_gm,
            i_synin_gm_inh=self.i_synin_gm,
            synapse_dac_bias=self.synapse_dac_bias,
        )
