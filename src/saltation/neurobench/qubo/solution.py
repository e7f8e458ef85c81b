"""`Solution`: what a solver found, how good it is, and what it took."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.neurobench.qubo.problem import MISProblem

__all__ = ["MODELLED", "WALL", "Solution", "solution_of"]

WALL: Final = "wall time of one core"
MODELLED: Final = "modelled hardware time"


@final
@dataclass(frozen=True, slots=True)
class Solution:
    """What a solver found.

    Attributes
    ----------
    solver : str
    x : ndarray of bool, [node]
        The nodes that are chosen.
    cost : int
        ``x^T Q x``.
    gap : float or None
        Relative to the target of the problem; below zero if it is better.
    feasible : bool
        Whether no two chosen nodes share an edge.
    seconds : float
        Time that it took, without loading the problem.
    time_is : str
        "wall time of one core" or "modelled hardware time"; the time an emulator takes is never one of a chip.
    operations : int or None
        Synaptic operations, spikes times fan-out; None of a solver without synapses.
    history : tuple of (float, int)
        When each improvement was there, in seconds, and its cost; the end alone of a solver that is not `anytime`.
    anytime : bool
        Whether the solver tells each improvement when it is there, as those with spikes do.
    extra : dict of str
        What else belongs to the solver.
    """

    solver: str
    x: npt.NDArray[np.bool_]
    cost: int
    gap: float | None
    feasible: bool
    seconds: float
    time_is: str
    operations: int | None
    history: tuple[tuple[float, int], ...] = ()
    anytime: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def cost_at(self, seconds: float) -> int | None:
        """The best cost by then, 0 (no node at all) if there was none; None where it is not known.

        It is not known before the end of a solver that is not `anytime`: run that anew with the shorter limit.
        """
        if not self.anytime and seconds < self.seconds:
            return None
        return min((cost for when, cost in self.history if when <= seconds), default=0)

    def row(self) -> dict[str, Any]:
        """All but the nodes, ready for JSON."""
        return {
            "solver": self.solver,
            "cost": self.cost,
            "gap": self.gap,
            "feasible": self.feasible,
            "seconds": self.seconds,
            "time_is": self.time_is,
            "operations": self.operations,
            "history": [list(each) for each in self.history],
            **self.extra,
        }


def solution_of(
    solver: str,
    problem: MISProblem,
    x: npt.ArrayLike,
    seconds: float,
    *,
    time_is: str = WALL,
    operations: int | None = None,
    history: tuple[tuple[float, int], ...] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Solution:
    """Score a vector by the cost of the problem; with a history the solver is one that tells each improvement.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.qubo import MISProblem
    >>> from saltation.neurobench.qubo.solution import solution_of
    >>> path = MISProblem(3, np.array([[0, 1], [1, 2]]), target=-2)
    >>> solution_of("by hand", path, [1, 0, 1], seconds=1.0).gap
    0.0
    """
    chosen = np.array(x, bool)
    chosen.flags.writeable = False
    cost = problem.cost(chosen)
    feasible = problem.conflicts(chosen) == 0
    shown = tuple((float(when), int(each)) for when, each in history or ()) or ((float(seconds), cost),)
    return Solution(
        solver,
        chosen,
        cost,
        problem.gap(cost),
        feasible,
        seconds,
        time_is,
        operations,
        shown,
        history is not None,
        dict(extra or {}),
    )


def check_limit(owner: str, limit: float) -> float:
    """A time limit in seconds."""
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0.0 < limit < float("inf"):
        raise ParameterError(f"{owner}.limit must be a finite time above 0 in seconds; got {limit!r}")
    return float(limit)


def check_stop(owner: str, stop_at: object) -> int | None:
    """A cost to stop at: below 0, which is that of no node at all; or None."""
    if stop_at is None:
        return None
    whole = operator.index(stop_at) if isinstance(stop_at, int | np.integer) and not isinstance(stop_at, bool) else None
    if whole is None or whole >= 0:
        hint = f"; for {whole} nodes give {-whole}" if whole else ""
        raise ParameterError(
            f"{owner}.stop_at must be a cost, a whole number below 0: minus the number of nodes without conflicts; got "
            f"{stop_at!r}{hint}"
        )
    return whole
