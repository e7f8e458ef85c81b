"""The recipes: all numbers that decide the result of a run on the matrix mode."""

import dataclasses
from typing import Any, final

from saltation.errors import ParameterError
from saltation.experiments.recipe import SCHEDULES, Recipe, check_fields
from saltation.model.checks import integer, number

__all__ = ["EXPERIMENTS_OF_MATRICES", "Settings", "quick", "recipe"]

EXPERIMENTS_OF_MATRICES = ("mnist-mac", "har", "yinyang-mac")

_CHOICES = {"experiment": EXPERIMENTS_OF_MATRICES, "schedule": SCHEDULES}
_INTEGERS = {
    "epochs": 1,
    "quantised_epochs": 0,
    "ideal_epochs": 0,
    "loop_epochs": 0,
    "seed": 0,
    "batch": 1,
    "loop_batch": 1,
    "calibration_batch": 1,
    "wait_between_events": 1,
    "shift": 0,
    "average": 1,
    "circuits": 0,
    "train_limit": 1,
    "test_limit": 1,
}


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Recipe):
    """The recipe of a run, on one or several chips.

    Parameters
    ----------
    experiment : str
        "mnist-mac", "har" or "yinyang-mac": data set and network.
    serials : tuple of int
        Which chips; each is fine-tuned on its own.
    seed : int
        Decides the initial weights and the order of the samples, and with the chip its noise.
    epochs, batch, learning_rate : int, int, float
        Of the float model. `Recipe.learning_rate_of` has the learning rate of an epoch.
    quantised_epochs, ideal_epochs, loop_epochs : int
        Of the quantised model, in the ideal mode with noise, and on each chip.
    loop_batch, loop_learning_rate : int, float
        Of all three, whose weights are in LSB.
    decay, schedule : float, str
        Of all learning rates.
    calibration_batch : int
        Training samples from which `saltation.bss2.convert` takes its scales.
    wait_between_events, shift, average : int
        Periods of 8 ns from one event to the next, bits that hidden layers are shifted, and outputs of the last layer
        that are averaged.
    circuits : int
        Test samples that are also evaluated on the circuits of each chip.
    train_limit, test_limit : int, optional
        So many samples at most, for a quick look.

    Raises
    ------
    ParameterError
        If a value is not allowed.

    Examples
    --------
    >>> from saltation.experiments.matrix.settings import Settings
    >>> Settings(serials=[2, 3]).serials
    (2, 3)
    """

    experiment: str = "mnist-mac"
    serials: tuple[int, ...] = (1,)
    seed: int = 1
    epochs: int = 10
    batch: int = 100
    learning_rate: float = 2e-3
    quantised_epochs: int = 4
    ideal_epochs: int = 0
    loop_epochs: int = 4
    loop_batch: int = 200
    loop_learning_rate: float = 0.3
    decay: float = 1.0
    schedule: str = "cosine"
    calibration_batch: int = 1000
    wait_between_events: int = 2
    shift: int = 1
    average: int = 1
    circuits: int = 200
    train_limit: int | None = None
    test_limit: int | None = None

    def __post_init__(self) -> None:
        """Check every value."""
        check_fields(self, _CHOICES, _INTEGERS)
        for name in ("learning_rate", "loop_learning_rate", "decay"):
            value = number("Settings", name, getattr(self, name), minimum=0.0, strict=True)
            object.__setattr__(self, name, value)
        serials = tuple(integer("Settings", "serials", serial) for serial in self.serials)
        if not serials or len(set(serials)) < len(serials):
            raise ParameterError(f"Settings.serials must be different chips, at least one; got {self.serials!r}")
        object.__setattr__(self, "serials", serials)


_RECIPES: dict[str, dict[str, Any]] = {
    "mnist-mac": {},
    "har": {
        "epochs": 20,
        "quantised_epochs": 10,
        "ideal_epochs": 10,
        "loop_epochs": 10,
        "batch": 64,
        "loop_batch": 64,
        "loop_learning_rate": 0.2,
        "wait_between_events": 5,
        "circuits": 1000,
    },
    "yinyang-mac": {
        "epochs": 150,
        "quantised_epochs": 40,
        "ideal_epochs": 40,
        "loop_epochs": 30,
        "batch": 50,
        "loop_batch": 50,
        "learning_rate": 5e-3,
        "loop_learning_rate": 0.5,
        "wait_between_events": 5,
        "average": 5,
        "circuits": 1000,
    },
}
_QUICK: dict[str, dict[str, int]] = {
    "mnist-mac": {"epochs": 1, "quantised_epochs": 1, "loop_epochs": 1, "circuits": 10, "train_limit": 6000},
    "har": {"epochs": 5, "quantised_epochs": 1, "ideal_epochs": 1, "loop_epochs": 1, "circuits": 50},
    "yinyang-mac": {"epochs": 20, "quantised_epochs": 2, "ideal_epochs": 2, "loop_epochs": 2, "circuits": 50},
}


def recipe(experiment: str) -> Settings:
    """Give the settings of an experiment.

    Raises
    ------
    ParameterError
        If there is no such experiment.

    Examples
    --------
    >>> from saltation.experiments.matrix.settings import recipe
    >>> recipe("yinyang-mac").average
    5
    """
    return Settings(experiment=experiment, **_RECIPES.get(experiment, {}))


def quick(settings: Settings) -> Settings:
    """The same with few epochs and few samples, to see that all works.

    Examples
    --------
    >>> from saltation.experiments.matrix.settings import quick, recipe
    >>> quick(recipe("mnist-mac")).loop_epochs
    1
    """
    return dataclasses.replace(settings, **_QUICK[settings.experiment])
