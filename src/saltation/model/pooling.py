"""Pooling as connectivity: windows whose units act as one, alone or before other synapses."""

import dataclasses
from collections.abc import Sequence
from typing import final

import numpy as np

from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, freeze, integer
from saltation.model.connectivity import Synapses
from saltation.model.convolution import Conv2d, Lengths, check_window, lengths, window_counts, window_pairs
from saltation.model.record import Record, set_fields


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class SumPool2d(Record):
    """The synapses of sum pooling: every unit of a window acts with the same weight, a scalar.

    Unit (c, y, x) of `post` receives from all units (c, y', x') of `pre` with
    y stride - padding <= y' < y stride - padding + kernel_size, and x' likewise.

    Parameters
    ----------
    input_shape : (int, int, int)
        Channels, height and width of `pre`.
    kernel_size : int or (int, int)
        Height and width of the windows.
    stride : int or (int, int), optional
        From one window to the next; `kernel_size` by default.
    padding : int or (int, int)
        As in ``torch.nn.AvgPool2d``; what lies in the padding never spikes.

    Raises
    ------
    ParameterError
        If an argument is not allowed, or the window does not fit into the padded input.

    References
    ----------
    Pedersen et al., Neuromorphic intermediate representation, Nature Communications 15, 8122 (2024),
    doi:10.1038/s41467-024-52259-9.

    Examples
    --------
    >>> from saltation.model import SumPool2d
    >>> pool = SumPool2d((8, 12, 12), kernel_size=2)
    >>> pool.output_shape, pool.weight_shape
    ((8, 6, 6), ())
    """

    input_shape: tuple[int, ...]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    def __init__(
        self,
        input_shape: Sequence[int],
        kernel_size: Lengths,
        stride: Lengths | None = None,
        padding: Lengths = 0,
    ) -> None:
        shape = lengths("SumPool2d", "input_shape", input_shape, 3, minimum=1)
        size = lengths("SumPool2d", "kernel_size", kernel_size, 2, minimum=1)
        around = lengths("SumPool2d", "padding", padding, 2, minimum=0)
        check_window("SumPool2d", shape, size, around, (1, 1))
        set_fields(
            self,
            input_shape=shape,
            kernel_size=size,
            stride=size if stride is None else lengths("SumPool2d", "stride", stride, 2, minimum=1),
            padding=around,
        )

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Channels, height and width of `post`."""
        counts = window_counts(self.input_shape[1:], self.kernel_size, self.stride, self.padding, (1, 1))
        return (self.input_shape[0], *counts)

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
        """A scalar."""
        return ()

    def synapses(self) -> Synapses:
        """Give the neurons that each synapse leaves and reaches, and the place of its weight."""
        source, target, _ = window_pairs(self.input_shape[1:], self.kernel_size, self.stride, self.padding, (1, 1))
        channel = np.arange(self.input_shape[0])[:, None]
        n_in, n_out = int(np.prod(self.input_shape[1:])), int(np.prod(self.output_shape[1:]))
        pre, post = (channel * n_in + source).reshape(-1), (channel * n_out + target).reshape(-1)
        return freeze(pre), freeze(post), freeze(np.zeros(pre.size, np.int64))


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Pooled(Record):
    """Sum pooling in front of other synapses: all units of a window act through the synapses of their window.

    The sum is linear, so that the two are one projection, with the weights of the second.

    Parameters
    ----------
    pool : SumPool2d
        The windows over `pre`.
    then : Conv2d or int
        The synapses that leave the windows: a convolution, or the size of `post` for all-to-all, with weights
        [n_windows, n_post].

    Raises
    ------
    ParameterError
        If the two do not fit.

    References
    ----------
    Pedersen et al., Neuromorphic intermediate representation, Nature Communications 15, 8122 (2024),
    doi:10.1038/s41467-024-52259-9.

    Examples
    --------
    >>> from saltation.model import Pooled, SumPool2d
    >>> Pooled(SumPool2d((8, 12, 12), kernel_size=2), then=10).weight_shape
    (288, 10)
    """

    pool: SumPool2d
    then: Conv2d | int

    def __init__(self, pool: SumPool2d, then: Conv2d | int) -> None:
        if not isinstance(pool, SumPool2d):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ParameterError(explain("Pooled.pool", "a SumPool2d", describe(pool)))
        if not isinstance(then, Conv2d):
            integer("Pooled", "then", then, minimum=1, hint="or a Conv2d")
        elif then.input_shape != pool.output_shape:
            must = f"a Conv2d of input_shape {pool.output_shape}, what the pool gives"
            raise ParameterError(explain("Pooled.then", must, str(then.input_shape)))
        set_fields(self, pool=pool, then=then)

    @property
    def n_pre(self) -> int:
        """Number of units of `pre`."""
        return self.pool.n_pre

    @property
    def n_post(self) -> int:
        """Number of units of `post`."""
        return self.then.n_post if isinstance(self.then, Conv2d) else self.then

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """That of the synapses behind the pool."""
        return self.then.weight_shape if isinstance(self.then, Conv2d) else (self.pool.n_post, self.then)

    def synapses(self) -> Synapses:
        """Give the neurons that each synapse leaves and reaches, and the place of its weight."""
        unit, window, _ = self.pool.synapses()
        if isinstance(self.then, Conv2d):
            pre, post, place = self.then.synapses()
        else:
            pre = np.repeat(np.arange(self.pool.n_post), self.then)
            post, place = np.tile(np.arange(self.then), self.pool.n_post), np.arange(pre.size)
        # the synapses of each window, once for each of its units
        order = np.argsort(pre, kind="stable")
        begin, end = np.searchsorted(pre[order], window), np.searchsorted(pre[order], window, side="right")
        count = end - begin
        first = np.cumsum(count) - count
        chosen = order[np.repeat(begin - first, count) + np.arange(count.sum())]
        return freeze(np.repeat(unit, count)), freeze(post[chosen]), freeze(place[chosen])
