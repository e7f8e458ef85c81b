"""Yin-Yang in the table: networks trained exactly, and in the loop of a chip, on all backends."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from saltation.engine import Backend
from saltation.experiments.neurobench.classifying import Classifier
from saltation.experiments.neurobench.models import chip_note, given, kept_weights, training_of, weights_of
from saltation.experiments.neurobench.networks import Model, pieces_of
from saltation.experiments.neurobench.task import Options, Plan, Task
from saltation.experiments.on_chip import make_on_chip
from saltation.experiments.yinyang.readout import make_readout
from saltation.experiments.yinyang.settings import RECIPES, Settings
from saltation.experiments.yinyang.task import SEEDS, labelled, make_network
from saltation.experiments.yinyang.training import train
from saltation.model import Spikes

__all__ = ["TASK"]

Weights = Mapping[str, npt.NDArray[np.float64]]

_HIDDEN: Final = 120
_QUICK: Final[dict[str, Any]] = {"hidden": 30, "epochs": 2, "train_points": 500, "held_out_points": 200}
_NOT_SETTINGS: Final = ("recipe", "frontend", "operating_point")


def _plan(options: Options, folder: Path, tell: Callable[[str], object]) -> Plan:
    models, notes = [], []
    for each in given(options.models, "yinyang"):
        settings = Settings.from_dict({k: v for k, v in each.config.items() if k not in _NOT_SETTINGS})
        models.append(_model(settings, partial(weights_of, each.path), options))
    if not models:
        for seed in options.seeds:
            wanted = [("default", {})]
            if options.in_the_loop:
                # the gradient, so that the folder is as `saltation run` would leave it
                wanted.append(("chip", {"serial": options.serial or 1, "gradient": "eventprop"}))
            for recipe, changed in wanted:
                size = _QUICK if options.quick else {"hidden": _HIDDEN}
                settings = dataclasses.replace(RECIPES[recipe], seed=seed, **size, **changed)
                path = folder / f"yinyang-{'exact' if recipe == 'default' else f'chip{settings.serial}'}-seed{seed}"
                models.append(_model(settings, partial(_trained, settings, recipe, path, options, tell), options))
    if any(model.on_chip is None for model in models) and "chip" in options.backends:
        notes.append("yinyang: networks with learned delays do not run on a chip, which has none that are programmable")
    return Plan(tuple(piece for model in models for piece in pieces_of(model, options)), tuple(notes))


def _model(settings: Settings, weights: Callable[[], Weights], options: Options) -> Model:
    readout = make_readout(settings)

    @cache
    def classifier() -> Classifier:
        network = make_network(settings, weights())
        return Classifier(network, settings.duration, readout.record, lambda run: readout.answers(readout.observe(run)))

    def on_chip(serial: int) -> Backend:
        chip = dataclasses.replace(settings, backend="bss2", gradient="eventprop", serial=serial)
        return make_on_chip(chip, threads=options.threads)

    answer = "first spike" if settings.readout == "first_spike" else "largest voltage"
    return Model(
        f"5-{settings.hidden}-3, {answer}",
        training_of(settings, settings.backend, settings.serial),
        settings.seed,
        settings.serial,
        {name: value for name, value in settings.to_config().items() if name != "seed"},
        classifier,
        partial(_test_set, settings),
        on_chip if settings.delays == "none" else None,
        chip_note(settings),
    )


def _trained(settings: Settings, recipe: str, path: Path, options: Options, tell: Callable[[str], object]) -> Weights:
    config = {"recipe": recipe, "frontend": "numpy", **settings.to_config()}
    return kept_weights(
        path,
        "yinyang",
        config,
        settings.epochs,
        lambda own, on_epoch: train(settings, own, threads=options.threads, on_epoch=on_epoch),
        tell,
    )


def _test_set(settings: Settings) -> tuple[Spikes, npt.NDArray[np.int64]]:
    data = labelled(settings.held_out_points, SEEDS["test"], settings)
    return data.stimulus, data.labels


TASK: Final = Task(
    title="Yin-Yang",
    metric="ClassificationAccuracy",
    higher_is_better=True,
    percent=True,
    about="Points of three classes in a disc, four spikes and one for the bias each, told apart by a network with one "
    "hidden layer. Trained on points of seed 42; accuracy on others, of seed 40, which are looked at once. These are "
    "5,000 and 1,000, with --quick 500 and 200; of networks that are given by --model, as many as their settings in "
    "results.json say. Not a task of NeuroBench.",
    published=None,
    plan=_plan,
)
