"""Maximum independent sets as QUBO: graphs, cost, gap and targets, against the plainest references."""

import sys

import numpy as np
import pytest

from saltation.errors import MissingDependencyError, ParameterError
from saltation.neurobench.qubo import MISProblem, mis_problem, published
from saltation.neurobench.qubo.rivals import solve_tabu

nx = pytest.importorskip("networkx")


def largest(graph: "nx.Graph") -> int:
    """Size of a largest independent set, by branching at a node with most neighbours."""
    size, graph = 0, graph.copy()
    while graph:
        node, degree = min(graph.degree, key=lambda pair: pair[1])
        if degree > 1:
            break
        # a node with one neighbour or none is in some largest set
        graph.remove_nodes_from([node, *graph[node]])
        size += 1
    if not graph:
        return size
    node, _ = max(graph.degree, key=lambda pair: pair[1])
    without, along = graph.copy(), graph.copy()
    without.remove_node(node)
    along.remove_nodes_from([node, *graph[node]])
    return size + max(largest(without), 1 + largest(along))


@pytest.mark.parametrize("nodes", [10, 25, 50])
def test_published_targets_of_small_problems_are_exact(nodes):
    found = [which for which in published() if which[0] == nodes]
    assert len(found) == 20
    for which in found:
        problem = mis_problem(*which)
        graph = nx.Graph(problem.edges.tolist())
        graph.add_nodes_from(range(nodes))
        assert -largest(graph) == problem.target, problem


def test_a_problem_has_the_edges_that_the_benchmark_prescribes():
    problem = mis_problem(100, 0.1, seed=3)
    graph = nx.gnm_random_graph(100, 500, seed=3)
    assert {tuple(edge) for edge in problem.edges.tolist()} == {tuple(sorted(edge)) for edge in graph.edges}
    assert problem.degree.tolist() == [graph.degree[node] for node in range(100)]
    neighbours, begin = problem.neighbours
    for node in (0, 17, 99):
        assert neighbours[begin[node] : begin[node + 1]].tolist() == sorted(graph[node])
    assert mis_problem(10, 0.01, seed=0).edges.shape == (0, 2)
    assert mis_problem(11, 0.1, seed=0).target is None


def test_cost_is_the_quadratic_form():
    problem = mis_problem(25, 0.25, seed=1)
    q = problem.matrix().astype(int)
    assert (np.diag(q) == -1).all() and (q == q.T).all() and (q == 4).sum() == 2 * len(problem.edges)
    rng = np.random.default_rng(0)
    for share in (0.1, 0.5, 1.0):
        x = rng.random(25) < share
        assert problem.cost(x) == x.astype(int) @ q @ x.astype(int)
    assert problem.cost(np.ones(25)) == 8 * len(problem.edges) - 25


def test_a_worse_solution_has_a_gap_above_zero():
    problem = MISProblem(3, np.array([[0, 1]]), target=-2)
    assert problem.gap(-1) == 0.5 and problem.gap(-2) == 0.0 and problem.gap(-3) == -0.5
    assert MISProblem(3, np.array([[0, 1]])).gap(-1) is None


@pytest.mark.parametrize("edges", [[[0, 3]], [[1, 1]], [[-1, 0]], [0, 1], [[0.5, 1.0]]])
def test_what_is_no_graph_is_refused(edges):
    with pytest.raises(ParameterError, match=r"MISProblem\.edges"):
        MISProblem(3, np.array(edges))


def test_arguments_are_checked():
    with pytest.raises(ParameterError, match="zeros and ones"):
        mis_problem(10, 0.1, seed=0).cost(np.full(10, 0.5))
    with pytest.raises(ParameterError, match="density"):
        mis_problem(10, 25, seed=0)
    with pytest.raises(ParameterError, match="target"):
        MISProblem(3, np.array([[0, 1]]), target=2)


@pytest.mark.parametrize(
    ("package", "use"),
    [("networkx", lambda p: mis_problem(10, 0.1, seed=0)), ("dwave.samplers", lambda p: solve_tabu(p, 0.01))],
)
def test_what_is_not_installed_is_named(monkeypatch, package, use):
    problem = mis_problem(10, 0.1, seed=0)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r"saltation\[qubo\]"):
        use(problem)
