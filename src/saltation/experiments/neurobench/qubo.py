"""Maximum independent sets in the table: spiking networks, exactly and on a chip, and rivals at equal time."""

import importlib.util
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

from saltation.bss2 import Backend, Chip
from saltation.errors import ParameterError
from saltation.experiments.neurobench.task import Measured, Options, Piece, Plan, Task
from saltation.model import Network
from saltation.neurobench.counting.network import static_of
from saltation.neurobench.counting.record import Activity, LayerCount
from saltation.neurobench.qubo import (
    LARGEST,
    Solution,
    chip_network,
    mis_problem,
    solve,
    solve_chip,
    solve_spiking,
    spiking_network,
)
from saltation.neurobench.report import Complexity
from saltation.neurobench.rules import rules_of

__all__ = ["TASK"]

_NODES, _QUICK_NODES = (50, 100, 250, 500, 1000), (10, 50)
_DENSITIES, _QUICK_DENSITIES = (0.05, 0.25), (0.25,)
_GRAPHS, _QUICK_GRAPHS = 3, 2
_PUBLISHED: Final = 5
"""Graphs of a size and density that have a published target."""
_LIMIT, _QUICK_LIMIT = 1.0, 0.1
_CHIP_LIMIT: Final = 5e-3
_RULES = ("per-sample", "synapse", "events", "sparse", "window", "event-footprint", "learning")

Measure = Callable[[int, float, int], Measured]


def _plan(options: Options, folder: Path, tell: Callable[[str], object]) -> Plan:
    if importlib.util.find_spec("networkx") is None:
        return Plan((), ('qubo: problems need networkx: pip install "saltation[qubo]"',))
    quick = options.quick
    limit, graphs = (_QUICK_LIMIT, _QUICK_GRAPHS) if quick else (_LIMIT, _GRAPHS)
    graphs = min(options.series or graphs, _PUBLISHED)
    pieces: list[Piece] = []
    for nodes in _QUICK_NODES if quick else _NODES:
        for density in _QUICK_DENSITIES if quick else _DENSITIES:
            for model, backend, settings, measure in _solvers(options, nodes, limit):
                about = f"{nodes} nodes, density {density:g}, {settings['limit']:g} s"
                pieces += [
                    Piece(model, about, backend, f"graph {which}", settings, partial(measure, nodes, density, which))
                    for which in range(graphs)
                ]
    return Plan(tuple(pieces), tuple(_left_out(options)))


def _left_out(options: Options) -> list[str]:
    notes: list[str] = []
    if not _has_rivals():
        notes.append('qubo: tabu search and annealing need pip install "saltation[qubo]"')
    if options.series is not None and options.series > _PUBLISHED:
        notes.append(f"qubo: graphs of --series from number {_PUBLISHED} on, which have no published target")
    if "grid" in options.backends:
        notes.append("qubo: the spiking network does not run on a grid; it does exactly and on a chip")
    if "chip" in options.backends and options.quick:
        notes.append("qubo: the chip takes minutes, and is left out with --quick")
    elif "chip" in options.backends:
        notes.append(f"qubo: graphs of more than {LARGEST} nodes do not fit on a chip")
    return notes


def _has_rivals() -> bool:
    return importlib.util.find_spec("dwave") is not None and importlib.util.find_spec("dwave.samplers") is not None


def _solvers(options: Options, nodes: int, limit: float) -> list[tuple[str, str, dict[str, float], Measure]]:
    """Name, where it runs, settings, and what measures it on a graph."""
    seed = options.seeds[0]
    settings = {"limit": limit, "seed": seed}
    found: list[tuple[str, str, dict[str, float], Measure]] = []
    if "exact" in options.backends:
        found.append(("spiking", "exact", settings, partial(_exactly, limit, seed)))
    if "chip" in options.backends and nodes <= LARGEST and not options.quick:
        serial = 1 if options.serial is None else options.serial
        on_chip = {"limit": _CHIP_LIMIT, "seed": seed}
        found.append(("spiking", f"chip {serial}, modelled time", on_chip, partial(_on_chip, serial, seed)))
    if _has_rivals():
        found += [
            (name, "dwave-samplers", settings, partial(_by_rival, name, limit, seed)) for name in ("tabu", "annealing")
        ]
    found.append(("greedy", "NumPy", settings, partial(_by_rival, "greedy", limit, seed)))
    return found


def _exactly(limit: float, seed: int, nodes: int, density: float, graph: int) -> Measured:
    problem = mis_problem(nodes, density, graph)
    solution = solve_spiking(problem, limit, seed=seed)
    return Measured(_gap(solution), _costs(spiking_network(problem), solution, None), {})


def _on_chip(serial: int, seed: int, nodes: int, density: float, graph: int) -> Measured:
    problem = mis_problem(nodes, density, graph)
    solution = solve_chip(problem, _CHIP_LIMIT, backend=_backend(serial), seed=seed)
    costs = _costs(chip_network(problem, seed=seed)[0], solution, 1)
    settling = solution.extra["modelled_settling"]
    return Measured(_gap(solution), costs, {"Modelled_Hardware_Time": solution.seconds, "Modelled_Settling": settling})


@lru_cache(maxsize=1)
def _backend(serial: int) -> Backend:
    """One calibration for all graphs."""
    return Backend(Chip(serial=serial))


def _by_rival(name: str, limit: float, seed: int, nodes: int, density: float, graph: int) -> Measured:
    return Measured(_gap(solve(mis_problem(nodes, density, graph), name, limit=limit, seed=seed)), None, {})


def _gap(solution: Solution) -> float:
    if solution.gap is None:
        raise ParameterError(
            f"qubo: the problem must have a published target, as graphs 0 to {_PUBLISHED - 1} have; got one without, "
            "which has no gap"
        )
    return solution.gap


def _costs(net: Network, solution: Solution, weight_bytes: int | None) -> Complexity:
    """Operations of the whole solution, and the network at rest."""
    layer = LayerCount("all projections", "events", 0, solution.operations or 0, None, None)
    static = static_of(net.populations, net.projections, weight_bytes=weight_bytes)
    kind = "event-driven" if weight_bytes is None else "emulated chip"
    rules = rules_of(*_RULES, *(() if weight_bytes is None else ("chip",)))
    return Complexity(kind, 1, (layer,), static, Activity(None, None, ()), None, None, None, {}, rules)


TASK: Final = Task(
    title="Maximum independent sets (system track, QUBO)",
    metric="BKS-Gap",
    higher_is_better=False,
    percent=True,
    about="The gap is that of the cost to the published best one, (c - c_target) / |c_target|; below zero is better. "
    "Targets are optimal up to 50 nodes; beyond they are of a tabu search. Each graph is a published problem, and the "
    "error is over graphs. Solvers have the same wall time of one core; that of the chip is modelled, and how long the "
    "emulator took is no result. Operations are those of the whole solution.",
    published=None,
    plan=_plan,
    per="solution",
)
