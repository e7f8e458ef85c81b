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


def footprint_of(model: nn.Module) -> dict[str, int]:
    """Bytes of parameters, of buffers, and of all that layers of events need.

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
    networks = [module.network() for module in ours]
    return {
        "parameters": sum(p.numel() * p.element_size() for p in model.parameters() if id(p) not in out),
        "buffers": sum(b.numel() * b.element_size() for b in model.buffers() if id(b) not in out),
        "layers of events": sum(static_of(net.populations, net.projections).footprint for net in networks),
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
    weights = zeros = 0
    with torch.no_grad():
        for tensor in _once(model):
            weights += tensor.numel()
            zeros += int((tensor == 0).sum())
        for module in model.modules():
            if isinstance(module, NetworkModule):
                net = module.network()
                own = static_of(net.populations, net.projections)
                weights, zeros = weights + own.weights, zeros + own.zero_weights
    bytes_of = footprint_of(model)
    parameters = sum(p.numel() for p in model.parameters())
    return Static(sum(bytes_of.values()), parameters, weights, zeros, bytes_of)


def _once(model: nn.Module) -> Iterator[Tensor]:
    """Weights of all connection layers; those that layers share, once."""
    seen: set[int] = set()
    for module in model.modules():
        for tensor in weights_of(module):
            if tensor.data_ptr() not in seen or not tensor.numel():
                seen.add(tensor.data_ptr())
                yield tensor
