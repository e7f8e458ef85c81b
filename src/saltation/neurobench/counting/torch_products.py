"""Operations of one call of a linear map or a convolution of PyTorch, in whole numbers.

An input vector of a layer, of one sample at one step, is *analog* where it holds something else than -1, 0 and 1: its
operations are MACs, those of any other vector ACs.  What else is in the batch does not matter.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saltation.neurobench.counting.windows import fan_out, reach, reach_transposed, same_padding

Ints = npt.NDArray[np.int64]


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Products:
    """Operations of a call: MACs, ACs, and all that a dense input and dense weights would make.

    Examples
    --------
    >>> from saltation.neurobench.counting.torch_products import Products
    >>> Products(1, 2, 4) + Products(0, 1, 4)
    Products(macs=1, acs=3, dense=8)
    """

    macs: int
    acs: int
    dense: int

    def __add__(self, other: "Products") -> "Products":
        return Products(self.macs + other.macs, self.acs + other.acs, self.dense + other.dense)


NOTHING = Products(0, 0, 0)


def of_rows(rows: Tensor, nonzero: Ints, every: Ints) -> Products:
    """Operations of input vectors ``[row, entry ..]`` whose entries have given fan-outs ``[entry ..]``."""
    flat = rows.detach().reshape(rows.shape[0], -1) if rows.numel() else rows.new_zeros((rows.shape[0], nonzero.size))
    there = flat != 0
    # complex numbers of size 1 are no spikes; whole numbers without a sign cannot be compared with -1
    one = (flat == 1) | (flat == -1) if flat.is_complex() else flat.abs() == 1
    analog = (there & ~one).any(dim=1)
    counts = [there[which].sum(dim=0, dtype=torch.int64).cpu().numpy() for which in (analog, ~analog)]
    macs, acs = (int(count @ nonzero.reshape(-1)) for count in counts)
    return Products(macs, acs, int(rows.shape[0]) * int(every.sum()))


def linear(x: Tensor, weight: Tensor) -> Products:
    """``x [.., in]`` times ``weight [out, in]``.

    Examples
    --------
    >>> import torch
    >>> from saltation.neurobench.counting.torch_products import linear
    >>> linear(torch.tensor([[1.0, 0.0], [0.5, 1.0]]), torch.tensor([[1.0, 0.0], [2.0, 3.0]]))
    Products(macs=3, acs=2, dense=8)
    """
    if x.layout != torch.strided or weight.layout != torch.strided:
        x, weight = x.to_dense(), weight.to_dense()
    nonzero = (weight.detach() != 0).sum(dim=0, dtype=torch.int64).cpu().numpy()
    rows = math.prod(x.shape[:-1])
    return of_rows(x.reshape(rows, weight.shape[1]), nonzero, np.full_like(nonzero, weight.shape[0]))


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Windows:
    """How a convolution goes over its input: lengths for each axis."""

    stride: tuple[int, ...]
    padding: tuple[int | tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int
    output_padding: tuple[int, ...] | None = None
    """None: not transposed."""


def convolution(x: Tensor, weight: Tensor, windows: Windows) -> Products:
    """A convolution, or a transposed one, of ``x [(batch,) channel, place ..]``.

    ``weight`` is ``[out, in / groups, tap ..]``, or ``[in, out / groups, tap ..]`` of a transposed one.
    """
    axes = weight.ndim - 2
    if x.ndim == axes + 1:
        x = x.unsqueeze(0)
    channels, taps = x.shape[1], weight.shape[2:]
    there = (weight.detach() != 0).cpu()
    groups = windows.groups
    if windows.output_padding is None:
        # [group, out, in, tap ..]: of an input channel, the outputs of its group
        split = there.reshape(groups, weight.shape[0] // groups, weight.shape[1], *taps)
        nonzero = split.sum(dim=1, dtype=torch.int64).reshape(channels, *taps)
        outputs = weight.shape[0] // groups
    else:
        nonzero = there.sum(dim=1, dtype=torch.int64)
        outputs = weight.shape[1]
    reaches = [_reach(int(x.shape[2 + axis]), int(taps[axis]), windows, axis) for axis in range(axes)]
    counts = nonzero.numpy()
    return of_rows(x, fan_out(counts, reaches), fan_out(np.full_like(counts, outputs), reaches))


def _reach(length: int, taps: int, windows: Windows, axis: int) -> Ints:
    stride, padding, dilation = windows.stride[axis], windows.padding[axis], windows.dilation[axis]
    if windows.output_padding is None:
        return reach(length, taps, stride, padding, dilation)
    assert isinstance(padding, int)
    outputs = (length - 1) * stride - 2 * padding + dilation * (taps - 1) + windows.output_padding[axis] + 1
    return reach_transposed(length, taps, stride, padding, dilation, outputs)


_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
_DEFAULTS: Mapping[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0}


def convolution_call(args: Sequence[Any], kwargs: Mapping[str, Any], *, transposed: bool) -> Products:
    """A call of ``torch.conv1d`` and its like, or of ``torch.conv_transpose1d`` and its like, by its arguments."""
    names = _TRANSPOSED if transposed else _CONVOLUTION
    given = {**_DEFAULTS, **dict(zip(names, args, strict=False)), **kwargs}
    weight: Tensor = given["weight"]
    axes = weight.ndim - 2
    dilation = _lengths(given["dilation"], axes)
    padding: tuple[int | tuple[int, int], ...]
    if isinstance(given["padding"], str):
        same = given["padding"] == "same"
        padding = tuple(
            same_padding(int(taps), d) if same else 0 for taps, d in zip(weight.shape[2:], dilation, strict=True)
        )
    else:
        padding = _lengths(given["padding"], axes)
    more = _lengths(given["output_padding"], axes) if transposed else None
    stride = _lengths(given["stride"], axes)
    return convolution(given["input"], weight, Windows(stride, padding, dilation, int(given["groups"]), more))


def _lengths(value: Any, axes: int) -> tuple[int, ...]:
    """One number for all axes, or one for each."""
    numbers = (int(value),) if isinstance(value, int) else tuple(int(each) for each in value)
    return numbers * axes if len(numbers) == 1 else numbers
