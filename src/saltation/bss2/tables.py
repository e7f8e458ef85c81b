"""Tables of constants: frozen records of numbers, each with its unit and where it comes from."""

from dataclasses import field, fields, replace
from typing import Any, Self

from saltation.errors import ParameterError
from saltation.model.checks import suggest


def constant(value: float, unit: str, source: str, **more: Any) -> Any:
    """A field of a table: its value, its unit and where it comes from."""
    return field(default=value, metadata={"unit": unit, "source": source, **more})


class Table:
    """What tables can do; it has no numbers, those derived from it are final, frozen dataclasses of `constant`."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Check the numbers."""
        for each in self._fields():
            value: Any = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < float("inf"):
                owner = type(self).__name__
                raise ParameterError(f"{owner}.{each.name} must be a finite number of at least 0; got {value!r}")

    @classmethod
    def _fields(cls) -> Any:
        made: Any = cls
        return fields(made)

    def replace(self, **changes: float) -> Self:
        """The same, but for what is given."""
        known = [each.name for each in self._fields()]
        for name in changes:
            if name not in known:
                raise ParameterError(
                    f"{type(self).__name__}.replace: a name must be one of its numbers; got {name!r}; "
                    f"{suggest(name, known)}"
                )
        made: Any = self
        return replace(made, **changes)

    def changed(self) -> list[str]:
        """Names of the numbers that are not the usual ones."""
        return [f.name for f in self._fields() if getattr(self, f.name) != f.default]

    def table(self) -> list[tuple[str, float, str, str]]:
        """Name, value, unit and source of every number."""
        return [(f.name, getattr(self, f.name), f.metadata["unit"], f.metadata["source"]) for f in self._fields()]


class Sizes(Table):
    """Abstract: a table of how large deviations are, so that all of them can be none."""

    __slots__ = ()

    @classmethod
    def none(cls) -> Self:
        """No deviation at all."""
        return cls(**{each.name: 0.0 for each in cls._fields()})
