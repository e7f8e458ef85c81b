"""The recipe: all numbers that decide the result of a run."""

import dataclasses
from typing import Any, final

from saltation.errors import ParameterError
from saltation.experiments.recipe import SCHEDULES, Recipe, check_fields
from saltation.model.checks import explain, number

__all__ = ["BACKENDS", "DATASETS", "READOUTS", "Settings", "in_the_loop", "recipe"]

BACKENDS = ("exact", "bss2")
DATASETS = ("hapt", "spoken-digits")
READOUTS = ("integral", "largest")

_CHOICES = {"dataset": DATASETS, "readout": READOUTS, "schedule": SCHEDULES, "backend": BACKENDS}
_INTEGERS = {
    "epochs": 1,
    "seed": 0,
    "hidden": 1,
    "batch": 1,
    "train_limit": 1,
    "frames": 1,
    "copies": 1,
    "exact_epochs": 0,
    "serial": 0,
    "rows": 1,
}
_POSITIVE = ("learning_rate", "decay", "tau_mem", "tau_syn", "duration", "t_late", "clip", "interval")

# Where the model is on the chip, in LSB, and the strength of inputs. With a swing of the hidden layer of 60 LSB a
# weight of 1 is 13: few are beyond 63, and the lines of the inputs do not saturate. With 120, as for the pictures of
# `mnist`, hidden neurons spiked half as often as in the model, and less was right.
_ON_THE_CHIP = {
    "leak": {"hid": 60.0, "out": 100.0},
    "threshold": {"hid": 120.0, "out": 106.0},
    "strength": {"hid": 800.0, "out": 100.0},
}


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Recipe):
    """The recipe of a run; times in seconds.

    ::

        hapt:           features f of a window, z = (f - mean) / deviation over the windows that are trained on,
                        x = 1/2 + z / (2 clip), cut to 0..1:  a spike at x t_late and one of another unit at
                        (1 - x) t_late for each feature, and one at 0 for the bias
        spoken-digits:  level crossings of standardised coefficients, `interval` from one frame to the next, and
                        copies of all of them, from other units, k copy_delay later,  k = 1 .. copies - 1

    Parameters
    ----------
    dataset : str
        "hapt" or "spoken-digits".
    epochs, seed, batch : int
        The seed decides the initial weights, the order of the samples, and which input spikes are left out; not which
        samples are those of the test. `batch` is the number of samples for one step of the optimiser.
    hidden : int
        Hidden neurons. The readout is one leaky integrator for each class.
    readout : str
        What is read of it: "integral" of the voltage over the window, in units of `tau_mem`, or "largest" voltage.
    learning_rate, decay, schedule : float, float, str
        Of the optimiser, Adam with betas 0.9 and 0.999, as `saltation.experiments.recipe.Recipe` has it.
    dropout : float
        Share of input spikes that is left out in training, 0 <= dropout < 1.
    clip_quantile : float
        Gradients of hidden neurons that are longer than this share of all are shortened to that length; 1 leaves them.
        See `saltation.experiments.mnist.clipping`.
    tau_mem, tau_syn : float
        Time constants of hidden neurons and readout; thresholds are 1, and neurons are reset to 0.
    t_refrac : float
        Refractory time of hidden neurons. A chip holds them for a millisecond of the model at least, so that those
        with a shorter one spike there less often.
    duration : float
        Length of the window.
    hidden_mean, hidden_std, out_mean, out_std : float
        Of the normal distributions that the initial weights to the hidden layer and to the readout have.
    t_late, clip : float
        Of hapt: the latest input spike, and the largest deviation that is told apart.
    interval, threshold : float
        Of spoken-digits: from a frame to the next, and the change that makes a spike, in deviations.
    frames : int
        Of spoken-digits: how many are heard of a clip; later ones are cut.
    copies : int
        Of spoken-digits: how often each spike comes, with the first.
    copy_delay : float
        Of spoken-digits: from one copy to the next.
    held_out : float
        Share of the training people, or clips, that is held out for validation, the same for all seeds; 0 trains on
        all.
    train_limit : int, optional
        So many samples for training at most, spread over all of them, for a quick look.
    backend : str
        "exact", or "bss2", an emulated chip in the loop, trained by EventProp at the spikes and voltages it observed.
    exact_epochs : int
        Of a training on a chip: it goes on from weights with so many epochs of exact training; 0 begins anew.
    serial, rows : int
        Of a chip: its serial number, and the parallel rows of each synapse.
    imperfections : str
        Of a chip: "all"; "none", an ideal one, of which rounding, saturation and delays remain; or what is left of
        them, see `saltation.bss2.imperfect`.
    calibrated : bool
        Of a chip: whether circuits have codes of their own.

    Raises
    ------
    ParameterError
        If a value is not allowed.

    Examples
    --------
    >>> from saltation.experiments.signals import Settings
    >>> Settings(seed=3).dataset
    'hapt'
    """

    dataset: str = "hapt"
    epochs: int = 10
    seed: int = 1
    batch: int = 32
    hidden: int = 120
    readout: str = "integral"
    learning_rate: float = 2e-2
    decay: float = 0.95
    schedule: str = "cosine"
    dropout: float = 0.0
    clip_quantile: float = 0.9
    tau_mem: float = 20e-3
    tau_syn: float = 5e-3
    t_refrac: float = 1e-3
    duration: float = 40e-3
    hidden_mean: float = 0.08
    hidden_std: float = 0.25
    out_mean: float = 0.0
    out_std: float = 0.4
    t_late: float = 20e-3
    clip: float = 2.5
    interval: float = 2.5e-3
    threshold: float = 0.6
    frames: int = 40
    copies: int = 4
    copy_delay: float = 10e-3
    held_out: float = 0.0
    train_limit: int | None = None
    backend: str = "exact"
    exact_epochs: int = 0
    serial: int = 1
    rows: int = 1
    imperfections: str = "all"
    calibrated: bool = True

    def __post_init__(self) -> None:
        """Check the values that are not checked where they are used."""
        check_fields(self, _CHOICES, _INTEGERS)
        for name in _POSITIVE:
            number("Settings", name, getattr(self, name), minimum=0.0, strict=True)
        for name in ("dropout", "held_out"):
            if not 0.0 <= getattr(self, name) < 1.0:
                got = str(getattr(self, name))
                raise ParameterError(explain(f"Settings.{name}", "at least 0 and less than 1", got))
        number("Settings", "t_refrac", self.t_refrac, minimum=0.0)
        number("Settings", "clip_quantile", self.clip_quantile, minimum=0.0, maximum=1.0, strict=True)
        last = self.t_late if self.dataset == "hapt" else self.frames * self.interval + self.latest_copy
        number("Settings", "duration", self.duration, minimum=last, hint="the window must hold all inputs")

    @property
    def latest_copy(self) -> float:
        """How much later than the first the last copy of a spike comes, in seconds."""
        return (self.copies - 1) * self.copy_delay

    def operating_point(self) -> dict[str, dict[str, float]]:
        """Leak and threshold in LSB, and the strength of inputs, of each population on the chip; none elsewhere."""
        return {name: dict(each) for name, each in _ON_THE_CHIP.items()} if self.backend == "bss2" else {}


_LOOP_EPOCHS, _LOOP_RATE = 2, 0.3
_OF_DATASET: dict[str, dict[str, Any]] = {
    "hapt": {},
    "spoken-digits": {
        "epochs": 12,
        "readout": "largest",
        "dropout": 0.1,
        "t_refrac": 0.0,
        "duration": 150e-3,
        "hidden_mean": 0.02,
        "hidden_std": 0.15,
    },
}


def recipe(dataset: str = "hapt") -> Settings:
    """Give the recipe of a data set.

    Raises
    ------
    ParameterError
        If there is none.

    Examples
    --------
    >>> from saltation.experiments.signals import recipe
    >>> recipe("spoken-digits").copies
    4
    """
    return Settings(dataset=dataset, **_OF_DATASET.get(dataset, {}))


def in_the_loop(settings: Settings, serial: int) -> Settings:
    """Give the recipe by which a network that was trained exactly goes on in the loop of a chip.

    Examples
    --------
    >>> from saltation.experiments.signals import in_the_loop, recipe
    >>> on_chip = in_the_loop(recipe("hapt"), serial=2)
    >>> on_chip.exact_epochs == recipe("hapt").epochs, on_chip.backend, on_chip.serial
    (True, 'bss2', 2)
    """
    return dataclasses.replace(
        settings,
        backend="bss2",
        serial=serial,
        exact_epochs=settings.epochs,
        epochs=_LOOP_EPOCHS,
        learning_rate=settings.learning_rate * _LOOP_RATE,
    )
