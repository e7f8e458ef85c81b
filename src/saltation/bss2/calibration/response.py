"""How a membrane answers an event, in the model: what measured responses are compared with."""

import numpy as np
from numpy.typing import NDArray

from saltation.bss2.calibration.target import RECEPTORS, NeuronTarget

Floats = NDArray[np.float64]

WINDOW = 30e-6
"""Seconds after an event over which its response is averaged."""


def response(t: Floats | float, tau_mem: Floats, tau_syn: Floats) -> Floats:
    r"""Response ``K = a (e^{-bt} - e^{-at}) / (a - b)`` of a model to a weight of 1; a = 1/tau_mem and b = 1/tau_syn.

    It is that of ``tau_mem V' = -V + I`` to a jump of ``I`` by 1.
    """
    a = 1.0 / tau_mem
    # apart, so that nothing cancels; by a millionth, as circuits are
    b = (1.0 + 1e-6) / tau_syn
    return a * (np.exp(-b * t) - np.exp(-a * t)) / (a - b)


def mean_response(target: NeuronTarget, receptor: int) -> Floats:
    r"""Mean of ``K`` over the 30 us ``W`` after an event, of each circuit ``[512]``.

    By its equation, ``int_0^W K dt = int_0^W I dt - tau_mem K(W)``.
    """
    tau_mem, tau_syn = target.of_all("tau_mem"), target.of_all(f"tau_syn_{RECEPTORS[receptor]}")
    charge = tau_syn * -np.expm1(-WINDOW / tau_syn)
    return (charge - tau_mem * response(WINDOW, tau_mem, tau_syn)) / WINDOW
