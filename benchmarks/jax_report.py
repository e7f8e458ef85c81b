"""JAX beside PyTorch and beside jaxsnn, for docs/performance.md.

    taskset -c 1 python benchmarks/jax_step.py
    python benchmarks/peers.py --peer saltation-jax --peer saltation-torch --peer jaxsnn-eventprop \
        --peer jaxsnn-analytical --cores 1 --out benchmarks/results/jax.json
    python benchmarks/jax_report.py

Writes the block ``jax`` of the page; the words around it are kept.
"""

from pathlib import Path
from typing import Any

import click
from pages import PERFORMANCE, load_record, replace_block
from peers_report import table

RESULTS = Path(__file__).parent / "results"
SCHEMA_VERSION = 1
INTRODUCTION = """\
Yin-Yang, 5-120-3, batch 150, one core, float64 (jaxsnn: float32); a training step with a loss of spike times and Adam.
Under JAX the kernels, their order and the numbers are those of PyTorch; what differs is what runs around them. Where
the frameworks themselves are compared neurons spike once, as jaxsnn's examples have it."""


def steps(record: dict[str, Any]) -> str:
    """The step under JAX beside that under PyTorch, and the first step of a process, in words."""
    micro, first = record["us_per_sample"], record["first_step_seconds"]
    machine = record["machine"]["processor"]
    return (
        f'All spikes (`saltation bench`\'s case "{record["case"]}"), in turns: {micro["jax"]:.1f} µs a sample under '
        f"JAX, {micro['torch']:.1f} from PyTorch, a ratio of **{record['ratio']:.2f}**. From the start of a process to "
        f"the end of its first step: {first['warm']:.1f} s with compiled kernels in the cache, {first['cold']:.0f} s "
        f"without. {machine}, {record['date'][:10]}, load {record['load_average']:.1f}. "
        "`python benchmarks/jax_step.py`."
    )


def ratios(record: dict[str, Any]) -> str:
    """Ours beside jaxsnn, in words."""

    def of(name: str) -> dict[str, Any]:
        return record["peers"][name]["cores"]["1"]

    def start(name: str, which: str) -> float:
        return of(name)[which]

    times = of("jaxsnn-eventprop")["us_per_sample"] / of("saltation-jax")["us_per_sample"]
    later = start("saltation-jax", "startup_seconds") / start("jaxsnn-eventprop", "startup_seconds")
    first = start("saltation-jax", "first_startup_seconds") / start("jaxsnn-eventprop", "first_startup_seconds")
    return (
        f"jaxsnn's EventProp takes **{times:.0f} times** as long as ours. Our start-up takes {later:.2f} of the time "
        f"of jaxsnn's with kernels in the cache, and {first:.1f} times as long in the first process of all, which "
        f"compiles them. Medians of {record['options']['rounds']} rounds; {record['machine']['processor']}, "
        f"{record['date'][:10]}, load {record['load_average']:.1f} at the start. See `benchmarks/jax_report.py`."
    )


@click.command()
@click.option("--results", type=click.Path(path_type=Path, file_okay=False, exists=True), default=RESULTS)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=PERFORMANCE)
def main(results: Path, page: Path) -> None:
    step, peers = (load_record(results / name, SCHEMA_VERSION) for name in ("jax_step.json", "jax.json"))
    parts = ["## Under JAX", INTRODUCTION, steps(step), table(peers), ratios(peers)]
    replace_block(page, "jax", "\n\n".join(parts))


if __name__ == "__main__":
    main()
