"""Other solvers: tabu search and simulated annealing of dwave-samplers, and two greedy ones as trivial references."""

import time
from typing import Any

import numpy as np

from saltation.neurobench.qubo.problem import PENALTY, MISProblem, missing
from saltation.neurobench.qubo.solution import Solution, check_limit, solution_of

__all__ = ["BETA_RANGE", "solve_annealing", "solve_greedy", "solve_random", "solve_tabu"]

BETA_RANGE = (1.0, 6.0)
"""Inverse temperatures at the begin and at the end that suit these problems: a node is worth 1, a conflict 8."""

_PILOT = 20  # sweeps of the first try
_SWEEPS = 50  # of a read, for each node; where there is time for more, it begins anew
_STEP = 20.0  # by which a try may have more sweeps than the one before
_ENOUGH = 0.75  # of the limit: with so much it is done
_AIM = 0.9  # of the limit that a try is planned to take: its speed is an estimate
_TRIES = 12


def solve_tabu(problem: MISProblem, limit: float = 1.0, *, seed: int = 0) -> Solution:
    """Solve a problem by the tabu search of dwave-samplers, one read that lasts until the limit.

    Its time is what its own clock is given; handing the problem over is loading.

    Raises
    ------
    MissingDependencyError
        Without dwave-samplers.

    References
    ----------
    Palubeckis, Multistart tabu search strategies for the unconstrained binary quadratic optimization problem, Annals
    of Operations Research 131, 259 (2004), doi:10.1023/B:ANOR.0000039522.58036.68.

    Examples
    --------
    >>> from saltation.neurobench.qubo import mis_problem, solve_tabu
    >>> solve_tabu(mis_problem(25, 0.25, seed=0), limit=0.05).gap
    0.0
    """
    wanted = check_limit("solve_tabu", limit)
    samplers = _samplers("solve_tabu")
    model = _quadratic(problem, "solve_tabu")
    begin = time.perf_counter()
    found = samplers.TabuSampler().sample(model, num_reads=1, timeout=max(1, round(1e3 * wanted)), seed=seed)
    extra = {"with_loading": time.perf_counter() - begin}
    return solution_of("tabu", problem, _vector(found, problem), wanted, extra=extra)


def solve_annealing(
    problem: MISProblem, limit: float = 1.0, *, seed: int = 0, beta_range: tuple[float, float] | None = BETA_RANGE
) -> Solution:
    """Solve a problem by the simulated annealing of dwave-samplers, with as many sweeps as the limit allows.

    They are one read up to 50 sweeps a node, and several beyond. How many these are is found by tries, of which the one
    that takes longest within the limit counts, by the time of its sampling; the others are loading. Tries end when one
    takes three quarters of the limit or more, or after twelve. What is found after the limit does not count: if no try
    is within it, no node is chosen.

    Parameters
    ----------
    problem : MISProblem
    limit : float
        Seconds of sampling.
    seed : int
        Of its random numbers.
    beta_range : (float, float), optional
        Inverse temperature at the begin and at the end; None for what the package takes by default, which for these
        problems ends at a temperature at which conflicts are not rare.

    Raises
    ------
    MissingDependencyError
        Without dwave-samplers.

    References
    ----------
    Kirkpatrick, Gelatt and Vecchi, Optimization by simulated annealing, Science 220, 671 (1983),
    doi:10.1126/science.220.4598.671.

    Examples
    --------
    >>> from saltation.neurobench.qubo import mis_problem, solve_annealing
    >>> solve_annealing(mis_problem(25, 0.25, seed=0), limit=0.05).gap
    0.0
    """
    wanted = check_limit("solve_annealing", limit)
    samplers = _samplers("solve_annealing")
    model = _quadratic(problem, "solve_annealing")
    given: dict[str, Any] = {"seed": seed + 1}  # it has no seed 0
    if beta_range is not None:
        given["beta_range"] = beta_range
    sampler = samplers.SimulatedAnnealingSampler()
    sweeps, most = _PILOT, _SWEEPS * problem.nodes
    vector, longest, extra = np.zeros(problem.nodes, bool), 0.0, {"reads": 0, "sweeps": 0}
    for _ in range(_TRIES):
        reads = max(1, round(sweeps / most))
        given |= {"num_reads": reads, "num_sweeps": max(1, sweeps // reads)}
        found = sampler.sample(model, **given)
        seconds = found.info["timing"]["sampling_ns"] * 1e-9
        if longest < seconds <= wanted:
            vector, longest = _vector(found, problem), seconds
            extra = {"reads": reads, "sweeps": given["num_sweeps"]}
        if _ENOUGH * wanted <= seconds <= wanted:
            break
        # sweeps while it is hot take longer, and a short try may be interrupted: towards the limit in steps
        sweeps = max(1, int(sweeps * min(_AIM * wanted / seconds, _STEP)))
    name = "annealing" if beta_range is not None else "annealing, default range"
    return solution_of(name, problem, vector, longest or wanted, extra=extra)


def solve_random(problem: MISProblem, *, seed: int = 0) -> Solution:
    """Take nodes in a random order, each that has no neighbour taken: the trivial reference.

    Examples
    --------
    >>> from saltation.neurobench.qubo import mis_problem, solve_random
    >>> solve_random(mis_problem(100, 0.05, seed=0)).feasible
    True
    """
    begin = time.perf_counter()
    chosen = np.zeros(problem.nodes, bool)
    free = np.ones(problem.nodes, bool)
    neighbours, start = problem.neighbours
    for node in np.random.default_rng(seed).permutation(problem.nodes):
        if free[node]:
            chosen[node] = True
            free[neighbours[start[node] : start[node + 1]]] = False
    return solution_of("random order", problem, chosen, time.perf_counter() - begin)


def solve_greedy(problem: MISProblem, *, seed: int = 0) -> Solution:
    """Take again and again a node with the fewest neighbours left, at random among equal ones.

    Examples
    --------
    >>> from saltation.neurobench.qubo import mis_problem, solve_greedy
    >>> solve_greedy(mis_problem(100, 0.05, seed=0)).feasible
    True
    """
    begin = time.perf_counter()
    rng = np.random.default_rng(seed)
    chosen = np.zeros(problem.nodes, bool)
    neighbours, start = problem.neighbours
    degree = problem.degree + rng.uniform(0.0, 0.5, problem.nodes)
    gone = np.zeros(problem.nodes, bool)
    while not gone.all():
        node = int(np.argmin(np.where(gone, np.inf, degree)))
        chosen[node] = gone[node] = True
        for lost in neighbours[start[node] : start[node + 1]]:
            if not gone[lost]:
                gone[lost] = True
                degree[neighbours[start[lost] : start[lost + 1]]] -= 1.0
    return solution_of("greedy", problem, chosen, time.perf_counter() - begin)


def _samplers(owner: str) -> Any:
    try:
        import dwave.samplers as samplers
    except ModuleNotFoundError as error:
        raise missing(owner, "dwave-samplers") from error
    return samplers


def _quadratic(problem: MISProblem, owner: str) -> Any:
    """The problem in the form of dimod, which comes with dwave-samplers."""
    try:
        from dimod import BinaryQuadraticModel
    except ModuleNotFoundError as error:
        raise missing(owner, "dimod") from error
    model: Any = BinaryQuadraticModel("BINARY")
    model.add_linear_from_array(np.full(problem.nodes, -1.0))
    weight = 2.0 * PENALTY
    model.add_quadratic_from((int(u), int(v), weight) for u, v in problem.edges)
    return model


def _vector(found: Any, problem: MISProblem) -> np.ndarray:
    sample = found.first.sample
    return np.array([sample[node] for node in range(problem.nodes)], bool)
