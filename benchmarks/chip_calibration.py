"""Calibrations of chips: spreads before and after, their ratios against the bounds of the public tests, and time.

    python benchmarks/chip_calibration.py --serials 1-10

Bounds are those of hxtorch's and calix's tests of neurons (tests/hw/py/test_neuron_distribution.py): the standard
deviation over circuits after calibration, as a share of that before.
"""

import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import click

from saltation.bss2 import Chip, NeuronTarget, calibrate
from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json

RESULTS = Path(__file__).parent / "results" / "chip_calibration.json"
SCHEMA_VERSION = 1
BOUNDS = {
    "leak": 0.30,
    "reset": 0.20,
    "threshold": 0.35,
    "tau_mem": 0.45,
    "tau_syn_exc": 0.20,
    "tau_syn_inh": 0.20,
    "strength_exc": None,
    "strength_inh": None,
}
CONDITIONS = ("load_average", "date", "machine")


@click.command()
@click.option("--serials", default="1-10", show_default=True, help="First and last serial number.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(serials: str, out: Path) -> None:
    first, last = map(int, serials.split("-"))
    calibrate(Chip(0))  # what is compiled on first use is compiled here
    chips: list[dict[str, Any]] = []
    for serial in range(first, last + 1):
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            result = calibrate(Chip(serial), NeuronTarget())
        chips.append(
            {
                "serial": serial,
                "seconds": time.perf_counter() - start,
                "hardware_seconds": result.hardware_time,
                "warnings": [str(each.message) for each in told],
                "at_ends": result.at_ends(),
                "summary": result.summary(),
            }
        )
        click.echo(f"{serial}: {chips[-1]['seconds']:.1f} s")
    quantities = {
        name: {
            "bound": bound,
            **{
                what: statistics.mean(chip["summary"][name][what] for chip in chips)
                for what in ("before", "after", "ratio")
            },
            "worst_ratio": max(chip["summary"][name]["ratio"] for chip in chips),
            "failed": sum(chip["summary"][name]["failed"] for chip in chips),
        }
        for name, bound in BOUNDS.items()
    }
    for name, row in quantities.items():
        click.echo(f"{name}: ratio {row['ratio']:.3f}, worst {row['worst_ratio']:.3f}, bound {row['bound']}")
    conditions = {name: value for name, value in header("", installation()).items() if name in CONDITIONS}
    seconds = statistics.median(chip["seconds"] for chip in chips)
    record = {"schema_version": SCHEMA_VERSION, "benchmark": "chip_calibration", "median_seconds": seconds}
    write_json(out, {**record, **conditions, "quantities": quantities, "chips": chips})


if __name__ == "__main__":
    main()
