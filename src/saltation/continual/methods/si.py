"""`SI`: synaptic intelligence."""

from collections.abc import Iterable, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from saltation.continual.methods.base import (
    Batch,
    Method,
    check_method,
    check_strength,
    copies,
    cross_entropy,
    put,
    restore_optimiser,
    size_of,
    state_of,
    trained,
)
from saltation.model.checks import number

__all__ = ["SI"]


@final
class SI(Method):
    """Hold parameters the more, the more of the loss's decrease their way through the tasks before brought.

    ::

        L = cross-entropy + strength  sum_i Omega_i (w_i - w*_i)^2,    w*: parameters after the task before
        Omega_i += max(0, omega_i) / ((w_i(end) - w_i(begin))^2 + damping)    after each task
        omega_i = -sum over updates of  g_i (change of w_i),    g: gradient of the cross-entropy

    Parameters
    ----------
    module : torch.nn.Module
        From inputs to logits.
    optimiser : torch.optim.Optimizer
        Of its parameters.
    strength : float
        Of the penalty, >= 0.
    damping : float
        Keeps parameters that have not moved from counting without limit, > 0.

    References
    ----------
    Zenke, Poole and Ganguli, Continual learning through synaptic intelligence, 2017, arXiv:1703.04200.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import SI
    >>> module = torch.nn.Linear(2, 2)
    >>> method = SI(module, torch.optim.SGD(module.parameters(), lr=0.1), strength=0.1)
    """

    def __init__(
        self, module: nn.Module, optimiser: torch.optim.Optimizer, *, strength: float, damping: float = 0.1
    ) -> None:
        check_method("SI", module, optimiser)
        self.module, self._optimiser, self._strength = module, optimiser, check_strength("SI", strength)
        self._damping = number("SI", "damping", damping, minimum=0.0, strict=True)
        self._importance = [torch.zeros_like(p) for p in trained(module)]
        self._centre = [p.detach().clone() for p in trained(module)]
        self._path = [torch.zeros_like(p) for p in trained(module)]

    def begin(self, task: Batch) -> Batch:
        """Note where the parameters begin."""
        for p, centre, path in zip(trained(self.module), self._centre, self._path, strict=True):
            centre.copy_(p.detach())
            path.zero_()
        return task

    def step(self, batch: Batch) -> Tensor:
        """Make one step along the gradient of the mean loss and the penalty, and follow the path."""
        params = trained(self.module)
        self._optimiser.zero_grad()
        loss = cross_entropy(self.module(batch.x), batch)
        loss.backward()
        before = [(p.detach().clone(), torch.zeros_like(p) if p.grad is None else p.grad.clone()) for p in params]
        with torch.no_grad():
            for p, omega, centre in zip(params, self._importance, self._centre, strict=True):
                pull = 2.0 * self._strength * omega * (p - centre)
                p.grad = pull if p.grad is None else p.grad + pull
        self._optimiser.step()
        with torch.no_grad():
            for p, path, (value, gradient) in zip(params, self._path, before, strict=True):
                path -= gradient * (p - value)
        return loss.detach()

    def end(self, task: Batch) -> None:
        """Make importances out of the path."""
        with torch.no_grad():
            parts = zip(trained(self.module), self._importance, self._centre, self._path, strict=True)
            for p, omega, centre, path in parts:
                omega += path.clamp(min=0.0) / ((p - centre).square() + self._damping)

    def memory(self) -> int:
        """Importances, path, and where the task began."""
        return size_of(*self._importance, *self._path, *self._centre)

    def state(self) -> dict[str, Any]:
        """Give the state of the optimiser, importances, path, and where the task began."""
        return {
            "optimiser": state_of(self._optimiser),
            "importance": copies(self._importance),
            "path": copies(self._path),
            "centre": copies(self._centre),
        }

    def restore(self, state: Mapping[str, Any], earlier: Iterable[Batch]) -> None:
        """Take up the state of the optimiser, importances, path, and where the task began."""
        restore_optimiser(self._optimiser, state["optimiser"])
        put(state["importance"], self._importance)
        put(state["path"], self._path)
        put(state["centre"], self._centre)
