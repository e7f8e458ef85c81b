"""What an experiment expects of its outcome, what came out, and whether it held."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["Check", "Outcome", "check", "table"]


@final
@dataclass(frozen=True, slots=True)
class Check:
    """One expectation: a number that must lie between two bounds.

    Attributes
    ----------
    what : str
        The quantity.
    unit : str
        Its unit.
    low, high : float
        Bounds that are still as expected; infinite where there is none.
    got : float
        What came out; NaN, where nothing could be measured, does not hold.
    source : str
        Where the expectation comes from.
    """

    what: str
    unit: str
    low: float
    high: float
    got: float
    source: str

    @property
    def held(self) -> bool:
        """Whether it came out as expected."""
        return self.low <= self.got <= self.high

    @property
    def expected(self) -> str:
        """The bounds in words.

        Examples
        --------
        >>> check("rate", 180.0, "kHz", low=150.0, source="closed form").expected
        'at least 150'
        """
        if math.isinf(self.high):
            return f"at least {self.low:.3g}"
        if math.isinf(self.low):
            return f"at most {self.high:.3g}"
        return f"{self.low:.3g} to {self.high:.3g}"

    def to_dict(self) -> dict[str, Any]:
        """Numbers and words for a file; bounds and results that are not finite are None."""
        numbers = {"low": self.low, "high": self.high, "got": self.got}
        return {
            "what": self.what,
            "unit": self.unit,
            **{name: value if math.isfinite(value) else None for name, value in numbers.items()},
            "held": self.held,
            "source": self.source,
        }


def check(
    what: str, got: float, unit: str, *, low: float = -math.inf, high: float = math.inf, source: str = ""
) -> Check:
    """State an expectation beside what came out.

    Examples
    --------
    >>> check("slope", 0.41, "LSB/code", low=0.40, high=0.43, source="calix").held
    True
    >>> check("slope", float("nan"), "LSB/code", low=0.40, high=0.43, source="calix").held
    False
    """
    return Check(what, unit, float(low), float(high), float(got), source)


@final
@dataclass(frozen=True)
class Outcome:
    """What came of an experiment.

    Attributes
    ----------
    checks : tuple of Check
        All expectations.
    curves : mapping
        What was measured: numbers, lists and arrays by name, for ``results.json``.
    draw : callable
        Makes the figures by name; called only where they are wanted.
    """

    checks: tuple[Check, ...]
    curves: Mapping[str, Any]
    draw: "Callable[[], dict[str, Figure]]"

    @property
    def held(self) -> bool:
        """Whether all came out as expected."""
        return all(each.held for each in self.checks)


def table(checks: tuple[Check, ...]) -> "Table":
    """Lay out what was expected, what came out, and whether it held."""
    from rich.table import Table

    result = Table()
    for name in ("what", "unit", "expected", "came out", "held"):
        result.add_column(name, justify="right" if name in ("expected", "came out") else "left")
    for each in checks:
        got = "none" if math.isnan(each.got) else f"{each.got:.3g}"
        result.add_row(each.what, each.unit, each.expected, got, "yes" if each.held else "NO")
    return result
