"""`Replay`: experience replay."""

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
from saltation.continual.methods.reservoir import Reservoir

__all__ = ["Replay"]


@final
class Replay(Method):
    """Mix examples of earlier tasks into every batch, as many as it has.

    ::

        L = (cross-entropy of the batch + cross-entropy of kept examples) / 2

    Parameters
    ----------
    module : torch.nn.Module
        From inputs to logits.
    optimiser : torch.optim.Optimizer
        Of its parameters.
    capacity : int
        How many examples are kept, a uniform sample of all of earlier tasks.
    seed : int
        Of what is kept and drawn.

    References
    ----------
    Chaudhry et al., On tiny episodic memories in continual learning, 2019, arXiv:1902.10486.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import Replay
    >>> module = torch.nn.Linear(2, 2)
    >>> method = Replay(module, torch.optim.SGD(module.parameters(), lr=0.1), capacity=200)
    """

    def __init__(self, module: nn.Module, optimiser: torch.optim.Optimizer, *, capacity: int, seed: int = 0) -> None:
        check_method("Replay", module, optimiser)
        self.module, self._optimiser, self._kept = module, optimiser, Reservoir(capacity, seed)

    def begin(self, task: Batch) -> Batch:
        """Do nothing."""
        return task

    def step(self, batch: Batch) -> Tensor:
        """Make one step along the gradient of the mean loss of new and kept examples."""
        loss = cross_entropy(self.module(batch.x), batch)
        if len(self._kept):
            kept = self._kept.draw(len(batch))
            loss = 0.5 * (loss + cross_entropy(self.module(kept.x), kept))
        return descend(self._optimiser, loss)

    def end(self, task: Batch) -> None:
        """Take the examples of the task into account."""
        self._kept.add(task)

    def memory(self) -> int:
        """Give the size of the kept examples."""
        return self._kept.memory()

    def state(self) -> dict[str, Any]:
        """Give the state of the optimiser, and the kept examples."""
        return {"optimiser": state_of(self._optimiser), "kept": self._kept.state()}

    def restore(self, state: Mapping[str, Any], earlier: Iterable[Batch]) -> None:
        """Take up the state of the optimiser, and the kept examples."""
        restore_optimiser(self._optimiser, state["optimiser"])
        self._kept.restore(state["kept"])
