"""Gradients of each example for a module whose trained parameters are those of dense layers; PyTorch.

One forward and one backward pass of the whole batch, as for gradient descent, give what each layer got and the
gradients of what it gave; those of the weights of one example are their outer product.
"""

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from saltation.continual.outer import OuterProducts
from saltation.continual.spiking import Loss

__all__ = ["Factored", "factored_gradients"]

Factored = Tensor | OuterProducts


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """What a layer got, and where in the graph its output is."""

    x: Tensor
    version: int
    edge: GradientEdge


def factored_gradients(module: nn.Module, loss: Loss, x: Any, y: Any) -> tuple[dict[str, Factored], Tensor] | None:
    """Gradients of each example by parameter, and the losses; None where a parameter is not of a dense layer alone.

    Parameters
    ----------
    module : torch.nn.Module
        From inputs [batch, ...] to logits; what an example gives may depend on no other example.
    loss : callable
        ``loss(logits, y, reduction="none")`` gives one number for each example.
    x, y : inputs and labels
        A batch.

    Returns
    -------
    dict of str to OuterProducts or Tensor, and Tensor [batch]
        Weights as outer products, biases as [batch, output].
    """
    names = {p: name for name, p in module.named_parameters() if p.requires_grad}
    layers = _dense_layers(module)
    owned = [p for layer in layers for p in layer.parameters(recurse=False) if p.requires_grad]
    known = [p for layer in layers for p in (layer.weight, layer.bias) if p is not None and p in names]
    if not names or len(owned) != len(names) or {*owned} != {*names} or len(known) != len(owned):
        return None  # also where two layers share a parameter, or a weight is made of others, as by pruning
    seen: dict[nn.Module, list[_Call]] = {layer: [] for layer in layers}

    def note(layer: nn.Module, given: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor) -> None:
        got = given[0] if given else named["input"]
        if output.requires_grad and got.dtype == output.dtype == layer.weight.dtype:
            # An edge, and not the output: activations may work in place, and then the output is another one.
            seen[layer].append(_Call(got.detach(), got._version, get_gradient_edge(output)))

    # before all other hooks, which may put something else in the place of the output
    hooks = [layer.register_forward_hook(note, prepend=True, with_kwargs=True) for layer in layers]
    try:
        with torch.enable_grad():
            losses = loss(module(x), y, reduction="none")
            total = losses.sum()
    finally:
        for hook in hooks:
            hook.remove()
    plain = [calls[0] for calls in seen.values() if len(calls) == 1 and _is_plain(calls[0], len(losses))]
    uses = _uses(total)
    if len(plain) != len(layers) or any(uses.get(p, 0) > 1 for p in names):
        return None
    bars = torch.autograd.grad(total, [call.edge for call in plain], allow_unused=True)
    found: dict[str, Factored] = {}
    for layer, call, bar in zip(layers, plain, bars, strict=True):
        own = [p for p in layer.parameters(recurse=False) if p.requires_grad]
        # its input was changed in place since; or the loss depends on its parameters, but not through this call
        if call.x._version != call.version or (bar is None and any(p in uses for p in own)):
            return None
        left = call.x.new_zeros(len(losses), layer.out_features) if bar is None else bar
        for p in own:
            # a bias has its own copy: layers that add up share what autograd gives, and `NTE` works in place
            found[names[p]] = OuterProducts(left, call.x) if p is layer.weight else left.clone()
    return found, losses.detach()


def _dense_layers(module: nn.Module) -> list[nn.Linear]:
    """Dense layers with trained parameters."""
    found = [part for part in module.modules() if type(part) is nn.Linear]
    return [layer for layer in found if any(p.requires_grad for p in layer.parameters(recurse=False))]


def _is_plain(call: _Call, batch: int) -> bool:
    return call.x.ndim == 2 and len(call.x) == batch


def _uses(total: Tensor) -> dict[Tensor, int]:
    """How often each parameter that a sum depends on is used on the way to it."""
    found: dict[Tensor, int] = {}
    pending: list[Any] = [total.grad_fn]
    seen: set[Any] = set()
    while pending:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        for child, _ in node.next_functions:
            if hasattr(child, "variable"):
                found[child.variable] = found.get(child.variable, 0) + 1
            else:
                pending.append(child)
    return found
