"""`Record`: what the frozen records of arrays have in common."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from saltation.model.checks import freeze, is_array


def set_fields(record: "Record", **values: object) -> None:
    """Set the fields of a frozen record; for the ``__init__`` of its class alone."""
    for name, value in values.items():
        object.__setattr__(record, name, value)


def rebuild(kind: "type[Record]", values: Sequence[object]) -> "Record":
    """Build a record from the values of its fields, which a record of the same kind has already checked."""
    record = object.__new__(kind)
    for field, value in zip(dataclasses.fields(kind), values, strict=True):
        if is_array(value):
            freeze(value)
        object.__setattr__(record, field.name, value)
    return record


def short(value: object) -> str:
    """Short text for a value: numbers as numbers, arrays as their shape and range."""
    if not is_array(value):
        return repr(value)
    if value.ndim == 0:
        return f"{value.item():.6g}"
    shape = ", ".join(str(n) for n in value.shape)
    return f"array[{shape}] {value.min():.6g}..{value.max():.6g}" if value.size else f"array[{shape}]"


@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Record:
    """A frozen record of read-only arrays: equal by content, with a short repr, and safe to copy and pickle.

    It has no fields. Every class derived from it is final, names its fields, and checks them in ``__init__``.

    Examples
    --------
    >>> from saltation.model import LI
    >>> LI(3, tau_syn=[5e-3, 6e-3, 7e-3]) == LI(3, tau_syn=[5e-3, 6e-3, 7e-3])
    True
    """

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(getattr(self, field.name), getattr(other, field.name)) for field in dataclasses.fields(self))

    def __repr__(self) -> str:
        values = ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        inside = ", ".join(f"{name}={short(value)}" for name, value in values if value is not None)
        return f"{type(self).__name__}({inside})"

    # NumPy forgets on the way through pickle that an array is read-only; `rebuild` restores it.
    def __reduce__(self) -> tuple[Any, ...]:
        values = [getattr(self, field.name) for field in dataclasses.fields(self)]
        return rebuild, (type(self), values)


def _same(a: object, b: object) -> bool:
    if is_array(a) and is_array(b):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b
