"""A trained classifier of ours as rows of the table: one for each backend it runs on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.engine import Backend
from saltation.experiments.neurobench.classifying import Classifier, classify, plain_backend
from saltation.experiments.neurobench.task import Measured, Options, Piece
from saltation.model import Spikes

__all__ = ["Model", "pieces_of"]


@final
@dataclass(frozen=True, slots=True)
class Model:
    """A network that is, or will be, trained.

    Attributes
    ----------
    name, training : str
        Its shape, and on what it is trained.
    seed, serial : int
        Of its weights, and the chip that it belongs to where it was trained on one.
    settings : dict of str
        Of its training, without the seed.
    classifier : callable
        Trains it, if it is not yet, and gives it.
    test : callable
        Gives the test set.
    on_chip : callable
        Gives a backend on a chip of a serial number; None where the network has what no chip has.
    chip_note : str
        What is special of the chip, for its name in the table.
    """

    name: str
    training: str
    seed: int
    serial: int
    settings: Mapping[str, Any]
    classifier: Callable[[], Classifier]
    test: Callable[[], tuple[Spikes, npt.NDArray[np.int64]]]
    on_chip: Callable[[int], Backend] | None
    chip_note: str


def pieces_of(model: Model, options: Options) -> list[Piece]:
    """Measurements of a model, one for each backend."""
    found: list[Piece] = []
    for kind in options.backends:
        if kind == "chip" and model.on_chip is None:
            continue
        serial = model.serial if options.serial is None else options.serial
        backend = f"chip {serial}{model.chip_note}" if kind == "chip" else kind
        settings = {**model.settings, "reference_step": options.step}
        measure = partial(_measure, model, kind, serial, options)
        found.append(Piece(model.name, model.training, backend, f"seed {model.seed}", settings, measure))
    return found


def _measure(model: Model, kind: str, serial: int, options: Options) -> Measured:
    classifier = model.classifier()
    if kind == "chip" and model.on_chip is not None:
        backend = model.on_chip(serial)
    else:
        backend = plain_backend(kind, options.step, options.threads)
    return classify(classifier, *model.test(), backend, options.step)
