"""From how many neurons on working on all of them side by side pays: what ``saltation.engine.forward.WIDE`` rests on.

    taskset -c 0 python benchmarks/side_by_side.py

Yin-Yang points, 5 inputs, ``hidden`` neurons of ``tau_mem = 4 tau_syn``, 3 outputs, batch 150, float64, one thread;
microseconds a sample, medians of whole calls.
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

RESULTS = Path(__file__).parent / "results" / "side_by_side.json"


@click.command()
@click.option("--repeats", default=60, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(repeats: int, out: Path) -> None:
    record: dict[str, Any] = {
        **header("side_by_side", installation()),
        "unit": "us a sample",
        "hidden": {},
    }
    for hidden in (4, 8, 16, 32, 64, 128, 256):
        both: dict[str, Any] = {}
        case = replace(CASES["ratio 4"], hidden=hidden)
        # the three output neurons go one by one in both
        for way, least in (("side by side", 4), ("one by one", 1 << 60)):
            forward.WIDE = least
            both[way] = show(f"{hidden} hidden, {way}", measure(way, case, repeats=repeats))
        record["hidden"][str(hidden)] = both
    write_json(out, record)


def show(name: str, timing: Timing) -> dict[str, float]:
    click.echo(
        f"{name:32s} {timing.hidden_spikes:6.0f} hidden spikes   run {timing.run:6.1f}   "
        f"gradient {timing.gradient:6.1f} us a sample"
    )
    return {"hidden_spikes": timing.hidden_spikes, "run": timing.run, "gradient": timing.gradient}


if __name__ == "__main__":
    main()
