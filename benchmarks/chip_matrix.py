"""The matrix mode of emulated chips: the published product, linearity, noise, agreement of the fast model, speed.

    python benchmarks/chip_matrix.py
    python benchmarks/chip_matrix.py --report    # the page alone, from what is recorded

Of each chip: calibration and fast model by measurement, the product of the demonstration tp_01 of BrainScaleS-2
(15 x 21 x 100 inputs), results over weights, and random matrices on circuits and by the fast model.  Speeds of both
stand beside that of a plain product of float32 in PyTorch, measured in turns; the best of some repeats counts, by
the clock and by the time of cores, and the load of the machine is recorded.
"""

import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from chip_matrix_report import SCHEMA_VERSION, write_page
from pages import load_record

from saltation.bss2 import Chip
from saltation.bss2.mac import (
    ACTIVATION_MAX,
    Circuits,
    Fast,
    HagenCalibration,
    MatrixUnit,
    Tile,
    calibrate_hagen,
    measure,
)
from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json

RESULTS = Path(__file__).parent / "results" / "chip_matrix.json"
CONDITIONS = ("load_average", "date", "machine")
WEIGHTS = tuple(range(-63, 64, 7))
# name, inputs, largest weight, part of the activations that are not 0, how it is played
CASES: tuple[tuple[str, Any, Any, Any, Any], ...] = (
    ("128 inputs", 128, 63, 1.0, {}),
    ("128 inputs, nine of ten activations 0", 128, 63, 0.1, {}),
    ("9 inputs, `num_sends=6`", 9, 63, 1.0, {"num_sends": 6}),
    ("128 inputs, weights to 20, `num_sends=3`", 128, 20, 1.0, {"num_sends": 3}),
    ("128 inputs, weights to 6, `num_sends=20`", 128, 6, 1.0, {"num_sends": 20}),
    ("128 inputs, `wait_between_events=2`", 128, 63, 1.0, {"wait_between_events": 2}),
    ("128 inputs, `wait_between_events=1`", 128, 63, 1.0, {"wait_between_events": 1}),
    ("4 inputs, `num_sends=30`", 4, 63, 1.0, {"num_sends": 30}),
    ("4 inputs, `num_sends=30`, `wait_between_events=2`", 4, 63, 1.0, {"num_sends": 30, "wait_between_events": 2}),
)
PICTURE = "100 inputs of a picture, `num_sends=3`, `wait_between_events=2`"
SENDS = (1, 3, 6, 20)
BEYOND = "100 inputs, sums from -150 to 150 LSB"


@click.command()
@click.option("--serials", default="1-3", show_default=True, help="First and last serial number.")
@click.option("--repeats", default=7, show_default=True, help="Of each timing.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
@click.option("--speed-only", is_flag=True, help="Measure speeds anew, and keep the rest of what is recorded.")
@click.option("--report", is_flag=True, help="Write the page alone, from what is recorded.")
def main(serials: str, repeats: int, out: Path, speed_only: bool, report: bool) -> None:
    if speed_only:
        record = load_record(out, SCHEMA_VERSION)
        timed = {**speed(int(serials.split("-")[0]), repeats), "load_average": os.getloadavg()[0]}
        write_json(out, {**record, "speed": timed})
    elif not report:
        first, last = map(int, serials.split("-"))
        conditions = {name: value for name, value in header("", installation()).items() if name in CONDITIONS}
        chips = [of_chip(serial) for serial in range(first, last + 1)]
        timed = {**speed(first, repeats), "load_average": os.getloadavg()[0]}
        record = {"schema_version": SCHEMA_VERSION, "benchmark": "chip_matrix", **conditions}
        write_json(out, {**record, "chips": chips, "weights": WEIGHTS, "speed": timed})
    write_page(out)


def of_chip(serial: int) -> dict[str, Any]:
    """All that is measured of a chip but speed."""
    chip, start = Chip(serial), time.perf_counter()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        calibration = calibrate_hagen(chip)
    calibrated = time.perf_counter()
    model = measure(chip, calibration)
    seconds = {"calibrate": calibrated - start, "measure": time.perf_counter() - calibrated}
    circuits, fast = Circuits(chip, calibration, seed=1), Fast(model)
    found = {
        "serial": serial,
        "seconds": seconds,
        "hardware_seconds": calibration.hardware_time,
        "warnings": [str(each.message) for each in told],
        "calibration": spreads(calibration),
        "published": {sign: published(circuits, int(sign)) for sign in ("1", "-1")},
        "linearity": linearity(circuits),
        "agreement": {name: agreement(circuits, fast, *drawn(serial, *case)) for name, *case in CASES},
    }
    found["agreement"][PICTURE] = agreement(circuits, fast, *picture(serial))
    found["agreement"][BEYOND] = agreement(circuits, fast, *beyond(serial), {})
    found["sends"] = {str(n): gain_of_a_send(circuits, n) for n in SENDS}
    click.echo(f"{serial}: {found['published']['1']['mean']:.1f} LSB, {seconds}")
    return found


def spreads(calibration: HagenCalibration) -> dict[str, dict[str, float]]:
    """Of each quantity the median and the spread, and how far most are from the target."""
    result = calibration.summary()
    baseline = calibration.report["leak"][1]
    result["leak"]["within_16"] = float(np.mean(np.abs(baseline - calibration.target.leak) < 16.0))
    return result


def published(circuits: MatrixUnit, sign: int) -> dict[str, float]:
    """The demonstration: 100 inputs of 15 with weights of 21, on all columns of a hemisphere, 100 times."""
    (read,) = circuits.multiply([Tile(0, np.full((100, 256), sign * 21))], [np.full((100, 100), 15)])
    columns, noise = sign * read.mean(axis=0), read.std(axis=0, ddof=1)
    return {
        "mean": float(columns.mean()),
        "all": float(read.std()),
        "fixed": float(columns.std()),
        "band": float(np.diff(np.percentile(columns, [10, 90]))[0]),
        "noise": float(noise.mean()),
        "noise_of_75_percent": float(np.percentile(noise, 75)),
    }


def linearity(circuits: MatrixUnit) -> list[float]:
    """Mean result of columns of one weight, 100 inputs of 15."""
    tile = Tile(0, np.tile(np.repeat(WEIGHTS, 8), (100, 1)))
    (read,) = circuits.multiply([tile], [np.full((50, 100), 15)])
    return read.mean(axis=0).reshape(len(WEIGHTS), 8).mean(axis=1).tolist()


def drawn(serial: int, inputs: int, weight: int, part: float, more: dict[str, int]) -> tuple[Any, ...]:
    """A random matrix on each hemisphere, and random vectors."""
    rng = np.random.default_rng([serial, inputs, weight])
    tiles = [Tile(h, rng.integers(-weight, weight + 1, (inputs, 256))) for h in range(2)]
    vectors = [rng.integers(0, 32, (20, inputs)) * (rng.random((20, inputs)) < part) for _ in range(2)]
    return tiles, vectors, more


def picture(serial: int) -> tuple[list[Tile], list[Any], dict[str, int]]:
    """Kernels that are smooth, and pictures with strokes: neighbouring inputs are alike, as random ones are not."""
    rng = np.random.default_rng([serial, 10])
    rough = rng.normal(0.0, 1.0, (14, 14, 256))
    patches = np.stack([rough[i : i + 10, j : j + 10] for i in range(5) for j in range(5)])
    smooth = patches.sum(axis=0).reshape(100, 256)
    tile = Tile(0, np.clip(np.rint(25.0 * smooth / smooth.std()), -63, 63).astype(int))
    drawn = np.zeros((20, 10, 10), int)
    for each, (row, column) in zip(drawn, rng.integers(0, 7, (20, 2)), strict=True):
        each[row : row + 3] = ACTIVATION_MAX
        each[:, column : column + 3] = ACTIVATION_MAX
    return [tile], [drawn.reshape(20, 100)], {"num_sends": 3, "wait_between_events": 2}


def gain_of_a_send(circuits: MatrixUnit, sends: int) -> float:
    """LSB for an activation and a weight that is sent once, of 128 random inputs with sums far from the rails."""
    rng = np.random.default_rng(sends)
    most = max(1, 60 // sends)
    weights, vectors = rng.integers(-most, most + 1, (128, 256)), rng.integers(0, ACTIVATION_MAX + 1, (50, 128))
    (read,) = circuits.multiply([Tile(0, weights)], [vectors], num_sends=sends)
    product = vectors @ weights
    return float((read * product).sum() / (product * product).sum() / sends)


def beyond(serial: int) -> tuple[list[Tile], list[Any]]:
    """Matrices whose columns go from what drives results far down to what drives them far up."""
    rng = np.random.default_rng(serial)
    weights = np.clip(np.arange(-128, 128) // 4 + rng.integers(-9, 10, (100, 256)), -63, 63)
    return [Tile(0, weights)], [rng.integers(20, 32, (20, 100))]


def agreement(
    circuits: MatrixUnit, fast: MatrixUnit, tiles: list[Tile], vectors: list[Any], more: dict[str, int]
) -> dict[str, float]:
    """How means over runs differ, over columns and vectors, less what noise explains."""
    runs, both = 5, []
    for unit in (circuits, fast):
        both.append(np.stack([np.stack(unit.multiply(tiles, vectors, **more)) for _ in range(runs)]).astype(float))
    difference = both[0].mean(axis=0) - both[1].mean(axis=0)
    noise = [float(np.sqrt(each.var(axis=0, ddof=1).mean())) for each in both]
    product = np.stack([v @ tile.weights for v, tile in zip(vectors, tiles, strict=True)])
    read = both[0].mean(axis=0)
    gain = (read * product).sum() / (product * product).sum()
    chance = noise[0] ** 2 / runs
    return {
        "spread": float(read.std()),
        "mean": float(difference.mean()),
        "std": float(np.sqrt(max(difference.var() - (noise[0] ** 2 + noise[1] ** 2) / runs, 0.0))),
        "one_gain": float(np.sqrt(max((read - gain * product).var() - chance, 0.0))),
        "noise_circuits": noise[0],
        "noise_fast": noise[1],
    }


def speed(serial: int, repeats: int) -> dict[str, Any]:
    """Products of 128 inputs and 256 outputs a second, of PyTorch, the fast model and circuits."""
    import torch

    chip = Chip(serial)
    calibration = calibrate_hagen(chip)
    fast, circuits = Fast(measure(chip, calibration)), Circuits(chip, calibration)
    rng = np.random.default_rng(0)
    tiles, few, batch = [Tile(0, rng.integers(-63, 64, (128, 256)))], 256, 16384
    vectors = [rng.integers(0, 32, (batch, 128))]
    x, w = torch.rand(batch, 128), torch.rand(128, 256)
    works: dict[str, Callable[[], object]] = {
        "torch": lambda: x @ w,
        "fast": lambda: fast.multiply(tiles, vectors),
        "circuits": lambda: circuits.multiply(tiles, [vectors[0][:few]]),
    }
    clocks = {"wall": time.perf_counter, "core": time.process_time}
    taken: dict[str, dict[str, list[float]]] = {clock: {name: [] for name in works} for clock in clocks}
    for repeat in range(repeats + 1):
        for name, work in works.items():
            start = {clock: read() for clock, read in clocks.items()}
            work()
            if repeat:
                for clock, read in clocks.items():
                    taken[clock][name].append(read() - start[clock])
    size = {name: (few if name == "circuits" else batch) * 128 * 256 for name in works}
    best = {clock: {name: min(seconds) for name, seconds in of.items()} for clock, of in taken.items()}
    return {
        "batch": batch,
        "batch_circuits": few,
        "seconds": best,
        "macs_per_second": {clock: {name: size[name] / of[name] for name in works} for clock, of in best.items()},
        "fast_to_torch": {clock: of["fast"] / of["torch"] for clock, of in best.items()},
        "seconds_per_vector_circuits": {clock: of["circuits"] / few for clock, of in best.items()},
    }


if __name__ == "__main__":
    main()
