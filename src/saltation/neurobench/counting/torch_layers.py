"""Hooks on the modules of a model: where a product belongs to, what activations and membranes did, layers of events."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import activation

from saltation import model as plain
from saltation.engine import Exact, Grid
from saltation.errors import ParameterError
from saltation.neurobench.counting.record import LayerCount
from saltation.neurobench.counting.runs import count_spikes
from saltation.neurobench.counting.torch_static import is_neuron
from saltation.torch.module import NetworkModule
from saltation.torch.output import Output
from saltation.torch.spikes import Spikes, as_spikes

_NOT_ELEMENTWISE = ("MultiheadAttention", "Softmax", "Softmin", "Softmax2d", "LogSoftmax", "GLU")
ACTIVATIONS: tuple[type[nn.Module], ...] = tuple(
    getattr(activation, name) for name in activation.__all__ if name not in _NOT_ELEMENTWISE
)


class Layers:
    """What the modules of a model did, while it was hooked.

    ``outputs`` and ``zeros`` are those of activations, ``seen`` whose; ``membrane_updates`` are None without neurons
    of snnTorch, ``neuron_updates`` without layers of events.
    """

    def __init__(self, model: nn.Module, step: float | None, more: Sequence[type[nn.Module]]) -> None:
        self.outputs: int | None = 0
        self.zeros: int | None = 0
        self.seen: dict[str, None] = {}
        self.membrane_updates: int | None = None
        self.neuron_updates: int | None = None
        self._model, self._step = model, step
        self._kinds = (*ACTIVATIONS, *more)
        self._stack: list[str] = []
        self._inside = 0
        self._before: dict[str, Tensor | None] = {}

    @property
    def name(self) -> str:
        """The module that is running now."""
        return self._stack[-1] if self._stack else "(model)"

    @property
    def modules(self) -> int:
        """Number of modules."""
        return sum(1 for _ in self._model.modules())

    @contextmanager
    def hooked(self, add: Callable[[LayerCount], None]) -> Iterator[None]:
        """Hooks on all modules, and evaluation mode; both as before afterwards."""
        training = [module for module in self._model.modules() if module.training]
        handles: list[Any] = []
        self._model.eval()
        try:
            for name, module in self._model.named_modules():
                enter, leave = self._hooks(name or "(model)", module, add)
                handles.append(module.register_forward_pre_hook(enter, with_kwargs=True))
                handles.append(module.register_forward_hook(leave, with_kwargs=True, always_call=True))
            yield
        finally:
            for handle in handles:
                handle.remove()
            for module in training:
                module.training = True

    def activated(self, kind: str, output: Tensor) -> None:
        """An activation that was called as a function, outside of modules that are one as a whole."""
        if not self._inside:
            self._tally(f"{self.name}: {kind}", output)

    def _hooks(self, name: str, module: nn.Module, add: Callable[[LayerCount], None]) -> tuple[Any, Any]:
        neuron, ours = is_neuron(module), isinstance(module, NetworkModule)
        whole = neuron or ours or isinstance(module, self._kinds)

        def enter(module: nn.Module, args: Any, kwargs: Any) -> None:
            if neuron and not self._inside:
                self._before[name] = _membrane_before(module, args, kwargs)
            self._stack.append(name)
            self._inside += whole

        def leave(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            self._stack.pop()
            self._inside -= whole
            # a hook that is always called is called after an error too, without an output
            if not whole or self._inside or output is None:
                return
            if isinstance(module, NetworkModule):
                self._events(name, module, args, kwargs, output, add)
                return
            first = output[0] if isinstance(output, tuple | list) else output
            if not isinstance(first, Tensor):
                raise ParameterError(
                    f"count_torch.activations: {name} must return a tensor, or a tuple that begins with one; got "
                    f"{type(first).__name__}"
                )
            self._tally(name, first)
            if neuron:
                self._membrane(name, module, output)

        return enter, leave

    def _tally(self, name: str, output: Tensor) -> None:
        self.seen[name] = None
        if self.outputs is not None and self.zeros is not None:
            self.outputs += output.numel()
            self.zeros += output.numel() - int(torch.count_nonzero(output))

    def _membrane(self, name: str, module: nn.Module, output: Any) -> None:
        """Entries that a step has changed; a membrane that was not there before, or of another batch, was 0."""
        before, after = self._before.pop(name, None), _membrane_after(module, output)
        if after is None:
            return
        fits = before is not None and (before.shape == after.shape or before.numel() == 1)
        old = before if before is not None and fits else torch.zeros_like(after)
        self.membrane_updates = (self.membrane_updates or 0) + int((old != after).sum())

    def _events(
        self, name: str, module: NetworkModule, args: Any, kwargs: Any, output: Any, add: Callable[[LayerCount], None]
    ) -> None:
        """A layer of ours: its operations by the events that went in and came out."""
        backend = module._specification.backend
        if not isinstance(backend, Exact | Grid):
            raise ParameterError(
                f"count_torch.model: {name} runs on {backend!r}, whose weights are not the module's; run its network "
                "by saltation.simulate, and count the run: count_run(run, parts=backend.parts(network))"
            )
        grid = backend.dt if isinstance(backend, Grid) else None
        net, spikes, duration = events_of(module, args, kwargs, output)
        found = count_spikes(
            net.populations,
            net.projections,
            {key: own.to_numpy() for key, own in spikes.items()},
            duration,
            grid=grid,
            step=self._step if grid is None else grid,
        )
        for layer in found.layers:
            full = f"{name}: {layer.name}"
            add(LayerCount(full, layer.kind, 0, layer.effective_acs, layer.dense, layer.event_dense))
        self.neuron_updates = (self.neuron_updates or 0) + (found.neuron_updates or 0)
        if found.activity.layers:
            self.seen[name] = None
            defined = self.outputs is not None and found.activity.outputs is not None
            self.outputs = self.outputs + found.activity.outputs if defined else None  # type: ignore[operator]
            self.zeros = self.zeros + found.activity.zeros if defined else None  # type: ignore[operator]


def events_of(
    module: NetworkModule, args: Any, kwargs: Any, output: Any
) -> tuple[plain.Network, dict[str, Spikes], float]:
    """Network, spikes of its populations, and duration, of a call of a module of ours."""
    net = module.network()
    sizes = {name: population.size for name, population in net.populations.items()}
    if isinstance(output, Output):
        return net, dict(output.spikes), float(args[1] if len(args) > 1 else kwargs["duration"])
    spikes = {"in": as_spikes(args[0] if args else kwargs["spikes"], sizes["in"])}
    if isinstance(output, Spikes):
        spikes["out"] = output
    return net, spikes, float(module.duration)  # type: ignore[arg-type]


def _membrane_before(module: nn.Module, args: Any, kwargs: Any) -> Tensor | None:
    """The membrane that a neuron of snnTorch begins a step with: given in the call, by place or by name, or its own."""
    given = inspect.signature(module.forward).bind(*args, **kwargs).arguments.get("mem")
    kept = given if isinstance(given, Tensor) else getattr(module, "mem", None)
    return kept.detach().clone() if isinstance(kept, Tensor) else None


def _membrane_after(module: nn.Module, output: Any) -> Tensor | None:
    if not _own(module) and isinstance(output, tuple | list) and isinstance(output[-1], Tensor):
        return output[-1].detach()
    kept = getattr(module, "mem", None)
    return kept.detach() if isinstance(kept, Tensor) else None


def _own(module: nn.Module) -> bool:
    """Whether a neuron keeps its membrane itself."""
    return bool(getattr(module, "init_hidden", False))
