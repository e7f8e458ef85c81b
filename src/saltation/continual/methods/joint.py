"""`Joint`: training on all tasks so far at once, what the other methods would like to reach."""

from collections.abc import Iterable, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from saltation.continual.methods.base import (
    Batch,
    Method,
    check_method,
    cross_entropy,
    descend,
    joined,
    restore_optimiser,
    size_of,
    state_of,
)

__all__ = ["Joint"]


@final
class Joint(Method):
    """Keep all examples, and train on all tasks so far at every task; the network goes on from where it is.

    An epoch has as many batches more as there were tasks before: compare at equal epochs, and tell the updates.

    Parameters
    ----------
    module : torch.nn.Module
        From inputs to logits.
    optimiser : torch.optim.Optimizer
        Of its parameters.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import Joint
    >>> module = torch.nn.Linear(2, 2)
    >>> method = Joint(module, torch.optim.SGD(module.parameters(), lr=0.1))
    """

    def __init__(self, module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        check_method("Joint", module, optimiser)
        self.module, self._optimiser = module, optimiser
        self._tasks: list[Batch] = []

    def begin(self, task: Batch) -> Batch:
        """Add the task's examples to all before."""
        self._tasks.append(task)
        return joined(self._tasks)

    def step(self, batch: Batch) -> Tensor:
        """Make one step along the gradient of the mean loss."""
        return descend(self._optimiser, cross_entropy(self.module(batch.x), batch))

    def end(self, task: Batch) -> None:
        """Do nothing: the examples are kept already."""

    def memory(self) -> int:
        """Give the size of all examples."""
        return size_of(*self._tasks)

    def state(self) -> dict[str, Any]:
        """Give the state of the optimiser; examples are not part of it."""
        return {"optimiser": state_of(self._optimiser)}

    def restore(self, state: Mapping[str, Any], earlier: Iterable[Batch]) -> None:
        """Take up the state of the optimiser, and the examples of earlier tasks."""
        restore_optimiser(self._optimiser, state["optimiser"])
        self._tasks = list(earlier)
