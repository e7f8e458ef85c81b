"""Validation of parameters, with one form of message.

    LIF.tau_mem must be > 0; got -0.02 at index (3,); times are in seconds: 20 ms is 20e-3

Every check returns the value in the form in which it is stored: Python scalars, or read-only arrays of the
program's own that no later change by the caller can reach.
"""

import difflib
import operator
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeGuard, TypeVar

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
"""An array of float64 or float32."""

Shape: TypeAlias = tuple[int | None, ...]
"""An allowed shape; None stands for any length."""

SECONDS: Final = "times are in seconds: 20 ms is 20e-3"

_Array = TypeVar("_Array", bound=npt.NDArray[Any])


def explain(where: str, must: str, got: str, hint: str = "") -> str:
    """Message of the house form: what must be, what was got, and what to do about it."""
    return f"{where} must be {must}; got {got}" + (f"; {hint}" if hint else "")


def describe(value: object) -> str:
    """Describe a value in a few words: arrays by shape and dtype, anything else by repr and type."""
    if is_array(value) and value.ndim > 0:
        return f"an array of shape {value.shape}, dtype {value.dtype}"
    if value is None:
        return "None"
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def suggest(name: object, known: Iterable[object]) -> str:
    """List the known names, the closest one first in a question of its own."""
    names = {str(k): repr(k) for k in known}
    close = difflib.get_close_matches(str(name), list(names), n=1)
    question = f"did you mean {names[close[0]]}? " if close else ""
    return f"{question}known: {', '.join(names.values()) if names else 'none yet'}"


def is_array(value: object) -> TypeGuard[npt.NDArray[Any]]:
    """Whether a value is a NumPy array, in a form that the type checker follows."""
    return isinstance(value, np.ndarray)


def freeze(array: _Array) -> _Array:
    """Make an array read-only, in place, and return it."""
    array.flags.writeable = False
    return array


def to_array(where: str, value: object) -> npt.NDArray[Any]:
    """Turn anything array-like into a NumPy array, without converting its dtype."""
    try:
        # Ragged lists raise ValueError, tensors that track a gradient RuntimeError, odd objects TypeError.
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ParameterError(
            explain(where, "a number or an array of numbers", describe(value), f"NumPy says: {error}")
        ) from error


def float_array(
    owner: str,
    name: str,
    value: object,
    *,
    shapes: Sequence[Shape],
    minimum: float | None = None,
    maximum: float | None = None,
    strict: bool = False,
    hint: str = "",
) -> FloatArray:
    """Check a finite real parameter and return it as a read-only copy in C order.

    Parameters
    ----------
    owner, name : str
        The class (or function) and the argument, for the message.
    value : array_like
        float32 and float64 are kept; integers and Python floats become float64; all else is refused.
    shapes : sequence of tuple
        The shapes allowed; None in a shape stands for any length.
    minimum, maximum : float, optional
        The range allowed.
    strict : bool
        Whether the minimum itself is refused.
    hint : str
        The likely cause or next step, for a value out of range.

    Raises
    ------
    ParameterError
        If the value is not real and finite, out of range, or of another shape.
    """
    where = f"{owner}.{name}"
    given = to_array(where, value)
    if given.dtype.kind in "iu":
        dtype = np.dtype(np.float64)
    elif given.dtype.kind == "f" and given.dtype.itemsize in (4, 8):
        dtype = np.dtype(f"f{given.dtype.itemsize}")
    else:
        raise ParameterError(
            explain(where, "a real number or array, float64 or float32", describe(value), "convert it first")
        )
    if not any(_fits(given.shape, shape) for shape in shapes):
        allowed = " or ".join(_shape_text(shape) for shape in shapes)
        raise ParameterError(
            explain(
                where,
                allowed,
                _shape_text(given.shape),
                "one value per entry, or one for all" if () in shapes else "give an array",
            )
        )
    result: FloatArray = np.array(given, dtype=dtype, order="C", copy=True)
    bad = ~np.isfinite(result)
    if bad.any():
        raise ParameterError(
            explain(where, "finite", at_first(result, bad), "an earlier computation may have overflowed")
        )
    if minimum is not None:
        bad |= (result <= minimum) if strict else (result < minimum)
    if maximum is not None:
        bad |= result > maximum
    if bad.any():
        raise ParameterError(explain(where, _range_text(minimum, maximum, strict), at_first(result, bad), hint))
    return freeze(result)


def number(
    owner: str,
    name: str,
    value: object,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    strict: bool = False,
    hint: str = "",
) -> float:
    """Check one finite real number and return it as a Python float; arguments as in `float_array`."""
    array = float_array(owner, name, value, shapes=((),), minimum=minimum, maximum=maximum, strict=strict, hint=hint)
    return float(array)


def integer(owner: str, name: str, value: object, *, minimum: int = 0, hint: str = "") -> int:
    """Check an integer, NumPy's included, bool refused, and return it as a Python int."""
    must = f"an integer >= {minimum}"
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ParameterError(explain(f"{owner}.{name}", must, describe(value), hint))
    try:
        result = operator.index(value)  # pyright: ignore[reportArgumentType]
    except TypeError:  # arrays have __index__ and refuse to use it unless they hold one integer
        raise ParameterError(explain(f"{owner}.{name}", must, describe(value), hint)) from None
    if result < minimum:
        raise ParameterError(explain(f"{owner}.{name}", must, str(result), hint))
    return result


def integer_array(
    owner: str, name: str, value: object, *, shapes: Sequence[Shape], minimum: int
) -> npt.NDArray[np.int64]:
    """Check integers, bool refused, and return them as a read-only int64 copy."""
    where = f"{owner}.{name}"
    given = to_array(where, value)
    if given.dtype.kind not in "iu":
        raise ParameterError(explain(where, f"integers >= {minimum}", describe(value)))
    if not any(_fits(given.shape, shape) for shape in shapes):
        allowed = " or ".join(_shape_text(shape) for shape in shapes)
        raise ParameterError(
            explain(
                where,
                allowed,
                _shape_text(given.shape),
                "one value per entry, or one for all" if () in shapes else "give an array",
            )
        )
    bad = given < minimum
    if bad.any():
        raise ParameterError(explain(where, f">= {minimum}", at_first(given, bad)))
    return freeze(given.astype(np.int64))


def increasing_times(owner: str, name: str, value: object) -> npt.NDArray[np.float64]:
    """Check a list of one or more times in seconds, >= 0 and non-decreasing; a read-only float64 copy."""
    times = float_array(owner, name, value, shapes=((None,),), minimum=0.0, hint=SECONDS).astype(np.float64)
    if len(times) == 0:
        raise ParameterError(explain(f"{owner}.{name}", "at least one time", "none", "leave the record out"))
    bad = np.diff(times, prepend=times[0]) < 0
    if bad.any():
        raise ParameterError(
            explain(f"{owner}.{name}", "sorted", f"{at_first(times, bad)} after a later one", "use np.sort")
        )
    return freeze(times)


def text(owner: str, name: str, value: object) -> str:
    """Check a name: a string that is not empty."""
    if not isinstance(value, str) or not value:
        raise ParameterError(explain(f"{owner}.{name}", "a string that is not empty", describe(value)))
    return value


def caller_level() -> int:
    """The ``stacklevel`` at which a warning, given where this is called, names the user's line and not one of ours."""
    package = str(Path(__file__).parent.parent)
    frame, level = sys._getframe(1), 1  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    return level


def at_first(values: npt.NDArray[Any], bad: npt.NDArray[np.bool_]) -> str:
    """Give the value and the index of the first offender."""
    if values.ndim == 0:
        return f"{values.item()!r}"
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    more = int(np.count_nonzero(bad)) - 1
    return f"{values[index].item()!r} at index {index}" + (f" and {more} more" if more else "")


def _fits(shape: tuple[int, ...], allowed: Shape) -> bool:
    return len(shape) == len(allowed) and all(a is None or a == n for n, a in zip(shape, allowed, strict=True))


def _shape_text(shape: Shape) -> str:
    if not shape:
        return "a scalar"
    return f"an array [{', '.join('any' if n is None else str(n) for n in shape)}]"


def _range_text(minimum: float | None, maximum: float | None, strict: bool) -> str:
    parts = [] if minimum is None else [f"{'>' if strict else '>='} {minimum:g}"]
    parts += [] if maximum is None else [f"<= {maximum:g}"]
    return " and ".join(parts)
