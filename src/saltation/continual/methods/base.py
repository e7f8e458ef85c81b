"""`Method`: how a module learns one task after another, and what all methods share."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from saltation.errors import ParameterError
from saltation.model.checks import number

__all__ = ["Batch", "Method", "cross_entropy", "descend"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some examples.

    Attributes
    ----------
    x : Tensor, [batch, ...]
        Inputs.
    y : Tensor of int64, [batch]
        Labels.
    mask : Tensor of bool, [batch, label], or None
        Which labels compete; None for all.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual.methods import Batch
    >>> batch = Batch(torch.arange(6.0).reshape(3, 2), torch.tensor([0, 1, 0]), None)
    >>> len(batch), batch[torch.tensor([2, 0])].x.tolist()
    (3, [[4.0, 5.0], [0.0, 1.0]])
    """

    x: Tensor
    y: Tensor
    mask: Tensor | None

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, chosen: Tensor) -> "Batch":
        return Batch(self.x[chosen], self.y[chosen], None if self.mask is None else self.mask[chosen])

    def tree(self) -> dict[str, Tensor | None]:
        """Give what ``Batch(**tree)`` takes."""
        return {"x": self.x, "y": self.y, "mask": self.mask}


def joined(batches: Sequence[Batch]) -> Batch:
    """Make one batch of several; where only some of them say which labels compete, all do in the others.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual.methods.base import Batch, joined
    >>> x, y = torch.zeros(1, 2), torch.tensor([1])
    >>> joined([Batch(x, y, None), Batch(x, y, torch.tensor([[False, True]]))]).mask.tolist()
    [[True, True], [False, True]]
    """
    known = [each.mask for each in batches if each.mask is not None]
    masks = [known[0].new_ones(len(b), known[0].shape[1]) if b.mask is None else b.mask for b in batches if known]
    x, y = torch.cat([each.x for each in batches]), torch.cat([each.y for each in batches])
    return Batch(x, y, torch.cat(masks) if masks else None)


class Method(ABC):
    """A way to learn one task after another; abstract. `saltation.continual.learn` runs it.

    Attributes
    ----------
    module : torch.nn.Module
        What learns, from inputs to logits.

    Examples
    --------
    >>> from saltation.continual import EWC, Method
    >>> issubclass(EWC, Method)
    True
    """

    module: nn.Module

    @abstractmethod
    def begin(self, task: Batch) -> Batch:
        """Prepare for a task, of which these are all examples; give those that are to be trained on."""

    @abstractmethod
    def step(self, batch: Batch) -> Tensor:
        """Make one update, and give the loss."""

    @abstractmethod
    def end(self, task: Batch) -> None:
        """Keep what is to be kept of a task, of which these are all examples."""

    @abstractmethod
    def memory(self) -> int:
        """Bytes kept from one task to the next, beside the network and its optimiser."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Give, between two tasks, what the next ones depend on, beside the module; a tree of numbers and tensors."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any], earlier: Iterable[Batch]) -> None:
        """Take up what `state` gave; the module is as it was then, and these are the tasks before, made when needed."""


def competing(logits: Tensor, mask: Tensor | None) -> Tensor:
    """Logits of labels that compete; minus infinity of others."""
    return logits if mask is None else logits.masked_fill(~mask, -torch.inf)


def cross_entropy(logits: Tensor, batch: Batch, reduction: str = "mean") -> Tensor:
    """Cross-entropy of the labels that compete.

    ::

        -log(exp(h_y) / sum over allowed c of exp(h_c))
    """
    return nn.functional.cross_entropy(competing(logits, batch.mask), batch.y, reduction=reduction)


def masked_loss(logits: Tensor, labelled: Any, reduction: str) -> Tensor:
    """Cross-entropy of labels, or of a pair of labels and mask, in the form that `per_example_gradients` takes."""
    y, mask = labelled if isinstance(labelled, tuple) else (labelled, None)
    return cross_entropy(logits, Batch(y, y, mask), reduction)


def descend(optimiser: torch.optim.Optimizer, loss: Tensor) -> Tensor:
    """Make one step along the gradient of a loss; give the loss."""
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.detach()


def state_of(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """State of an optimiser, which its later steps do not change."""
    return copy.deepcopy(optimiser.state_dict())


def restore_optimiser(optimiser: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Take up the state of an optimiser, without changing it by later steps."""
    optimiser.load_state_dict(copy.deepcopy(dict(state)))


def copies(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Tensors that later changes of these do not reach."""
    return [tensor.detach().clone() for tensor in tensors]


def put(values: Sequence[Tensor], into: Sequence[Tensor]) -> None:
    """Copy values into tensors of the same shapes."""
    for value, tensor in zip(values, into, strict=True):
        tensor.copy_(value)


def trained(module: nn.Module) -> list[nn.Parameter]:
    """Parameters that require a gradient."""
    return [p for p in module.parameters() if p.requires_grad]


def size_of(*parts: Tensor | Batch) -> int:
    """Bytes of some tensors and batches."""
    tensors: list[Tensor] = []
    for part in parts:
        tensors += [part] if isinstance(part, Tensor) else [t for t in (part.x, part.y, part.mask) if t is not None]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def check_method(owner: str, module: object, optimiser: object) -> None:
    """Check module and optimiser of a method.

    Raises
    ------
    ParameterError
        If one of them is something else.
    """
    if not isinstance(module, nn.Module):
        raise ParameterError(f"{owner}.module must be a torch.nn.Module; got {type(module).__name__}")
    if not isinstance(optimiser, torch.optim.Optimizer):
        raise ParameterError(f"{owner}.optimiser must be a torch.optim.Optimizer; got {type(optimiser).__name__}")
    own = {*module.parameters()}
    if not any(p in own for group in optimiser.param_groups for p in group["params"]):
        raise ParameterError(
            f"{owner}.optimiser must have parameters of the module; got none of them: it would train another one, such "
            "as that of which this is a copy"
        )


def check_strength(owner: str, strength: float) -> float:
    """Check the strength of a penalty.

    Raises
    ------
    ParameterError
        If it is negative.
    """
    return number(owner, "strength", strength, minimum=0.0)
