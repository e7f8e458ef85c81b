"""From numbers to those that the chip takes: rounding, ranges, saturation."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2.mac.ranges import ACTIVATION_MAX, OUTPUT_MAX, OUTPUT_MIN, WEIGHT_MAX
from saltation.errors import ParameterError, RangeError

Ints = NDArray[np.int64]


def rounded(values: NDArray[Any]) -> NDArray[Any]:
    """The nearest whole numbers, halves away from zero: what the chip's software sends.

    Examples
    --------
    >>> rounded(np.array([-1.5, -0.4, 0.5, 2.5]))
    array([-2., -0.,  1.,  3.])
    """
    whole = np.trunc(values)
    return whole + np.copysign(np.abs(values - whole) >= 0.5, values)


def activations(where: str, values: npt.ArrayLike) -> Ints:
    """Round activations, and check that they are 0 to 31.

    Raises
    ------
    ParameterError
        If they are not real numbers, or not finite.
    RangeError
        If one is out of range once it is rounded.

    Examples
    --------
    >>> activations("mac.x", [0.4, 30.5])
    array([ 0, 31])
    """
    return _within(where, values, 0, ACTIVATION_MAX, CLIPPED_ACTIVATIONS)


def weights(where: str, values: npt.ArrayLike) -> Ints:
    """Round weights, and check that they are -63 to 63.

    Raises
    ------
    ParameterError
        If they are not real numbers, or not finite.
    RangeError
        If one is out of range once it is rounded.

    Examples
    --------
    >>> weights("mac.weights", [-63.4, 1.5])
    array([-63,   2])
    """
    return _within(where, values, -WEIGHT_MAX, WEIGHT_MAX, CLIPPED_WEIGHTS)


CLIPPED_ACTIVATIONS = (
    "scale them with scale_input, or pass what comes before through converting_relu; nothing is clipped unasked"
)
CLIPPED_WEIGHTS = "scale them with scale_weight, or clip them with clamp_weight_; nothing is clipped unasked"


def out_of_range(where: str, low: float, high: float, minimum: int, maximum: int, hint: str) -> RangeError:
    """The error for values from `low` to `high` where `minimum` to `maximum` is allowed."""
    return RangeError(f"{where} must be {minimum} to {maximum} after rounding; got {low:g} to {high:g}; {hint}")


def _within(where: str, values: npt.ArrayLike, minimum: int, maximum: int, hint: str) -> Ints:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ParameterError(f"{where} must be real numbers; got an array of dtype {array.dtype}")
    if not array.size:
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ParameterError(f"{where} must be finite; got NaN or infinity; a training may have diverged")
        array = rounded(array)
    low, high = array.min(), array.max()
    if low < minimum or high > maximum:
        raise out_of_range(where, float(low), float(high), minimum, maximum, hint)
    return array.astype(np.int64)


def saturated(values: NDArray[Any]) -> NDArray[np.int8]:
    """Whole numbers as int8, those beyond -128 and 127 at these: how the chip adds.

    Examples
    --------
    >>> saturated(np.array([-200, 5, 130]))
    array([-128,    5,  127], dtype=int8)
    """
    return np.clip(values, OUTPUT_MIN, OUTPUT_MAX).astype(np.int8)


def int8(where: str, values: npt.ArrayLike) -> NDArray[np.int8]:
    """Numbers as the digital operations of the chip take them: rounded down, saturating.

    Raises
    ------
    ParameterError
        If they are not real numbers, or NaN.

    Examples
    --------
    >>> int8("add.input", [-0.5, 3.9, 500.0])
    array([ -1,   3, 127], dtype=int8)
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ParameterError(f"{where} must be real numbers; got an array of dtype {array.dtype}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ParameterError(f"{where} must be numbers; got NaN; a training may have diverged")
    return saturated(np.floor(array))
