"""Units of time at the door: seconds inside, and what the other side counts in named by the caller."""

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, number

TimeUnit: TypeAlias = str | float
"""A unit of time: ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``, or its length in seconds."""

PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
"""How many of each named unit a second has."""


def seconds(owner: str, unit: object) -> float:
    """Length of a unit in seconds.

    Examples
    --------
    >>> from saltation.io.units import seconds
    >>> seconds("read", "ms"), seconds("read", 1e-4)
    (0.001, 0.0001)
    """
    if isinstance(unit, str):
        if unit not in PER_SECOND:
            known = ", ".join(map(repr, PER_SECOND))
            raise ParameterError(explain(f"{owner}.time_unit", f"{known} or seconds", repr(unit)))
        return 1 / PER_SECOND[unit]
    if unit is None:
        hint = "the unit cannot be told from the numbers: say what they count"
        raise ParameterError(explain(f"{owner}.time_unit", "given, e.g. 's', 'ms' or 'us'", "None", hint))
    if isinstance(unit, bool):
        raise ParameterError(explain(f"{owner}.time_unit", "'s', 'ms', 'us', 'ns' or seconds", describe(unit)))
    return number(owner, "time_unit", unit, minimum=0.0, strict=True, hint="'s', 'ms', 'us', 'ns', or seconds")


def to_seconds(values: npt.NDArray[Any], unit: float) -> npt.NDArray[Any]:
    """Turn times in a unit of so many seconds into seconds, rounded once."""
    per_second = _whole(unit)
    # 1e-3 is no binary number but 1000 is: dividing rounds once, where multiplying would twice
    return values * unit if per_second is None else values / per_second


def from_seconds(values: npt.NDArray[Any], unit: float) -> npt.NDArray[Any]:
    """Turn seconds into times in a unit of so many seconds, rounded once."""
    per_second = _whole(unit)
    return values / unit if per_second is None else values * per_second


def _whole(unit: float) -> np.float64 | None:
    """How many units a second has, if that is a whole number."""
    if unit > 1 or 1 / unit > 1e15:
        return None
    whole = round(1 / unit)
    return np.float64(whole) if 1 / whole == unit else None
