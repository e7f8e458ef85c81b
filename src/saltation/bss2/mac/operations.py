"""Operations of the matrix mode on NumPy arrays, by the names that they have in hxtorch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2.mac.connection import Units, system_of
from saltation.bss2.mac.ranges import ACTIVATION_MAX
from saltation.bss2.mac.rounding import int8, saturated
from saltation.bss2.mac.trace import record_digital, tracing
from saltation.bss2.mac.windows import check_convolution, expansion, strides_of
from saltation.errors import ParameterError
from saltation.model.checks import integer

Int8 = NDArray[np.int8]


def mac(
    x: npt.ArrayLike,
    weights: npt.ArrayLike,
    num_sends: int = 1,
    wait_between_events: int = 5,
    *,
    unit: Units | None = None,
) -> Int8:
    """Multiply a vector, or several, by a matrix on chips.

    ::

        y = clip(sum of blocks of 128 inputs: clip(gain num_sends (x @ weights), -128, 127), -128, 127)

    Parameters
    ----------
    x : array_like, [input] or [batch, input]
        Activations, 0 to 31 once they are rounded, halves away from zero.
    weights : array_like, [input, output]
        Weights, -63 to 63 once they are rounded.
    num_sends : int
        How often a vector is sent: a gain.
    wait_between_events : int
        From one event to the next, in periods of 8 ns. Drivers and inputs have less time with less.
    unit : MatrixUnit, sequence of MatrixUnit, or System, optional
        Where; by default what `init_hardware` connected.

    Returns
    -------
    ndarray of int8, [output] or [batch, output]

    Raises
    ------
    RangeError
        If an activation or a weight is out of range.
    ParameterError
        If shapes do not go together.
    SimulationError
        If nothing is connected.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2.mac import Ideal, MockParameter, mac
    >>> mac(np.full(100, 15), np.full((100, 3), 21), unit=Ideal(MockParameter(noise_std=0.0)))
    array([63, 63, 63], dtype=int8)
    """
    vectors = np.asarray(x)
    if vectors.ndim not in (1, 2):
        raise ParameterError(f"mac.x must be [input] or [batch, input]; got shape {vectors.shape}; matmul takes more")
    found = system_of(unit).multiply(
        weights, np.atleast_2d(vectors), num_sends=num_sends, wait_between_events=wait_between_events
    )
    return found if vectors.ndim == 2 else found[0]


def matmul(
    input: npt.ArrayLike,
    other: npt.ArrayLike,
    num_sends: int = 1,
    wait_between_events: int = 5,
    *,
    unit: Units | None = None,
) -> Int8:
    """Multiply as ``np.matmul`` does, by a matrix or a vector; see `mac`.

    Raises
    ------
    ParameterError
        If ``other`` has more than two dimensions, or shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2.mac import Ideal, matmul
    >>> matmul(np.ones((2, 5, 128)), np.ones(128), unit=Ideal()).shape
    (2, 5)
    """
    x, matrix = np.asarray(input), np.asarray(other)
    check_matmul(x.shape, matrix.shape)
    flat = mac(
        x.reshape(-1, x.shape[-1]),
        matrix if matrix.ndim == 2 else matrix[:, None],
        num_sends,
        wait_between_events,
        unit=unit,
    )
    return flat.reshape((*x.shape[:-1], *matrix.shape[1:]))


def conv1d(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    stride: int | Sequence[int] = 1,
    num_sends: int = 1,
    wait_between_events: int = 5,
    *,
    unit: Units | None = None,
) -> NDArray[Any]:
    """Convolve ``[batch, channel, length]`` with kernels ``[output, channel, kernel]``; each window is a vector.

    The bias is added on the host, without limits.

    Raises
    ------
    ParameterError
        If shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2.mac import Ideal, conv1d
    >>> conv1d(np.ones((2, 3, 30)), np.ones((4, 3, 5)), stride=2, unit=Ideal()).shape
    (2, 4, 13)
    """
    return _convolve(1, input, weight, bias, stride, (num_sends, wait_between_events), unit)


def conv2d(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    stride: int | Sequence[int] = 1,
    num_sends: int = 1,
    wait_between_events: int = 5,
    *,
    unit: Units | None = None,
) -> NDArray[Any]:
    """Convolve ``[batch, channel, height, width]`` with kernels ``[output, channel, height, width]``.

    Raises
    ------
    ParameterError
        If shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2.mac import Ideal, conv2d
    >>> conv2d(np.ones((2, 1, 30, 30)), np.ones((20, 1, 10, 10)), stride=5, unit=Ideal()).shape
    (2, 20, 5, 5)
    """
    return _convolve(2, input, weight, bias, stride, (num_sends, wait_between_events), unit)


def expanded_conv1d(
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None = None,
    stride: int | Sequence[int] = 1,
    num_expansions: int = 1,
    num_sends: int = 1,
    wait_between_events: int = 5,
    *,
    unit: Units | None = None,
) -> NDArray[Any]:
    """Convolve as `conv1d` does, with the kernel so often beside itself on the chip: as many windows at once.

    Each replica is on synapses and neurons of its own, so that mismatch differs from window to window.

    Raises
    ------
    ParameterError
        If shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2.mac import Ideal, expanded_conv1d
    >>> expanded_conv1d(np.ones((2, 3, 30)), np.ones((4, 3, 5)), stride=2, num_expansions=4, unit=Ideal()).shape
    (2, 4, 13)
    """
    x, kernels = np.asarray(input), np.asarray(weight)
    check_convolution("expanded_conv1d", 1, x.shape, kernels.shape, None if bias is None else np.shape(bias))
    (step,) = strides_of("expanded_conv1d", stride, 1)
    plan = expansion("expanded_conv1d", num_expansions, x.shape[2], kernels.shape[2], step)
    large = np.zeros((kernels.shape[0], plan.number, kernels.shape[1], plan.width), kernels.dtype)
    for n in range(plan.number):
        large[:, n, :, n * step : n * step + plan.kernel] = kernels
    found = _convolve(
        1,
        np.pad(x, ((0, 0), (0, 0), (0, plan.padding))),
        large.reshape(-1, *large.shape[2:]),
        None,
        step * plan.number,
        (num_sends, wait_between_events),
        unit,
    )
    # [batch, output x replica, window] to [batch, output, window x replica], which is the order in the input
    lined = found.reshape(len(x), kernels.shape[0], plan.number, -1).swapaxes(2, 3)
    return _biased(lined.reshape(len(x), kernels.shape[0], -1)[..., : plan.length], bias, 1)


def add(input: npt.ArrayLike, other: npt.ArrayLike, alpha: float = 1.0) -> Int8:
    """Add ``alpha`` times ``other`` in 8 bits: both rounded down and saturating, and so is the sum.

    Raises
    ------
    ParameterError
        If ``other`` is not of a shape that goes with that of ``input``.

    Examples
    --------
    >>> from saltation.bss2.mac import add
    >>> add([100.0, -3.0], [50.0, 0.7])
    array([127,  -3], dtype=int8)
    """
    own, more = np.asarray(input), np.asarray(other)
    check_add(own.shape, more.shape)
    _record("add", own.size, own.size)
    # before they are multiplied: products of small whole numbers wrap
    more = more.astype(np.float64) if more.dtype.kind in "iu" else more
    return saturated(int8("add.input", own).astype(np.int64) + int8("add.other", alpha * more))


def argmax(input: npt.ArrayLike, dim: int | None = None, keepdim: bool = False) -> Any:
    """Index of the largest value in 8 bits, the first of several; of the flat input without ``dim``.

    Examples
    --------
    >>> from saltation.bss2.mac import argmax
    >>> argmax([[1.0, 5.2, 5.9], [500.0, 130.0, 3.0]], dim=1)
    array([1, 0])
    """
    values = int8("argmax.input", input)
    _record("argmax", values.size, 1)
    return np.argmax(values) if dim is None else np.argmax(values, axis=dim, keepdims=keepdim)


def relu(input: npt.ArrayLike) -> Int8:
    """Rectify in 8 bits: 0 to 127, rounded down.

    Examples
    --------
    >>> from saltation.bss2.mac import relu
    >>> relu([-3.0, 5.7, 200.0])
    array([  0,   5, 127], dtype=int8)
    """
    values = int8("relu.input", input)
    _record("relu", values.size, values.size)
    return np.maximum(values, 0).astype(np.int8)


def converting_relu(input: npt.ArrayLike, shift: int = 2) -> Int8:
    """Rectify to activations: shifted right by some bits, 0 to 31.

    ::

        y = min(floor(relu(x) / 2**shift), 31)

    Raises
    ------
    ParameterError
        If ``shift`` is not an integer of at least 0.

    Examples
    --------
    >>> from saltation.bss2.mac import converting_relu
    >>> converting_relu([-3.0, 5.7, 127.0], shift=1)
    array([ 0,  2, 31], dtype=int8)
    """
    bits = integer("converting_relu", "shift", shift)
    values = int8("converting_relu.input", input)
    _record("converting_relu", values.size, values.size)
    return np.minimum(np.maximum(values, 0) // 2.0**bits, ACTIVATION_MAX).astype(np.int8)


def check_matmul(x: Sequence[int], other: Sequence[int]) -> None:
    """Check the shapes of the two that are multiplied.

    Raises
    ------
    ParameterError
        If ``other`` has more than two dimensions, or they do not go together.
    """
    if not x or len(other) not in (1, 2):
        raise ParameterError(
            f"matmul: input must have at least one dimension, and other one or two; got shapes {tuple(x)} and "
            f"{tuple(other)}; stacks of matrices are multiplied one by one"
        )
    if x[-1] != other[0]:
        raise ParameterError(
            f"matmul: the last size of input must be the first of other; got shapes {tuple(x)} and {tuple(other)}"
        )


def check_add(input: Sequence[int], other: Sequence[int]) -> None:
    """Check that what is added goes with the shape that it is added to.

    Raises
    ------
    ParameterError
        If it does not.
    """
    try:
        fits = np.broadcast_shapes(tuple(input), tuple(other)) == tuple(input)
    except ValueError:
        fits = False
    if not fits:
        raise ParameterError(
            f"add.other must be of a shape that can be spread to that of input; got {tuple(other)} and {tuple(input)}"
        )


# ------------------------------------------------------------------------------------------------ private
def _convolve(
    dimensions: int,
    input: npt.ArrayLike,
    weight: npt.ArrayLike,
    bias: npt.ArrayLike | None,
    stride: int | Sequence[int],
    sending: tuple[int, int],
    unit: Units | None,
) -> NDArray[Any]:
    x, kernels = np.asarray(input), np.asarray(weight)
    where = f"conv{dimensions}d"
    check_convolution(where, dimensions, x.shape, kernels.shape, None if bias is None else np.shape(bias))
    steps = strides_of(where, stride, dimensions)
    axes = tuple(range(2, x.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(x, kernels.shape[2:], axis=axes)
    windows = windows[(slice(None), slice(None), *(slice(None, None, step) for step in steps))]
    # [batch, channel, place, kernel] to [batch, place, channel x kernel]
    vectors = np.moveaxis(windows, 1, dimensions + 1)
    vectors = vectors.reshape(*vectors.shape[: dimensions + 1], -1)
    found = matmul(vectors, kernels.reshape(len(kernels), -1).T, *sending, unit=unit)
    return _biased(np.moveaxis(found, -1, 1), bias, dimensions)


def _biased(found: NDArray[Any], bias: npt.ArrayLike | None, dimensions: int) -> NDArray[Any]:
    if bias is None:
        return found
    return found.astype(np.float64) + np.asarray(bias).reshape(-1, *(1,) * dimensions)


def _record(name: str, *values: int) -> None:
    if tracing():
        record_digital(name, sum(values))
