"""Networks of `saltation.experiments.signals` in the table: trained exactly, and on from there in a chip's loop."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from saltation.engine import Backend
from saltation.experiments.neurobench.classifying import Classifier
from saltation.experiments.neurobench.models import chip_note, given, kept_weights, training_of, weights_of
from saltation.experiments.neurobench.networks import Model, pieces_of
from saltation.experiments.neurobench.task import Options, Plan
from saltation.experiments.on_chip import make_on_chip
from saltation.experiments.signals.settings import Settings, in_the_loop, recipe
from saltation.experiments.signals.task import CLASSES, Sets, load, make_network, n_inputs, read_by
from saltation.experiments.signals.training import train
from saltation.model import Spikes

__all__ = ["plan"]

Weights = Mapping[str, npt.NDArray[np.float64]]

_QUICK: Final[dict[str, Any]] = {"hidden": 30, "epochs": 1, "train_limit": 400}
_QUICK_TEST: Final = 200
_NOT_SETTINGS: Final = ("frontend", "operating_point")


def plan(dataset: str, options: Options, folder: Path, tell: Callable[[str], object]) -> Plan:
    """Plan the measurements of networks of a data set, one of `saltation.experiments.signals.settings.DATASETS`.

    Raises
    ------
    MissingDataError
        If the data set is not there.
    """
    models = []
    for each in given(options.models, dataset):
        settings = Settings.from_dict({k: v for k, v in each.config.items() if k not in _NOT_SETTINGS})
        models.append(_model(settings, partial(weights_of, each.path), options))
    if not models:
        base = dataclasses.replace(recipe(dataset), **(_QUICK if options.quick else {}))
        _data(base)  # misses the data now, before anything is trained
        for seed in options.seeds:
            settings = dataclasses.replace(base, seed=seed)
            weights = partial(_trained, settings, None, folder, options, tell)
            models.append(_model(settings, weights, options))
            if options.in_the_loop:
                looped = in_the_loop(settings, options.serial or 1)
                models.append(_model(looped, partial(_trained, looped, weights, folder, options, tell), options))
    return Plan(tuple(piece for model in models for piece in pieces_of(model, options)))


def _model(settings: Settings, weights: Callable[[], Weights], options: Options) -> Model:
    @cache
    def classifier() -> Classifier:
        network, readout = make_network(settings, weights()), read_by(settings)
        return Classifier(network, settings.duration, readout.record, lambda run: readout.read(run).argmax(axis=1))

    def on_chip(serial: int) -> Backend:
        return make_on_chip(dataclasses.replace(settings, backend="bss2", serial=serial), threads=options.threads)

    before = f"exact, {settings.exact_epochs} epochs, then " if settings.exact_epochs else ""
    limit = "" if settings.train_limit is None else f" of {settings.train_limit:,} samples"
    return Model(
        f"{n_inputs(settings)}-{settings.hidden}-{CLASSES[settings.dataset]}",
        before + training_of(settings, settings.backend, settings.serial) + limit,
        settings.seed,
        settings.serial,
        {name: value for name, value in settings.to_config().items() if name != "seed"},
        classifier,
        lambda: _test_set(settings, _QUICK_TEST if options.quick else None),
        on_chip,
        chip_note(settings),
    )


def _trained(
    settings: Settings,
    before: Callable[[], Weights] | None,
    folder: Path,
    options: Options,
    tell: Callable[[str], object],
) -> Weights:
    where = "exact" if settings.backend == "exact" else f"chip{settings.serial}"
    start = None if before is None else before()
    return kept_weights(
        folder / f"{settings.dataset}-{where}-seed{settings.seed}",
        settings.dataset,
        {"frontend": "numpy", **settings.to_config()},
        settings.epochs,
        lambda own, on_epoch: train(
            settings, _data(settings), own, weights=start, threads=options.threads, on_epoch=on_epoch
        ),
        tell,
    )


def _test_set(settings: Settings, limit: int | None) -> tuple[Spikes, npt.NDArray[np.int64]]:
    data = _data(settings).test[:limit]
    return data.stimulus, data.labels


def _data(settings: Settings) -> Sets:
    """The data; of all seeds and backends the same."""
    return _loaded(dataclasses.replace(settings, seed=0, epochs=1, backend="exact", exact_epochs=0, serial=0))


@lru_cache(maxsize=2)
def _loaded(settings: Settings) -> Sets:
    return load(settings)
