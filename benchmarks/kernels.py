"""Time of a run and its gradient by shape and kind of neuron, and where working side by side begins to pay.

    taskset -c 0 python benchmarks/kernels.py

Yin-Yang points, 5 inputs, ``hidden`` neurons, 3 outputs, batch 150, float64, one thread; microseconds a sample, the
median of repeats after one call that compiles.  The whole call is timed, with what is done in Python.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from saltation.cli import installation
from saltation.engine import forward
from saltation.experiments.bench.cases import CASES
from saltation.experiments.bench.measure import Timing, measure
from saltation.experiments.bench.report import header, write_json

RESULTS = Path(__file__).parent / "results" / "kernels.json"
# Yin-Yang's shape without recurrence; `saltation bench` has the others too.
NAMES = [name for name, case in CASES.items() if case.inputs == 5 and not case.recurrent]


@click.command()
@click.option("--repeats", default=60, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(repeats: int, out: Path) -> None:
    record: dict[str, Any] = {
        **header("kernels", installation()),
        "unit": "us a sample",
        "cases": {},
        "side_by_side": {},
    }
    for name in NAMES:
        record["cases"][name] = show(name, measure(name, CASES[name], repeats=repeats))
    for hidden in (4, 8, 16, 32, 64, 128, 256):
        both: dict[str, Any] = {}
        case = replace(CASES["ratio 4"], hidden=hidden)
        # the three output neurons go one by one in both
        for way, least in (("side by side", 4), ("one by one", 1 << 60)):
            forward.WIDE = least
            both[way] = show(f"{hidden} hidden, {way}", measure(way, case, repeats=repeats))
        record["side_by_side"][str(hidden)] = both
    write_json(out, record)


def show(name: str, timing: Timing) -> dict[str, float]:
    click.echo(
        f"{name:32s} {timing.hidden_spikes:6.0f} hidden spikes   run {timing.run:6.1f}   "
        f"gradient {timing.gradient:6.1f} us a sample"
    )
    return {"hidden_spikes": timing.hidden_spikes, "run": timing.run, "gradient": timing.gradient}


if __name__ == "__main__":
    main()
