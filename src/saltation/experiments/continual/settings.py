"""The recipe: all numbers that decide the result of a run."""

import dataclasses
from typing import Any, final

import numpy as np

from saltation.errors import ParameterError
from saltation.experiments.continual.problems import check_stream
from saltation.experiments.recipe import check_fields
from saltation.model.checks import number

__all__ = ["BACKENDS", "METHODS", "NETWORKS", "Settings", "recipe", "sub_seed"]

NETWORKS = ("mlp", "spiking")
BACKENDS = ("exact", "bss2")

ENSEMBLES = ("nte", "nte-sum", "scaled-sgd")
PENALTIES = ("ewc", "si", "lwf")
MEMORIES = ("replay", "agem")
METHODS = (*ENSEMBLES, "sgd", "momentum", "adam", *PENALTIES, *MEMORIES, "joint")

USED_BY = {
    "momentum": ("sgd", "momentum", *PENALTIES, *MEMORIES, "joint"),
    "reset": ("sgd", "momentum", "adam"),
    "tempering": ENSEMBLES,
    "max_delta": ENSEMBLES,
    "gradient_at": ENSEMBLES,
    "reseed_every": ENSEMBLES,
    "strength": PENALTIES,
    "examples": ("ewc", *MEMORIES),
}
"""Options of methods, and the methods that have them."""

_CHOICES = {"method": METHODS, "network": NETWORKS, "backend": BACKENDS, "gradient_at": ("current", "seed")}
_INTEGERS = {
    "seed": 0,
    "tasks": 1,
    "epochs": 1,
    "batch": 1,
    "hidden": 1,
    "layers": 1,
    "examples": 1,
    "reseed_every": 1,
    "pixels": 1,
    "train_limit": 1,
    "test_limit": 1,
    "serial": 0,
    "rows": 1,
}
_SUB_SEEDS = ("stream", "network", "order", "method")


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The recipe of a run.

    Parameters
    ----------
    stream : str
        One of `saltation.experiments.continual.problems.STREAMS`.
    tasks : int
        Number of tasks; 2 or 5 where classes are divided.
    degrees : float
        Angle of the last task of a rotated stream.
    method : str
        "nte", the rule of the tangent ensemble; "nte-sum", with gradients summed over the batch; "scaled-sgd", without
        the rescaling; "sgd", "momentum" and "adam"; "ewc", "si", "lwf", "replay", "agem" and "joint", with gradient
        descent.
    network : str
        "mlp" of rectified linear units, or "spiking".
    hidden, layers : int
        Width and number of hidden layers; a spiking network has one.
    epochs, batch : int
        Epochs of each task, and examples of an update.
    seed : int
        Of the permutations, the initial weights, the order of the examples, and what a method draws.
    lr : float
        Learning rate; of the tangent ensemble the strength of the likelihood.
    momentum : float
        Of gradient descent, 0 <= momentum < 1.
    reset : bool
        Whether momentum is forgotten at the beginning of each task.
    tempering, max_delta, gradient_at : float, float or None, str
        As for `saltation.continual.NTE`.
    reseed_every : int, optional
        With ``gradient_at="seed"``: after so many updates gradients are taken at the parameters of then; None for those
        of the beginning all the time.
    strength : float
        Of the penalty of EWC, SI and LwF.
    examples : int
        That are kept by replay and A-GEM; from which EWC estimates the Fisher information.
    pixels : int, optional
        Height and width to which pictures are made smaller.
    train_limit, test_limit : int, optional
        So many pictures of the data set at most.
    backend : str
        Of a spiking network: "exact", or "bss2", an emulated chip in the loop.
    serial, rows, imperfections, calibrated : int, int, str, bool
        Of a chip, as `saltation.experiments.mnist.Settings` has them.

    Raises
    ------
    ParameterError
        If a value is not allowed.

    Examples
    --------
    >>> from saltation.experiments.continual import Settings
    >>> Settings(seed=3).stream
    'permuted-mnist'
    """

    stream: str = "permuted-mnist"
    tasks: int = 5
    degrees: float = 180.0
    method: str = "nte"
    network: str = "mlp"
    hidden: int = 100
    layers: int = 2
    epochs: int = 2
    batch: int = 128
    seed: int = 1
    lr: float = 0.01
    momentum: float = 0.0
    reset: bool = False
    tempering: float = 1.0
    max_delta: float | None = None
    gradient_at: str = "current"
    reseed_every: int | None = None
    strength: float = 1.0
    examples: int = 500
    pixels: int | None = None
    train_limit: int | None = None
    test_limit: int | None = None
    backend: str = "exact"
    serial: int = 1
    rows: int = 1
    imperfections: str = "all"
    calibrated: bool = True

    def __post_init__(self) -> None:
        """Check the values that are not checked where they are used."""
        check_fields(self, _CHOICES, _INTEGERS)
        check_stream(self.stream, self.tasks)
        number("Settings", "degrees", self.degrees)
        number("Settings", "lr", self.lr, minimum=0.0, strict=True)
        number("Settings", "strength", self.strength, minimum=0.0)
        number("Settings", "tempering", self.tempering, minimum=0.0)
        if self.max_delta is not None:
            number("Settings", "max_delta", self.max_delta, minimum=0.0, strict=True)
        if number("Settings", "momentum", self.momentum, minimum=0.0, maximum=1.0) == 1.0:
            raise ParameterError("Settings.momentum must be < 1; got 1.0, with which steps grow without limit")
        if self.reseed_every is not None and self.gradient_at != "seed":
            raise ParameterError(
                f"Settings.reseed_every must be None where gradients are taken at the current parameters; got "
                f"{self.reseed_every}; take gradient_at='seed'"
            )


_OF_METHOD: dict[str, dict[str, Any]] = {
    "momentum": {"momentum": 0.9},
    "adam": {"lr": 1e-3},
    "ewc": {"strength": 100.0},
    "si": {"strength": 0.1},
}

_SPIKING: dict[str, Any] = {"batch": 16, "epochs": 4}
# Voltages are small and weights about 1: steps are larger than those of an MLP.
_OF_SPIKING_METHOD: dict[str, dict[str, Any]] = {
    **{method: {"lr": 0.1} for method in ENSEMBLES},
    "momentum": {"momentum": 0.9, "lr": 0.1},
    "adam": {"lr": 1e-2},
    "ewc": {"lr": 1.0, "strength": 0.1},
    "si": {"lr": 1.0, "strength": 0.1},
}


def recipe(method: str = "nte", network: str = "mlp") -> Settings:
    """Give the recipe of a method and a network.

    That of an MLP is what the paper on the tangent ensemble has for permuted MNIST; that of a spiking network is what
    did well on digits in two classes a task (``benchmarks/continual_spiking.py``). Its weights are about 1, so that
    `max_delta`, 0.1 of an MLP, is left out there.

    Raises
    ------
    ParameterError
        If there is none.

    References
    ----------
    Benjamin, Pehle and Daruwalla, Continual learning with the neural tangent ensemble, 2024, arXiv:2408.17394.

    Examples
    --------
    >>> from saltation.experiments.continual import recipe
    >>> recipe("nte").max_delta, recipe("adam").lr, recipe("momentum").momentum
    (0.1, 0.001, 0.9)
    """
    if network == "spiking":
        of_method: dict[str, Any] = {"lr": 1.0} | _OF_SPIKING_METHOD.get(method, {})
        return Settings(method=method, network=network, **_SPIKING, **of_method)
    changed = dict(_OF_METHOD.get(method, {}))
    if method in ENSEMBLES:
        changed["max_delta"] = 0.1
    return Settings(method=method, network=network, **changed)


def sub_seed(seed: int, what: str) -> int:
    """Give the seed of "stream", "network", "order" or "method", so that none repeats the numbers of another.

    Examples
    --------
    >>> from saltation.experiments.continual.settings import sub_seed
    >>> len({sub_seed(1, what) for what in ("stream", "network", "order", "method")})
    4
    """
    return int(np.random.SeedSequence([seed, _SUB_SEEDS.index(what)]).generate_state(1)[0])
