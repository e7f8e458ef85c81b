"""`ReLU` and `ConvertingReLU`: rectifiers in 8 bits, the second to activations of the next layer."""

from typing import Any, final

from torch import Tensor, nn

from saltation.bss2.perceptron.functional import converting_relu, relu
from saltation.bss2.perceptron.nn.base import Layer
from saltation.model.checks import integer


@final
class ReLU(Layer):
    """Rectify in 8 bits: 0 to 127.

    Parameters
    ----------
    mock : bool
        In the ideal mode.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron.nn as hxnn
    >>> hxnn.ReLU(mock=True)(torch.tensor([-3.0, 5.7, 200.0]))
    tensor([  0.,   5., 127.])
    """

    def __init__(self, mock: bool = False) -> None:
        nn.Module.__init__(self)
        self.mock = mock

    def forward(self, input: Tensor) -> Tensor:
        """See `saltation.bss2.perceptron.relu`."""
        return relu(input, mock=self.mock)


@final
class ConvertingReLU(Layer):
    """Rectify, shift right by some bits, and cut at 31: what the next layer takes.

    Parameters
    ----------
    shift : int
        How many bits.
    mock : bool
        In the ideal mode.

    Raises
    ------
    ParameterError
        If ``shift`` is not an integer of at least 0.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron.nn as hxnn
    >>> hxnn.ConvertingReLU(shift=1, mock=True)(torch.tensor([-3.0, 5.7, 127.0]))
    tensor([ 0.,  2., 31.])
    """

    def __init__(self, shift: int = 2, mock: bool = False) -> None:
        nn.Module.__init__(self)
        self.shift = integer("ConvertingReLU", "shift", shift)
        self.mock = mock

    def forward(self, input: Tensor) -> Tensor:
        """See `saltation.bss2.perceptron.converting_relu`."""
        return converting_relu(input, shift=self.shift, mock=self.mock)

    def _shown(self) -> dict[str, Any]:
        return {"shift": self.shift} | Layer._shown(self)
