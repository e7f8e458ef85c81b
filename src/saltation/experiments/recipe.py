"""`Recipe`: what the settings of all trainings share; `from_values`."""

import dataclasses
import math
from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any, Self, TypeVar

from saltation.errors import ParameterError
from saltation.model.checks import integer

__all__ = ["SCHEDULES", "Recipe", "check_fields", "from_values"]

SCHEDULES = ("exponential", "cosine")

Kind = TypeVar("Kind")


def check_fields(settings: Any, choices: Mapping[str, Sequence[str]], integers: Mapping[str, int]) -> None:
    """Check fields that are one of some words, and those that are integers of at least so much; None passes there.

    Raises
    ------
    ParameterError
        With the name of the field, what is allowed, and what it is.
    """
    for name, allowed in choices.items():
        if getattr(settings, name) not in allowed:
            raise ParameterError(
                f"Settings.{name} must be one of {', '.join(allowed)}; got {getattr(settings, name)!r}"
            )
    for name, least in integers.items():
        if getattr(settings, name) is not None:
            # a frozen dataclass, in its own __post_init__
            object.__setattr__(settings, name, integer("Settings", name, getattr(settings, name), minimum=least))


class Recipe(ABC):
    """A frozen dataclass of all numbers that decide the result of a training.

    ::

        learning rate of epoch e = 0, 1, ...:   learning_rate * decay**e                          (exponential)
                                                learning_rate * (1 + cos(pi e / epochs)) / 2      (cosine)
    """

    __slots__ = ()

    epochs: int
    learning_rate: float
    decay: float
    schedule: str

    def learning_rate_of(self, epoch: float) -> float:
        """Learning rate of an epoch, counted from 0; also within one, where it is not a whole number.

        Examples
        --------
        >>> from saltation.experiments.yinyang import RECIPES
        >>> [round(RECIPES["published"].learning_rate_of(epoch), 6) for epoch in (0, 1, 2)]
        [0.005, 0.00475, 0.004513]
        """
        if self.schedule == "cosine":
            return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * epoch / self.epochs))
        return self.learning_rate * self.decay**epoch

    def to_dict(self) -> dict[str, Any]:
        """Give the values by name.

        Examples
        --------
        >>> from saltation.experiments.yinyang import Settings
        >>> Settings(seed=3).to_dict()["seed"]
        3
        """
        return {field.name: getattr(self, field.name) for field in self._fields()}

    def operating_point(self) -> dict[str, dict[str, float]]:
        """Leak and threshold in LSB, and the strength of inputs, of each population; none where there is no chip."""
        return {}

    def to_config(self) -> dict[str, Any]:
        """Give the values by name, and with them what else decides a run on a chip."""
        point = self.operating_point()
        return self.to_dict() | ({"operating_point": point} if point else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build from values by name; names that are missing keep their defaults.

        Raises
        ------
        ParameterError
            If a name is unknown or a value not allowed.

        Examples
        --------
        >>> from saltation.experiments.yinyang import Settings
        >>> Settings.from_dict({"seed": 3}).seed
        3
        """
        return from_values(cls, values)

    @classmethod
    def _fields(cls) -> tuple[dataclasses.Field[Any], ...]:
        return dataclasses.fields(cls)  # type: ignore[arg-type]  # what derives from this is a dataclass


def from_values(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """Build a dataclass of settings from values by name; names that are missing keep their defaults.

    Raises
    ------
    ParameterError
        If a name is unknown or a value not allowed.

    Examples
    --------
    >>> from saltation.experiments.recipe import from_values
    >>> from saltation.experiments.yinyang import Settings
    >>> from_values(Settings, {"seed": 3}).seed
    3
    """
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]  # what is given is a dataclass
    unknown = sorted(set(values) - known)
    if unknown:
        raise ParameterError(
            f"{kind.__name__}: names must be among {', '.join(sorted(known))}; got {', '.join(unknown)}; the file may "
            "be of a later version"
        )
    return kind(**values)
