"""What layers of the matrix mode share: how they are sent, their weights, and where these begin."""

import math
from abc import ABC
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from saltation.bss2.mac.connection import get_mock_parameter
from saltation.bss2.mac.ranges import ACTIVATION_MAX, WEIGHT_MAX
from saltation.errors import ParameterError
from saltation.model.checks import integer

Transform = Callable[[Tensor], Tensor]


class Layer(nn.Module, ABC):
    """A layer that runs on the chip, or in the ideal mode.

    Attributes
    ----------
    mock : bool
        Whether in the ideal mode; may be changed at any time.
    """

    mock: bool

    def _shown(self) -> dict[str, Any]:
        """What its representation tells of it."""
        return {"mock": True} if self.mock else {}

    def extra_repr(self) -> str:
        """Its arguments, but for those that are as by default."""
        return ", ".join(f"{name}={value!r}" for name, value in self._shown().items())


class MACLayer(Layer, ABC):
    """A layer that multiplies by weights.

    Attributes
    ----------
    weight : torch.nn.Parameter
        In LSB: -63 to 63.
    bias : torch.nn.Parameter or None
        In LSB of the result.
    num_sends : int
        How often a vector is sent.
    wait_between_events : int
        From one event to the next, in periods of 8 ns.
    input_transform, weight_transform : callable or None
        What is done to input and weight before they are sent.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None
    num_sends: int | None
    wait_between_events: int
    input_transform: Transform | None
    weight_transform: Transform | None

    def reset_parameters(self, weight_mean: float = 0.0, relu_shift: int = 1) -> None:
        r"""Draw new weights, after which activations neither vanish nor saturate from layer to layer.

        ::

            std    = 2**relu_shift sqrt(2) / (gain num_sends sqrt(fan_in)),   weight ~ N(weight_mean, std), cut at +-63
            bound  = 2**relu_shift sqrt(2) / (gain sqrt(fan_in)) sqrt(3) / 31,    bias ~ U(-bound, bound)

        Where ``num_sends`` is None, it becomes the least number for which ``std`` is at most 21. The gain is that of
        `get_mock_parameter`: set or measure it before layers are made.

        Parameters
        ----------
        weight_mean : float
            Mean of the weights.
        relu_shift : int
            Of the `ConvertingReLU` behind this layer.

        References
        ----------
        He et al., Delving deep into rectifiers, 2015, arXiv:1502.01852.
        """
        fan_in = self.weight[0].numel()
        total = 2.0**relu_shift * math.sqrt(2.0) / get_mock_parameter().gain / math.sqrt(fan_in)
        if self.num_sends is None:
            self.num_sends = math.ceil(total / (WEIGHT_MAX / 3))
        nn.init.trunc_normal_(self.weight, weight_mean, total / self.num_sends, -WEIGHT_MAX, WEIGHT_MAX)
        if self.bias is not None:
            bound = total * math.sqrt(3.0) / ACTIVATION_MAX
            nn.init.uniform_(self.bias, -bound, bound)

    def _shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = {} if self.bias is not None else {"bias": False}
        shown["num_sends"] = self.num_sends
        if self.wait_between_events != 5:
            shown["wait_between_events"] = self.wait_between_events
        if self.input_transform is not None:
            shown["input_transform"] = self.input_transform
        return shown | ({"mock": True} if self.mock else {})

    def _sending(self) -> dict[str, Any]:
        return {
            "num_sends": self.num_sends,
            "wait_between_events": self.wait_between_events,
            "mock": self.mock,
        }

    def _transformed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Input and weight as they are sent."""
        weight = self.weight if self.weight_transform is None else self.weight_transform(self.weight)
        return x if self.input_transform is None else self.input_transform(x), weight


def set_up(
    layer: MACLayer,
    shape: tuple[int, ...],
    bias: bool,
    num_sends: int | None,
    wait_between_events: int,
    mock: bool,
    input_transform: Transform | None,
    weight_transform: Transform | None,
) -> None:
    """Give a layer its parameters; the first size of the weight is that of its outputs.

    Raises
    ------
    ParameterError
        If an argument is not allowed.
    """
    where = type(layer).__name__
    for name, transform in (("input_transform", input_transform), ("weight_transform", weight_transform)):
        if transform is not None and not callable(transform):
            raise ParameterError(f"{where}.{name} must be a function of a tensor, or None; got {transform!r}")
    layer.mock = mock
    layer.num_sends = None if num_sends is None else integer(where, "num_sends", num_sends, minimum=1)
    layer.wait_between_events = integer(where, "wait_between_events", wait_between_events, minimum=1)
    layer.input_transform, layer.weight_transform = input_transform, weight_transform
    layer.weight = nn.Parameter(torch.empty(shape))
    layer.register_parameter("bias", nn.Parameter(torch.empty(shape[0])) if bias else None)
    layer.reset_parameters()
