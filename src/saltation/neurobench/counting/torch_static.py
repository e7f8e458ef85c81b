"""What is counted of a PyTorch model at rest: bytes, parameters, weights that are zero."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from saltation.errors import ParameterError
from saltation.neurobench.counting.network import static_of
from saltation.neurobench.counting.record import Static
from saltation.torch.module import NetworkModule

_PLAIN = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
# Buffers in which neurons of snnTorch keep what they were last at: none of the model, and as large as the last batch.
_STATES = frozenset(("mem", "syn", "syn_exc", "syn_inh", "spk"))


def is_neuron(module: nn.Module) -> bool:
    """Whether a module is a spiking neuron of snnTorch."""
    return any(
        kind.__name__ == "SpikingNeuron" and kind.__module__.startswith("snntorch") for kind in type(module).__mro__
    )


def weights_of(module: nn.Module) -> list[Tensor]:
    """The weights of a connection layer, as they act: behind a mask, or a parametrisation; none of any other module.

    Biases are no connections, of recurrent layers as little as of others.
    """
    if isinstance(module, _PLAIN):
        return [module.weight]
    if isinstance(module, nn.RNNBase):
        names = [name for each in module._all_weights for name in each if name.startswith("weight")]
        return [getattr(module, name) for name in names]
    if isinstance(module, nn.RNNCellBase):
        return [module.weight_ih, module.weight_hh]
    return []


def events_at_rest(model: nn.Module) -> list[Static]:
    """Each layer of ours; an array that is a parameter of several of them, in the first alone."""
    owned = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    seen: set[int] = set()
    found: list[Static] = []
    for module in model.modules():
        if not isinstance(module, NetworkModule):
            continue
        net = module.network()
        slots = zip(module._specification.slots, module._tensors(), strict=True)
        ids = {(slot.kind, slot.target): id(tensor) for slot, tensor in slots if id(tensor) in owned}
        found.append(static_of(net.populations, net.projections, tied={key for key, i in ids.items() if i in seen}))
        seen |= set(ids.values())
    return found


def footprint_of(model: nn.Module, of_events: int) -> dict[str, int]:
    """Bytes of parameters, of buffers, and of all that layers of events need, which are given.

    Membranes that snnTorch keeps of the last batch are left out, so that the result does not depend on what ran.
    """
    ours = [module for module in model.modules() if isinstance(module, NetworkModule)]
    out = {id(tensor) for module in ours for tensor in (*module.parameters(), *module.buffers())}
    out |= {
        id(buffer)
        for module in model.modules()
        if is_neuron(module)
        for name, buffer in module.named_buffers(recurse=False)
        if name in _STATES
    }
    return {
        "parameters": sum(p.numel() * p.element_size() for p in model.parameters() if id(p) not in out),
        "buffers": sum(b.numel() * b.element_size() for b in model.buffers() if id(b) not in out),
        "layers of events": of_events,
    }


def count_static(model: nn.Module) -> Static:
    """Count a PyTorch model at rest: footprint, parameters, zero weights.

    Parameters
    ----------
    model : torch.nn.Module
        Of layers of PyTorch, neurons of snnTorch, and layers of ours.

    Returns
    -------
    Static

    Raises
    ------
    ParameterError
        If parameters do not exist yet, as those of lazy modules.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> import torch
    >>> from saltation.neurobench import count_static
    >>> static = count_static(torch.nn.Linear(3, 2))
    >>> static.footprint, static.parameters, static.connection_sparsity
    (32, 8, 0.0)
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(tensor):
            raise ParameterError(
                f"count_static.model: {name!r} of a lazy module has no size yet; run the model once, on any sample"
            )
    with torch.no_grad():
        ours = events_at_rest(model)
        weights = sum(own.weights for own in ours)
        zeros = sum(own.zero_weights for own in ours)
        for tensor in _once(model):
            weights += tensor.numel()
            zeros += int((tensor == 0).sum())
    bytes_of = footprint_of(model, sum(own.footprint for own in ours))
    parameters = sum(p.numel() for p in model.parameters())
    return Static(sum(bytes_of.values()), parameters, weights, zeros, bytes_of)


def _once(model: nn.Module) -> Iterator[Tensor]:
    """Weights of all connection layers; a parameter or a buffer that layers share, once.

    What a layer computes, as behind a parametrisation, is its own; a view of another's memory is one too.
    """
    owned = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    seen: set[int] = set()
    for module in model.modules():
        for tensor in weights_of(module):
            # the model holds what is owned, so that nothing else can have its id
            if id(tensor) in seen:
                continue
            if id(tensor) in owned:
                seen.add(id(tensor))
            yield tensor
