"""Convolution and pooling as connectivity: many synapses that share few weights."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, TypeAlias, cast, final

import numpy as np

from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, freeze, integer
from saltation.model.connectivity import Indices, Synapses, range_of
from saltation.model.record import Record, set_fields

Lengths: TypeAlias = int | Sequence[int]
"""One number for all axes, or one for each."""


@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Convolution(Record):
    """What `Conv1d` and `Conv2d` share; abstract: they say over how many axes they go.

    Examples
    --------
    >>> from saltation.model import Conv1d, Conv2d
    >>> Conv1d.axes, Conv2d.axes
    (1, 2)
    """

    axes: ClassVar[int]

    input_shape: tuple[int, ...]
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def __init__(
        self,
        input_shape: Sequence[int],
        out_channels: int,
        kernel_size: Lengths,
        *,
        stride: Lengths = 1,
        padding: Lengths = 0,
        dilation: Lengths = 1,
        groups: int = 1,
    ) -> None:
        owner, axes = type(self).__name__, self.axes
        shape = lengths(owner, "input_shape", input_shape, axes + 1, minimum=1)
        channels = integer(owner, "out_channels", out_channels, minimum=1)
        parts = integer(owner, "groups", groups, minimum=1)
        if shape[0] % parts or channels % parts:
            must = f"a divisor of both numbers of channels, {shape[0]} and {channels}"
            raise ParameterError(explain(f"{owner}.groups", must, str(parts)))
        set_fields(
            self,
            input_shape=shape,
            out_channels=channels,
            kernel_size=lengths(owner, "kernel_size", kernel_size, axes, minimum=1),
            stride=lengths(owner, "stride", stride, axes, minimum=1),
            padding=lengths(owner, "padding", padding, axes, minimum=0),
            dilation=lengths(owner, "dilation", dilation, axes, minimum=1),
            groups=parts,
        )
        check_window(owner, shape, self.kernel_size, self.padding, self.dilation)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Channels of `post`, and its length, or height and width."""
        counts = window_counts(self.input_shape[1:], self.kernel_size, self.stride, self.padding, self.dilation)
        return (self.out_channels, *counts)

    @property
    def n_pre(self) -> int:
        """Number of units of `pre`."""
        return int(np.prod(self.input_shape))

    @property
    def n_post(self) -> int:
        """Number of units of `post`."""
        return int(np.prod(self.output_shape))

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """(out_channels, in_channels / groups), then the lengths of the kernel."""
        return (self.out_channels, self.input_shape[0] // self.groups, *self.kernel_size)

    def synapses(self) -> Synapses:
        """Give the neurons that each synapse leaves and reaches, and the place of its weight."""
        source, target, tap = window_pairs(
            self.input_shape[1:], self.kernel_size, self.stride, self.padding, self.dilation
        )
        n_in, n_out = int(np.prod(self.input_shape[1:])), int(np.prod(self.output_shape[1:]))
        n_taps, per_group = int(np.prod(self.kernel_size)), self.input_shape[0] // self.groups
        out = np.arange(self.out_channels)[:, None, None]
        within = np.arange(per_group)[None, :, None]
        channel = out // (self.out_channels // self.groups) * per_group + within
        pre = channel * n_in + source
        post = np.broadcast_to(out * n_out + target, pre.shape)
        place = (out * per_group + within) * n_taps + tap
        return freeze(pre.reshape(-1)), freeze(post.reshape(-1)), freeze(place.reshape(-1))


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Conv2d(Convolution):
    """The synapses of a two-dimensional convolution (a cross-correlation, as everywhere in the field).

    Unit (o, y, x) of `post` receives from unit (i, y', x') of `pre`, with y' = y stride + ky dilation - padding and
    x' likewise, through weight[o, i, ky, kx].  Units are numbered channel by channel and row by row, as
    ``torch.flatten`` numbers the entries of an image.

    Parameters
    ----------
    input_shape : (int, int, int)
        Channels, height and width of `pre`.
    out_channels : int
        Channels of `post`.
    kernel_size : int or (int, int)
        Height and width of the kernel.
    stride, padding, dilation : int or (int, int)
        As in ``torch.nn.Conv2d``; what lies in the padding never spikes.
    groups : int
        Number of groups of channels that are kept apart; divides both numbers of channels.

    Raises
    ------
    ParameterError
        If an argument is not allowed, or the kernel does not fit into the padded input.

    References
    ----------
    Dumoulin and Visin, A guide to convolution arithmetic for deep learning (2016), arXiv:1603.07285.

    Examples
    --------
    >>> from saltation.model import Conv2d
    >>> conv = Conv2d((1, 28, 28), out_channels=8, kernel_size=5, stride=2)
    >>> conv.output_shape, conv.n_post, conv.weight_shape
    ((8, 12, 12), 1152, (8, 1, 5, 5))
    """

    axes: ClassVar[int] = 2


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Conv1d(Convolution):
    """The synapses of a one-dimensional convolution; as `Conv2d` with one axis.

    Unit (o, x) of `post` receives from unit (i, x stride + k dilation - padding) of `pre` through weight[o, i, k].

    Parameters
    ----------
    input_shape : (int, int)
        Channels and length of `pre`.
    out_channels, kernel_size, stride, padding, dilation, groups : int
        As in ``torch.nn.Conv1d``.

    Raises
    ------
    ParameterError
        If an argument is not allowed, or the kernel does not fit into the padded input.

    References
    ----------
    Dumoulin and Visin, A guide to convolution arithmetic for deep learning (2016), arXiv:1603.07285.

    Examples
    --------
    >>> from saltation.model import Conv1d
    >>> Conv1d((2, 100), out_channels=4, kernel_size=5).output_shape
    (4, 96)
    """

    axes: ClassVar[int] = 1


# -------------------------------------------------------------------------------- windows over an axis or two
def lengths(owner: str, name: str, value: object, axes: int, minimum: int) -> tuple[int, ...]:
    """Check one integer for all axes, or one for each."""
    if isinstance(value, tuple | list):
        each = tuple(integer(owner, name, n, minimum=minimum) for n in cast(Sequence[object], value))
        if len(each) == axes:
            return each
    elif name != "input_shape":
        return (integer(owner, name, value, minimum=minimum),) * axes
    must = f"{axes} integers >= {minimum}" + ("" if name == "input_shape" else ", or one for all axes")
    raise ParameterError(explain(f"{owner}.{name}", must, describe(cast(object, value))))


def check_window(
    owner: str, shape: tuple[int, ...], size: tuple[int, ...], padding: tuple[int, ...], dilation: tuple[int, ...]
) -> None:
    """Check that a window fits at least once into each axis."""
    for n, k, around, step in zip(shape[1:], size, padding, dilation, strict=True):
        if step * (k - 1) + 1 > n + 2 * around:
            must = f"such that the window fits into {n} + 2 x {around}, the padded input"
            raise ParameterError(explain(f"{owner}.kernel_size", must, f"{k} with dilation {step}"))


def window_counts(
    lengths: tuple[int, ...],
    size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[int, ...]:
    """How many windows fit into each axis."""
    each = zip(lengths, size, stride, padding, dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in each)


def window_pairs(
    lengths: tuple[int, ...],
    size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[Indices, Indices, Indices]:
    """For each entry under each window: its number, that of the window, and that of its place in the window."""
    source = target = tap = np.zeros(1, np.int64)
    counts = window_counts(lengths, size, stride, padding, dilation)
    for n, k, s, p, d, count in zip(lengths, size, stride, padding, dilation, counts, strict=True):
        window = np.repeat(range_of(count), k)
        place = np.tile(range_of(k), count)
        entry = window * s + place * d - p
        inside = (entry >= 0) & (entry < n)
        window, place, entry = window[inside], place[inside], entry[inside]
        source = (source[:, None] * n + entry).reshape(-1)
        target = (target[:, None] * count + window).reshape(-1)
        tap = (tap[:, None] * k + place).reshape(-1)
    return source, target, tap
