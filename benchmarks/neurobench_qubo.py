"""QUBO, maximum independent sets: a spiking network, exactly and on the emulated chip, beside other solvers.

    python benchmarks/neurobench_qubo.py time --limit 1
    python benchmarks/neurobench_qubo.py time --limit 10 --seeds 0 --nodes 500 --nodes 1000
    python benchmarks/neurobench_qubo.py chip --serials 1 --serials 2
    python benchmarks/neurobench_qubo.py report

``time`` runs all solvers on the published problems for the same time of one core; that of the spiking network is cut
off at shorter limits too, as it tells when each improvement was there, the others run anew. ``chip`` runs the network
on emulated chips for a modelled time. Parameters are the same for all problems. They were chosen on published problems,
which are for tuning: what stands here is not an evaluation by the rules, whose seeds are announced. Each row is added
to the results when it is done, and one that is there is not made again; ``--add`` brings files together.
"""

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np
from pages import replace_block

from saltation.bss2 import Backend, Chip
from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json
from saltation.neurobench.qubo import MISProblem, mis_problem, published, solve, solve_chip

RESULTS = Path(__file__).parent / "results" / "neurobench_qubo.json"
PAGE = Path(__file__).parents[1] / "docs" / "neurobench_qubo.md"
SCHEMA_VERSION = 1
NODES = (10, 25, 50, 100, 250, 500, 1000, 2500, 5000)
DENSITIES = (0.01, 0.05, 0.1, 0.25)
LIMITS = (0.1, 1.0, 10.0)
TIMED = ("spiking", "tabu", "annealing", "annealing-default")
UNTIMED = ("greedy", "random")
CHIP_LIMIT = 5e-3

Row = dict[str, Any]


def key(row: Row) -> str:
    """What tells one row from another."""
    names = ("study", "solver", "nodes", "density", "seed", "limit", "serial")
    return json.dumps([row.get(name) for name in names])


def load(out: Path) -> dict[str, Row]:
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"] if out.exists() else []
    return {key(row): row for row in rows}


def save(out: Path, done: dict[str, Row]) -> None:
    record = header("neurobench_qubo", installation()) | {"schema_version": SCHEMA_VERSION}
    record["rivals"] = {name: version(name) for name in ("dwave-samplers", "networkx")}
    write_json(out, record | {"rows": [done[name] for name in sorted(done)]})


def wanted(nodes: tuple[int, ...], densities: tuple[float, ...], seeds: tuple[int, ...]) -> Iterator[MISProblem]:
    for size, density, seed in published():
        if size in nodes and density in densities and seed in seeds:
            yield mis_problem(size, density, seed)


def described(problem: MISProblem) -> Row:
    size, density, seed = problem.name.split("-")
    return {"nodes": int(size), "density": float(density), "seed": int(seed), "target": problem.target}


def measure(problem: MISProblem, solver: str, limit: float | None) -> Row:
    found = solve(problem, solver, limit=limit or 1.0, seed=described(problem)["seed"])
    row = described(problem) | {"study": "time", "limit": limit} | found.row() | {"solver": solver}
    row.pop("settings", None)
    return row


def summary(rows: list[Row]) -> str:
    """Gaps by size and density, and how often each solver was at least as good as tabu search."""
    parts = [optimal(rows)]
    for limit in LIMITS:
        parts += table(rows, limit)
    parts.append(operations(rows))
    parts.append(chips(rows))
    return "\n\n".join(part for part in parts if part)


def score(rows: list[Row], solver: str, limit: float | None) -> dict[tuple[int, float, int], float]:
    """Gap of each problem at a limit; of the spiking network by its history, where it ran longer."""
    found: dict[tuple[int, float, int], tuple[float, float]] = {}
    for row in rows:
        if row["study"] != "time" or row["solver"] != solver:
            continue
        which = (row["nodes"], row["density"], row["seed"])
        if limit is None or row["limit"] == limit:
            found[which] = (0.0, row["gap"])
        elif solver == "spiking" and row["limit"] > limit:
            cost = min((c for when, c in row["history"] if when <= limit), default=0)
            # the shortest run that is long enough
            if which not in found or row["limit"] < found[which][0]:
                found[which] = (row["limit"], (cost - row["target"]) / -row["target"])
    return {which: gap for which, (_, gap) in found.items()}


def optimal(rows: list[Row]) -> str:
    """Up to 50 nodes, where targets are exact: problems solved."""
    lines = ["Up to 50 nodes, where targets are exact: problems solved to optimality.", ""]
    lines += ["| solver | within 0.1 s | within 1 s |", "|---|---|---|"]
    for solver in (*TIMED, *UNTIMED):
        cells = []
        for limit in (0.1, 1.0):
            own = score(rows, solver, None if solver in UNTIMED else limit)
            small = [gap for (nodes, _, _), gap in own.items() if nodes <= 50]
            cells.append(f"{sum(gap == 0 for gap in small)} of {len(small)}" if small else "–")
        lines.append(f"| {solver} | {' | '.join(cells)} |")
    return "\n".join(lines)


def table(rows: list[Row], limit: float) -> list[str]:
    scores = {solver: score(rows, solver, limit) for solver in TIMED}
    scores |= {solver: score(rows, solver, None) for solver in UNTIMED}
    large = [w for w in sorted(scores["spiking"]) if w[0] > 50 and w in scores["tabu"]]
    if not large:
        return []
    shown = [solver for solver in (*TIMED, *UNTIMED) if any(w in scores[solver] for w in large)]
    heads = ["nodes", "density", "problems", *shown, "better than tabu", "worse"]
    lines = [f"Mean gap in % after {limit:g} s; below zero is better than the published target.", ""]
    lines += [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for nodes, density in sorted({w[:2] for w in large}):
        which = [w for w in large if w[:2] == (nodes, density)]
        cells = []
        for solver in shown:
            own = [100 * scores[solver][w] for w in which if w in scores[solver]]
            cells.append(f"{np.mean(own):.1f}" if len(own) == len(which) else "–")
        better, worse = compared(scores["spiking"], scores["tabu"], which)
        lines.append(f"| {nodes} | {density:g} | {len(which)} | {' | '.join(cells)} | {better} | {worse} |")
    parts = []
    for solver in ("tabu", "annealing"):
        both = [w for w in large if w in scores[solver]]
        better, worse = compared(scores["spiking"], scores[solver], both)
        parts.append(f"better than {solver} on {better} of {len(both)} and worse on {worse}")
    return ["\n".join(lines), f"The spiking network is {', '.join(parts)}."]


def compared(ours: dict[Any, float], theirs: dict[Any, float], which: list[Any]) -> tuple[int, int]:
    """On how many problems ours is better, and worse."""
    return sum(ours[w] < theirs[w] for w in which), sum(ours[w] > theirs[w] for w in which)


def operations(rows: list[Row]) -> str:
    """What the spiking network did in a second."""
    heads = ["nodes", "density", "simulated s", "spikes", "synaptic operations", "time of the best (s)"]
    lines = ["The spiking network in 1 s, medians.", "", f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for nodes in NODES:
        for density in DENSITIES:
            own = [r for r in rows if r["study"] == "time" and r["solver"] == "spiking" and r["limit"] == 1.0]
            own = [r for r in own if (r["nodes"], r["density"]) == (nodes, density)]
            if own:
                cells = [f"{np.median([r['simulated_seconds'] for r in own]):.3g}"]
                cells += [f"{np.median([r[name] for r in own]):.2e}" for name in ("spikes", "operations")]
                cells.append(f"{np.median([r['history'][-1][0] for r in own]):.3f}")
                lines.append(f"| {nodes} | {density:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def chips(rows: list[Row]) -> str:
    """The chip, by serial number."""
    own = [row for row in rows if row["study"] == "chip"]
    if not own:
        return ""
    serials = sorted({row["serial"] for row in own})
    heads = ["nodes", "density", "problems", "circuits", *(f"chip {serial}" for serial in serials), "operations"]
    lines = [f"On emulated chips, mean gap in % after {1e3 * own[0]['limit']:g} ms of modelled hardware time.", ""]
    lines += [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for nodes in NODES:
        for density in DENSITIES:
            here = [row for row in own if (row["nodes"], row["density"]) == (nodes, density)]
            if not here:
                continue
            cells = [str(len({row["seed"] for row in here})), str(here[0]["circuits"])]
            for serial in serials:
                gaps = [100 * row["gap"] for row in here if row["serial"] == serial]
                cells.append(f"{np.mean(gaps):.1f}" if gaps else "–")
            cells.append(f"{np.median([row['operations'] for row in here]):.2e}")
            lines.append(f"| {nodes} | {density:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


@click.command()
@click.argument("study", type=click.Choice(["time", "chip", "report"]))
@click.option("--limit", type=float, help=f"Seconds.  [default: 1, of chips {CHIP_LIMIT:g}]")
@click.option("--nodes", multiple=True, type=click.Choice([str(n) for n in NODES]), help="Of these sizes.")
@click.option("--densities", multiple=True, type=float, default=DENSITIES, show_default=True)
@click.option("--seeds", multiple=True, type=click.IntRange(0, 4), default=range(5), show_default=True)
@click.option("--solvers", multiple=True, type=click.Choice([*TIMED, *UNTIMED]), default=(*TIMED, *UNTIMED))
@click.option("--serials", multiple=True, type=click.IntRange(0), default=(1, 2), show_default=True, help="Of chips.")
@click.option("--add", multiple=True, type=click.Path(path_type=Path, exists=True), help="Rows of other files.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(
    study: str,
    limit: float | None,
    nodes: tuple[str, ...],
    densities: tuple[float, ...],
    seeds: tuple[int, ...],
    solvers: tuple[str, ...],
    serials: tuple[int, ...],
    add: tuple[Path, ...],
    out: Path,
) -> None:
    if study == "report":
        for path in add:
            save(out, load(out) | load(path))
        text = summary(list(load(out).values()))
        click.echo(text)
        if out == RESULTS:
            replace_block(PAGE, "qubo", text)
        return
    done = load(out)
    sizes = tuple(int(n) for n in nodes)
    if study == "time":
        for problem in wanted(sizes or NODES[:7], densities, seeds):
            for solver in solvers:
                row = described(problem) | {"study": "time", "solver": solver}
                row["limit"] = None if solver in UNTIMED else (limit or 1.0)
                if key(row) not in done:
                    made = measure(problem, solver, row["limit"])
                    done[key(made)] = made
                    click.echo(f"{problem.name} {solver}: gap {100 * made['gap']:.1f} %, {made['seconds']:.3f} s")
            save(out, done)
        return
    for serial in serials:
        backends: dict[int, Backend] = {}
        for problem in wanted(sizes or (25, 50, 100, 250), densities, seeds):
            row = described(problem) | {"study": "chip", "solver": "chip", "serial": serial}
            row["limit"] = limit or CHIP_LIMIT
            if key(row) in done:
                continue
            backend = backends.setdefault(problem.nodes, Backend(Chip(serial=serial)))
            stop = problem.target if problem.nodes <= 50 else None
            found = solve_chip(problem, row["limit"], backend=backend, seed=row["seed"], stop_at=stop)
            made = row | found.row()
            made.pop("settings", None)
            done[key(made)] = made
            save(out, done)
            click.echo(f"{problem.name} chip {serial}: gap {100 * made['gap']:.1f} %, {made['seconds']:.4f} s modelled")


if __name__ == "__main__":
    main()
