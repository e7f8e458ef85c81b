"""`train`: epochs in the ideal mode and then on the chip, with a checkpoint after each; `evaluate`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from saltation.bss2.mac import (
    ACTIVATION_MAX,
    Ideal,
    MatrixUnit,
    MockParameter,
    get_mock_parameter,
    hardware,
    set_mock_parameter,
)
from saltation.bss2.mac.gain import gain_and_noise
from saltation.bss2.perceptron import use_mock
from saltation.bss2.perceptron.nn import ConvertingReLU, Linear
from saltation.data import yinyang
from saltation.experiments.results import ResultFolder
from saltation.experiments.torch_support import one_thread, tensors
from saltation.experiments.training import Progress, Trained, check_finite, naming_the_batch, run_epochs
from saltation.experiments.yinyang_mac.settings import Settings

__all__ = ["Outcome", "classify", "evaluate", "labelled", "make_model", "make_unit", "train"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SEEDS = {"train": 42, "validation": 41, "test": 40}


@final
@dataclass(frozen=True)
class Outcome:
    """What a training gives.

    Attributes
    ----------
    progress : Progress
        Weights and history after the last epoch.
    before : dict of str to ndarray
        Weights after the last epoch in the ideal mode.
    parameter : MockParameter
        Gain and noise that were measured of the unit.
    """

    progress: Progress
    before: Mapping[str, Floats]
    parameter: MockParameter


def labelled(settings: Settings, name: str) -> tuple[Floats, Ints]:
    """Points ``[sample, 4]`` and classes of the set ``train``, ``validation`` or ``test``."""
    return yinyang(settings.train_points if name == "train" else settings.held_out_points, _SEEDS[name])


def make_unit(settings: Settings, seed: int = 0) -> MatrixUnit:
    """What stands for the chip, with noise of a seed."""
    return Ideal(MockParameter(settings.noise_std, settings.gain), seed=1_000_003 * settings.serial + seed)


def make_model(settings: Settings, weights: Mapping[str, Floats] | None = None) -> nn.Sequential:
    """Make the network of ``tp_02``, with given weights or those of the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = nn.Sequential(
            Linear(4, settings.hidden, num_sends=settings.hidden_sends),
            ConvertingReLU(settings.shift),
            Linear(settings.hidden, 3, num_sends=settings.out_sends, avg=settings.avg),
        )
    if weights is not None:
        model.load_state_dict({name: torch.tensor(array, dtype=torch.float32) for name, array in weights.items()})
    return model


def train(
    settings: Settings,
    folder: ResultFolder | None = None,
    *,
    on_epoch: Callable[[Progress], object] = lambda progress: None,
) -> Outcome:
    """Train a network, from where the checkpoint in `folder` is, or from the start.

    Parameters
    ----------
    settings : Settings
        The recipe.
    folder : ResultFolder, optional
        Where a checkpoint is written before the first and after each epoch, and read if there is one, and the weights
        of the last epoch in the ideal mode. What is then trained is bit for bit what it would have been.
    on_epoch : callable
        Called at the start and after each epoch.

    Returns
    -------
    Outcome

    Raises
    ------
    GradientError
        If a loss or a weight is not finite.
    ParameterError
        If the checkpoint has more epochs than wanted.
    FileFormatError
        If it is damaged.

    Examples
    --------
    >>> from saltation.experiments.yinyang_mac import Settings, train
    >>> outcome = train(Settings(mock_epochs=1, chip_epochs=1, hidden=8, train_points=40, held_out_points=10))
    >>> [record["on_chip"] for record in outcome.progress.history]
    [False, True]
    """
    parameter = gain_and_noise([make_unit(settings)])
    with _gain(parameter):
        learner = _Learner(settings)
        before = learner.weights()
        if folder is not None and (folder.path / "mock_weights.npz").exists():
            before = folder.read_arrays("mock_weights")

        def start() -> Callable[[int], dict[str, Any]]:
            points, labels = labelled(settings, "train")
            held_out = labelled(settings, "validation")

            def epoch(number: int) -> dict[str, Any]:
                nonlocal before
                record = learner.epoch(points, labels, number)
                if number == settings.mock_epochs:
                    before = learner.weights()
                    if folder is not None:
                        folder.write_arrays("mock_weights", **before)
                on_chip = settings.in_loop(number - 1)
                mock = None if on_chip else parameter
                accuracy, loss = evaluate(settings, learner.weights(), held_out, mock=mock, seed=number)
                return record | {"validation_loss": loss, "validation_accuracy": accuracy, "on_chip": on_chip}

            return epoch

        progress = run_epochs("yinyang-mac", settings.epochs, learner, None, folder, start, on_epoch)
    return Outcome(progress, before, parameter)


def classify(
    settings: Settings, weights: Mapping[str, Floats], points: Floats, *, mock: MockParameter | None, seed: int = 0
) -> Floats:
    """Probabilities ``[sample, 3]`` of points, in the ideal mode with these numbers, or, with None, on the chip."""
    model = use_mock(make_model(settings, weights), mock is not None)
    with torch.no_grad(), one_thread(), _noise(settings, seed, "evaluating"), hardware(make_unit(settings, seed)):
        with _gain(mock or get_mock_parameter()):
            logits = model(_activations(points)) / settings.temperature
    return logits.softmax(1).double().numpy()


def evaluate(
    settings: Settings,
    weights: Mapping[str, Floats],
    data: tuple[Floats, Ints],
    *,
    mock: MockParameter | None,
    seed: int = 0,
) -> tuple[float, float]:
    """Accuracy and loss on points and classes, in the ideal mode or on the chip; see `classify`."""
    probabilities = classify(settings, weights, data[0], mock=mock, seed=seed)
    right = probabilities[np.arange(len(data[1])), data[1]]
    return float((probabilities.argmax(1) == data[1]).mean()), float(-np.log(np.maximum(right, 1e-30)).mean())


# ------------------------------------------------------------------------------------------------ private
@final
class _Learner(Trained):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model = make_model(settings)
        self._adam = torch.optim.Adam(self._model.parameters())

    def weights(self) -> dict[str, Floats]:
        return {name: value.double().numpy().copy() for name, value in self._model.state_dict().items()}

    def state(self) -> Any:
        return self._adam.state_dict()

    def restore(self, weights: Mapping[str, Floats], state: Any) -> None:
        values = {name: torch.tensor(array, dtype=torch.float32) for name, array in weights.items()}
        self._model.load_state_dict(values)
        self._adam.load_state_dict(tensors(state))

    def epoch(self, points: Floats, labels: Ints, number: int) -> dict[str, Any]:
        """Train on all samples once."""
        settings = self._settings
        on_chip, learning_rate = settings.in_loop(number - 1), settings.learning_rate_of(number - 1)
        use_mock(self._model, not on_chip)
        for group in self._adam.param_groups:
            group["lr"] = learning_rate
        x, y = _activations(points), torch.from_numpy(labels)
        loss, right = 0.0, 0
        with one_thread(), _noise(settings, number, "training"), hardware(make_unit(settings, number)):
            order = torch.randperm(len(x))
            for n, at in enumerate(range(0, len(x), settings.batch), start=1):
                chosen = order[at : at + settings.batch]
                with naming_the_batch("yinyang-mac", number, n, learning_rate):
                    logits = self._model(x[chosen]) / settings.temperature
                    value = nn.functional.cross_entropy(logits, y[chosen])
                    check_finite("the loss", value.item())
                    self._adam.zero_grad()
                    value.backward()
                    self._adam.step()
                loss += value.item() * len(chosen)
                right += int((logits.argmax(1) == y[chosen]).sum())
        return {
            "epoch": number,
            "learning_rate": learning_rate,
            "train_loss": loss / len(x),
            "train_accuracy": right / len(x),
        }


def _activations(points: Floats) -> Tensor:
    """Coordinates of 0 to 1 as activations."""
    return torch.tensor(ACTIVATION_MAX * points, dtype=torch.float32)


@contextmanager
def _gain(parameter: MockParameter) -> Iterator[None]:
    """Gain and noise of the ideal mode; what was set before is so again behind it."""
    before = get_mock_parameter()
    set_mock_parameter(parameter)
    try:
        yield
    finally:
        set_mock_parameter(before)


@contextmanager
def _noise(settings: Settings, number: int, what: str) -> Iterator[None]:
    """Order and noise of an epoch, the same whether it was resumed before or not."""
    purpose = {"training": 0, "evaluating": 1}[what]
    seed = int(np.random.SeedSequence([settings.seed, number, purpose]).generate_state(1)[0])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
