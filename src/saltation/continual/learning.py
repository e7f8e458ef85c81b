"""`learn`, `Learning`: one task after another, and what is known of all of them after each."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from saltation.continual.methods.base import Batch, Method, competing
from saltation.continual.streams import Part, Stream
from saltation.errors import GradientError, ParameterError
from saltation.model.checks import integer

__all__ = ["Learned", "Learning", "learn"]

Floats: TypeAlias = npt.NDArray[np.float64]

_AT_ONCE = 500
_NUMBERS = ("accuracies", "untrained", "losses", "updates", "seconds")


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
    learning = Learning(method, stream, epochs=epochs, batch=batch, seed=seed)
    while learning.done < len(stream):
        accuracies = learning.task()
        if after is not None:
            after(learning.done - 1, accuracies)
    return learning.learned()


@final
class Learning:
    """A stream that is being learned; after each task it can be put away, and taken up again by another process.

    What is then learned is bit for bit what it would have been in one go, unless the module draws random numbers of
    its own.

    Parameters
    ----------
    method, stream, epochs, batch, seed
        As for `learn`.

    Raises
    ------
    ParameterError
        As `learn` does.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from saltation.continual import Arrays, Descent, Learning, split_classes
    >>> stream = split_classes(Arrays(np.eye(4), np.arange(4), np.eye(4), np.arange(4)), 2)
    >>> def begin():
    ...     module = torch.nn.Linear(4, 4)
    ...     return module, Learning(
    ...         Descent(module, torch.optim.SGD(module.parameters(), lr=1.0)), stream, epochs=3, batch=1
    ...     )
    >>> module, learning = begin()
    >>> _ = learning.task()
    >>> kept = module.state_dict(), learning.state()
    >>> again, other = begin()
    >>> _ = again.load_state_dict(kept[0])
    >>> other.restore(kept[1])
    >>> bool((learning.task() == other.task()).all())
    True
    """

    def __init__(self, method: Method, stream: Stream, *, epochs: int, batch: int, seed: int = 0) -> None:
        if not isinstance(method, Method):
            raise ParameterError(f"learn.method must be a saltation.continual.Method; got {type(method).__name__}")
        self._method, self._stream = method, stream
        self._epochs = integer("learn", "epochs", epochs, minimum=1)
        self._batch = integer("learn", "batch", batch, minimum=1)
        self._generator = torch.Generator().manual_seed(integer("learn", "seed", seed))
        n = len(stream)
        self._done, self._interrupted = 0, False
        self._untrained = np.zeros(n)
        self._accuracies, self._losses = np.zeros((n, n)), np.zeros((n, epochs))
        self._updates, self._seconds = np.zeros(n, np.int64), np.zeros(n)

    @property
    def done(self) -> int:
        """Number of tasks that have been trained on."""
        return self._done

    @property
    def losses(self) -> Floats:
        """Mean losses of the epochs of these tasks, [task, epoch]."""
        return self._losses[: self._done].copy()

    def task(self, on_epoch: Callable[[int], object] = lambda epoch: None) -> Floats:
        """Train on the next task, and test on all.

        Parameters
        ----------
        on_epoch : callable
            Called after each epoch with the number of epochs of this task so far.

        Returns
        -------
        ndarray, [task]
            Accuracies.

        Raises
        ------
        ParameterError
            If there is none left, the last call did not end, or the module has not one output for each label of the
            stream.
        GradientError
            If the loss is not finite any more.
        """
        i, method = self._done, self._method
        if self._interrupted:
            raise ParameterError(
                f"Learning.task: task {i} was interrupted, and module and method are where it left them; begin anew, "
                "or restore what state() gave before it"
            )
        if i == len(self._stream):
            raise ParameterError(f"Learning.task: all {i} tasks of the stream are done already; see Learning.learned")
        if not i:
            self._untrained = _accuracies(method.module, self._stream)
        task = examples(method.module, self._stream, i, "train")
        self._interrupted = True  # until the task is done
        begin = time.perf_counter()
        method.module.train()
        given = method.begin(task)
        for epoch in range(self._epochs):
            order = torch.randperm(len(given), generator=self._generator)
            found = [method.step(given[part]) for part in order.split(self._batch)]
            loss = float(torch.stack(found).double().mean())
            if not np.isfinite(loss):
                raise GradientError(
                    f"learn: the loss is {loss} in epoch {epoch + 1} of task {i}; steps have become too large: take a "
                    "smaller learning rate, or a weaker penalty"
                )
            self._losses[i, epoch] = loss
            self._updates[i] += len(found)
            on_epoch(epoch + 1)
        method.end(task)
        self._seconds[i] = time.perf_counter() - begin
        self._accuracies[i] = _accuracies(method.module, self._stream)
        self._done += 1
        self._interrupted = False
        return self._accuracies[i].copy()

    def learned(self) -> Learned:
        """Give what came out, once all tasks are done.

        Raises
        ------
        ParameterError
            If there are tasks left.
        """
        if self._done < len(self._stream):
            raise ParameterError(
                f"Learning.learned: {self._done} of {len(self._stream)} tasks are done; call task() for the others"
            )
        numbers = {name: getattr(self, f"_{name}").copy() for name in _NUMBERS}
        return Learned(memory=self._method.memory(), **numbers)

    def state(self) -> dict[str, Any]:
        """Give, between two tasks, what `restore` takes; the module's own ``state_dict`` is not part of it."""
        return {
            "done": self._done,
            "method": self._method.state(),
            "order": self._generator.get_state(),
            **{name: getattr(self, f"_{name}").copy() for name in _NUMBERS},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave; the module must be as it was then already.

        Raises
        ------
        ParameterError
            If the state is of another number of tasks or epochs.
        """
        for name in _NUMBERS:
            own, given = getattr(self, f"_{name}"), np.asarray(state[name])
            if given.shape != own.shape:
                raise ParameterError(
                    f"Learning.restore: {name} must be of shape {own.shape}; got {given.shape}; the state is that of "
                    "another stream or number of epochs"
                )
            own[...] = given
        done = int(state["done"])
        earlier = (examples(self._method.module, self._stream, i, "train") for i in range(done))
        self._method.restore(state["method"], earlier)
        self._generator.set_state(state["order"])
        self._done, self._interrupted = done, False


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
    """Accuracy on the test set of every task; the module is left in the mode it was in."""
    training = module.training
    module.eval()
    found = np.zeros(len(stream))
    for j in range(len(stream)):
        task = examples(module, stream, j, "test")
        right = 0
        for part in torch.arange(len(task)).split(_AT_ONCE):
            batch = task[part]
            logits = module(batch.x)
            if not bool(torch.isfinite(logits).all()):
                raise GradientError(
                    f"learn: outputs are not finite on the test set of task {j}; training has diverged, or an input is "
                    "not finite: take a smaller learning rate"
                )
            if logits.shape[1] != stream.labels:
                raise ParameterError(
                    f"learn.stream has {stream.labels} labels; got a module with {logits.shape[1]} outputs; give it "
                    "one output for each label"
                )
            right += int((competing(logits, batch.mask).argmax(dim=1) == batch.y).sum())
        found[j] = right / len(task)
    module.train(training)
    return found
