"""`ALIF`: leaky integrate-and-fire neurons with an adaptive threshold."""

import dataclasses
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import FloatArray, explain, float_array
from saltation.model.neuron import (
    TAU_SYN,
    Neuron,
    check_threshold,
    neuron_array,
    population_size,
    refractory_time,
    spike_budget,
    time_constant,
)
from saltation.model.record import set_fields


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class ALIF(Neuron):
    """Leaky integrate-and-fire neurons whose threshold rises with each spike and decays back.

    Between events::

        tau_mem   dV/dt = v_leak - V + I
        tau_syn   dI/dt = -I
        tau_adapt da/dt = -a

    At the arrival of a spike through weight w::

        I := I + w

    At V = v_th + a with d(V - a)/dt > 0, a spike::

        a := a + beta
        V := v_reset, held there for t_refrac, while I and a run on

    At t = 0, V = v_init, I = 0 and a = 0.

    Parameters
    ----------
    size : int
        Number of neurons, >= 1.
    tau_mem : array_like
        Membrane time constant in seconds, > 0.
    tau_syn : array_like, optional
        Synaptic time constant in seconds, > 0; 5e-3 if not given.
    tau_adapt : array_like
        Time constant of the adaptation in seconds, > 0.
    beta : array_like
        Rise of the threshold at each spike, >= 0.
    v_th : array_like
        Threshold at rest, > v_reset. Voltages are in volts or normalised; weights have the same unit.
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
    tau_syn_exc, tau_syn_inh : None
        Refused: the adaptation takes the place of the second receptor, since the search for the next crossing
        handles up to two exponentials beside the membrane's.

    Each parameter is a scalar for all neurons or an array [size]; float32 and float64 are kept, and stored in
    read-only arrays of shape () or (size,).

    Raises
    ------
    ParameterError
        If a parameter is not allowed; the message names it.

    References
    ----------
    Bellec et al., A solution to the learning dilemma for recurrent networks of spiking neurons, Nature
    Communications 11, 3625 (2020), doi:10.1038/s41467-020-17236-y. Event-based gradients: Wunderlich and
    Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> from saltation.model import ALIF
    >>> ALIF(100, tau_adapt=200e-3, beta=0.5).parameters()["beta"].item()
    0.5
    """

    kind: ClassVar[str] = "alif"
    spiking: ClassVar[bool] = True

    size: int
    tau_mem: FloatArray
    tau_syn: FloatArray
    tau_adapt: FloatArray
    beta: FloatArray
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
        tau_adapt: npt.ArrayLike = 100e-3,
        beta: npt.ArrayLike = 0.1,
        v_th: npt.ArrayLike = 1.0,
        v_leak: npt.ArrayLike = 0.0,
        v_reset: npt.ArrayLike = 0.0,
        t_refrac: npt.ArrayLike = 0.0,
        v_init: npt.ArrayLike | None = None,
        max_spikes: npt.ArrayLike | None = None,
        tau_syn_exc: None = None,
        tau_syn_inh: None = None,
    ) -> None:
        n = population_size("ALIF", size)
        _refuse_second_receptor(tau_syn_exc, tau_syn_inh)
        set_fields(
            self,
            size=n,
            tau_mem=time_constant("ALIF", "tau_mem", tau_mem, n),
            tau_syn=time_constant("ALIF", "tau_syn", TAU_SYN if tau_syn is None else tau_syn, n),
            tau_adapt=time_constant("ALIF", "tau_adapt", tau_adapt, n),
            beta=float_array("ALIF", "beta", beta, shapes=((), (n,)), minimum=0.0, hint="a spike raises the threshold"),
            v_th=neuron_array("ALIF", "v_th", v_th, n),
            v_leak=neuron_array("ALIF", "v_leak", v_leak, n),
            v_reset=neuron_array("ALIF", "v_reset", v_reset, n),
            t_refrac=refractory_time("ALIF", t_refrac, n),
            v_init=None if v_init is None else neuron_array("ALIF", "v_init", v_init, n),
            max_spikes=spike_budget("ALIF", max_spikes, n),
        )
        check_threshold("ALIF", self.v_th, self.v_reset, self.v_leak, self.v_init)

    @property
    def receptors(self) -> tuple[str, ...]:
        """Always ``("syn",)``."""
        return ("syn",)

    def parameters(self) -> dict[str, FloatArray]:
        """Differentiable parameters that exist, by name and in a fixed order; shape () or (size,)."""
        values = {
            "tau_mem": self.tau_mem,
            "tau_syn": self.tau_syn,
            "tau_adapt": self.tau_adapt,
            "beta": self.beta,
            "v_th": self.v_th,
            "v_leak": self.v_leak,
            "v_reset": self.v_reset,
            "t_refrac": self.t_refrac,
            "v_init": self.v_init,
        }
        return {name: value for name, value in values.items() if value is not None}


def _refuse_second_receptor(tau_syn_exc: object, tau_syn_inh: object) -> None:
    for name, value in (("tau_syn_exc", tau_syn_exc), ("tau_syn_inh", tau_syn_inh)):
        if value is not None:
            raise ParameterError(
                explain(
                    f"ALIF.{name}",
                    "left out",
                    "a value",
                    "the crossing search handles two exponentials beside the membrane's, one current and the "
                    "adaptation: use tau_syn, or LIF for two receptors",
                )
            )
