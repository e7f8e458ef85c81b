"""How often each place of an input is read through each tap of a kernel: convolutions counted without running them.

The windows of a convolution are a product over axes, so that the fan-out of an entry is one too::

    reach_a[p, k] = number of outputs along axis a that read place p through tap k
    fan_out[c, p, q ..] = sum over taps k, l .. of nonzero[c, k, l ..] reach_1[p, k] reach_2[q, l] ..

in whole numbers, where ``nonzero[c, k ..]`` counts the output channels whose weight is not zero.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

_PLACES, _TAPS = "abcd", "wxyz"


def reach(length: int, taps: int, stride: int, padding: int | tuple[int, int], dilation: int) -> Ints:
    """Outputs that read each place through each tap, ``[place, tap]``, of a convolution along one axis.

    Examples
    --------
    >>> from saltation.neurobench.counting.windows import reach
    >>> reach(length=4, taps=3, stride=1, padding=1, dilation=1)
    array([[1, 1, 0],
           [1, 1, 1],
           [1, 1, 1],
           [0, 1, 1]])
    """
    before, after = (padding, padding) if isinstance(padding, int) else padding
    outputs = (length + before + after - dilation * (taps - 1) - 1) // stride + 1
    place = np.arange(outputs)[:, None] * stride + np.arange(taps) * dilation - before
    return _tally(place, length, taps)


def reach_transposed(length: int, taps: int, stride: int, padding: int, dilation: int, outputs: int) -> Ints:
    """The same of a transposed convolution: tap k of place p writes to ``p stride + k dilation - padding``, if there.

    Examples
    --------
    >>> from saltation.neurobench.counting.windows import reach_transposed
    >>> reach_transposed(length=2, taps=3, stride=2, padding=1, dilation=1, outputs=3)
    array([[0, 1, 1],
           [1, 1, 0]])
    """
    place = np.arange(length)[:, None] * stride + np.arange(taps) * dilation - padding
    return ((place >= 0) & (place < outputs)).astype(np.int64)


def same_padding(taps: int, dilation: int) -> tuple[int, int]:
    """What ``padding="same"`` puts before and after an axis."""
    total = dilation * (taps - 1)
    return total // 2, total - total // 2


def fan_out(nonzero: Ints, reaches: Sequence[Ints]) -> Ints:
    """Fan-out of each entry ``[channel, place ..]``, from the weights ``[channel, tap ..]`` and the reach of each axis.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.counting.windows import fan_out, reach
    >>> axis = reach(length=4, taps=3, stride=1, padding=1, dilation=1)
    >>> int(fan_out(np.full((1, 3, 3), 2), [axis, axis]).sum())  # 3 x 3, padding 1, 4 x 4, 1 -> 2 channels
    200
    """
    axes = len(reaches)
    places, taps = _PLACES[:axes], _TAPS[:axes]
    each = ",".join(f"{p}{t}" for p, t in zip(places, taps, strict=True))
    return np.einsum(f"n{taps},{each}->n{places}", nonzero.astype(np.int64), *reaches)


def _tally(place: Ints, length: int, taps: int) -> Ints:
    """How often each tap is at each place ``[place, tap]``; what is outside is padding."""
    inside = (place >= 0) & (place < length)
    tap = np.broadcast_to(np.arange(taps), place.shape)
    return np.bincount(place[inside] * taps + tap[inside], minlength=length * taps).reshape(length, taps)
