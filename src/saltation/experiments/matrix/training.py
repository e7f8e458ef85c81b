"""`fit` and `evaluate`: a model of floats or of the chip, on what it is connected to."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from saltation.experiments.matrix.task import Labelled
from saltation.experiments.training import check_finite

__all__ = ["Scores", "evaluate", "fit"]

_AT_ONCE = 10_000


@final
@dataclass(frozen=True, slots=True)
class Scores:
    """What a model says of samples.

    Attributes
    ----------
    answers : ndarray of int64, [n]
        The class of the largest output.
    confusion : ndarray of int64, [class, answer]
        Samples.
    seconds : float
        Time that it took.
    """

    answers: npt.NDArray[np.int64]
    confusion: npt.NDArray[np.int64]
    seconds: float

    @property
    def right(self) -> int:
        """Samples whose class was said."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Part of the samples whose class was said."""
        return self.right / len(self.answers)


def evaluate(model: nn.Module, data: Labelled, classes: int, at_once: int = _AT_ONCE) -> Scores:
    """Run a model on samples, in batches.

    Examples
    --------
    >>> import torch
    >>> from saltation.experiments.matrix.task import Labelled
    >>> from saltation.experiments.matrix.training import evaluate
    >>> data = Labelled(torch.tensor([[3.0, 1.0], [0.0, 2.0], [1.0, 4.0]]), torch.tensor([0, 1, 0]))
    >>> found = evaluate(torch.nn.Identity(), data, 2)
    >>> found.right, found.confusion.tolist()
    (2, [[1, 1], [0, 1]])
    """
    begin = time.perf_counter()
    with torch.no_grad():
        outputs = [model(part) for part in data.x.split(at_once)]
    seconds = time.perf_counter() - begin
    answers = torch.cat(outputs).argmax(dim=1).numpy()
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (data.labels.numpy(), answers), 1)
    return Scores(answers, confusion, seconds)


def fit(
    model: nn.Module,
    data: Labelled,
    *,
    epochs: int,
    batch: int,
    rate: Callable[[float], float],
    seed: int,
    on_epoch: Callable[[dict[str, Any]], object] = lambda record: None,
) -> list[dict[str, Any]]:
    """Train by Adam on the cross entropy; give a record for each epoch.

    Parameters
    ----------
    model : torch.nn.Module
        Outputs are logits.
    data : Labelled
        What is trained on, all of it in each epoch, the rest of it that makes no batch left out.
    epochs, batch : int
        How often, and samples of a step.
    rate : callable
        Learning rate where so many epochs are done, also between two of them.
    seed : int
        Of the order.
    on_epoch : callable
        Called with each record.

    Raises
    ------
    GradientError
        If a loss is not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters())
    batch = min(batch, len(data))
    steps = len(data) // batch
    history: list[dict[str, Any]] = []
    for epoch in range(epochs):
        begin, loss_sum, right = time.perf_counter(), 0.0, 0
        order = torch.randperm(len(data), generator=generator)
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = rate(epoch + step / steps)
            chosen = order[step * batch : (step + 1) * batch]
            labels = data.labels[chosen]
            outputs = model(data.x[chosen])
            loss = nn.functional.cross_entropy(outputs, labels)
            check_finite(f"the loss in epoch {epoch + 1}, step {step + 1}", loss.item())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss_sum += loss.item()
            right += int((outputs.argmax(dim=1) == labels).sum())
        history.append(
            {
                "epoch": epoch + 1,
                "train_loss": loss_sum / steps,
                "train_accuracy": right / (steps * batch),
                "seconds": time.perf_counter() - begin,
            }
        )
        on_epoch(history[-1])
    return history
