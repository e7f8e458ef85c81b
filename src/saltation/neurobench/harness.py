"""Our models in the harness, the package ``neurobench``, and a runner that refuses its silent zeros."""

import contextlib
import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, final

import torch
from neurobench.benchmarks import Benchmark  # pyright: ignore[reportMissingImports]
from neurobench.hooks.layer import LayerHook  # pyright: ignore[reportMissingImports]
from neurobench.hooks.neuron import NeuronHook  # pyright: ignore[reportMissingImports]
from neurobench.models import NeuroBenchModel  # pyright: ignore[reportMissingImports]
from torch import Tensor, nn

from saltation.engine import Grid
from saltation.errors import ParameterError
from saltation.neurobench.counting.torch_layers import events_of
from saltation.neurobench.counting.torch_model import Counter
from saltation.neurobench.harness_view import ActivationRecord, ConnectionRecord, NetworkView, spiking_populations
from saltation.neurobench.report import Complexity
from saltation.torch.module import NetworkModule

_OF_CONNECTIONS = ("SynapticOperations",)
_OF_ACTIVATIONS = ("ActivationSparsity", "ActivationSparsityByLayer")
_OF_MEMBRANES = ("MembraneUpdates", "NeuronOperations")
_PACKAGES = ("neurobench", "snntorch", "torch")


@final
class SaltationModel(NeuroBenchModel):
    """A model with layers of `saltation.torch`, for the harness' own ``Benchmark``.

    Events of its layers are handed to the harness' hooks such that ``SynapticOperations`` gives exact ACs; ``Dense``
    is not defined for them, and `run_benchmark` puts the value of the reference step in its place.

    Parameters
    ----------
    module : torch.nn.Module
        The model; layers of `saltation.torch`, and any of PyTorch.
    forward : callable, optional
        Runs the module on a batch of the data, and returns predictions; by default ``module``.
    step : float, optional
        Reference step in seconds, for activation sparsity and Dense.

    Raises
    ------
    ParameterError
        If the module has no layer of `saltation.torch`.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> import torch
    >>> from saltation.neurobench import SaltationModel  # doctest: +SKIP
    >>> from saltation.torch import LI, LIF, Spikes
    >>> net = torch.nn.Sequential(LIF(2, 8, duration=40e-3), LI(8, 3, duration=40e-3))
    >>> forward = lambda x: net(Spikes.from_latencies(20e-3 * x)).argmax(1)
    >>> model = SaltationModel(net, forward, step=1e-3)  # doctest: +SKIP
    """

    activation_hooks: list[Any]
    connection_hooks: list[Any]

    def __init__(
        self, module: nn.Module, forward: Callable[[Any], Any] | None = None, *, step: float | None = None
    ) -> None:
        super().__init__()
        self.module = module.eval()
        self.forward = module if forward is None else forward
        self.step = step
        self._ours = {name: each for name, each in module.named_modules() if isinstance(each, NetworkModule)}
        if not self._ours:
            raise ParameterError(
                "SaltationModel.module must have a layer of saltation.torch; got none; a model of PyTorch alone is for "
                "neurobench.models.TorchModel, or SNNTorchModel"
            )
        self._views = {name: NetworkView(each.network()) for name, each in self._ours.items()}
        self._others: list[nn.Module] = []
        rest = nn.Module()
        _gather(module, self._others, rest)
        self._net = nn.ModuleList([*self._views.values(), *self._others, rest])
        self._handles: list[Any] = []

    def __call__(self, batch: Any) -> Any:
        """Run the model on a batch."""
        return self.forward(batch)

    def __net__(self) -> nn.Module:
        """Modules that hold all that the model needs: projections as layers, the other layers as they are."""
        return self._net

    def activation_layers(self) -> list[dict[str, Any]]:
        """Activation layers that are none of ours, and populations that spike."""
        found = [{"layer_name": name, "layer": each} for name, each in self._activations()]
        for name, each in self._ours.items():
            populations = spiking_populations(each.network())
            found += [{"layer_name": f"{name}.{p}".lstrip("."), "layer": self._views[name]} for p in populations]
        return found

    def register_hooks(self) -> None:
        """Hooks of the harness on layers of PyTorch, records of events for those of ours."""
        for name, each in self._activations():
            self.activation_hooks.append(NeuronHook(each, name))
        for layer in self.connection_layers():
            if not any(layer is own for view in self._views.values() for own in view.layers):
                self.connection_hooks.append(LayerHook(layer))
        for name, each in self._ours.items():
            self._record(name, each)

    def cleanup_hooks(self) -> None:
        """Remove all hooks."""
        super().cleanup_hooks()
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _activations(self) -> list[tuple[str, nn.Module]]:
        """Activation layers among those of PyTorch."""
        kinds = tuple(self.activation_modules)
        parts = [(f"layer {i}", part) for i, each in enumerate(self._others) for part in each.modules()]
        return [(name, part) for name, part in parts if isinstance(part, kinds)]

    def _record(self, name: str, module: NetworkModule) -> None:
        view = self._views[name]
        connections = [ConnectionRecord(key, layer) for key, layer in zip(view.keys, view.layers, strict=True)]
        sizes = spiking_populations(module.network())
        activations = [ActivationRecord(f"{name}.{own}".lstrip("."), view) for own in sizes]
        self.connection_hooks += connections
        self.activation_hooks += activations

        def take(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            assert isinstance(module, NetworkModule)
            net, tensors, duration = events_of(module, args, kwargs, output)
            spikes = {own: each.to_numpy() for own, each in tensors.items()}
            backend = module._specification.backend
            grid = backend.dt if isinstance(backend, Grid) else None
            for record in connections:
                projection = net.projections[record.key]
                record.take(projection, spikes[projection.pre], duration, grid)
            step = self.step if grid is None else grid
            if step is not None:
                for record, (own, size) in zip(activations, sizes.items(), strict=True):
                    record.take(spikes[own], size, duration, step)

        self._handles.append(module.register_forward_hook(take, with_kwargs=True))


def _gather(module: nn.Module, others: list[nn.Module], rest: nn.Module) -> None:
    """Modules that have nothing of ours in them, and single parameters and buffers of those that have."""
    if isinstance(module, NetworkModule):
        return
    if not any(isinstance(part, NetworkModule) for part in module.modules()):
        others.append(module)
        return
    for value in module.parameters(recurse=False):
        rest.register_parameter(f"parameter_{len(list(rest.parameters()))}", value)
    for value in module.buffers(recurse=False):
        rest.register_buffer(f"buffer_{len(list(rest.buffers()))}", value)
    for child in module.children():
        _gather(child, others, rest)


@final
@dataclasses.dataclass(frozen=True, slots=True)
class HarnessResult:
    """What the harness gave, and what was counted beside it in the same run.

    Attributes
    ----------
    results : dict of str
        Of the harness, as it gave them; Dense of layers of events by the reference step.
    counted : Complexity
        Of ours.
    differences : dict of str to (float, float)
        Where both differ: what the harness gives, and what was counted.
    versions : dict of str to str
    """

    results: Mapping[str, Any]
    counted: Complexity
    differences: Mapping[str, tuple[float, float]]
    versions: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "results": dict(self.results),
            "counted": self.counted.to_dict(),
            "differences": {name: list(pair) for name, pair in self.differences.items()},
            "versions": dict(self.versions),
        }


def run_benchmark(
    model: Any,
    dataloader: Any,
    static: Sequence[type],
    workload: Sequence[type],
    *,
    preprocessors: Sequence[Any] = (),
    postprocessors: Sequence[Any] = (),
    uncounted: Sequence[str] = (),
) -> HarnessResult:
    """Run the harness' own benchmark, and refuse a result that would be a zero nobody meant.

    In the same run our counters look at the model, and the result says where the two differ.

    Parameters
    ----------
    model : NeuroBenchModel
        `SaltationModel`, ``TorchModel``, ``SNNTorchModel`` or another; one that no benchmark has used before.
    dataloader : torch.utils.data.DataLoader
        The test set.
    static, workload : sequence of type
        Metrics of ``neurobench.metrics``.
    preprocessors, postprocessors : sequence of callable
        As of ``Benchmark``.
    uncounted : sequence of str
        Products that our counters let pass, as in `count_torch`.

    Returns
    -------
    HarnessResult

    Raises
    ------
    ParameterError
        If a metric fails, which the harness prints and counts as 0; if it has nothing to look at; if the model carries
        hooks of an earlier benchmark; if samples of the data set are left out, by whose number it divides; if a
        preprocessor changes targets; or if the ACs of events are not those of the harness.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.neurobench import run_benchmark  # doctest: +SKIP
    >>> run_benchmark(model, loader, [Footprint], [SynapticOperations]).differences  # doctest: +SKIP
    {}
    """
    _check_metrics(static, workload)
    _check_model(model, [metric.__name__ for metric in workload])
    network = model.module if isinstance(model, SaltationModel) else model.__net__()
    step = model.step if isinstance(model, SaltationModel) else None
    counter = Counter(network, step, tuple(model.activation_modules), uncounted)
    seen = _Seen(model, counter)
    said = io.StringIO()
    before = _same_targets(preprocessors)
    benchmark = Benchmark(seen, dataloader, before, list(postprocessors), [list(static), list(workload)])
    try:
        quiet = contextlib.redirect_stderr(io.StringIO())
        with torch.no_grad(), counter.hooked(), contextlib.redirect_stdout(said), quiet:
            results = dict(benchmark.run())
    finally:
        model.cleanup_hooks()
    errors = [line for line in said.getvalue().splitlines() if line.startswith("Error running")]
    if errors:
        raise ParameterError(
            f"run_benchmark: a metric failed, which the harness counts as 0 or None: {'; '.join(dict.fromkeys(errors))}"
            "; leave it out of the metrics, or change what it cannot read; count_torch may be able to"
        )
    wanted = len(dataloader.dataset)
    if seen.samples != wanted:
        raise ParameterError(
            f"run_benchmark.dataloader must give all {wanted} samples of its data set, by whose number the harness "
            f"divides; got {seen.samples}; set drop_last=False, and take a Subset rather than a sampler"
        )
    counted = counter.result(seen.samples, None)
    if isinstance(model, SaltationModel) and "SynapticOperations" in results:
        results["SynapticOperations"] = {**results["SynapticOperations"], "Dense": counted.dense}
    differences = _differences(results, counted)
    if isinstance(model, SaltationModel) and "SynapticOperations.Effective_ACs" in differences:
        theirs, ours = differences["SynapticOperations.Effective_ACs"]
        raise ParameterError(
            f"run_benchmark: the harness has {theirs} ACs a sample, the events {ours}; a mixed model may have layers "
            "of PyTorch that it types by the whole batch: use batches of one sample, or count_torch"
        )
    return HarnessResult(results, counted, differences, {name: version(name) for name in _PACKAGES})


@final
class _Seen:
    """A model as the harness uses it, whose calls are counted on the way."""

    def __init__(self, model: Any, counter: Counter) -> None:
        self._model, self._counter, self.samples = model, counter, 0

    def __call__(self, batch: Any) -> Any:
        self.samples += len(batch[0]) if isinstance(batch, list | tuple) else len(batch)
        result = self._counter.call(self._model, batch)
        return result.detach() if isinstance(result, Tensor) else result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __net__(self) -> nn.Module:
        return self._model.__net__()


def _same_targets(preprocessors: Sequence[Any]) -> list[Any]:
    """Preprocessors, and a refusal of those that change the targets: the metrics of the harness get the first ones."""
    kept: list[Any] = [None]

    def keep(data: Any) -> Any:
        kept[0] = data[1]
        return data

    def check(data: Any) -> Any:
        before, after = kept[0], data[1]
        same = after is before or (isinstance(after, Tensor) and isinstance(before, Tensor) and after.equal(before))
        if not same:
            raise ParameterError(
                "run_benchmark.preprocessors must leave the targets as they are, since the metrics of the harness get "
                "those of the data set; change them in the data set"
            )
        return data

    return [keep, *preprocessors, check] if preprocessors else []


def _check_metrics(static: Sequence[type], workload: Sequence[type]) -> None:
    for metric in (*static, *workload):
        if not isinstance(metric, type):
            raise ParameterError(f"run_benchmark: metrics must be classes of neurobench.metrics; got {metric!r}")


def _check_model(model: Any, names: Sequence[str]) -> None:
    if not isinstance(model, NeuroBenchModel):
        raise ParameterError(
            f"run_benchmark.model must be a NeuroBenchModel; got {type(model).__name__}; wrap it in SaltationModel, "
            "neurobench.models.TorchModel or SNNTorchModel"
        )
    if model.connection_hooks or model.activation_hooks:
        raise ParameterError(
            "run_benchmark.model has hooks of another benchmark, with which operations count twice or not at all; wrap "
            "the network anew for each run"
        )
    asked = [name for name in names if name in _OF_CONNECTIONS]
    if asked and not model.connection_layers():
        raise ParameterError(
            f"run_benchmark: {asked[0]} would be 0: the harness finds no Linear, Conv or recurrent cell among the "
            "children of the network; put a bare layer into torch.nn.Sequential, or use count_torch, which counts "
            "functions too"
        )
    asked = [name for name in names if name in _OF_ACTIVATIONS]
    if asked and not model.activation_layers():
        raise ParameterError(
            f"run_benchmark: {asked[0]} would be 0: the harness finds no activation layer; name its class by "
            "model.add_activation_module(cls), make functions such as relu modules, or use count_torch"
        )
    if asked and isinstance(model, SaltationModel) and model.step is None:
        raise ParameterError(f"run_benchmark: {asked[0]} needs SaltationModel(step=), the reference step in seconds")
    asked = [name for name in names if name in _OF_MEMBRANES]
    if asked and not any(hasattr(each["layer"], "mem") for each in model.activation_layers()):
        raise ParameterError(
            f"run_benchmark: {asked[0]} would be 0: the harness reads the membranes of snnTorch's neurons alone; "
            "leave it out; of layers of events count_torch gives Neuron_Updates"
        )


def _differences(results: Mapping[str, Any], counted: Complexity) -> dict[str, tuple[float, float]]:
    """Where the harness and our counters differ, by more than the rounding of a division."""
    ours, found = counted.to_dict(), {}
    for name in ("Footprint", "ParameterCount", "ConnectionSparsity", "ActivationSparsity", "MembraneUpdates"):
        if name in results and ours.get(name) is not None:
            # the harness rounds this one itself
            own = round(ours[name], 4) if name == "ConnectionSparsity" else ours[name]
            found[name] = (results[name], own)
    for name, value in ours["SynapticOperations"].items():
        if "SynapticOperations" in results and value is not None:
            found[f"SynapticOperations.{name}"] = (results["SynapticOperations"][name], value)
    return {name: pair for name, pair in found.items() if abs(pair[0] - pair[1]) > 1e-9 * max(1.0, abs(pair[1]))}
