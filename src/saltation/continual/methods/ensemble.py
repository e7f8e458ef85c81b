"""`Ensemble`: the rule of the tangent ensemble, as a method of continual learning."""

from collections.abc import Iterable, Mapping
from typing import Any, final

from torch import Tensor, nn

from saltation.continual.gradients import per_example_gradients
from saltation.continual.methods.base import (
    Batch,
    Method,
    check_method,
    cross_entropy,
    masked_loss,
    restore_optimiser,
    state_of,
)
from saltation.continual.optimiser import NTE
from saltation.continual.report import NTEReport
from saltation.errors import ParameterError
from saltation.model.checks import integer

__all__ = ["Ensemble"]


@final
class Ensemble(Method):
    """Train on each task as it comes by `NTE`, which knows nothing of tasks and keeps nothing.

    Parameters
    ----------
    module : torch.nn.Module
        From inputs to logits; a `SpikingModule` is differentiated by EventProp.
    optimiser : NTE
        Of its parameters. With ``batch="sum"`` one gradient of the summed loss is taken for each batch.
    reseed_every : int, optional
        Before each so many updates, the first too, `NTE.reseed` is called: gradients are taken there until the next.

    Raises
    ------
    ParameterError
        If the optimiser is another, or gradients are to be taken at points where it does not take any.

    References
    ----------
    Benjamin, Pehle and Daruwalla, Continual learning with the neural tangent ensemble, 2024, arXiv:2408.17394.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import NTE, Ensemble
    >>> module = torch.nn.Linear(2, 2)
    >>> method = Ensemble(module, NTE(module.parameters(), lr=0.01))
    """

    def __init__(self, module: nn.Module, optimiser: NTE, *, reseed_every: int | None = None) -> None:
        check_method("Ensemble", module, optimiser)
        if not isinstance(optimiser, NTE):
            raise ParameterError(f"Ensemble.optimiser must be NTE; got {type(optimiser).__name__}: use Descent")
        self.module, self._optimiser, self._every = module, optimiser, reseed_every
        self._steps = 0
        if reseed_every is not None:
            integer("Ensemble", "reseed_every", reseed_every, minimum=1)
            optimiser.reseed()  # now, so that it refuses now

    def begin(self, task: Batch) -> Batch:
        """Do nothing."""
        return task

    def step(self, batch: Batch) -> Tensor:
        """Make one update out of the gradients of all examples."""

        def by_product() -> Tensor:
            labelled = batch.y if batch.mask is None else (batch.y, batch.mask)
            return per_example_gradients(self.module, batch.x, labelled, masked_loss).mean()

        def by_sum() -> Tensor:
            loss = cross_entropy(self.module(batch.x), batch, "sum")
            loss.backward()
            return loss.detach() / len(batch)

        if self._every is not None and self._steps % self._every == 0:
            self._optimiser.reseed()
        self._steps += 1
        return self._optimiser.step(by_sum if self._optimiser.sums else by_product)

    def end(self, task: Batch) -> None:
        """Keep nothing."""

    def report(self) -> NTEReport:
        """Tell what the rule had to do beside its formula, and how the experts stand."""
        return self._optimiser.report()

    def memory(self) -> int:
        """Nothing is kept: what the ensemble knows is in the weights."""
        return 0

    def state(self) -> dict[str, Any]:
        """Give the state of the optimiser, and the number of updates."""
        return {"optimiser": state_of(self._optimiser), "steps": self._steps}

    def restore(self, state: Mapping[str, Any], earlier: Iterable[Batch]) -> None:
        """Take up the state of the optimiser."""
        restore_optimiser(self._optimiser, state["optimiser"])
        self._steps = int(state["steps"])
