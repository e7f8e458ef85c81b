"""MNIST in the table: networks that fit on a chip, trained exactly and in its loop, on all backends."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from saltation.engine import Backend
from saltation.experiments.mnist.settings import Settings, recipe
from saltation.experiments.mnist.task import READERS, load_test, make_network
from saltation.experiments.mnist.training import train
from saltation.experiments.neurobench.classifying import Classifier
from saltation.experiments.neurobench.models import chip_note, given, kept_weights, training_of, weights_of
from saltation.experiments.neurobench.networks import Model, pieces_of
from saltation.experiments.neurobench.task import Options, Plan, Task
from saltation.experiments.on_chip import make_on_chip
from saltation.experiments.readout_learner import LARGEST
from saltation.model import Spikes

__all__ = ["TASK"]

Weights = Mapping[str, npt.NDArray[np.float64]]

_SIZE: Final[dict[str, Any]] = {"pixels": 16, "hidden": 246, "epochs": 3, "train_limit": 10_000}
_QUICK: Final[dict[str, Any]] = {"pixels": 10, "hidden": 40, "epochs": 1, "train_limit": 500}
_QUICK_TEST: Final = 200
_NOT_SETTINGS: Final = ("frontend", "operating_point")


def _plan(options: Options, folder: Path, tell: Callable[[str], object]) -> Plan:
    models = []
    for each in given(options.models, "mnist"):
        settings = Settings.from_dict({k: v for k, v in each.config.items() if k not in _NOT_SETTINGS})
        models.append(_model(settings, partial(weights_of, each.path), options))
    if not models:
        READERS["mnist"]("test")  # misses the data now, before anything is trained
        for seed in options.seeds:
            for backend in ("exact", "bss2") if options.in_the_loop else ("exact",):
                size = _QUICK if options.quick else _SIZE
                base = recipe("mnist", backend=backend)
                settings = dataclasses.replace(base, seed=seed, serial=options.serial or 1, **size)
                path = folder / f"mnist-{'exact' if backend == 'exact' else f'chip{settings.serial}'}-seed{seed}"
                models.append(_model(settings, partial(_trained, settings, path, options, tell), options))
    return Plan(tuple(piece for model in models for piece in pieces_of(model, options)))


def _model(settings: Settings, weights: Callable[[], Weights], options: Options) -> Model:
    @cache
    def classifier() -> Classifier:
        network = make_network(settings, weights())
        return Classifier(network, settings.duration, LARGEST.record, lambda run: run.voltage["out"].argmax(axis=1))

    def on_chip(serial: int) -> Backend:
        return make_on_chip(dataclasses.replace(settings, backend="bss2", serial=serial), threads=options.threads)

    hidden = settings.hidden if settings.net == "dense" else f"conv {settings.channels}x{settings.kernel}"
    which = "" if settings.dataset == "mnist" else f", {settings.dataset}"
    limit = "" if settings.train_limit is None else f" of {settings.train_limit:,} pictures"
    return Model(
        f"{settings.side**2}-{hidden}-10{which}",
        training_of(settings, settings.backend, settings.serial) + limit,
        settings.seed,
        settings.serial,
        {name: value for name, value in settings.to_config().items() if name != "seed"},
        classifier,
        lambda: _test_set(settings, _QUICK_TEST if options.quick else None),
        on_chip,
        chip_note(settings),
    )


def _trained(settings: Settings, path: Path, options: Options, tell: Callable[[str], object]) -> Weights:
    return kept_weights(
        path,
        "mnist",
        {"frontend": "numpy", **settings.to_config()},
        settings.epochs,
        lambda own, on_epoch: train(settings, own, threads=options.threads, on_epoch=on_epoch),
        tell,
    )


@lru_cache(maxsize=1)
def _test_set(settings: Settings, limit: int | None) -> tuple[Spikes, npt.NDArray[np.int64]]:
    data = load_test(settings)[1][:limit]
    return data.stimulus, data.labels


TASK: Final = Task(
    title="MNIST",
    metric="ClassificationAccuracy",
    higher_is_better=True,
    percent=True,
    about="Pictures of digits, averaged to 16 x 16 pixels (10 x 10 with --quick) so that the network fits on a chip; a "
    "spike for each pixel that is not dark, the brighter the earlier. The class is that of the readout whose voltage "
    "gets highest. Accuracy on the 10,000 test pictures (the first 200 with --quick), which are looked at once. "
    "Networks that are given by --model may have other data, as their name says. Not a task of NeuroBench.",
    published=None,
    plan=_plan,
)
