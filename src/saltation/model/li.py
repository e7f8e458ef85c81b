"""`LI`: leaky integrators, the readout that does not spike."""

import dataclasses
from typing import ClassVar, final

import numpy.typing as npt

from saltation.model.checks import FloatArray
from saltation.model.neuron import Neuron, neuron_array, population_size, synapse_constants, time_constant
from saltation.model.record import set_fields


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class LI(Neuron):
    """Leaky integrators: the membrane of `LIF` without a threshold, a readout of voltages.

    Between events::

        tau_mem dV/dt = v_leak - V + I
        tau_syn dI/dt = -I

    At the arrival of a spike through weight w::

        I := I + w

    With two receptors, I = I_exc + I_inh, each with its own time constant. At t = 0, V = v_init and I = 0.

    Parameters
    ----------
    size : int
        Number of neurons, >= 1.
    tau_mem : array_like
        Membrane time constant in seconds, > 0.
    tau_syn : array_like, optional
        Synaptic time constant in seconds, > 0, of the only receptor, "syn". 5e-3 if no synaptic time constant
        is given.
    tau_syn_exc, tau_syn_inh : array_like, optional
        Synaptic time constants in seconds, > 0, of two receptors, "exc" and "inh"; both or neither, and
        instead of `tau_syn`.
    v_leak : array_like
        Leak potential, in volts or normalised.
    v_init : array_like, optional
        Voltage at t = 0. None ties it to v_leak, also under differentiation.

    Each parameter is a scalar for all neurons or an array [size]; float32 and float64 are kept, and stored in
    read-only arrays of shape () or (size,).

    Raises
    ------
    ParameterError
        If a parameter is not allowed; the message names it.

    References
    ----------
    Wunderlich and Pehle, Event-based backpropagation can compute exact gradients for spiking neural networks,
    Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> from saltation.model import LI
    >>> readout = LI(3, tau_mem=20e-3, tau_syn=5e-3)
    >>> readout
    LI(size=3, tau_mem=0.02, tau_syn=0.005, v_leak=0)
    >>> LI.spiking
    False
    """

    kind: ClassVar[str] = "li"
    spiking: ClassVar[bool] = False

    size: int
    tau_mem: FloatArray
    tau_syn: FloatArray | None
    tau_syn_exc: FloatArray | None
    tau_syn_inh: FloatArray | None
    v_leak: FloatArray
    v_init: FloatArray | None

    def __init__(
        self,
        size: int,
        *,
        tau_mem: npt.ArrayLike = 20e-3,
        tau_syn: npt.ArrayLike | None = None,
        tau_syn_exc: npt.ArrayLike | None = None,
        tau_syn_inh: npt.ArrayLike | None = None,
        v_leak: npt.ArrayLike = 0.0,
        v_init: npt.ArrayLike | None = None,
    ) -> None:
        n = population_size("LI", size)
        syn, exc, inh = synapse_constants("LI", tau_syn, tau_syn_exc, tau_syn_inh, n)
        set_fields(
            self,
            size=n,
            tau_mem=time_constant("LI", "tau_mem", tau_mem, n),
            tau_syn=syn,
            tau_syn_exc=exc,
            tau_syn_inh=inh,
            v_leak=neuron_array("LI", "v_leak", v_leak, n),
            v_init=None if v_init is None else neuron_array("LI", "v_init", v_init, n),
        )

    @property
    def receptors(self) -> tuple[str, ...]:
        """``("syn",)``, or ``("exc", "inh")`` where both time constants are given."""
        return ("syn",) if self.tau_syn is not None else ("exc", "inh")

    def parameters(self) -> dict[str, FloatArray]:
        """Differentiable parameters that exist, by name and in a fixed order; shape () or (size,)."""
        values = {
            "tau_mem": self.tau_mem,
            "tau_syn": self.tau_syn,
            "tau_syn_exc": self.tau_syn_exc,
            "tau_syn_inh": self.tau_syn_inh,
            "v_leak": self.v_leak,
            "v_init": self.v_init,
        }
        return {name: value for name, value in values.items() if value is not None}
