"""`LIF`: leaky integrate-and-fire neurons with exponential synaptic currents."""

import dataclasses
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from saltation.model.checks import FloatArray
from saltation.model.neuron import (
    Neuron,
    check_threshold,
    neuron_array,
    population_size,
    refractory_time,
    spike_budget,
    synapse_constants,
    time_constant,
)
from saltation.model.record import set_fields


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class LIF(Neuron):
    r"""Leaky integrate-and-fire neurons with exponential synaptic currents.

    Between events::

        tau_mem dV/dt = v_leak - V + I
        tau_syn dI/dt = -I

    At the arrival of a spike through weight w::

        I := I + w

    At V = v_th with dV/dt > 0, a spike::

        V := v_reset, held there for t_refrac, while I runs on

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
    v_th : array_like
        Threshold, > v_reset. Voltages are in volts or normalised; weights have the same unit.
    v_leak : array_like
        Leak potential. At or above v_th the neuron fires by itself.
    v_reset : array_like
        Voltage after a spike.
    t_refrac : array_like
        Refractory time in seconds, >= 0.
    v_init : array_like, optional
        Voltage at t = 0, < v_th. None ties it to v_leak, also under differentiation; it has to be given where
        v_leak >= v_th.
    max_spikes : int or array_like of int, optional
        Largest number of spikes a neuron emits in one sample, >= 1; None for no limit. A neuron that has
        emitted them is silent from then on.

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
    >>> from saltation.model import LIF
    >>> hidden = LIF(120, tau_mem=20e-3, tau_syn=5e-3)
    >>> hidden.receptors
    ('syn',)
    >>> list(hidden.parameters())
    ['tau_mem', 'tau_syn', 'v_th', 'v_leak', 'v_reset', 't_refrac']
    >>> LIF(2, tau_syn_exc=5e-3, tau_syn_inh=10e-3, v_th=[0.9, 1.1]).receptors
    ('exc', 'inh')
    """

    kind: ClassVar[str] = "lif"
    spiking: ClassVar[bool] = True

    size: int
    tau_mem: FloatArray
    tau_syn: FloatArray | None
    tau_syn_exc: FloatArray | None
    tau_syn_inh: FloatArray | None
    v_th: FloatArray
    v_leak: FloatArray
    v_reset: FloatArray
    t_refrac: FloatArray
    v_init: FloatArray | None
    max_spikes: npt.NDArray[np.int64] | None

    def __init__(
        self,
        size: int,
        *,
        tau_mem: npt.ArrayLike = 20e-3,
        tau_syn: npt.ArrayLike | None = None,
        tau_syn_exc: npt.ArrayLike | None = None,
        tau_syn_inh: npt.ArrayLike | None = None,
        v_th: npt.ArrayLike = 1.0,
        v_leak: npt.ArrayLike = 0.0,
        v_reset: npt.ArrayLike = 0.0,
        t_refrac: npt.ArrayLike = 0.0,
        v_init: npt.ArrayLike | None = None,
        max_spikes: npt.ArrayLike | None = None,
    ) -> None:
        n = population_size("LIF", size)
        syn, exc, inh = synapse_constants("LIF", tau_syn, tau_syn_exc, tau_syn_inh, n)
        set_fields(
            self,
            size=n,
            tau_mem=time_constant("LIF", "tau_mem", tau_mem, n),
            tau_syn=syn,
            tau_syn_exc=exc,
            tau_syn_inh=inh,
            v_th=neuron_array("LIF", "v_th", v_th, n),
            v_leak=neuron_array("LIF", "v_leak", v_leak, n),
            v_reset=neuron_array("LIF", "v_reset", v_reset, n),
            t_refrac=refractory_time("LIF", t_refrac, n),
            v_init=None if v_init is None else neuron_array("LIF", "v_init", v_init, n),
            max_spikes=spike_budget("LIF", max_spikes, n),
        )
        check_threshold("LIF", self.v_th, self.v_reset, self.v_leak, self.v_init)

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
            "v_th": self.v_th,
            "v_leak": self.v_leak,
            "v_reset": self.v_reset,
            "t_refrac": self.t_refrac,
            "v_init": self.v_init,
        }
        return {name: value for name, value in values.items() if value is not None}
