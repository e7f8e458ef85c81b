"""The recipe: all numbers that decide the result of a run."""

import dataclasses
from typing import final

from saltation.errors import ParameterError
from saltation.experiments.recipe import SCHEDULES, Recipe
from saltation.model.checks import integer, number

__all__ = ["BACKENDS", "DELAYS", "GRADIENTS", "READOUTS", "RECIPES", "Settings"]

BACKENDS = ("exact", "grid", "bss2")
DELAYS = ("none", "axonal", "synaptic")
GRADIENTS = ("surrogate", "eventprop")
READOUTS = ("first_spike", "max_voltage")

_CHOICES = {
    "schedule": SCHEDULES,
    "delays": DELAYS,
    "readout": READOUTS,
    "backend": BACKENDS,
    "gradient": GRADIENTS,
}
_INTEGERS = {
    "epochs": 1,
    "seed": 0,
    "hidden": 1,
    "batch": 1,
    "train_points": 1,
    "held_out_points": 1,
    "serial": 0,
    "rows": 1,
}

# Where the model is on the chip, in LSB: as far apart as the circuits allow, so that noise counts little. A readout's
# voltages grow in training to beyond ten units, and one that stays at the end of the CADC teaches no more: 12 LSB a
# unit, and inputs so weak that its weights use their steps.
_SPIKING = {"leak": 50.0, "threshold": 200.0, "strength": 500}
_READOUT = {"leak": 100.0, "threshold": 112.0, "strength": 150}


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Recipe):
    """The recipe of a run; times in seconds.

    ::

        learning rate of epoch e = 0, 1, ...:   learning_rate * decay**e                          (exponential)
                                                learning_rate * (1 + cos(pi e / epochs)) / 2      (cosine)

    Parameters
    ----------
    epochs, seed, hidden, batch : int
        The seed decides the initial weights and the order of the samples. `hidden` is the number of hidden
        neurons, `batch` that of samples for one step of the optimiser.
    learning_rate, decay : float
        Of the optimiser, Adam with betas 0.9 and 0.999; `decay` belongs to the exponential schedule.
    schedule : str
        "exponential" or "cosine". The cosine depends on `epochs`: a run that is resumed with more of them goes on
        along the longer curve.
    tau_mem, tau_syn : float
        Time constants of all neurons; thresholds are 1, and neurons are reset to 0.
    t_late : float
        Time of the input spike of a coordinate of 1; that of 0 is at 0, and so is the bias.
    duration : float
        Length of the window. A neuron is silent from a few time constants after its last input on: first
        output spikes were at 40 ms at the latest, in training too. Time without spikes costs nothing.
    hidden_mean, hidden_std, out_mean, out_std : float
        Of the normal distributions that the initial weights to the hidden and to the output layer have.
    out_sum : float, optional
        In place of `out_mean`: the expected sum of an output neuron's weights, so that the share of hidden spikes
        it needs does not depend on their number.
    tau0, tau1, alpha : float
        Of the loss, `saltation.experiments.yinyang.loss.ttfs_cross_entropy`.
    delays : str
        Delays that are learned with the weights, in both projections: "none", "axonal" (one for each neuron that
        sends) or "synaptic" (one for each synapse). They stay >= 0: a step that would cross 0 ends there.
    delay_init : float
        Initial delays are uniform from 0 to this.
    delay_learning_rate : float
        In the first epoch, of the delays: about how far one moves in a step, in seconds. Later as `learning_rate`.
    readout : str
        "first_spike": outputs are LIF, and the first to spike is the answer; "max_voltage": they are leaky integrators,
        the highest voltage is the answer, and the loss its cross-entropy, without `tau0`, `tau1` and `alpha`.
    backend : str
        "exact", "grid" with steps of `dt`, or "bss2", an emulated chip in the loop.
    gradient : str, optional
        Of a grid or a chip: "surrogate", which needs a readout of voltages, or "eventprop" at the spikes that were
        found; by default "surrogate" on a grid, "eventprop" elsewhere.
    dt : float
        Step of the grid, or of the surrogate gradients of a chip, at most `duration`.
    beta : float
        Sharpness of the surrogate, `saltation.SuperSpike`.
    serial, rows : int
        Of a chip: its serial number, and the parallel rows of each synapse.
    imperfections : str
        Of a chip: "all"; "none", an ideal one, of which rounding, saturation and delays remain; or what is left of
        them, see `saltation.bss2.imperfect`.
    calibrated : bool
        Of a chip: whether circuits have codes of their own.
    norm_quantile : float, optional
        Gradients are shortened to this quantile of the norms of those before, `saltation.experiments.norm_clip`; None
        leaves them.
    train_points, held_out_points : int
        Points to train on (seed 42), and points for validation (41) and test (40) each.

    Raises
    ------
    ParameterError
        If a value is not allowed.

    Examples
    --------
    >>> from saltation.experiments.yinyang import RECIPES
    >>> RECIPES["published"].learning_rate
    0.005
    """

    epochs: int = 100
    seed: int = 1
    hidden: int = 200
    batch: int = 32
    learning_rate: float = 5e-3
    decay: float = 0.95
    schedule: str = "exponential"
    tau_mem: float = 20e-3
    tau_syn: float = 5e-3
    t_late: float = 30e-3
    duration: float = 60e-3
    hidden_mean: float = 1.5
    hidden_std: float = 0.78
    out_mean: float = 0.93
    out_std: float = 0.1
    out_sum: float | None = None
    tau0: float = 0.5e-3
    tau1: float = 6.4e-3
    alpha: float = 3e-3
    delays: str = "none"
    delay_init: float = 1e-3
    delay_learning_rate: float = 0.1e-3
    readout: str = "first_spike"
    backend: str = "exact"
    gradient: str | None = None
    dt: float = 1e-3
    beta: float = 10.0
    serial: int = 1
    rows: int = 4
    imperfections: str = "all"
    calibrated: bool = True
    norm_quantile: float | None = None
    train_points: int = 5000
    held_out_points: int = 1000

    def __post_init__(self) -> None:
        """Check the values that are not checked where they are used."""
        for name, least in _INTEGERS.items():
            object.__setattr__(self, name, integer("Settings", name, getattr(self, name), minimum=least))
        for name in ("learning_rate", "delay_learning_rate", "decay", "tau0", "tau1", "dt", "beta"):
            number("Settings", name, getattr(self, name), minimum=0.0, strict=True)
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed and not (name == "gradient" and self.gradient is None):
                raise ParameterError(
                    f"Settings.{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}"
                )
        if self.surrogate_gradients and (self.readout == "first_spike" or self.delays != "none"):
            raise ParameterError(
                "Settings: surrogate gradients know nothing of spike times and delays: they go with readout "
                "'max_voltage' and without learned delays; got readout "
                f"{self.readout!r}, delays {self.delays!r}; take gradient 'eventprop', or backend 'exact'"
            )
        if self.backend == "bss2" and self.delays != "none":
            raise ParameterError(
                f"Settings.delays must be 'none' with backend 'bss2': a chip has no programmable delays; got "
                f"{self.delays!r}"
            )
        number("Settings", "delay_init", self.delay_init, minimum=0.0)
        if self.out_sum is not None:
            number("Settings", "out_sum", self.out_sum)
        if self.norm_quantile is not None:
            number("Settings", "norm_quantile", self.norm_quantile, minimum=0.0, maximum=1.0, strict=True)
        number("Settings", "alpha", self.alpha, minimum=0.0)
        number("Settings", "duration", self.duration, minimum=self.t_late, hint="the window must hold all inputs")
        if self.backend == "grid" or self.surrogate_gradients:
            number("Settings", "dt", self.dt, maximum=self.duration, hint="a step is at most as long as the window")

    @property
    def chosen_gradient(self) -> str:
        """The gradient, also where none is given."""
        return self.gradient or ("surrogate" if self.backend == "grid" else "eventprop")

    def operating_point(self) -> dict[str, dict[str, float]]:
        """Leak and threshold in LSB, and the strength of inputs, of each population on the chip; none elsewhere."""
        if self.backend != "bss2":
            return {}
        of = {"hid": _SPIKING, "out": _READOUT if self.readout == "max_voltage" else _SPIKING}
        return {setting: {name: values[setting] for name, values in of.items()} for setting in _SPIKING}

    @property
    def surrogate_gradients(self) -> bool:
        """Whether gradients are those of steps."""
        return self.backend != "exact" and self.chosen_gradient == "surrogate"


RECIPES = {
    "default": Settings(epochs=50, batch=16, schedule="cosine", out_sum=20.0, tau0=0.3e-3),
    "chip": Settings(
        epochs=30,
        batch=16,
        schedule="cosine",
        out_sum=20.0,
        tau0=0.3e-3,
        learning_rate=1e-2,
        norm_quantile=0.5,
        backend="bss2",
    ),
    "published": Settings(),
    "voltage": Settings(
        epochs=50,
        batch=16,
        schedule="cosine",
        readout="max_voltage",
        hidden_mean=2.0,
        hidden_std=1.2,
        out_sum=12.0,
        out_std=0.3,
    ),
}
"""``published`` is that of the paper.

There, an output neuron fires after the first seven hidden spikes, before most inputs have come; training then silences
most hidden neurons within a few epochs, and how well it ends depends on the seed.  ``default`` starts
with output weights that need many hidden spikes, so that most neurons stay in use; it takes smaller batches, tells the
first spike from the second more sharply and lets the learning rate fall along a cosine.  ``chip`` is the same for a
chip in the loop, which crosses thresholds where the model barely would: gradients are shortened to the median length of
those before, and steps are twice as large, to weights for which its noise matters less.  ``voltage`` reads the largest
voltages of leaky integrators, which surrogate gradients can train too.  Its output weights are positive on average:
where those of an output happen to pull it down from the start, its largest voltage is that of the very beginning, which
no weight moves, and its class may never be learned.
"""
