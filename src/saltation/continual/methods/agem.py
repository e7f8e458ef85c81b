"""`AGEM`: averaged gradient episodic memory."""

from collections.abc import Iterable, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from saltation.continual.methods.base import (
    Batch,
    Method,
    check_method,
    cross_entropy,
    restore_optimiser,
    state_of,
    trained,
)
from saltation.continual.methods.reservoir import Reservoir
from saltation.model.checks import integer

__all__ = ["AGEM"]


@final
class AGEM(Method):
    """Never step so that the loss of kept examples would grow, to first order.

    ::

        g := g - (g . r / r . r) r    where g . r < 0,    r: gradient of the loss of examples drawn from those kept

    Parameters
    ----------
    module : torch.nn.Module
        From inputs to logits.
    optimiser : torch.optim.Optimizer
        Of its parameters.
    capacity : int
        How many examples are kept, a uniform sample of all of earlier tasks.
    drawn : int
        How many of them make r.
    seed : int
        Of what is kept and drawn.

    References
    ----------
    Chaudhry et al., Efficient lifelong learning with A-GEM, 2018, arXiv:1812.00420.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import AGEM
    >>> module = torch.nn.Linear(2, 2)
    >>> method = AGEM(module, torch.optim.SGD(module.parameters(), lr=0.1), capacity=200)
    """

    def __init__(
        self,
        module: nn.Module,
        optimiser: torch.optim.Optimizer,
        *,
        capacity: int,
        drawn: int = 128,
        seed: int = 0,
    ) -> None:
        check_method("AGEM", module, optimiser)
        self.module, self._optimiser, self._kept = module, optimiser, Reservoir(capacity, seed)
        self._drawn = integer("AGEM", "drawn", drawn, minimum=1)

    def begin(self, task: Batch) -> Batch:
        """Do nothing."""
        return task

    def step(self, batch: Batch) -> Tensor:
        """Make one step along the projected gradient of the mean loss."""
        loss, gradient = self._gradient(batch)
        if len(self._kept):
            reference = self._gradient(self._kept.draw(self._drawn))[1]
            overlap = _dot(gradient, reference)
            if overlap < 0:
                share = overlap / _dot(reference, reference)
                gradient = [g - share * r for g, r in zip(gradient, reference, strict=True)]
        for p, g in zip(trained(self.module), gradient, strict=True):
            p.grad = g
        self._optimiser.step()
        return loss

    def _gradient(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        loss = cross_entropy(self.module(batch.x), batch)
        params = trained(self.module)
        found = torch.autograd.grad(loss, params, allow_unused=True)
        return loss.detach(), [torch.zeros_like(p) if g is None else g for p, g in zip(params, found, strict=True)]

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


def _dot(a: list[Tensor], b: list[Tensor]) -> Tensor:
    return torch.stack([(x * y).sum() for x, y in zip(a, b, strict=True)]).sum()
