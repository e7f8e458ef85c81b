"""Solvers of maximum independent sets: the readout, the network, the time limit, the chip, and the rivals."""

import dataclasses

import numpy as np
import pytest

import saltation as sal
from saltation.bss2 import place
from saltation.errors import ParameterError, PlacementError
from saltation.neurobench import count_run
from saltation.neurobench.qubo import (
    MODELLED,
    WALL,
    ChipSettings,
    MISProblem,
    Readout,
    SpikingSettings,
    chip_network,
    mis_problem,
    solve,
    solve_annealing,
    solve_chip,
    solve_greedy,
    solve_random,
    solve_spiking,
    solve_tabu,
    spiking_network,
)

nx = pytest.importorskip("networkx")


def neighbours_of(problem):
    found = {node: set() for node in range(problem.nodes)}
    for u, v in problem.edges.tolist():
        found[u].add(v)
        found[v].add(u)
    return found


def latest(problem, times, units):
    """Largest set, by the definition: who spiked later than all neighbours, looked up anew after each spike."""
    beside, last, most, chosen = neighbours_of(problem), {}, 0, set()
    for when, unit in zip(times, units, strict=True):
        last[unit] = when
        now = {u for u in last if all(last[u] > last.get(v, -1.0) for v in beside[u])}
        if len(now) > most:
            most, chosen = len(now), now
    return most, chosen


def maximal(problem, chosen):
    beside = neighbours_of(problem)
    return all(node in chosen or beside[node] & chosen for node in range(problem.nodes))


def test_readout_is_its_definition_also_in_pieces():
    problem = mis_problem(25, 0.25, seed=2)
    trains = sal.poisson(np.full((2, 25), 40.0), 0.3, seed=1)
    wanted = [latest(problem, *(each.tolist() for each in trains.sample(b))) for b in range(2)]
    whole = Readout(problem, 2)
    assert whole.read(trains) == -max(most for most, _ in wanted)
    assert set(np.flatnonzero(whole.best).tolist()) in [chosen for _, chosen in wanted]
    assert whole.added - whole.removed <= 2 * 25 and whole.removed > 0

    pieces = Readout(problem, 2)
    for low, high in ((0.0, 0.1), (0.1, 0.3)):
        cut = [trains.sample(b) for b in range(2)]
        keep = [(times >= low) & (times < high) for times, _ in cut]
        part = sal.Spikes.from_lists([(t[k], u[k]) for (t, u), k in zip(cut, keep, strict=True)], n_units=25)
        pieces.read(part)
    assert (pieces.best == whole.best).all() and (pieces.added, pieces.removed) == (whole.added, whole.removed)


def test_without_fatigue_and_noise_the_network_settles_in_a_maximal_independent_set():
    problem = mis_problem(50, 0.1, seed=0)
    settings = SpikingSettings(edge=3.0, drive=0.5, fatigue=1e-9, noise_rate=0.0, noise=0.5)
    starts = sal.Spikes.from_latencies(np.random.default_rng(0).uniform(0.0, 10e-3, (1, 50)))
    run = sal.simulate(spiking_network(problem, settings), {"noise": starts}, 1.0)
    times, units = run.spikes["nodes"].sample(0)
    firing = set(units[times > 0.8].tolist())
    assert problem.conflicts(np.isin(np.arange(50), list(firing))) == 0 and maximal(problem, firing)
    readout = Readout(problem, 1)
    readout.read(run.spikes["nodes"])
    assert len(firing) == -readout.cost


def test_fatigue_makes_it_go_on():
    problem = mis_problem(50, 0.1, seed=0)
    starts = sal.Spikes.from_latencies(np.random.default_rng(0).uniform(0.0, 10e-3, (1, 50)))
    removed = []
    for fatigue in (1e-9, 0.2):
        settings = SpikingSettings(edge=3.0, drive=0.5, fatigue=fatigue, noise=0.5)
        run = sal.simulate(spiking_network(problem, settings), {"noise": starts}, 2.0)
        readout = Readout(problem, 1)
        readout.read(run.spikes["nodes"])
        removed.append(readout.removed)
    assert removed[0] < 50 < 100 < removed[1]


def test_operations_are_those_that_count_run_counts(monkeypatch):
    problem = mis_problem(50, 0.25, seed=0)
    runs = []
    module = __import__("saltation.neurobench.qubo.spiking", fromlist=["simulate"])
    real = module.simulate
    monkeypatch.setattr(module, "simulate", lambda *args, **given: runs.append(real(*args, **given)) or runs[-1])
    found = solve_spiking(problem, limit=30.0, stop_at=problem.target)
    counted = runs[2:]  # the first two are those that load
    assert found.cost == problem.target and len(counted) >= 1
    assert found.operations == sum(count_run(run).total("effective_acs") for run in counted)
    assert found.extra["spikes"] == sum(run.spikes["nodes"].n_events for run in counted)


@pytest.mark.parametrize(("nodes", "density"), [(10, 0.01), (25, 0.1), (50, 0.05), (50, 0.25)])
def test_small_problems_are_solved_to_optimality(nodes, density):
    for seed in range(3):
        problem = mis_problem(nodes, density, seed)
        found = solve_spiking(problem, limit=30.0, seed=seed, stop_at=problem.target)
        assert found.gap == 0.0 and found.feasible and found.time_is == WALL
        assert problem.cost(found.x) == found.cost == found.history[-1][1]


def test_nothing_counts_that_is_found_after_the_limit():
    problem = mis_problem(250, 0.05, seed=0)
    found = solve_spiking(problem, limit=0.2, settings=SpikingSettings(samples=2))
    assert found.seconds <= 0.2 and all(when <= 0.2 for when, _ in found.history)
    costs = [cost for _, cost in found.history]
    assert costs == sorted(costs, reverse=True) and found.cost == costs[-1] == problem.cost(found.x) < 0
    assert found.cost_at(0.2) == found.cost and found.cost_at(0.0) == 0
    assert found.row()["operations"] == found.operations > 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.cost = 0


def test_greedy_solvers_give_maximal_independent_sets():
    problem = mis_problem(100, 0.1, seed=0)
    for solver in (solve_random, solve_greedy):
        found = solver(problem, seed=1)
        assert found.feasible and maximal(problem, set(np.flatnonzero(found.x).tolist()))
    star = MISProblem(5, np.array([[0, 1], [0, 2], [0, 3], [0, 4]]))
    assert solve_greedy(star).cost == -4


def test_rivals_solve_small_problems():
    pytest.importorskip("dwave.samplers")
    problem = mis_problem(25, 0.25, seed=0)
    for solver in (solve_tabu, solve_annealing):
        found = solver(problem, 0.05, seed=1)
        assert found.gap == 0.0 and found.feasible and found.cost == problem.cost(found.x)
        # only the end of these is known
        assert found.cost_at(found.seconds) == found.cost and found.cost_at(0.9 * found.seconds) is None


def test_what_annealing_finds_after_the_limit_does_not_count(monkeypatch):
    samplers = pytest.importorskip("dwave.samplers")
    problem = mis_problem(25, 0.25, seed=0)
    real = samplers.SimulatedAnnealingSampler
    asked = []

    class Slow:
        """A sweep takes a millisecond; of 110 and more, which the second try has, twice as long."""

        def sample(self, model, **given):
            found = real().sample(model, **given)
            sweeps = given["num_reads"] * given["num_sweeps"]
            asked.append(sweeps)
            found.info["timing"]["sampling_ns"] = round(1e6 * sweeps * (2 if sweeps >= 110 else 1) * slower)
            return found

    monkeypatch.setattr(samplers, "SimulatedAnnealingSampler", Slow)
    slower = 1
    found = solve_annealing(problem, 0.15, seed=1)
    assert asked[:3] == [20, 135, 67] and len(asked) == 12
    assert found.seconds == pytest.approx(0.067) and found.extra == {"reads": 1, "sweeps": 67}
    asked.clear()
    found = solve_annealing(problem, 0.1, seed=1)
    assert asked == [20, 90] and found.seconds == pytest.approx(0.09) and found.cost == problem.cost(found.x) < 0
    slower = 1000
    found = solve_annealing(problem, 0.1, seed=1)
    assert found.cost == 0 and not found.x.any() and found.seconds == 0.1


def test_an_emulated_chip_solves_a_problem_in_modelled_time():
    problem = mis_problem(25, 0.25, seed=0)
    found = solve_chip(problem, limit=2e-3, settings=ChipSettings(section=0.5))
    assert found.feasible and found.time_is == MODELLED and found.gap <= 0.2
    assert found.seconds == pytest.approx(2e-3) and found.extra["trials"] == 4 and found.extra["circuits"] == 25
    assert found.cost == problem.cost(found.x) == found.history[-1][1]
    assert found.operations >= found.extra["spikes"] and found.extra["modelled_settling"] > 0


def test_the_largest_network_is_placed_and_a_larger_one_refused():
    problem = mis_problem(252, 1.0, seed=0)
    net, rates = chip_network(problem)
    assert place(net).usage()["neuron circuits"] == (504, 512)
    # half of the noise reaches each node, at the rate that drives it
    weight = net.projections["noise", "nodes"].weight
    assert ((weight > 0).sum(axis=0) == 2).all() and rates.size == 4
    own = ChipSettings()
    assert np.allclose(rates @ weight * own.tau_drive, own.drive)
    with pytest.raises(PlacementError, match="at most 252 nodes; got 253"):
        chip_network(mis_problem(253, 0.01, seed=0))


def test_arguments_are_checked():
    problem = mis_problem(10, 0.1, seed=0)
    with pytest.raises(ParameterError, match="must be a MISProblem, of mis_problem; got ndarray"):
        solve(np.zeros((3, 3)), "greedy")
    with pytest.raises(ParameterError, match="must be one of spiking"):
        solve(problem, "spikng")
    with pytest.raises(ParameterError, match="finite time above 0"):
        solve_spiking(problem, limit=0.0)
    for solver in (solve_spiking, solve_chip):
        with pytest.raises(ParameterError, match=r"stop_at must be a cost.*got 30; for 30 nodes give -30"):
            solver(problem, limit=1e-3, stop_at=30)
        for wrong in (0, -1.5, True, "-3"):
            with pytest.raises(ParameterError, match="stop_at must be a cost"):
                solver(problem, limit=1e-3, stop_at=wrong)
    with pytest.raises(ParameterError, match="tau_fatigue"):
        SpikingSettings(tau_fatigue=4e-3)
