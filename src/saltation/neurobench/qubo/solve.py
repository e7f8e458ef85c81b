"""`solve`: a problem by any of the solvers, by name."""

from collections.abc import Callable
from typing import Final

from saltation.errors import ParameterError
from saltation.model.checks import suggest
from saltation.neurobench.qubo.chip import solve_chip
from saltation.neurobench.qubo.problem import MISProblem
from saltation.neurobench.qubo.rivals import solve_annealing, solve_greedy, solve_random, solve_tabu
from saltation.neurobench.qubo.solution import Solution
from saltation.neurobench.qubo.spiking import solve_spiking

__all__ = ["SOLVERS", "solve"]

SOLVERS: Final[dict[str, Callable[[MISProblem, float, int], Solution]]] = {
    "spiking": lambda problem, limit, seed: solve_spiking(problem, limit, seed=seed),
    "chip": lambda problem, limit, seed: solve_chip(problem, limit, seed=seed),
    "tabu": lambda problem, limit, seed: solve_tabu(problem, limit, seed=seed),
    "annealing": lambda problem, limit, seed: solve_annealing(problem, limit, seed=seed),
    "annealing-default": lambda problem, limit, seed: solve_annealing(problem, limit, seed=seed, beta_range=None),
    "greedy": lambda problem, limit, seed: solve_greedy(problem, seed=seed),
    "random": lambda problem, limit, seed: solve_random(problem, seed=seed),
}
"""Each solver by its name, of a problem, a limit in seconds and a seed; the greedy ones need no limit."""


def solve(problem: MISProblem, solver: str = "spiking", *, limit: float = 1.0, seed: int = 0) -> Solution:
    """Solve a problem.

    Parameters
    ----------
    problem : MISProblem
    solver : str
        One of `SOLVERS`.
    limit : float
        Seconds: of wall time, or for "chip" of modelled hardware time.
    seed : int
        Of the solver.

    Raises
    ------
    ParameterError
        If there is no such solver, or the problem is something else.

    Examples
    --------
    >>> from saltation.neurobench.qubo import mis_problem, solve
    >>> solution = solve(mis_problem(25, 0.1, seed=0), "greedy")
    >>> solution.cost, solution.feasible
    (-12, True)
    """
    if not isinstance(problem, MISProblem):
        raise ParameterError(
            f"solve.problem must be a MISProblem, of mis_problem; got {type(problem).__name__}; "
            "MISProblem(nodes, edges) is one of a graph"
        )
    if solver not in SOLVERS:
        raise ParameterError(f"solve.solver must be one of {', '.join(SOLVERS)}; {suggest(solver, SOLVERS)}")
    return SOLVERS[solver](problem, limit, seed)
