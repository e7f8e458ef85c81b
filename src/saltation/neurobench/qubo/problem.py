"""The problems: maximum independent set of random graphs as QUBO, their cost, and the published targets."""

import csv
import dataclasses
from functools import cache, cached_property
from importlib import resources
from typing import Final, final

import numpy as np
import numpy.typing as npt

from saltation.errors import MissingDependencyError, ParameterError
from saltation.model.checks import explain, integer, number

__all__ = ["PENALTY", "MISProblem", "mis_problem", "missing", "published"]

Ints = npt.NDArray[np.int64]

PENALTY: Final = 4
"""Entry of Q at ``(u, v)`` and at ``(v, u)`` of an edge."""


@final
@dataclasses.dataclass(frozen=True, eq=False)
class MISProblem:
    """Maximum independent set of a graph, as a quadratic function of binary variables.

    ::

        min  c(x) = x^T Q x,    Q_uu = -1,    Q_uv = Q_vu = 4 for an edge
             c(x) = 8 (edges with both ends in x) - (nodes in x)

    The minimum is minus the size of a largest set of nodes without an edge between them.

    Attributes
    ----------
    nodes : int
    edges : ndarray of int, [edge, 2]
        Each once, the lower node first, sorted.
    target : int or None
        Cost of the best solution known to the benchmark, below zero.
    name : str
        What it is called in messages.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.neurobench.qubo import MISProblem
    >>> path = MISProblem(3, np.array([[0, 1], [1, 2]]), target=-2)
    >>> path.cost([1, 0, 1]), path.cost([1, 1, 0]), path.gap(path.cost([1, 0, 0]))
    (-2, 6, 0.5)
    """

    nodes: int
    edges: Ints
    target: int | None = None
    name: str = "graph"

    def __post_init__(self) -> None:
        """Check and freeze the edges."""
        integer("MISProblem", "nodes", self.nodes, minimum=1)
        edges = np.array(self.edges)
        if edges.size == 0:
            edges = np.zeros((0, 2), np.int64)
        if edges.ndim != 2 or edges.shape[1] != 2 or edges.dtype.kind not in "iu":
            got = f"an array of shape {edges.shape} and dtype {edges.dtype}"
            raise ParameterError(explain("MISProblem.edges", "whole numbers [edge, 2]", got))
        edges = np.sort(edges.astype(np.int64), axis=1)
        if edges.size and (edges.min() < 0 or edges.max() >= self.nodes or (edges[:, 0] == edges[:, 1]).any()):
            must = f"pairs of two different nodes below {self.nodes}"
            raise ParameterError(explain("MISProblem.edges", must, f"{edges.min()}..{edges.max()}, or a loop"))
        edges = np.unique(edges, axis=0)
        edges.flags.writeable = False
        object.__setattr__(self, "edges", edges)
        if self.target is not None and not self.target < 0:
            raise ParameterError(explain("MISProblem.target", "a cost below 0", f"{self.target!r}"))

    def __repr__(self) -> str:
        return f"MISProblem({self.name}, {self.nodes} nodes, {len(self.edges)} edges, target={self.target})"

    @cached_property
    def neighbours(self) -> tuple[Ints, Ints]:
        """Neighbours of all nodes, one after another, and where those of each begin, ``[nodes + 1]``."""
        both = np.concatenate([self.edges, self.edges[:, ::-1]])
        order = np.lexsort((both[:, 1], both[:, 0]))
        degree = np.bincount(both[:, 0], minlength=self.nodes)
        return both[order, 1], np.concatenate([[0], np.cumsum(degree)])

    @property
    def degree(self) -> Ints:
        """Number of neighbours of each node."""
        return np.diff(self.neighbours[1])

    def matrix(self) -> npt.NDArray[np.int8]:
        """Q, ``[node, node]``."""
        q = np.zeros((self.nodes, self.nodes), np.int8)
        np.fill_diagonal(q, -1)
        q[self.edges[:, 0], self.edges[:, 1]] = q[self.edges[:, 1], self.edges[:, 0]] = PENALTY
        return q

    def conflicts(self, x: npt.ArrayLike) -> int:
        """Number of edges with both ends in ``x``."""
        chosen = self._chosen(x)
        return int((chosen[self.edges[:, 0]] & chosen[self.edges[:, 1]]).sum())

    def cost(self, x: npt.ArrayLike) -> int:
        """``x^T Q x`` of a vector of zeros and ones; it need not be an independent set.

        Raises
        ------
        ParameterError
            If it is none.
        """
        return 2 * PENALTY * self.conflicts(x) - int(self._chosen(x).sum())

    def gap(self, cost: float) -> float | None:
        """How far a cost is above the target; below zero if it is better, None without a target.

        ::

            gap = (c - c_target) / |c_target|

        The specification divides by ``c_target`` itself, which is below zero: that has the other sign than its text.
        """
        return None if self.target is None else (cost - self.target) / abs(self.target)

    def _chosen(self, x: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        given = np.asarray(x)
        if given.shape != (self.nodes,) or not np.isin(given, (0, 1)).all():
            must = f"zeros and ones, one for each of the {self.nodes} nodes"
            raise ParameterError(explain("MISProblem.cost.x", must, f"an array of shape {given.shape}, or others"))
        return given.astype(bool)


def mis_problem(nodes: int, density: float, seed: int) -> MISProblem:
    """Make a problem of the benchmark: a graph with ``int(density nodes^2 / 2)`` edges, all such graphs as likely.

    Parameters
    ----------
    nodes : int
        Number of nodes; 10, 25, 50, 100, 250, 500, 1000, 2500 and 5000 have published targets.
    density : float
        Share of edges, 0 to 1; published are 0.01, 0.05, 0.1 and 0.25.
    seed : int
        Of the graph; published are 0 to 4.

    Returns
    -------
    MISProblem
        With its target, if it is published.

    Raises
    ------
    ParameterError
        If an argument is not allowed.
    MissingDependencyError
        Without networkx, whose ``gnm_random_graph`` the benchmark prescribes.

    References
    ----------
    NeuroBench, system track, QUBO; Yik et al., arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.neurobench.qubo import mis_problem
    >>> mis_problem(100, 0.05, seed=0)
    MISProblem(100-0.05-0, 100 nodes, 250 edges, target=-44)
    """
    size = integer("mis_problem", "nodes", nodes, minimum=1)
    share = number("mis_problem", "density", density, minimum=0.0, maximum=1.0)
    which = integer("mis_problem", "seed", seed)
    try:
        from networkx import gnm_random_graph
    except ModuleNotFoundError as error:
        raise missing("mis_problem", "networkx") from error
    graph = gnm_random_graph(size, int(0.5 * share * size**2), seed=which)
    edges = np.array(list(graph.edges), np.int64).reshape(-1, 2)
    return MISProblem(size, edges, _targets().get((size, share, which)), f"{size}-{share:g}-{which}")


def published() -> tuple[tuple[int, float, int], ...]:
    """Nodes, density and seed of the 180 problems with published targets, which are for tuning.

    Their targets are exact up to 50 nodes; others are the best of D-Wave's tabu search in 100 reads.

    Examples
    --------
    >>> from saltation.neurobench.qubo import published
    >>> len(published()), published()[-1]
    (180, (5000, 0.25, 4))
    """
    return tuple(_targets())


def missing(owner: str, package: str) -> MissingDependencyError:
    """The error where a package is not installed."""
    return MissingDependencyError(f'{owner} needs {package}, which is not installed: pip install "saltation[qubo]"')


@cache
def _targets() -> dict[tuple[int, float, int], int]:
    text = resources.files("saltation.neurobench.qubo").joinpath("targets.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {(int(r["nodes"]), float(r["density"]), int(r["seed"])): int(r["cost"]) for r in rows}
