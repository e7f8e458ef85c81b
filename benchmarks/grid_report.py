"""Table of the time-stepped rows of `peers.py` beside a plain loop, for docs/performance.md.

    python benchmarks/peers.py --peer saltation-grid-torch --peer torch-plain --peer saltation-grid-jax \
        --peer jaxsnn-discrete --peer spyx --cores 1 --out benchmarks/results/grid.json
    python benchmarks/grid_report.py

Writes the block ``grid`` of the page; the words around it are kept.
"""

from pathlib import Path
from typing import Any

import click
from pages import PERFORMANCE, load_record, replace_block
from peers_report import table

RESULTS = Path(__file__).parent / "results" / "grid.json"
SCHEMA_VERSION = 1
INTRODUCTION = """\
The same training step on a grid of 60 steps (Yin-Yang, 5-120-3, batch 150): surrogate gradients, the mean voltage
of leaky integrators, Adam. *Plain PyTorch loop* is the same equations as one writes them by hand, in float32; ours
from PyTorch computes in float64, all that run under JAX in float32, each in one compiled loop over the batches of
an epoch."""


def ratios(record: dict[str, Any]) -> str:
    """Ours beside its yardstick, in words."""

    def time(name: str) -> float:
        return record["peers"][name]["cores"]["1"]["us_per_sample"]

    torch = time("saltation-grid-torch") / time("torch-plain")
    others = {name: time(name) for name in ("jaxsnn-discrete", "spyx") if name in record["peers"]}
    fastest = min(others, key=lambda name: others[name])
    jax = time("saltation-grid-jax") / others[fastest]
    label = record["peers"][fastest]["label"]
    ours = f"From PyTorch {torch:.2f} of the plain loop's time; under JAX {jax:.2f} of that of {label}"
    return f"{ours}, the fastest of these."


def conditions(record: dict[str, Any]) -> str:
    return (
        f"One core, medians of {record['options']['rounds']} rounds; {record['machine']['processor']}, "
        f"{record['date'][:10]}, load {record['load_average']:.1f} at the start. "
        "`python benchmarks/peers.py --peer ...`, see `benchmarks/grid_report.py`."
    )


@click.command()
@click.option("--results", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=RESULTS)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=PERFORMANCE)
def main(results: Path, page: Path) -> None:
    record = load_record(results, SCHEMA_VERSION)
    parts = ["## Time steps", INTRODUCTION, table(record), ratios(record), conditions(record)]
    replace_block(page, "grid", "\n\n".join(parts))


if __name__ == "__main__":
    main()
