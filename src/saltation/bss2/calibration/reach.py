"""What circuits reach depends on their membranes: targets that need more than the codes give are refused."""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration.target import NeuronTarget
from saltation.bss2.physics import Physics
from saltation.errors import CalibrationError

Floats = NDArray[np.float64]

# Codes at which a circuit of the middle is still to be, so that the weakest and the strongest find theirs.
_FEWEST, _MOST = 20, 600
# Codes below which the leak's current is divided, and above which it is multiplied.
_DIVIDED, _MULTIPLIED = 50.0, 450.0


def check_reach(target: NeuronTarget, physics: Physics) -> None:
    """Refuse a target of which most circuits would find no code.

    Raises
    ------
    CalibrationError
        If a time constant, or a strength of the adaptation, needs more or less current than there is.
    """
    capacitance = physics.capacitance(target.membrane_capacitance)
    least, most = conductances(physics)
    own = f"with membrane_capacitance={target.membrane_capacitance}"
    remedy = "a larger capacitance makes membranes slower"
    _check(target, "tau_mem", target.of_all("tau_mem"), capacitance / most, capacitance / least, f"s {own}", remedy)
    conductance = leak_conductance(physics, target)
    lsb = physics.cadc_volt_per_lsb
    for name, per_code in (
        ("subthreshold_adaptation_strength", physics.adaptation_a_per_code / conductance),
        ("spike_triggered_adaptation_increment", physics.adaptation_b_per_code / (conductance * lsb)),
    ):
        if getattr(target, name) is not None:
            size = np.abs(target.of_all(name))
            reach = float((_MOST * per_code).min())
            _check(target, name, size, 0.0, reach, "in size, of the fastest membrane", "slower membranes reach more")


def leak_conductance(physics: Physics, target: NeuronTarget) -> Floats:
    """Conductance of the leak of each circuit ``[512]`` that its time constant takes, in siemens."""
    return physics.capacitance(target.membrane_capacitance) / target.of_all("tau_mem")


def conductances(physics: Physics) -> tuple[float, float]:
    """Smallest and largest leak conductance of a circuit of the middle, by both switches, in siemens."""
    least = physics.leak_at_code_0 + physics.leak_per_code * _FEWEST / physics.leak_division
    return least, physics.leak_at_code_0 + physics.leak_per_code * _MOST * physics.leak_multiplication


def _check(target: NeuronTarget, name: str, values: Floats, low: float, high: float, what: str, remedy: str) -> None:
    if np.all(values >= low) and np.all(values <= high):
        return
    raise CalibrationError(
        f"NeuronTarget.{name} must be {low:.3g}..{high:.3g} {what}; got "
        f"{float(np.min(getattr(target, name))):.3g}..{float(np.max(getattr(target, name))):.3g}; {remedy}"
    )


def leak_codes(target: Floats, capacitance: float, physics: Physics) -> tuple[NDArray[np.int32], Floats]:
    """First guess of the code of the leak for time constants, and the switch: 1/8, 1 or 8 of its current.

    The current is divided where the code would be so small that its steps are coarse, and multiplied where the
    weakest circuits would have none large enough.
    """
    code = capacitance / (target * physics.leak_per_code)
    factor = np.where(code < _DIVIDED, 1.0 / physics.leak_division, 1.0)
    factor = np.where(code > _MULTIPLIED, physics.leak_multiplication, factor)
    return np.clip(np.rint(code / factor), 1, g.CODE_MAX).astype(np.int32), factor
