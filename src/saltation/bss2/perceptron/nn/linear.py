"""`Linear`: a product with a matrix on the chip."""

from typing import Any, final

from torch import Tensor, nn

from saltation.bss2.perceptron.functional import add, matmul
from saltation.bss2.perceptron.nn.base import MACLayer, Transform, set_up
from saltation.bss2.perceptron.nn.scaling import clamp_weight_
from saltation.model.checks import integer


@final
class Linear(MACLayer):
    r"""Multiply by weights, and add a bias in 8 bits.

    ::

        y = add(matmul(x, weight.T), bias)

    Parameters
    ----------
    in_features, out_features : int
        Inputs and outputs.
    bias : bool
        Whether there is one, in LSB of the result.
    num_sends : int, optional
        How often a vector is sent; None chooses it with the initial weights, see `MACLayer.reset_parameters`.
    wait_between_events : int
        From one event to the next, in periods of 8 ns.
    mock : bool
        In the ideal mode.
    avg : int
        So many outputs with the same weights are averaged: less noise, of the neurons too.
    input_transform, weight_transform : callable, optional
        What is done to input and weight before they are sent; by default weights are clipped in place.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron.nn as hxnn
    >>> _ = torch.manual_seed(0)
    >>> layer = hxnn.Linear(128, 10, avg=5, mock=True)
    >>> layer
    Linear(in_features=128, out_features=10, avg=5, num_sends=6, mock=True)
    >>> layer(torch.full((3, 128), 10.0)).shape
    torch.Size([3, 10])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        num_sends: int | None = None,
        wait_between_events: int = 5,
        mock: bool = False,
        *,
        avg: int = 1,
        input_transform: Transform | None = None,
        weight_transform: Transform | None = clamp_weight_,
    ) -> None:
        nn.Module.__init__(self)
        self.in_features = integer("Linear", "in_features", in_features, minimum=1)
        self.out_features = integer("Linear", "out_features", out_features, minimum=1)
        self.avg = integer("Linear", "avg", avg, minimum=1)
        shape = (self.out_features, self.in_features)
        set_up(self, shape, bias, num_sends, wait_between_events, mock, input_transform, weight_transform)

    def forward(self, input: Tensor) -> Tensor:
        """Outputs ``[..., out_features]`` of inputs ``[..., in_features]``."""
        x, weight = self._transformed(input)
        found = matmul(x, weight.t().repeat_interleave(self.avg, dim=1), **self._sending())
        if self.avg > 1:
            found = found.unflatten(-1, (self.out_features, self.avg)).mean(dim=-1)
        return found if self.bias is None else add(found, self.bias, mock=self.mock)

    def _shown(self) -> dict[str, Any]:
        shown = {"in_features": self.in_features, "out_features": self.out_features}
        return shown | ({"avg": self.avg} if self.avg > 1 else {}) | MACLayer._shown(self)
