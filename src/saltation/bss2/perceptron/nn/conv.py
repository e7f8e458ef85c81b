"""`Conv1d`, `Conv2d`, `ExpandedConv1d`: convolutions on the chip."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, final

from torch import Tensor, nn

from saltation.bss2.mac.windows import most_expansions
from saltation.bss2.perceptron.convolution import conv1d, conv2d, expanded_conv1d
from saltation.bss2.perceptron.nn.base import MACLayer, Transform, set_up
from saltation.bss2.perceptron.nn.scaling import clamp_weight_
from saltation.errors import ParameterError
from saltation.model.checks import integer

Sizes = int | Sequence[int]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class ConvNd(MACLayer, ABC):
    """What convolutions share: kernels, steps and edges."""

    _dimensions: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        num_sends: int | None = None,
        wait_between_events: int = 5,
        mock: bool = False,
        *,
        input_transform: Transform | None = None,
        weight_transform: Transform | None = clamp_weight_,
    ) -> None:
        where = type(self).__name__
        nn.Module.__init__(self)
        self.in_channels = integer(where, "in_channels", in_channels, minimum=1)
        self.out_channels = integer(where, "out_channels", out_channels, minimum=1)
        self.kernel_size = _sizes(where, "kernel_size", kernel_size, self._dimensions, 1)
        self.stride = _sizes(where, "stride", stride, self._dimensions, 1)
        self.padding = _sizes(where, "padding", padding, self._dimensions, 0)
        if set(_sizes(where, "dilation", dilation, self._dimensions, 1)) != {1}:
            raise ParameterError(
                f"{where}.dilation must be 1; got {dilation!r}; a kernel with zeros between its weights does the same"
            )
        if groups != 1:
            raise ParameterError(f"{where}.groups must be 1; got {groups!r}; take a layer for each group of channels")
        if padding_mode not in _PADDING_MODES:
            raise ParameterError(
                f"{where}.padding_mode must be one of {', '.join(_PADDING_MODES)}; got {padding_mode!r}"
            )
        self.padding_mode = padding_mode
        shape = (self.out_channels, self.in_channels, *self.kernel_size)
        sending = (bias, num_sends, wait_between_events, mock, input_transform, weight_transform)
        set_up(self, shape, *sending)

    def forward(self, input: Tensor) -> Tensor:
        """Outputs ``[batch, out_channels, ...]`` of inputs ``[batch, in_channels, ...]``; edges come first."""
        if any(self.padding):
            # torch counts from the last dimension
            both = [size for size in reversed(self.padding) for _ in range(2)]
            mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
            input = nn.functional.pad(input, both, mode)
        return self._convolved(*self._transformed(input))

    @abstractmethod
    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor: ...

    def _shown(self) -> dict[str, Any]:
        sizes = {"in_channels": self.in_channels, "out_channels": self.out_channels, "kernel_size": self.kernel_size}
        if set(self.stride) != {1}:
            sizes["stride"] = self.stride
        if any(self.padding):
            sizes |= {"padding": self.padding, "padding_mode": self.padding_mode}
        return sizes | MACLayer._shown(self)


@final
class Conv1d(ConvNd):
    """Convolve ``[batch, channel, length]`` on the chip; the bias is added on the host.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, bias, padding_mode
        As of ``torch.nn.Conv1d``; padding is a number.
    dilation, groups
        Must be 1: others are not supported.
    num_sends, wait_between_events, mock, input_transform, weight_transform
        As of `Linear`.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron.nn as hxnn
    >>> hxnn.Conv1d(6, 16, kernel_size=5, stride=2, mock=True)(torch.ones(3, 6, 50)).shape
    torch.Size([3, 16, 23])
    """

    _dimensions = 1

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        return conv1d(x, weight, self.bias, self.stride, **self._sending())


@final
class Conv2d(ConvNd):
    """Convolve ``[batch, channel, height, width]`` on the chip; the bias is added on the host.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, bias, padding_mode
        As of ``torch.nn.Conv2d``; padding is a number or two.
    dilation, groups
        Must be 1: others are not supported.
    num_sends, wait_between_events, mock, input_transform, weight_transform
        As of `Linear`.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron.nn as hxnn
    >>> layer = hxnn.Conv2d(1, 20, 10, stride=5, padding=1, mock=True, input_transform=hxnn.scale_input)
    >>> layer(torch.rand(3, 1, 28, 28)).shape
    torch.Size([3, 20, 5, 5])
    """

    _dimensions = 2

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        return conv2d(x, weight, self.bias, self.stride, **self._sending())


@final
class ExpandedConv1d(ConvNd):
    """Convolve as `Conv1d` does, with the kernel several times beside itself on the chip.

    So one vector gives several windows; each is on synapses of its own, whose mismatch training cannot make up for.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, bias, padding_mode
        As of ``torch.nn.Conv1d``; padding is a number.
    dilation, groups
        Must be 1: others are not supported.
    num_sends, wait_between_events, mock, input_transform, weight_transform
        As of `Linear`.
    num_expansions : int, optional
        How often the kernel is there; by default as often as it fits on a hemisphere with all its channels.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron.nn as hxnn
    >>> layer = hxnn.ExpandedConv1d(1, 14, kernel_size=43, stride=5, mock=True)
    >>> layer.num_expansions, layer(torch.ones(2, 1, 128)).shape
    (18, torch.Size([2, 14, 18]))
    """

    _dimensions = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        num_sends: int | None = None,
        wait_between_events: int = 5,
        mock: bool = False,
        *,
        input_transform: Transform | None = None,
        weight_transform: Transform | None = clamp_weight_,
        num_expansions: int | None = None,
    ) -> None:
        ConvNd.__init__(
            self,
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            num_sends,
            wait_between_events,
            mock,
            input_transform=input_transform,
            weight_transform=weight_transform,
        )
        if num_expansions is None:
            num_expansions = most_expansions(self.in_channels, self.out_channels, self.kernel_size[0], self.stride[0])
        self.num_expansions = integer("ExpandedConv1d", "num_expansions", num_expansions, minimum=1)

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        return expanded_conv1d(x, weight, self.bias, self.stride, self.num_expansions, **self._sending())

    def _shown(self) -> dict[str, Any]:
        return ConvNd._shown(self) | {"num_expansions": self.num_expansions}


# ------------------------------------------------------------------------------------------------ private
def _sizes(where: str, name: str, value: Any, dimensions: int, minimum: int) -> tuple[int, ...]:
    if isinstance(value, str):
        raise ParameterError(f"{where}.{name} must be a number, or {dimensions} of them; got {value!r}")
    several = tuple(value) if isinstance(value, Sequence) else (value,) * dimensions
    if len(several) != dimensions:
        raise ParameterError(f"{where}.{name} must be a number, or {dimensions} of them; got {value!r}")
    return tuple(integer(where, name, each, minimum=minimum) for each in several)
