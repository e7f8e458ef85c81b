"""`Descent`: an optimiser that knows nothing of tasks, such as gradient descent, with or without momentum, or Adam."""

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
    restore_optimiser,
    state_of,
)
from saltation.continual.optimiser import NTE
from saltation.errors import ParameterError

__all__ = ["Descent"]


@final
class Descent(Method):
    """Train on each task as it comes; what the other methods are compared with.

    Parameters
    ----------
    module : torch.nn.Module
        From inputs to logits.
    optimiser : torch.optim.Optimizer
        Of its parameters.
    reset : bool
        Whether the optimiser forgets its state, such as momentum, at the beginning of each task.

    Raises
    ------
    ParameterError
        If the optimiser is `NTE`, which takes a gradient of each example.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import Descent
    >>> module = torch.nn.Linear(2, 2)
    >>> method = Descent(module, torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9), reset=True)
    """

    def __init__(self, module: nn.Module, optimiser: torch.optim.Optimizer, *, reset: bool = False) -> None:
        check_method("Descent", module, optimiser)
        if isinstance(optimiser, NTE):
            raise ParameterError("Descent.optimiser must be one for gradients of a batch; got NTE: use Ensemble")
        self.module, self._optimiser, self._reset = module, optimiser, reset

    def begin(self, task: Batch) -> Batch:
        """Forget momentum, where that is wanted."""
        if self._reset:
            self._optimiser.state.clear()
        return task

    def step(self, batch: Batch) -> Tensor:
        """Make one step along the gradient of the mean loss."""
        return descend(self._optimiser, cross_entropy(self.module(batch.x), batch))

    def end(self, task: Batch) -> None:
        """Keep nothing."""

    def memory(self) -> int:
        """Nothing is kept."""
        return 0

    def state(self) -> dict[str, Any]:
        """Give the state of the optimiser."""
        return {"optimiser": state_of(self._optimiser)}

    def restore(self, state: Mapping[str, Any], earlier: Iterable[Batch]) -> None:
        """Take up the state of the optimiser."""
        restore_optimiser(self._optimiser, state["optimiser"])
