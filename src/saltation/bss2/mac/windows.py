"""Convolutions as products: which windows of an input a kernel sees, and kernels beside one another on the chip."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from saltation.bss2.mac.ranges import INPUTS, OUTPUTS
from saltation.errors import ParameterError
from saltation.model.checks import integer

Shape = tuple[int, ...]


def strides_of(where: str, stride: int | Sequence[int], dimensions: int) -> Shape:
    """Strides of each dimension, of one number or several.

    Raises
    ------
    ParameterError
        If they are not integers of at least 1, or not as many as dimensions.
    """
    several = tuple(stride) if np.ndim(stride) else (stride,) * dimensions  # pyright: ignore[reportArgumentType]
    if len(several) != dimensions:
        raise ParameterError(f"{where}.stride must be one number, or {dimensions}; got {stride!r}")
    return tuple(integer(where, "stride", each, minimum=1) for each in several)


def check_convolution(
    where: str, dimensions: int, x: Sequence[int], weight: Sequence[int], bias: Sequence[int] | None
) -> None:
    """Check the shapes of an input ``[batch, channel, ...]`` and of kernels ``[output, channel, ...]``.

    Raises
    ------
    ParameterError
        If they do not go together, or the kernel is larger than the input.
    """
    if len(x) != dimensions + 2 or len(weight) != dimensions + 2:
        raise ParameterError(
            f"{where}: input must be [batch, channel] and {dimensions} more, weight [output, channel] and as "
            f"many more; got shapes {tuple(x)} and {tuple(weight)}"
        )
    if x[1] != weight[1]:
        raise ParameterError(
            f"{where}: input has {x[1]} channels and weight {weight[1]}; groups of channels are not supported"
        )
    if any(kernel > size for kernel, size in zip(weight[2:], x[2:], strict=True)):
        raise ParameterError(
            f"{where}: the kernel must not be larger than the input; got {tuple(weight[2:])} and {tuple(x[2:])}; "
            "pad the input before"
        )
    if bias is not None and tuple(bias) != (weight[0],):
        raise ParameterError(f"{where}.bias must be of shape ({weight[0]},); got {tuple(bias)}")


class Expansion(NamedTuple):
    """A one-dimensional kernel ``number`` times beside itself, each a stride further, as one larger kernel.

    Attributes
    ----------
    number : int
        How often.
    kernel, stride : int
        Of the one kernel.
    length, padding : int
        Outputs of the one kernel; zeros at the end of the input, without which the larger one would give fewer.
    """

    number: int
    kernel: int
    stride: int
    length: int
    padding: int

    @property
    def width(self) -> int:
        """Of the larger kernel."""
        return self.kernel + self.stride * (self.number - 1)


def expansion(where: str, number: int, size: int, kernel: int, stride: int) -> Expansion:
    """How a kernel is replicated for an input of a size.

    Raises
    ------
    ParameterError
        If ``number`` is not an integer of at least 1.

    Examples
    --------
    >>> expansion("expanded_conv1d", 4, size=30, kernel=5, stride=2)
    Expansion(number=4, kernel=5, stride=2, length=13, padding=5)
    """
    number = integer(where, "num_expansions", number, minimum=1)
    length = (size - kernel) // stride + 1
    steps = -(-length // number)
    needed = stride * number * (steps - 1) + kernel + stride * (number - 1)
    return Expansion(number, kernel, stride, length, max(0, needed - size))


def most_expansions(channels: int, outputs: int, kernel: int, stride: int) -> int:
    """How often a kernel fits beside itself on a hemisphere; at least once.

    Examples
    --------
    >>> most_expansions(1, 14, 43, 5)
    18
    """
    return max(1, min(OUTPUTS // outputs, (INPUTS // channels - kernel) // stride + 1))
