"""Convolutions of tensors on the chip: each window of the input is a vector, the kernels are the matrix."""

from collections.abc import Sequence

import torch
from torch import Tensor

from saltation.bss2.mac.windows import check_convolution, expansion, strides_of
from saltation.bss2.perceptron.functional import matmul


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    num_sends: int = 1,
    wait_between_events: int = 5,
    mock: bool = False,
) -> Tensor:
    """Convolve ``[batch, channel, length]`` with kernels ``[output, channel, kernel]``.

    ::

        y[b, o, l] = mac(x[b, :, l stride : l stride + kernel], weight[o])  + bias[o]

    The bias is added on the host, without limits.

    Parameters
    ----------
    input, weight, bias : Tensor
        As of ``torch.nn.functional.conv1d``, in the ranges of `mac`.
    stride : int or sequence of int
        From one window to the next.
    num_sends, wait_between_events, mock
        As of `mac`.

    Returns
    -------
    Tensor, [batch, output, window]

    Raises
    ------
    ParameterError
        If shapes do not go together.
    RangeError
        If an activation or a weight is out of range.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron as hxtorch
    >>> hxtorch.conv1d(torch.ones(2, 3, 30), torch.ones(4, 3, 5), stride=2, mock=True).shape
    torch.Size([2, 4, 13])
    """
    return _convolve(1, input, weight, bias, stride, num_sends, wait_between_events, mock)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    num_sends: int = 1,
    wait_between_events: int = 5,
    mock: bool = False,
) -> Tensor:
    """Convolve ``[batch, channel, height, width]`` with kernels ``[output, channel, height, width]``; see `conv1d`.

    Raises
    ------
    ParameterError
        If shapes do not go together.
    RangeError
        If an activation or a weight is out of range.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron as hxtorch
    >>> hxtorch.conv2d(torch.ones(2, 1, 30, 30), torch.ones(20, 1, 10, 10), stride=5, mock=True).shape
    torch.Size([2, 20, 5, 5])
    """
    return _convolve(2, input, weight, bias, stride, num_sends, wait_between_events, mock)


def expanded_conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    num_expansions: int = 1,
    num_sends: int = 1,
    wait_between_events: int = 5,
    mock: bool = False,
) -> Tensor:
    """Convolve as `conv1d` does, with the kernel so often beside itself on the chip: as many windows at once.

    Each replica is on synapses and neurons of its own, so that mismatch differs from window to window, and training
    cannot make up for it: the weights are the same.

    Raises
    ------
    ParameterError
        If shapes do not go together.
    RangeError
        If an activation or a weight is out of range.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron as hxtorch
    >>> x, kernel = torch.ones(2, 3, 30), torch.ones(4, 3, 5)
    >>> hxtorch.expanded_conv1d(x, kernel, stride=2, num_expansions=4, mock=True).shape
    torch.Size([2, 4, 13])
    """
    check_convolution("expanded_conv1d", 1, input.shape, weight.shape, None if bias is None else bias.shape)
    (step,) = strides_of("expanded_conv1d", stride, 1)
    plan = expansion("expanded_conv1d", num_expansions, input.shape[2], weight.shape[2], step)
    large = torch.stack(
        [torch.nn.functional.pad(weight, (n * step, plan.width - n * step - plan.kernel)) for n in range(plan.number)],
        dim=1,
    )
    found = _convolve(
        1,
        torch.nn.functional.pad(input, (0, plan.padding)),
        large.flatten(0, 1),
        None,
        step * plan.number,
        num_sends,
        wait_between_events,
        mock,
    )
    # [batch, output x replica, window] to [batch, output, window x replica], which is the order in the input
    lined = found.unflatten(1, (weight.shape[0], plan.number)).transpose(2, 3).flatten(2)
    return _biased(lined[..., : plan.length], bias, 1).contiguous()


def windows(input: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """What kernels see: ``[batch, channel, ...]`` to ``[batch, places..., channel x kernel]``."""
    dimensions = len(kernel)
    for n in range(dimensions):
        input = input.unfold(n + 2, kernel[n], stride[n])
    # behind batch and channel: the places, then the kernel
    places = range(2, 2 + dimensions)
    return input.permute(0, *places, 1, *(place + dimensions for place in places)).flatten(1 + dimensions)


# ------------------------------------------------------------------------------------------------ private
def _convolve(
    dimensions: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int | Sequence[int],
    num_sends: int,
    wait_between_events: int,
    mock: bool,
) -> Tensor:
    where = f"conv{dimensions}d"
    check_convolution(where, dimensions, input.shape, weight.shape, None if bias is None else bias.shape)
    vectors = windows(input, weight.shape[2:], strides_of(where, stride, dimensions))
    found = matmul(vectors, weight.flatten(1).t(), num_sends, wait_between_events, mock)
    return _biased(found.movedim(-1, 1), bias, dimensions).contiguous()


def _biased(found: Tensor, bias: Tensor | None, dimensions: int) -> Tensor:
    return found if bias is None else found + bias.view(-1, *(1,) * dimensions)
