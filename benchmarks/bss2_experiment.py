"""What `saltation.bss2.Experiment` costs over `Chip.run`: batches of 100 sections of a Yin-Yang network.

    python benchmarks/bss2_experiment.py

25-120-3 on a calibrated chip, 40 us a section, readouts recorded by the CADC.  In every step weights change, which are
written differentially; both ways take their turn, on chips of their own, and observe the same.  "Described anew": new
spikes in every step too, so that sections are made in both.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

import saltation as sal
from saltation.bss2 import SPIKING2, Cadc, Chip, Experiment, calibrate
from saltation.bss2.playing import make_sections
from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json

RESULTS = Path(__file__).parent / "results" / "bss2_experiment.json"
SERIAL, BATCH, DURATION = 11, 100, 40e-6
KEY = ("in", "hid")


def network(rng: np.random.Generator) -> sal.Network:
    net = sal.Network()
    net.add("in", sal.Input(25))
    net.add("hid", sal.LIF(120))
    net.add("out", sal.LI(3))
    net.connect("in", "hid", weight=rng.integers(-20, 60, (25, 120)))
    net.connect("hid", "out", weight=rng.integers(-20, 20, (120, 3)))
    return net


def timed(function: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def ratio(experiment: Experiment, rng: np.random.Generator, repeats: int, anew: bool) -> dict[str, float]:
    """Milliseconds a batch in both ways, the medians of repeats, and the median of their ratios."""
    chip, placement = Chip(SERIAL), experiment.placed.placement
    configuration = experiment.configuration.copy()
    recordings = [Cadc(circuits=experiment.circuits("out"))]
    spikes = sal.Spikes.from_latencies(rng.uniform(1e-6, 25e-6, (BATCH, 25)))

    def sections() -> list[Any]:
        return make_sections(placement, {"in": spikes}, BATCH, DURATION, 1.0, recordings)

    def describe() -> None:
        experiment.clear()
        with experiment.section(DURATION, batch=BATCH) as section:
            section.play("in", spikes)
            section.record(recordings[0])

    def by_experiment() -> Any:
        if anew:
            describe()
        return experiment.run()

    made = sections()
    describe()
    seen: list[tuple[float, float]] = []
    for repeat in range(repeats + 2):
        weights = rng.integers(-20, 60, (25, 120))
        placement.write_weights(configuration, KEY, weights)
        experiment.write_weights(KEY, weights)
        if anew:
            spikes = sal.Spikes.from_latencies(rng.uniform(1e-6, 25e-6, (BATCH, 25)))
        one, execution = timed(lambda: chip.run(configuration, sections() if anew else made))
        other, result = timed(by_experiment)
        same = all(np.array_equal(a.times, b.times) for a, b in zip(execution.sections, result.sections, strict=True))
        assert same, "the two ways observed different spikes"
        if repeat >= 2:
            seen.append((1e3 * one, 1e3 * other))
    return {
        "chip_ms": statistics.median(one for one, _ in seen),
        "experiment_ms": statistics.median(other for _, other in seen),
        "ratio": statistics.median(other / one for one, other in seen),
    }


@click.command()
@click.option("--repeats", default=40, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(repeats: int, out: Path) -> None:
    record: dict[str, Any] = {**header("bss2_experiment", installation()), "batch": BATCH, "repeats": repeats}
    calibration = calibrate(Chip(SERIAL), SPIKING2)
    for name, anew in (("sections kept", False), ("described anew", True)):
        rng = np.random.default_rng(0)
        experiment = Experiment(Chip(SERIAL), calibration=calibration)
        experiment.place(network(rng))
        record[name] = ratio(experiment, rng, repeats, anew)
        click.echo(f"{name:16s} " + "   ".join(f"{what} {value:.4g}" for what, value in record[name].items()))
    write_json(out, record)


if __name__ == "__main__":
    main()
