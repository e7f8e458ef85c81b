"""Gradients in the loop against the exact model's and against differences on a noise-free chip, by bits observed.

    python benchmarks/chip_gradients.py --serials 1,2,3

Yin-Yang, 5-120-3, trained exactly for some epochs, is then run on emulated chips.  Each way to a gradient observes less
or more of the chip:

- ``spikes``: EventProp at observed spikes; the loss is of first spikes of three LIF outputs, nothing else is read;
- ``spikes and voltages``: EventProp at observed spikes, the loss is of the largest read voltages of three LI outputs;
- ``surrogate``: a surrogate gradient at observed spikes and CADC readings of all neurons, every ``period``.

Bits of a sample: 8 for a reading, and for a spike those that tell 512 circuits and the 8 ns of the window apart.  The
gradient of a batch on the chip is compared with that of the exact model with the same, rounded weights (``cosine``),
and with central differences of the loss on the same chip without temporal noise, along random directions of weights
(``differences``: the correlation over directions of what the gradient predicts and what is found; of the exact model's
gradient, too).  ``longest_by_median`` tells whether single samples decide the gradient of the batch.
"""

import json
import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

import saltation as sal
from saltation.bss2 import Backend, Chip, Noise
from saltation.cli import installation
from saltation.errors import ChipWarning
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.yinyang import RECIPES, train
from saltation.experiments.yinyang.readout import make_readout
from saltation.experiments.yinyang.settings import Settings
from saltation.experiments.yinyang.task import PROJECTIONS, labelled, make_network

RESULTS = Path(__file__).parent / "results" / "chip_gradients.json"
SCHEMA_VERSION = 1
HIDDEN, BATCH, EPOCHS = 120, 64, 3
PERIODS = (1.7e-6, 3.4e-6, 6.8e-6, 13.6e-6)
DIRECTIONS, STEP = 24, 3
CONDITIONS = ("load_average", "date", "machine")


def ways() -> list[tuple[str, str, dict[str, Any]]]:
    """Name, recipe, and arguments of the backend of each way to a gradient."""
    found: list[tuple[str, str, dict[str, Any]]] = [("spikes", "default", {})]
    found += [("spikes and voltages", "voltage", {"cadc_period": period}) for period in PERIODS]
    grid = sal.Grid(1e-3, surrogate=sal.SuperSpike(RECIPES["voltage"].beta))
    found += [("surrogate", "voltage", {"cadc_period": period, "adjoint": grid}) for period in PERIODS]
    return found


@click.command()
@click.option("--serials", default="1,2,3", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(serials: str, out: Path) -> None:
    warnings.simplefilter("ignore", ChipWarning)  # weights at the limit are cut for all ways alike
    trained = {name: train(settings_of(name)).weights for name in ("default", "voltage")}
    rows: list[dict[str, Any]] = []
    for serial in map(int, serials.split(",")):
        for name, recipe, options in ways():
            row = measure(serial, name, settings_of(recipe), trained[recipe], options)
            rows.append(row)
            click.echo(json.dumps(row))
            conditions = {key: value for key, value in header("", installation()).items() if key in CONDITIONS}
            record = {"schema_version": SCHEMA_VERSION, "benchmark": "chip_gradients", "batch": BATCH}
            write_json(out, {**record, "epochs": EPOCHS, "directions": DIRECTIONS, **conditions, "rows": rows})


def settings_of(recipe: str) -> Settings:
    return replace(RECIPES[recipe], hidden=HIDDEN, epochs=EPOCHS)


def on_chip(settings: Settings, chip: Chip, options: dict[str, Any]) -> Backend:
    """The backend of `saltation run yinyang`, with a chip and an adjoint of one's own."""
    point = replace(settings, backend="bss2").operating_point()
    strength = {name: int(code) for name, code in point["strength"].items()}
    return Backend(
        chip,
        leak=point["leak"],
        threshold=point["threshold"],
        i_synin_gm=strength,
        rows=settings.rows,
        **options,
    )


def measure(
    serial: int, name: str, settings: Settings, weights: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    data = labelled(BATCH, 41, settings)
    noisy = on_chip(settings, Chip(serial), options)
    run, loss, gradient = differentiated(settings, weights, data, noisy)
    plan = run._trace.job.plan  # the model with the weights that the chip had
    chip_weights = {label: plan.projections[key].weight for label, key in PROJECTIONS.items()}
    _, exact_loss, exact = differentiated(settings, chip_weights, data, sal.Exact())
    quiet = on_chip(settings, Chip(serial, noise=Noise.none()), options)
    found = {label: cosine(gradient[label], exact[label]) for label in PROJECTIONS}
    return {
        "serial": serial,
        "way": name,
        "cadc_period": options.get("cadc_period"),
        "bits_per_sample": bits(run, settings, noisy) / BATCH,
        "loss": loss,
        "exact_loss": exact_loss,
        "cosine": cosine(np.concatenate([g.ravel() for g in gradient.values()]), flat(exact)),
        "cosine_by_projection": found,
        "longest_by_median": outlier(run, settings, data),
        "differences": agreement(settings, weights, data, noisy, quiet, gradient),
        "differences_of_exact": agreement(settings, weights, data, noisy, quiet, exact),
    }


def differentiated(settings: Settings, weights: dict[str, Any], data: Any, backend: Any) -> tuple[Any, float, Any]:
    """A run, its loss, and the gradient of the loss by each projection's weights."""
    run, readout = simulated(settings, weights, data, backend), make_readout(settings)
    loss, derivative = readout.loss(readout.observe(run), data.labels)
    gradient = run.gradient(**readout.cotangents(run, derivative), time_constants=False)
    return run, loss, {name: gradient.weight[key] for name, key in PROJECTIONS.items()}


def simulated(settings: Settings, weights: dict[str, Any], data: Any, backend: Any) -> Any:
    record = make_readout(settings).record
    network = make_network(settings, weights)
    return sal.simulate(network, {"in": data.stimulus}, settings.duration, backend=backend, record=record)


def bits(run: Any, settings: Settings, backend: Backend) -> float:
    """Bits that were observed of all samples."""
    ticks = settings.duration * backend.point.time_scale / 8e-9
    spikes = sum(run.spikes[name].n_events for name in ("hid", "out") if name in run.spikes)
    readings = sum(samples.values.size for samples in run._trace.job.request.measured.values())
    return spikes * (9 + math.log2(ticks)) + 8 * readings


def agreement(
    settings: Settings, weights: dict[str, Any], data: Any, noisy: Backend, quiet: Backend, gradient: dict[str, Any]
) -> float:
    """Correlation, over random directions, of predicted and found changes of the loss on a chip without noise."""
    rng = np.random.default_rng(0)
    readout = make_readout(settings)
    scales = noisy.weight_scales(make_network(settings, weights))
    predicted, seen = [], []
    for _ in range(DIRECTIONS):
        step = {
            name: rng.choice([-STEP, STEP], weights[name].shape) / scales[key[1]] for name, key in PROJECTIONS.items()
        }
        losses = [
            readout.loss(
                readout.observe(
                    simulated(settings, {name: weights[name] + sign * step[name] for name in weights}, data, quiet)
                ),
                data.labels,
            )[0]
            for sign in (1.0, -1.0)
        ]
        seen.append(losses[0] - losses[1])
        predicted.append(2.0 * sum(float((gradient[name] * step[name]).sum()) for name in step))
    return float(np.corrcoef(predicted, seen)[0, 1])


def outlier(run: Any, settings: Settings, data: Any) -> float:
    """How many times as long as the median the longest gradient of a sample is."""
    readout = make_readout(settings)
    _, derivative = readout.loss(readout.observe(run), data.labels)
    gradient = run.gradient(**readout.cotangents(run, derivative), per_sample=True, time_constants=False)
    each = np.concatenate([gradient.weight[key].reshape(BATCH, -1) for key in PROJECTIONS.values()], axis=1)
    length = np.linalg.norm(each, axis=1)
    return float(length.max() / np.median(length))


def flat(gradient: dict[str, Any]) -> Any:
    return np.concatenate([each.ravel() for each in gradient.values()])


def cosine(a: Any, b: Any) -> float:
    return float(np.vdot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))


if __name__ == "__main__":
    main()
