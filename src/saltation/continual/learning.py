"""`learn`: one task after another, and what is known of all of them after each."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from saltation.continual.methods.base import Batch, Method, competing
from saltation.continual.streams import Part, Stream
from saltation.errors import GradientError, ParameterError
from saltation.model.checks import integer

__all__ = ["Learned", "learn"]

Floats: TypeAlias = npt.NDArray[np.float64]

_AT_ONCE = 500


@final
@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What came out of a stream.

    Attributes
    ----------
    accuracies : ndarray, [task, task]
        ``R[i, j]``, accuracy on the test set of task j after training on task i.
    untrained : ndarray, [task]
        Accuracies before any training.
    losses : ndarray, [task, epoch]
        Mean loss of the updates.
    updates : ndarray of int, [task]
        Number of updates of each task.
    seconds : ndarray, [task]
        Time of training alone, without tests.
    memory : int
        Bytes kept from task to task, beside the network and its optimiser.
    """

    accuracies: Floats
    untrained: Floats
    losses: Floats
    updates: npt.NDArray[np.int64]
    seconds: Floats
    memory: int


def learn(
    method: Method,
    stream: Stream,
    *,
    epochs: int,
    batch: int,
    seed: int = 0,
    after: Callable[[int, Floats], None] | None = None,
) -> Learned:
    """Train on the tasks of a stream in their order, and test on all of them after each.

    Parameters
    ----------
    method : Method
        How to learn; it holds the module, which is changed.
    stream : Stream
        The tasks.
    epochs : int
        How often the examples of each task are seen.
    batch : int
        Examples of an update; the last of an epoch may have fewer.
    seed : int
        Of the order of the examples.
    after : callable, optional
        Called after each task with its number and the accuracies on all tasks.

    Returns
    -------
    Learned
        Accuracies, losses, and what it took.

    Raises
    ------
    ParameterError
        If an argument is not allowed, or the module has not one output for each label of the stream.
    GradientError
        If the loss is not finite any more.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import Arrays, Descent, learn, split_classes
    >>> from saltation.data import digits
    >>> train, test = digits("train"), digits("test")
    >>> stream = split_classes(Arrays(train.values(), train.labels, test.values(), test.labels), 5)
    >>> _ = torch.manual_seed(1)
    >>> module = torch.nn.Linear(64, 10)
    >>> method = Descent(module, torch.optim.SGD(module.parameters(), lr=0.1))
    >>> learned = learn(method, stream, epochs=5, batch=32)
    >>> learned.accuracies.shape, bool(learned.accuracies[0, 0] > 0.9)
    ((2, 2), True)
    """
    if not isinstance(method, Method):
        raise ParameterError(f"learn.method must be a saltation.continual.Method; got {type(method).__name__}")
    integer("learn", "epochs", epochs, minimum=1)
    integer("learn", "batch", batch, minimum=1)
    generator = torch.Generator().manual_seed(integer("learn", "seed", seed))
    n = len(stream)
    untrained = _accuracies(method.module, stream)
    accuracies, losses = np.zeros((n, n)), np.zeros((n, epochs))
    updates, seconds = np.zeros(n, np.int64), np.zeros(n)
    for i in range(n):
        task = examples(method.module, stream, i, "train")
        begin = time.perf_counter()
        method.module.train()
        given = method.begin(task)
        for epoch in range(epochs):
            found = [method.step(given[part]) for part in torch.randperm(len(given), generator=generator).split(batch)]
            losses[i, epoch] = float(torch.stack(found).double().mean())
            if not np.isfinite(losses[i, epoch]):
                raise GradientError(
                    f"learn: the loss is {losses[i, epoch]} in epoch {epoch + 1} of task {i}; steps have become too "
                    "large: take a smaller learning rate, or a weaker penalty"
                )
            updates[i] += len(found)
        method.end(task)
        seconds[i] = time.perf_counter() - begin
        accuracies[i] = _accuracies(method.module, stream)
        if after is not None:
            after(i, accuracies[i].copy())
    return Learned(accuracies, untrained, losses, updates, seconds, method.memory())


def examples(module: nn.Module, stream: Stream, task: int, part: Part) -> Batch:
    """All examples of one part of a task, as tensors of the dtype of the module's parameters."""
    x, y = stream.tasks[task].part(part)
    dtype = next(module.parameters()).dtype
    inputs = torch.from_numpy(np.ascontiguousarray(x)).to(dtype)
    allowed = stream.allowed(task)
    mask: Tensor | None = None
    if allowed is not None:
        mask = torch.zeros((len(y), stream.labels), dtype=torch.bool)
        mask[:, list(allowed)] = True
    return Batch(inputs, torch.from_numpy(y), mask)


@torch.no_grad()
def _accuracies(module: nn.Module, stream: Stream) -> Floats:
    """Accuracy on the test set of every task."""
    module.eval()
    found = np.zeros(len(stream))
    for j in range(len(stream)):
        task = examples(module, stream, j, "test")
        right = 0
        for part in torch.arange(len(task)).split(_AT_ONCE):
            batch = task[part]
            logits = module(batch.x)
            if logits.shape[1] != stream.labels:
                raise ParameterError(
                    f"learn.stream has {stream.labels} labels; got a module with {logits.shape[1]} outputs; give it "
                    "one output for each label"
                )
            right += int((competing(logits, batch.mask).argmax(dim=1) == batch.y).sum())
        found[j] = right / len(task)
    return found
