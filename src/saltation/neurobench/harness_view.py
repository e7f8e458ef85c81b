"""What the harness sees of a network of ours: layers of PyTorch for its projections, and records of its events.

The harness takes weights and bytes from modules, and activations from hooks.  A projection becomes a layer that holds
its weights, and its delivered spikes become inputs of that layer, of zeros and ones: slice k of the counts C of a batch
says which units spiked k times or more.  Each slice is of spikes, so that all is AC, and together they are exact::

    sum over k of  sum_i 1[C_i >= k] fan_out_i  =  sum_i C_i fan_out_i
"""

from collections.abc import Container, Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from saltation.errors import ParameterError
from saltation.model import Conv1d, Conv2d, Input, Network, Projection, ProjectionKey, Spikes
from saltation.model.events import cells, step_count
from saltation.neurobench.counting.events import projection_name
from saltation.neurobench.counting.network import state_bytes
from saltation.neurobench.counting.traffic import Window, fans_of, pairs_of, traffic_of

# Operations of one input of a layer that float32, in which the harness may add them, counts exactly.
_EXACT = 1 << 24


@final
class NetworkView(nn.Module):
    """A network as modules: a layer for each projection; what is not trained, and the state, are buffers.

    Parameters
    ----------
    network : Network
        Values of now; `refresh` takes later ones.
    trained : collection of (str, str or tuple)
        Kinds of parameters that are trained, and of which population or projection.

    Raises
    ------
    ParameterError
        If two synapses connect the same pair, which no layer of PyTorch has.
    """

    def __init__(self, network: Network, trained: Container[tuple[str, ProjectionKey]] = ()) -> None:
        super().__init__()
        self._trained = trained
        projections = network.projections
        self.layers = nn.ModuleList(
            layer_of(key, each, ("weight", key) in trained) for key, each in projections.items()
        )
        self.keys: tuple[ProjectionKey, ...] = tuple(projections)
        for i, (key, projection) in enumerate(projections.items()):
            _put(self, f"delay_{i}", _tensor(projection.delay), ("delay", key) in trained)
        for i, (key, population) in enumerate(network.populations.items()):
            for name, value in population.parameters().items():
                _put(self, f"{name}_{i}", _tensor(value), (name, key) in trained)
            self.register_buffer(f"state_{i}", torch.zeros(state_bytes(population) // 8, dtype=torch.float64))

    def refresh(self, network: Network) -> None:
        """Take the values of a network of the same structure; layers remain those that they were."""
        self.load_state_dict(NetworkView(network, self._trained).state_dict())


def _tensor(value: npt.NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(value))


def _put(module: nn.Module, name: str, value: Tensor, trained: bool) -> None:
    """Hold an array as a parameter where it is trained, and as a buffer where not."""
    module._parameters.pop(name, None)
    if trained:
        module.register_parameter(name, nn.Parameter(value, requires_grad=False))
    else:
        module.register_buffer(name, value)


def layer_of(key: ProjectionKey, projection: Projection, trained: bool) -> nn.Module:
    """The layer of PyTorch that has the synapses of a projection."""
    links = projection.connectivity
    weight = _tensor(projection.weight)
    if isinstance(links, Conv1d | Conv2d):
        kind: Any = nn.Conv1d if isinstance(links, Conv1d) else nn.Conv2d
        how = {name: getattr(links, name) for name in ("kernel_size", "stride", "padding", "dilation", "groups")}
        layer = nn.utils.skip_init(kind, links.input_shape[0], links.out_channels, bias=False, **how)
    else:
        n_pre, n_post = projection.shape
        layer = nn.utils.skip_init(nn.Linear, n_pre, n_post, bias=False)
        weight = weight.T.contiguous() if links is None else _listed(key, projection, weight)
    _put(layer, "weight", weight, trained)
    return layer


def _listed(key: ProjectionKey, projection: Projection, weight: Tensor) -> Tensor:
    """Listed synapses as a matrix."""
    assert projection.connectivity is not None
    pre, post, place = projection.connectivity.synapses()
    pairs = np.unique(pre * projection.shape[1] + post)
    if pairs.size != pre.size:
        raise ParameterError(
            f"SaltationModel: projection {key!r} has {pre.size - pairs.size} synapses that connect a pair a second "
            "time, which no layer of the harness has; add up their weights, or count the run by count_run"
        )
    matrix = torch.zeros(projection.shape[1], projection.shape[0], dtype=weight.dtype)
    matrix[torch.from_numpy(np.array(post)), torch.from_numpy(np.array(pre))] = weight.reshape(-1)[
        torch.from_numpy(np.array(place))
    ]
    return matrix


@final
class Handle:
    """Stands for the handle of a hook: there is none, since records are filled by events."""

    def remove(self) -> None:
        """Nothing to remove."""


@final
class ConnectionRecord:
    """Inputs of the layer of a projection, as a hook of the harness keeps them."""

    def __init__(self, key: ProjectionKey, layer: nn.Module) -> None:
        self.key, self.layer, self.hook = key, layer, Handle()
        self.inputs: list[tuple[Tensor]] = []

    def register_hook(self) -> None:
        """Nothing to register."""

    def reset(self) -> None:
        """Forget a batch."""
        self.inputs.clear()

    def close(self) -> None:
        """Nothing to remove."""

    def take(self, projection: Projection, spikes: Spikes, duration: float, grid: float | None) -> None:
        """Add the spikes of a batch that a projection delivers, in slices of zeros and ones."""
        counts = delivered(self.key, projection, spikes, duration, grid)
        weight: Any = self.layer.weight
        rows = max(1, _EXACT // max(1, int(fans_of(projection).all_of.sum())))
        shape = getattr(projection.connectivity, "input_shape", (projection.shape[0],))
        if not isinstance(projection.connectivity, Conv1d | Conv2d):
            shape = (projection.shape[0],)
        for k in range(1, int(counts.max(initial=0)) + 1):
            piece = torch.from_numpy((counts >= k).reshape(-1, *shape)).to(weight.dtype)
            self.inputs += [(part,) for part in piece.split(rows)]


@final
class ActivationRecord:
    """Spikes of a population on the reference step, as a hook of the harness keeps them."""

    def __init__(self, name: str, layer: nn.Module) -> None:
        self.name, self.layer, self.spiking = name, layer, False
        self.activation_outputs: list[Tensor] = []
        self.pre_fire_mem_potential: list[Tensor] = []
        self.post_fire_mem_potential: list[Tensor] = []

    def reset(self) -> None:
        """Forget a batch."""
        self.activation_outputs.clear()

    def close(self) -> None:
        """Nothing to remove."""

    def take(self, spikes: Spikes, size: int, duration: float, step: float) -> None:
        """Add the bins of a batch: one where a neuron has spiked."""
        steps = step_count(step, duration)
        bins = np.zeros((spikes.batch, steps, size), np.float32)
        bins[spikes.sample_index(), cells(spikes.times, step, 0.0, steps), spikes.units] = 1.0
        self.activation_outputs.append(torch.from_numpy(bins))


def delivered(
    key: ProjectionKey, projection: Projection, spikes: Spikes, duration: float, grid: float | None
) -> npt.NDArray[np.int64]:
    """Spikes of each unit that a projection delivers in a window, ``[batch, unit]``.

    Raises
    ------
    ParameterError
        If a spike arrives through some of its synapses and not through others.
    """
    window, traffic, n_pre = Window(duration, grid, np.zeros(0)), traffic_of(spikes, "", None), projection.shape[0]
    if projection.delay_per_weight:
        fans = fans_of(projection)
        arrived, sent = np.zeros(spikes.n_events, np.int64), np.diff(fans.cuts)[traffic.units]
        for spike, synapse in pairs_of(fans, traffic):
            there = window.arrivals(traffic.times[spike], traffic.age[spike], fans.delay[synapse])[1]
            arrived += np.bincount(spike[there], minlength=arrived.size)
        if ((arrived > 0) & (arrived < sent)).any():
            raise ParameterError(
                f"SaltationModel: spikes of projection {projection_name(key)!r} arrive before the end of the window "
                "through some of their synapses and after it through others, which no input of a layer says; make the "
                "window longer, or count the run by count_run"
            )
        keep = arrived > 0
    else:
        delays = np.broadcast_to(projection.delay, (n_pre,))[traffic.units]
        keep = window.arrivals(traffic.times, traffic.age, delays)[1]
    flat = traffic.samples[keep] * n_pre + traffic.units[keep]
    return np.bincount(flat, minlength=spikes.batch * n_pre).reshape(spikes.batch, n_pre)


def spiking_populations(network: Network) -> Mapping[str, int]:
    """Populations whose spikes are activations, and their sizes."""
    return {name: p.size for name, p in network.populations.items() if p.spiking and not isinstance(p, Input)}
