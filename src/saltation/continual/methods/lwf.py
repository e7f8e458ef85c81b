"""`LwF`: learning without forgetting."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from saltation.continual.methods.base import (
    Batch,
    Method,
    check_method,
    check_strength,
    cross_entropy,
    descend,
    restore_optimiser,
    size_of,
    state_of,
)
from saltation.model.checks import number

__all__ = ["LwF"]


@final
class LwF(Method):
    """Answer new examples as before the task, as far as the labels of earlier tasks are concerned.

    ::

        L = cross-entropy + strength T^2 mean over examples of  KL(q || p)
        q, p = softmax over labels seen before of  h_old / T,  h / T

    Parameters
    ----------
    module : torch.nn.Module
        From inputs to logits.
    optimiser : torch.optim.Optimizer
        Of its parameters.
    strength : float
        Of the penalty, >= 0.
    temperature : float
        T, > 0.

    References
    ----------
    Li and Hoiem, Learning without forgetting, 2016, arXiv:1606.09282.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import LwF
    >>> module = torch.nn.Linear(2, 2)
    >>> method = LwF(module, torch.optim.SGD(module.parameters(), lr=0.1))
    """

    def __init__(
        self,
        module: nn.Module,
        optimiser: torch.optim.Optimizer,
        *,
        strength: float = 1.0,
        temperature: float = 2.0,
    ) -> None:
        check_method("LwF", module, optimiser)
        self.module, self._optimiser, self._strength = module, optimiser, check_strength("LwF", strength)
        self._temperature = number("LwF", "temperature", temperature, minimum=0.0, strict=True)
        self._teacher: nn.Module | None = None
        self._seen: Tensor | None = None  # labels, as a mask

    def begin(self, task: Batch) -> Batch:
        """Keep the module as it answers now, once there was a task."""
        if self._seen is not None:
            self._teacher = self._frozen()
        return task

    def step(self, batch: Batch) -> Tensor:
        """Make one step along the gradient of the mean loss and the penalty."""
        logits = self.module(batch.x)
        loss = cross_entropy(logits, batch)
        if self._teacher is not None and self._seen is not None:
            with torch.no_grad():
                before = self._teacher(batch.x)
            soft, old = ((h[:, self._seen] / self._temperature).log_softmax(dim=1) for h in (logits, before))
            distance = nn.functional.kl_div(soft, old, reduction="batchmean", log_target=True)
            loss = loss + self._strength * self._temperature**2 * distance
        return descend(self._optimiser, loss)

    def end(self, task: Batch) -> None:
        """Note the labels of the task."""
        with torch.no_grad():
            n = self.module(task.x[:1]).shape[1]
        seen = torch.zeros(n, dtype=torch.bool)
        seen[task.y.unique()] = True
        self._seen = seen if self._seen is None else self._seen | seen

    def memory(self) -> int:
        """Give the size of the module of before."""
        return 0 if self._teacher is None else size_of(*self._teacher.parameters())

    def state(self) -> dict[str, Any]:
        """Give the state of the optimiser, the module of before, and the labels seen."""
        teacher = self._teacher
        return {
            "optimiser": state_of(self._optimiser),
            "teacher": None if teacher is None else {k: v.clone() for k, v in teacher.state_dict().items()},
            "seen": None if self._seen is None else self._seen.clone(),
        }

    def restore(self, state: Mapping[str, Any], earlier: Iterable[Batch]) -> None:
        """Take up the state of the optimiser, the module of before, and the labels seen."""
        restore_optimiser(self._optimiser, state["optimiser"])
        self._seen, self._teacher = state["seen"], None
        if state["teacher"] is not None:
            self._teacher = self._frozen()
            self._teacher.load_state_dict(state["teacher"])

    def _frozen(self) -> nn.Module:
        """Give the module as it answers now."""
        return copy.deepcopy(self.module).requires_grad_(False).eval()
