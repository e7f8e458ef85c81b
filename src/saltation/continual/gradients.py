"""Gradients of each example of a batch, as the tangent ensemble's rule takes them; PyTorch."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from saltation.continual.dense_layers import Factored, factored_gradients
from saltation.continual.spiking import Loss, SpikingModule, spiking_gradients
from saltation.errors import ParameterError
from saltation.torch.module import NetworkModule

__all__ = ["expert_parameters", "per_example_gradients"]

_NORMALISATIONS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


def per_example_gradients(
    module: nn.Module, x: Any, y: Any, loss: Loss = nn.functional.cross_entropy, *, dense: bool = False
) -> Tensor:
    """Leave the gradient of each example in ``parameter.grad_sample``, and give the losses.

    ::

        parameter.grad_sample[k] = d loss(module(x_k), y_k) / d parameter

    `NTE` takes them from there. Where all trained parameters are those of dense layers, each called once with [batch,
    input], gradients of their weights are `OuterProducts`, out of one forward and one backward pass. Otherwise they are
    tensors, which need as much memory as the batch has examples times the parameters: where that is too much, take the
    batch in pieces, and call `NTE.accumulate` after each.

    Parameters
    ----------
    module : torch.nn.Module
        From inputs [batch, ...] to logits; a `SpikingModule` is differentiated by EventProp, one pass for each example.
        An example may depend on no other: batch normalisation in training is refused, other ways are not noticed.
    x : Tensor
        Inputs.
    y : Tensor or tuple of Tensor
        Labels [batch], or whatever the loss takes, the batch first.
    loss : callable
        ``loss(logits, y, reduction="none")`` gives one number for each example.
    dense : bool
        Whether all of them are formed as tensors.

    Returns
    -------
    Tensor, [batch]
        Losses.

    Raises
    ------
    ParameterError
        If the examples of a batch depend on each other, or the module holds a spiking network and is no
        `SpikingModule`.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import per_example_gradients
    >>> module = torch.nn.Linear(2, 3)
    >>> per_example_gradients(module, torch.ones(4, 2), torch.tensor([0, 1, 2, 0])).shape
    torch.Size([4])
    >>> module.weight.grad_sample.shape, module.bias.grad_sample.shape
    (torch.Size([4, 3, 2]), torch.Size([4, 3]))
    """
    values = {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}
    gradients: Mapping[str, Factored]
    if isinstance(module, SpikingModule):
        given: list[Tensor] = []

        def kept(logits: Tensor, labels: Any, reduction: str) -> Tensor:
            given.append(loss(logits, labels, reduction=reduction))
            return given[0]

        gradients, losses = spiking_gradients(module, kept, x, y), given[0].detach()
    else:
        check_vmap("per_example_gradients", module)
        factored = None if dense else factored_gradients(module, loss, x, y)
        gradients, losses = factored or _with_losses(module, loss)(values, x, y)
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            parameter.grad_sample = gradients[name]  # type: ignore[attr-defined]  the name that Opacus has for it
    return losses


def per_example_function(
    module: nn.Module, loss: Loss
) -> Callable[[Mapping[str, Tensor], Any, Any], dict[str, Tensor]]:
    """Make ``gradients(values, x, y)`` of a module that ``torch.func`` differentiates."""
    with_losses = _with_losses(module, loss)
    return lambda values, x, y: with_losses(values, x, y)[0]


def _with_losses(module: nn.Module, loss: Loss) -> Callable[..., Any]:
    def loss_of(values: Mapping[str, Tensor], x: Tensor, y: Any) -> Tensor:
        logits = torch.func.functional_call(module, dict(values), (x.unsqueeze(0),))
        labels = tree_map(lambda part: part.unsqueeze(0), y)
        return loss(logits, labels, reduction="none").sum()

    return torch.func.vmap(torch.func.grad_and_value(loss_of), in_dims=(None, 0, 0), randomness="different")


def check_vmap(owner: str, module: nn.Module) -> None:
    """Refuse a module whose examples cannot be taken one by one.

    Raises
    ------
    ParameterError
        With what stands in the way.
    """
    for name, part in module.named_modules():
        where = f"{type(part).__name__} {name!r}"
        if isinstance(part, nn.modules.batchnorm._NormBase) and (part.training or not part.track_running_stats):
            raise ParameterError(
                f"{owner}: each example needs a gradient of its own; got {where}, which mixes the examples of a batch; "
                "use LayerNorm or GroupNorm, or module.eval()"
            )
        if isinstance(part, NetworkModule):
            raise ParameterError(
                f"{owner}: a spiking network must be in a saltation.continual.SpikingModule, which is the whole "
                f"module; got {where} inside of a {type(module).__name__}"
            )


def expert_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Parameters that are experts of the ensemble: all that require a gradient, but those of normalisation layers.

    A scale that begins at 1 is no small weight with a sign: an upper limit of 0.1 would cut it, and a zero shift would
    stay zero for ever. What is left out keeps its value, or is trained by another optimiser.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import expert_parameters
    >>> module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3), torch.nn.Linear(3, 2))
    >>> len(list(module.parameters())), len(expert_parameters(module))
    (6, 4)
    """
    left_out = {
        id(p) for part in module.modules() if isinstance(part, _NORMALISATIONS) for p in part.parameters(recurse=False)
    }
    return [p for p in module.parameters() if p.requires_grad and id(p) not in left_out]
