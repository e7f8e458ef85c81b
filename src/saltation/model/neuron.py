"""What the neuron models have in common: the abstract `Neuron` and the checks of their parameters.

All models with synapses share one membrane, the leaky integrator driven by exponential synaptic currents
(`saltation.model.LIF` gives the equations); they differ in what happens at the threshold, if there is one.
"""

import dataclasses
import warnings
from abc import ABC, abstractmethod
from typing import ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError, SecondsWarning
from saltation.model.checks import (
    SECONDS,
    FloatArray,
    at_first,
    caller_level,
    explain,
    float_array,
    integer,
    integer_array,
    suggest,
)
from saltation.model.record import Record

TAU_SYN: Final = 5e-3
"""Synaptic time constant, in seconds, of a model that is given none."""

_LONG: Final = 5.0
"""A time constant, in seconds, beyond which it was probably given in milliseconds."""


@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Neuron(Record, ABC):
    """A population of neurons of one model; abstract, the models are final.

    Attributes
    ----------
    kind : str
        Short name of the model, of the class.
    spiking : bool
        Whether the neurons emit spikes, of the class.
    size : int
        Number of neurons.

    Examples
    --------
    >>> from saltation.model import LIF
    >>> LIF.kind, LIF.spiking, LIF(120).receptors
    ('lif', True, ('syn',))
    """

    kind: ClassVar[str]
    spiking: ClassVar[bool]

    @property
    @abstractmethod
    def receptors(self) -> tuple[str, ...]:
        """Names of the synaptic currents: ``()``, ``("syn",)`` or ``("exc", "inh")``."""

    @abstractmethod
    def parameters(self) -> dict[str, FloatArray]:
        """Differentiable parameters that exist, by name and in a fixed order; shape () or (size,)."""

    def with_parameters(self, **changes: npt.ArrayLike | None) -> Self:
        """Return a validated record of the same size with some parameters changed.

        Parameters
        ----------
        **changes
            New values by name, as in the class itself. None unsets an optional parameter.

        Raises
        ------
        ParameterError
            If a name is unknown or a value not allowed.

        Examples
        --------
        >>> from saltation.model import LIF
        >>> LIF(120).with_parameters(tau_mem=0.01).tau_mem.item()
        0.01
        """
        known = [field.name for field in dataclasses.fields(self) if field.name != "size"]
        for name in changes:
            if name not in known:
                raise ParameterError(
                    explain(
                        f"{type(self).__name__}.with_parameters.{name}",
                        "a parameter of the model",
                        repr(name),
                        suggest(name, known),
                    )
                )
        return dataclasses.replace(self, **changes)


def population_size(owner: str, size: object) -> int:
    """Check the number of neurons of a population."""
    return integer(owner, "size", size, minimum=1, hint="the number of neurons comes first, e.g. LIF(120)")


def neuron_array(owner: str, name: str, value: object, size: int) -> FloatArray:
    """Check a parameter of any sign: a scalar or an array [size]."""
    return float_array(owner, name, value, shapes=((), (size,)))


def time_constant(owner: str, name: str, value: object, size: int) -> FloatArray:
    """Check a time constant in seconds: > 0, a scalar or an array [size]; one of more than `_LONG` is warned of."""
    checked = float_array(owner, name, value, shapes=((), (size,)), minimum=0.0, strict=True, hint=SECONDS)
    if np.any(checked > _LONG):
        warnings.warn(
            f"{owner}.{name} is {float(checked.max()):g} s; {SECONDS}. Where another unit of time is meant "
            "throughout: warnings.simplefilter('ignore', saltation.errors.SecondsWarning)",
            SecondsWarning,
            stacklevel=caller_level(),
        )
    return checked


def refractory_time(owner: str, value: object, size: int) -> FloatArray:
    """Check a refractory time in seconds: >= 0, a scalar or an array [size]."""
    return float_array(owner, "t_refrac", value, shapes=((), (size,)), minimum=0.0, hint=SECONDS)


def synapse_constants(
    owner: str, tau_syn: object, tau_syn_exc: object, tau_syn_inh: object, size: int
) -> tuple[FloatArray | None, FloatArray | None, FloatArray | None]:
    """Check that there is one synaptic time constant, or one for each of two receptors."""
    if tau_syn_exc is None and tau_syn_inh is None:
        return time_constant(owner, "tau_syn", TAU_SYN if tau_syn is None else tau_syn, size), None, None
    if tau_syn is not None:
        raise ParameterError(
            explain(
                f"{owner}.tau_syn",
                "left out (None) where tau_syn_exc and tau_syn_inh are given",
                "both",
                "tau_syn makes one receptor, tau_syn_exc with tau_syn_inh make two: choose",
            )
        )
    for name, value in (("tau_syn_exc", tau_syn_exc), ("tau_syn_inh", tau_syn_inh)):
        if value is None:
            raise ParameterError(
                explain(
                    f"{owner}.{name}",
                    "given where the other receptor's time constant is",
                    "None",
                    "pass both, or tau_syn for a single receptor",
                )
            )
    return (
        None,
        time_constant(owner, "tau_syn_exc", tau_syn_exc, size),
        time_constant(owner, "tau_syn_inh", tau_syn_inh, size),
    )


def check_threshold(
    owner: str, v_th: FloatArray, v_reset: FloatArray, v_leak: FloatArray, v_init: FloatArray | None
) -> None:
    """Check that a neuron starts, and restarts after a spike, below its threshold."""
    _check_below(owner, "v_reset", v_reset, v_th, "the neuron would fire again at once, without end")
    if v_init is not None:
        _check_below(owner, "v_init", v_init, v_th, "the neuron would start above its threshold")
    elif np.any(v_leak >= v_th):
        raise ParameterError(
            explain(
                f"{owner}.v_init",
                "set where v_leak >= v_th",
                "None, which starts the neuron at v_leak, at or above its threshold",
                "a neuron may fire by itself, but has to start below: e.g. v_init=v_reset",
            )
        )


def spike_budget(owner: str, value: object, size: int) -> npt.NDArray[np.int64] | None:
    """Check the largest number of spikes a neuron may emit in a sample: None for no limit."""
    if value is None:
        return None
    return integer_array(owner, "max_spikes", value, shapes=((), (size,)), minimum=1)


def _check_below(owner: str, name: str, value: FloatArray, v_th: FloatArray, why: str) -> None:
    low, high = np.broadcast_arrays(value, v_th)
    bad = low >= high
    if bad.any():
        raise ParameterError(
            explain(f"{owner}.{name}", "< v_th", f"{at_first(low, bad)} with v_th {high[bad].flat[0]:g}", why)
        )
