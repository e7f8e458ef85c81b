"""What is counted: whole numbers, as records that add up."""

import dataclasses
from collections.abc import Mapping
from typing import final


@final
@dataclasses.dataclass(frozen=True, slots=True)
class LayerCount:
    """Synaptic operations of a layer, in all samples together.

    Attributes
    ----------
    name, kind : str
        Name of the layer or projection, and what it is.
    effective_macs, effective_acs : int
        With nonzero activations and weights.
    dense : int or None
        With all of them taken as nonzero; None where that is not defined.
    event_dense : int or None
        Delivered spikes times all weights of their row; None where there are no events.

    Examples
    --------
    >>> from saltation.neurobench.counting.record import LayerCount
    >>> LayerCount("a", "linear", 1, 2, 4) + LayerCount("a", "linear", 3, 0, 4)
    LayerCount(name='a', kind='linear', effective_macs=4, effective_acs=2, dense=8, event_dense=None)
    """

    name: str
    kind: str
    effective_macs: int
    effective_acs: int
    dense: int | None
    event_dense: int | None = None

    def __add__(self, other: "LayerCount") -> "LayerCount":
        return LayerCount(
            self.name,
            self.kind if self.kind == other.kind else f"{self.kind}, {other.kind}",
            self.effective_macs + other.effective_macs,
            self.effective_acs + other.effective_acs,
            _sum(self.dense, other.dense),
            _sum(self.event_dense, other.event_dense),
        )


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Static:
    """What is counted of a model at rest.

    Attributes
    ----------
    footprint : int
        Bytes.
    parameters : int
        Elements of parameters.
    weights, zero_weights : int
        Elements of the weights of connection layers, and how many of them are zero.
    bytes_of : dict of str to int
        The footprint by what it is for.

    Examples
    --------
    >>> from saltation.neurobench.counting.record import Static
    >>> Static(40, 10, 10, 4, {"parameters": 40}).connection_sparsity
    0.4
    """

    footprint: int
    parameters: int
    weights: int
    zero_weights: int
    bytes_of: Mapping[str, int]

    @property
    def connection_sparsity(self) -> float | None:
        """Zero weights over all weights; None where there is no weight."""
        return self.zero_weights / self.weights if self.weights else None


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Activity:
    """Outputs of activation layers, over layers, steps and samples.

    Attributes
    ----------
    outputs, zeros : int or None
        How many, and how many of them are zero; None without steps.
    layers : tuple of str
        Whose outputs these are.

    Examples
    --------
    >>> from saltation.neurobench.counting.record import Activity
    >>> Activity(20, 19, ("hid",)).sparsity
    0.95
    """

    outputs: int | None
    zeros: int | None
    layers: tuple[str, ...]

    @property
    def sparsity(self) -> float | None:
        """Zeros over all outputs."""
        return self.zeros / self.outputs if self.outputs and self.zeros is not None else None


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b
