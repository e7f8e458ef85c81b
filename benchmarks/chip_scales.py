"""What measured scales are worth: spikes and voltages of Yin-Yang on the chip against those of the exact model.

    python benchmarks/chip_scales.py

For an ideal chip with lines that do not saturate, one without mismatch and noise, and three with all of it: first
spikes of the hidden layer against those of the exact model with the chip's rounded weights, and voltages of the readout
against those of the model at the observed spikes.  Scales are as asked for; with the offset of time measured; with
traces too.
"""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

import saltation as sal
from saltation.bss2 import Backend, Chip, Noise, Physics, Variation
from saltation.bss2 import geometry as g
from saltation.cli import installation
from saltation.errors import ChipWarning
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.yinyang import RECIPES, train
from saltation.experiments.yinyang.task import PROJECTIONS, labelled, make_network

RESULTS = Path(__file__).parent / "results" / "chip_scales.json"
SCHEMA_VERSION = 1
HIDDEN, EPOCHS, SAMPLES, ROWS = 120, 2, 60, 4
QUIET = {"variation": Variation.none(), "noise": Noise.none()}
CHIPS: dict[str, dict[str, Any]] = {
    "ideal, lines that do not saturate": {"physics": Physics(line_saturation=1e5, line_swing=160.0), **QUIET},
    "no mismatch, no noise": QUIET,
    "serial 1": {"serial": 1},
    "serial 2": {"serial": 2},
    "serial 3": {"serial": 3},
}
WAYS: dict[str, dict[str, Any]] = {
    "as asked": {},
    "time": {"time_offset": "measured"},
    "time and traces": {"time_offset": "measured", "trace_scale": "measured"},
}


@click.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(out: Path) -> None:
    settings = replace(RECIPES["voltage"], hidden=HIDDEN, epochs=EPOCHS)
    network = make_network(settings, train(settings).weights)
    stimulus = {"in": labelled(SAMPLES, 41, settings).stimulus}
    times = np.linspace(0.0, settings.duration, 41)[1:]
    rows = []
    for name, chip in CHIPS.items():
        for way, measured in WAYS.items():
            point = replace(settings, backend="bss2").operating_point()
            strength = {population: int(code) for population, code in point.pop("strength").items()}
            backend = Backend(Chip(**chip), rows=ROWS, i_synin_gm=strength, **point, **measured)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ChipWarning)
                row = {"chip": name, "way": way, **compared(network, stimulus, settings.duration, times, backend)}
            rows.append(row)
            click.echo(row)
    record = header("chip_scales", installation()) | {"schema_version": SCHEMA_VERSION, "samples": SAMPLES}
    write_json(out, record | {"epochs": EPOCHS, "hidden": HIDDEN, "rows": rows})


def compared(network: sal.Network, stimulus: Any, duration: float, times: Any, backend: Backend) -> dict[str, float]:
    """By how much spikes of the chip are late, in seconds on it, and by how much its voltages are off."""
    run = sal.simulate(network, stimulus, duration, backend=backend, record={"out": sal.Voltage(times)})
    weights: dict[Any, Any] = {
        key: rounded(network.projections[key].weight, backend, network, key[1]) for key in PROJECTIONS.values()
    }
    exact = sal.simulate(network.replace(weight=weights), stimulus, duration)
    chip, model = run.spikes["hid"].first(), exact.spikes["hid"].first()
    both = np.isfinite(chip) & np.isfinite(model)
    late = (chip[both] - model[both]) * backend.point.time_scale
    readout = sal.Network()
    readout.add("hid", sal.Input(HIDDEN))
    readout.add("out", network.populations["out"])
    readout.connect("hid", "out", weight=weights["hid", "out"])
    heard = {"hid": run.spikes["hid"]}
    there = sal.simulate(readout, heard, duration, record={"out": sal.Voltage(times)}).voltage["out"]
    return {
        "late_median": float(np.median(late)),
        "late_mean_absolute": float(np.abs(late).mean()),
        "voltage_mean_absolute": float(np.abs(run.voltage["out"] - there).mean()),
        "voltage_std": float(there.std()),
        "one_alone": float((np.isfinite(chip) != np.isfinite(model)).mean()),
    }


def rounded(weight: Any, backend: Backend, network: sal.Network, post: str) -> Any:
    """Weights as the chip has them, in units of the model."""
    factor, most = backend.weight_scales(network)[post], g.WEIGHT_MAX * ROWS
    return np.clip(np.rint(weight * factor), -most, most) / factor


if __name__ == "__main__":
    main()
