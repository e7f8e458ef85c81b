"""The recipe: all numbers that decide the result of a run."""

import dataclasses
import math
from typing import final

from saltation.experiments.recipe import check_fields
from saltation.model.checks import number

__all__ = ["UNITS", "Settings"]

UNITS = ("ideal",)
"""What may stand for the chip."""

_INTEGERS = {
    "mock_epochs": 0,
    "chip_epochs": 0,
    "seed": 0,
    "hidden": 1,
    "avg": 1,
    "hidden_sends": 1,
    "out_sends": 1,
    "shift": 0,
    "batch": 1,
    "serial": 0,
    "train_points": 1,
    "held_out_points": 1,
}


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The recipe of a run.

    ::

        learning rate of epoch e = 0, 1, ...:   learning_rate (1 + cos(pi e / mock_epochs)) / 2    in the ideal mode
                                                chip_learning_rate                                 on the chip

    Parameters
    ----------
    mock_epochs, chip_epochs : int
        In the ideal mode, and after them on the chip.
    seed, hidden, avg, batch : int
        The seed decides weights, order and noise; `avg` columns are averaged for an output.
    hidden_sends, out_sends, shift : int
        How often vectors are sent to each layer, and the bits by which hidden units are shifted.
    learning_rate, chip_learning_rate : float
        Of Adam, for weights and biases in LSB.
    temperature : float
        LSB of an output that are 1 of a logit.
    unit : str
        What stands for the chip: "ideal", with the gain and the noise of `gain` and `noise_std`.
    serial : int
        Which chip; of the ideal one, other noise.
    gain, noise_std : float
        Of an ideal unit.
    train_points, held_out_points : int
        Points to train on (seed 42), and points for validation (41) and test (40) each.

    Raises
    ------
    ParameterError
        If a value is not allowed.

    Examples
    --------
    >>> from saltation.experiments.yinyang_mac import Settings
    >>> settings = Settings(mock_epochs=100)
    >>> settings.epochs, settings.learning_rate_of(50), settings.learning_rate_of(100)
    (115, 0.5, 0.2)
    """

    mock_epochs: int = 200
    chip_epochs: int = 15
    seed: int = 1
    hidden: int = 128
    avg: int = 5
    hidden_sends: int = 20
    out_sends: int = 4
    shift: int = 1
    batch: int = 350
    learning_rate: float = 1.0
    chip_learning_rate: float = 0.2
    temperature: float = 8.0
    unit: str = "ideal"
    serial: int = 1
    gain: float = 0.002
    noise_std: float = 2.0
    train_points: int = 5000
    held_out_points: int = 1000

    def __post_init__(self) -> None:
        """Check the values that are not checked where they are used."""
        check_fields(self, {"unit": UNITS}, _INTEGERS)
        for name in ("learning_rate", "chip_learning_rate", "temperature", "gain"):
            number("Settings", name, getattr(self, name), minimum=0.0, strict=True)
        number("Settings", "noise_std", self.noise_std, minimum=0.0)

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        return self.mock_epochs + self.chip_epochs

    def in_loop(self, epoch: int) -> bool:
        """Whether an epoch, counted from 0, is on the chip."""
        return epoch >= self.mock_epochs

    def learning_rate_of(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0."""
        if self.in_loop(epoch):
            return self.chip_learning_rate
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * epoch / self.mock_epochs))
