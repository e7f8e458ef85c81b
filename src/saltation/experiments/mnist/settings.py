"""The recipe: all numbers that decide the result of a run."""

import dataclasses
from typing import Any, final

from saltation.errors import ParameterError
from saltation.experiments.recipe import SCHEDULES, Recipe, check_fields
from saltation.model.checks import number

__all__ = ["BACKENDS", "DATASETS", "NETS", "SIDE", "Settings", "recipe"]

BACKENDS = ("exact", "bss2")
DATASETS = ("mnist", "fashion", "digits")
SIDE = {"mnist": 28, "fashion": 28, "digits": 8}
"""Height and width of the pictures of a data set, in pixels."""

NETS = ("dense", "conv")

_CHOICES = {"dataset": DATASETS, "net": NETS, "schedule": SCHEDULES, "backend": BACKENDS}
_INTEGERS = {
    "epochs": 1,
    "seed": 0,
    "hidden": 1,
    "channels": 1,
    "kernel": 1,
    "stride": 1,
    "batch": 1,
    "held_out": 1,
    "train_limit": 1,
    "serial": 0,
    "rows": 1,
    "pixels": 1,
}

# Where the model is on the chip, in LSB, and the strength of inputs. With one row a synapse the swing of the hidden
# layer must leave weights within 63, and strong inputs do: one of 1 is 26 here. A trained readout has voltages of -10
# to 15 units; with 10 LSB each and not 6, as tried on digits, more were at an end of the CADC, and less was learned.
# Its inputs are weaker, so that its weights use more of their steps.
_ON_THE_CHIP = {
    "leak": {"hid": 60.0, "out": 100.0},
    "threshold": {"hid": 180.0, "out": 106.0},
    "strength": {"hid": 800.0, "out": 100.0},
}


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Recipe):
    """The recipe of a run; times in seconds.

    ::

        input spike of a pixel of brightness x, 0 <= x <= 1:   t = (1 - x) t_late, none if x <= 1 / 255

    Parameters
    ----------
    dataset : str
        "mnist", "fashion" or "digits".
    net : str
        "dense": one hidden layer of `hidden` neurons; "conv": one of `channels` maps, of kernels of `kernel` x
        `kernel` pixels at steps of `stride`. The readout is one leaky integrator for each class, dense.
    epochs, seed, batch : int
        The seed decides the initial weights, the order of the samples, and which input spikes are left out. `batch` is
        the number of samples for one step of the optimiser.
    hidden : int
        Hidden neurons of the dense net.
    channels, kernel, stride : int
        Of the convolution.
    learning_rate, decay, schedule : float, float, str
        Of the optimiser, Adam with betas 0.9 and 0.999, as `saltation.experiments.recipe.Recipe` has it.
    dropout : float
        Share of input spikes that is left out in training, 0 <= dropout < 1.
    clip_quantile : float
        Gradients of hidden neurons that are longer than this share of all are shortened to that length; 1 leaves them.
        See `saltation.experiments.mnist.clipping`.
    tau_mem, tau_syn : float
        Time constants of hidden neurons and readout; thresholds are 1, and neurons are reset to 0.
    t_late, duration : float
        Time of the input spike of the darkest pixel, and length of the window.
    hidden_mean, hidden_std, out_mean, out_std : float
        Of the normal distributions that the initial weights to the hidden layer and to the readout have; those to a
        dense hidden layer are scaled where pictures are made smaller, so that their sums stay as they are.
    held_out : int
        Training pictures that are held out for validation, the same ones for all seeds.
    train_limit : int, optional
        So many training pictures at most, for a quick look.
    pixels : int, optional
        Height and width to which pictures are made smaller, by averages over areas; None leaves them. See
        `saltation.experiments.mnist.shrinking`.
    backend : str
        "exact", or "bss2", an emulated chip in the loop, trained by EventProp at the spikes and voltages it observed.
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
    >>> from saltation.experiments.mnist import Settings
    >>> Settings(seed=3).dataset
    'mnist'
    """

    dataset: str = "mnist"
    net: str = "dense"
    epochs: int = 20
    seed: int = 1
    hidden: int = 350
    channels: int = 8
    kernel: int = 5
    stride: int = 2
    batch: int = 32
    learning_rate: float = 2e-2
    decay: float = 0.95
    schedule: str = "cosine"
    dropout: float = 0.2
    clip_quantile: float = 0.9
    tau_mem: float = 20e-3
    tau_syn: float = 5e-3
    t_late: float = 20e-3
    duration: float = 40e-3
    hidden_mean: float = 0.078
    hidden_std: float = 0.25
    out_mean: float = 0.0
    out_std: float = 0.4
    held_out: int = 5000
    train_limit: int | None = None
    pixels: int | None = None
    backend: str = "exact"
    serial: int = 1
    rows: int = 1
    imperfections: str = "all"
    calibrated: bool = True

    def __post_init__(self) -> None:
        """Check the values that are not checked where they are used."""
        check_fields(self, _CHOICES, _INTEGERS)
        if self.side > SIDE[self.dataset]:
            raise ParameterError(
                f"Settings.pixels must be at most {SIDE[self.dataset]}, which the pictures of {self.dataset!r} have; "
                f"got {self.pixels}; pictures are made smaller, not larger"
            )
        for name in ("learning_rate", "decay"):
            number("Settings", name, getattr(self, name), minimum=0.0, strict=True)
        number("Settings", "dropout", self.dropout, minimum=0.0, maximum=1.0)
        if self.dropout == 1.0:
            raise ParameterError("Settings.dropout must be < 1; got 1.0, which leaves no input spike")
        number("Settings", "clip_quantile", self.clip_quantile, minimum=0.0, maximum=1.0, strict=True)
        number("Settings", "duration", self.duration, minimum=self.t_late, hint="the window must hold all inputs")

    def operating_point(self) -> dict[str, dict[str, float]]:
        """Leak and threshold in LSB, and the strength of inputs, of each population on the chip; none elsewhere."""
        return {name: dict(each) for name, each in _ON_THE_CHIP.items()} if self.backend == "bss2" else {}

    @property
    def side(self) -> int:
        """Height and width of a picture as the network gets it, in pixels."""
        return SIDE[self.dataset] if self.pixels is None else self.pixels


_OF_DATASET: dict[str, dict[str, Any]] = {
    "mnist": {},
    # as many pixels are lit as in two and a half digits: weights that make as many hidden spikes
    "fashion": {"hidden_mean": 0.031, "hidden_std": 0.16},
    "digits": {
        "hidden": 100,
        "hidden_mean": 0.36,
        "hidden_std": 0.5,
        "batch": 16,
        "learning_rate": 4e-2,
        "held_out": 200,
        "kernel": 3,
        "stride": 1,
    },
}
_OF_CONV: dict[str, dict[str, Any]] = {
    "mnist": {"hidden_mean": 0.5, "hidden_std": 0.7, "out_std": 0.3},
    "fashion": {"hidden_mean": 0.3, "hidden_std": 0.5, "out_std": 0.3},
    "digits": {"hidden_mean": 1.5, "hidden_std": 1.5, "out_std": 0.3},
}
# Where the weights of an output are zero on average, those of some classes pull it down all the time: its largest
# voltage is that of the begin, which no weight moves, and after rounding to codes of the CADC this holds for many.
_ON_CHIP: dict[str, dict[str, Any]] = {
    "mnist": {"out_mean": 0.02},
    "fashion": {"out_mean": 0.02},
    "digits": {"out_mean": 0.05},
}


def recipe(dataset: str = "mnist", net: str = "dense", backend: str = "exact") -> Settings:
    """Give the recipe of a data set, a net and what it runs on.

    For MNIST and the dense net it has the network, the data, the initial weights and the dropout of Wunderlich and
    Pehle (2021), with larger batches.

    Raises
    ------
    ParameterError
        If there is none.

    Examples
    --------
    >>> from saltation.experiments.mnist import recipe
    >>> recipe("digits").hidden
    100
    >>> recipe("digits", backend="bss2").out_mean
    0.05
    """
    changed = _OF_DATASET.get(dataset, {}) | (_OF_CONV.get(dataset, {}) if net == "conv" else {})
    if backend == "bss2":
        changed = changed | _ON_CHIP.get(dataset, {})
    return Settings(dataset=dataset, net=net, backend=backend, **changed)
