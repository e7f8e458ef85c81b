"""Maximum independent sets in the table: which solvers, on which graphs, and what their numbers are."""

import pytest

pytest.importorskip("networkx")
pytest.importorskip("dwave.samplers")

from saltation.errors import ParameterError
from saltation.experiments.neurobench import qubo, task_of
from saltation.experiments.neurobench.task import Options
from saltation.neurobench.qubo import mis_problem, solve, spiking_network


def planned(**given):
    return task_of("qubo").plan(Options(**given), None, print)


def test_solvers_and_graphs():
    pieces = planned(quick=True).pieces
    assert {piece.model for piece in pieces} == {"spiking", "tabu", "annealing", "greedy"}
    assert {piece.training for piece in pieces} == {f"{n} nodes, density 0.25, 0.1 s" for n in (10, 50)}
    assert {piece.repeat for piece in pieces} == {"graph 0", "graph 1"}
    names = {piece.backend for piece in planned(backends=("chip",), serial=7).pieces}
    assert names == {"chip 7, modelled time", "dwave-samplers", "NumPy"}
    largest = [p.training for p in planned(backends=("chip",)).pieces if p.backend.startswith("chip")]
    assert not any(what.startswith(("500", "1000")) for what in largest)  # they do not fit


def test_numbers_of_a_row(monkeypatch):
    (piece, _) = (p for p in planned(quick=True).pieces if p.model == "spiking" and p.training.startswith("10 "))
    kept = []

    def keep(problem, limit, *, seed):
        kept.append((problem, limit, seed, solve(problem, "spiking", limit=limit, seed=seed)))
        return kept[-1][-1]

    monkeypatch.setattr(qubo, "solve_spiking", keep)
    measured = piece.measure()
    ((problem, limit, seed, solution),) = kept
    assert (problem.nodes, problem.target, limit, seed) == (10, mis_problem(10, 0.25, 0).target, 0.1, 1)
    assert measured.correctness == (solution.cost - problem.target) / abs(problem.target)
    assert measured.complexity.effective_acs == solution.operations > 0
    assert measured.complexity.dense is None and measured.complexity.samples == 1
    weights = sum(p.weight.size for p in spiking_network(problem).projections.values())
    assert measured.complexity.static.parameters == weights


def test_there_are_five_graphs_with_targets():
    pieces = planned(quick=True, series=9, backends=("exact",))
    assert {piece.repeat for piece in pieces.pieces} == {f"graph {n}" for n in range(5)}
    assert pieces.notes == ("qubo: graphs of --series from number 5 on, which have no published target",)
    (last,) = (p for p in pieces.pieces if p.model == "greedy" and p.training.startswith("10 ") and p.repeat[-1] == "4")
    assert last.measure().correctness == solve(mis_problem(10, 0.25, 4), "greedy").gap
    with pytest.raises(ParameterError, match="published target"):
        qubo._gap(solve(mis_problem(10, 0.25, 6), "greedy"))


def test_backends_it_does_not_run_on_are_told():
    for quick, backend, said in (
        (True, "grid", "on a grid"),
        (True, "chip", "--quick"),
        (False, "chip", "more than 252"),
    ):
        (note,) = planned(quick=quick, backends=(backend,)).notes
        assert said in note
    assert planned(backends=("exact",)).notes == ()


def test_greedy_counts_nothing():
    (piece, _) = (p for p in planned(quick=True).pieces if p.model == "greedy" and p.training.startswith("50"))
    found = piece.measure()
    assert found.complexity is None and found.correctness == solve(mis_problem(50, 0.25, 0), "greedy").gap


def test_without_networkx_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(qubo.importlib.util, "find_spec", lambda name: None)
    assert "saltation[qubo]" in planned().notes[0]
