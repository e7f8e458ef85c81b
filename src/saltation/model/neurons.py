"""The populations a network is made of: `Input`, and `LIF`, `LI` and `ALIF` from files of their own."""

import dataclasses
from typing import ClassVar, TypeAlias, final

from saltation.model.alif import ALIF
from saltation.model.checks import FloatArray
from saltation.model.li import LI
from saltation.model.lif import LIF
from saltation.model.neuron import Neuron, population_size
from saltation.model.record import set_fields

__all__ = ["ALIF", "LI", "LIF", "Input", "Neuron", "Population"]


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Input(Neuron):
    """Units that emit the spikes of the stimulus.

    ::

        spikes out = spikes of the stimulus

    Parameters
    ----------
    size : int
        Number of units, >= 1.

    Raises
    ------
    ParameterError
        If the size is not a positive integer.

    Examples
    --------
    >>> from saltation.model import Input
    >>> Input(5)
    Input(size=5)
    """

    kind: ClassVar[str] = "input"
    spiking: ClassVar[bool] = True

    size: int

    def __init__(self, size: int) -> None:
        set_fields(self, size=population_size("Input", size))

    @property
    def receptors(self) -> tuple[str, ...]:
        """None: nothing projects to an input."""
        return ()

    def parameters(self) -> dict[str, FloatArray]:
        """None: an input has no parameters."""
        return {}


Population: TypeAlias = Input | LIF | LI | ALIF
"""Any of the neuron models."""
