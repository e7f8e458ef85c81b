"""`EWC`: elastic weight consolidation."""

from collections.abc import Iterable, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from saltation.continual.gradients import per_example_gradients
from saltation.continual.methods.base import (
    Batch,
    Method,
    check_method,
    check_strength,
    competing,
    copies,
    cross_entropy,
    descend,
    masked_loss,
    put,
    restore_optimiser,
    size_of,
    state_of,
    trained,
)
from saltation.continual.outer import OuterProducts
from saltation.errors import ParameterError
from saltation.model.checks import integer

__all__ = ["EWC"]

_AT_ONCE = 64


@final
class EWC(Method):
    """Hold parameters the more, the more they mattered for the tasks before.

    ::

        L = cross-entropy + strength / 2  sum over earlier tasks t, i  of  F_ti (w_i - w_ti)^2
        F_ti = mean over examples of  (d log p(y | x, w_t) / dw_i)^2,    y drawn from p( | x, w_t)

    One penalty for each task, as in the paper. Sums of parabolas are parabolas: two numbers are kept for each
    parameter, however many tasks there were.

    Parameters
    ----------
    module : torch.nn.Module
        From inputs to logits.
    optimiser : torch.optim.Optimizer
        Of its parameters.
    strength : float
        Of the penalty, >= 0.
    examples : int
        How many examples of a task the Fisher information is estimated from.
    seed : int
        Of the choice of these examples and of the labels.

    References
    ----------
    Kirkpatrick et al., Overcoming catastrophic forgetting in neural networks, PNAS 114, 3521 (2017),
    doi:10.1073/pnas.1611835114.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import EWC
    >>> module = torch.nn.Linear(2, 2)
    >>> method = EWC(module, torch.optim.SGD(module.parameters(), lr=0.1), strength=100.0)
    """

    def __init__(
        self,
        module: nn.Module,
        optimiser: torch.optim.Optimizer,
        *,
        strength: float,
        examples: int = 500,
        seed: int = 0,
    ) -> None:
        check_method("EWC", module, optimiser)
        self.module, self._optimiser, self._strength = module, optimiser, check_strength("EWC", strength)
        self._examples = integer("EWC", "examples", examples, minimum=1)
        self._generator = torch.Generator().manual_seed(integer("EWC", "seed", seed))
        # of the sum of all parabolas: curvature, and where it is least
        self._curvature = [torch.zeros_like(p) for p in trained(module)]
        self._centre = [torch.zeros_like(p) for p in trained(module)]
        self._tasks = 0

    def begin(self, task: Batch) -> Batch:
        """Do nothing."""
        return task

    def step(self, batch: Batch) -> Tensor:
        """Make one step along the gradient of the mean loss and the penalty."""
        loss = cross_entropy(self.module(batch.x), batch)
        return descend(self._optimiser, loss + self.penalty() if self._tasks else loss)

    def penalty(self) -> Tensor:
        """Give the penalty at the present parameters, but for a constant."""
        parts = zip(trained(self.module), self._curvature, self._centre, strict=True)
        return 0.5 * self._strength * sum(((p - c).square() * f).sum() for p, f, c in parts)  # type: ignore[return-value]

    def end(self, task: Batch) -> None:
        """Add the parabola of the task around the present parameters."""
        information = self.fisher(task)
        parts = zip(trained(self.module), self._curvature, self._centre, information, strict=True)
        with torch.no_grad():
            for p, f, c, fisher in parts:
                total = f + fisher
                known = total > 0
                c.copy_(torch.where(known, (f * c + fisher * p) / torch.where(known, total, 1.0), p))
                f.copy_(total)
        self._tasks += 1

    def fisher(self, task: Batch) -> list[Tensor]:
        """Estimate the diagonal of the Fisher information at the present parameters.

        Raises
        ------
        ParameterError
            If there are no examples.
        """
        if not len(task):
            raise ParameterError("EWC.fisher needs an example or more; got a task of none")
        chosen = torch.randperm(len(task), generator=self._generator)[: self._examples]
        found = [torch.zeros_like(p) for p in trained(self.module)]
        for part in chosen.split(_AT_ONCE):
            batch = task[part]
            with torch.no_grad():
                allowed = competing(self.module(batch.x), batch.mask)
                drawn = torch.multinomial(allowed.softmax(dim=1), 1, generator=self._generator)[:, 0]
            labels = drawn if batch.mask is None else (drawn, batch.mask)
            per_example_gradients(self.module, batch.x, labels, masked_loss)
            for total, p in zip(found, trained(self.module), strict=True):
                g, p.grad_sample = p.grad_sample, None  # type: ignore[attr-defined]
                squares = g.sum_of_squares() if isinstance(g, OuterProducts) else g.square().sum(dim=0)
                total += squares / len(chosen)
        return found

    def memory(self) -> int:
        """Curvature and centre."""
        return size_of(*self._curvature, *self._centre)

    def state(self) -> dict[str, Any]:
        """Give the state of the optimiser, and the parabola."""
        return {
            "optimiser": state_of(self._optimiser),
            "curvature": copies(self._curvature),
            "centre": copies(self._centre),
            "tasks": self._tasks,
            "generator": self._generator.get_state(),
        }

    def restore(self, state: Mapping[str, Any], earlier: Iterable[Batch]) -> None:
        """Take up the state of the optimiser, and the parabola."""
        restore_optimiser(self._optimiser, state["optimiser"])
        put(state["curvature"], self._curvature)
        put(state["centre"], self._centre)
        self._tasks = int(state["tasks"])
        self._generator.set_state(state["generator"])
