"""`Complexity`: what a model costs, counted in whole numbers, with the rules by which it was counted."""

import dataclasses
import functools
import json
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

from saltation.errors import ParameterError
from saltation.model.checks import explain, integer, number
from saltation.neurobench.counting.record import Activity, LayerCount, Static


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Complexity:
    """Costs of a model on some samples, as totals; per sample by its properties, as everywhere in NeuroBench.

    Attributes
    ----------
    kind : str
        "torch", "event-driven", "time-stepped" or "emulated chip".
    samples : int
        Number of samples; 0 where only the model itself was looked at.
    layers : tuple of LayerCount
        Operations of each layer or projection.
    static : Static
        Footprint, parameters, weights that are zero.
    activity : Activity
        Outputs of activation layers, or bins of spiking neurons.
    membrane_updates, neuron_updates : int or None
        Entries of membranes that steps changed; updates of neurons between events. None where it is not defined.
    execution_rate : float or None
        Declared, in Hz.
    extra : dict of str
        What else belongs to the kind: duration, reference step, spikes, physical events of a chip.
    rules : tuple of str
        How it was counted.

    Examples
    --------
    >>> import numpy as np, saltation as sal
    >>> from saltation.neurobench import count_run
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(2)); _ = net.add("out", sal.LI(3))
    >>> _ = net.connect("in", "out", weight=[[1.0, 0.0, 2.0], [1.0, 1.0, 1.0]])
    >>> run = sal.simulate(net, {"in": sal.Spikes.from_lists([([0.0, 1e-3, 2e-3], [0, 1, 1])])}, duration=10e-3)
    >>> costs = count_run(run)
    >>> costs.effective_acs, costs.effective_macs  # 2 + 3 + 3
    (8.0, 0.0)
    >>> costs.to_dict()["SynapticOperations"]["Effective_ACs"]
    8.0
    """

    kind: str
    samples: int
    layers: tuple[LayerCount, ...]
    static: Static
    activity: Activity
    membrane_updates: int | None
    neuron_updates: int | None
    execution_rate: float | None
    extra: Mapping[str, Any]
    rules: tuple[str, ...]

    @property
    def effective_macs(self) -> float | None:
        """Multiplications and accumulations of nonzero factors, per sample."""
        return self._per_sample(self.total("effective_macs"))

    @property
    def effective_acs(self) -> float | None:
        """Accumulations of nonzero weights by spikes, per sample."""
        return self._per_sample(self.total("effective_acs"))

    @property
    def dense(self) -> float | None:
        """Operations with all activations and weights nonzero, per sample; None without steps."""
        return self._per_sample(self.total("dense"))

    @property
    def event_dense(self) -> float | None:
        """Delivered spikes times all weights of their rows, per sample; None where there are no events."""
        return self._per_sample(self.total("event_dense"))

    @property
    def footprint(self) -> int:
        """Bytes of the model."""
        return self.static.footprint

    @property
    def connection_sparsity(self) -> float | None:
        """Zero weights over all weights; None where there is no weight."""
        return self.static.connection_sparsity

    @property
    def activation_sparsity(self) -> float | None:
        """Zeros over all outputs of activation layers; None where there are none, or no steps."""
        return self.activity.sparsity

    def total(self, what: str) -> int | None:
        """Sum over layers, all samples together; None where a layer has no such number."""
        values = [getattr(layer, what) for layer in self.layers]
        return None if any(value is None for value in values) else sum(values)

    def per_execution(self, executions: int) -> dict[str, float | None]:
        """Synaptic operations divided by the executions in a sample, as tables of one task (FSCIL, 200) have them.

        Parameters
        ----------
        executions : int
            Number of steps of the model that the table is made for, in a sample.

        Examples
        --------
        >>> from saltation.neurobench import Activity, Complexity, LayerCount, Static
        >>> layer, static = LayerCount("hid", "linear", 0, 7_300, 67_800), Static(4, 1, 1, 0, {})
        >>> costs = Complexity("torch", 1, (layer,), static, Activity(None, None, ()), None, None, None, {}, ())
        >>> costs.per_execution(200)["Effective_ACs"]
        36.5
        """
        steps = integer("Complexity.per_execution", "executions", executions, minimum=1)
        return {name: None if value is None else value / steps for name, value in self._operations().items()}

    def to_dict(self) -> dict[str, Any]:
        """Results in the keys of the harness, and under "Counts" the whole numbers and the rules; ready for JSON.

        What is not defined is None, and never 0.
        """
        found: dict[str, Any] = {
            "Footprint": self.footprint,
            "ParameterCount": self.static.parameters,
            "ConnectionSparsity": self.connection_sparsity,
            "ActivationSparsity": self.activation_sparsity,
            "SynapticOperations": self._operations(),
        }
        if self.membrane_updates is not None:
            found["MembraneUpdates"] = self._per_sample(self.membrane_updates)
        if self.neuron_updates is not None:
            found["Neuron_Updates"] = self._per_sample(self.neuron_updates)
        if self.event_dense is not None and self.samples:
            found["Event_Dense"] = self.event_dense
        found["ModelExecutionRate"] = self.execution_rate
        found["Counts"] = {
            "kind": self.kind,
            "samples": self.samples,
            "layers": [dataclasses.asdict(layer) for layer in self.layers],
            "static": dataclasses.asdict(self.static),
            "activity": dataclasses.asdict(self.activity),
            "membrane_updates": self.membrane_updates,
            "neuron_updates": self.neuron_updates,
            **self.extra,
            "rules": list(self.rules),
        }
        return found

    def to_json(self, indent: int | None = 1) -> str:
        """`to_dict` as JSON, a text; ``indent`` is as in `json.dumps`.

        Raises
        ------
        ParameterError
            If it is no number, such as the path of a file.
        """
        if indent is not None:
            hint = "it returns the text: Path('costs.json').write_text(costs.to_json())"
            indent = integer("Complexity.to_json", "indent", indent, hint=hint)
        return json.dumps(self.to_dict(), indent=indent)

    def row(self) -> dict[str, Any]:
        """A row in the columns of the leaderboard, but for the score."""
        operations = self._operations()
        return {
            "Footprint (bytes)": self.footprint,
            "Model Exec. Rate (Hz)": self.execution_rate,
            "Connection Sparsity": self.connection_sparsity,
            "Activation Sparsity": self.activation_sparsity,
            "Dense": operations["Dense"],
            "Eff_MACs": operations["Effective_MACs"],
            "Eff_ACs": operations["Effective_ACs"],
        }

    def __str__(self) -> str:
        lines = [f"{self.kind}, {self.samples} samples"]
        lines += [f"  {name:<30}{_shown(value)}" for name, value in self.row().items()]
        for name, value in (
            ("Event_Dense", self.event_dense),
            ("Membrane updates", self._per_sample(self.membrane_updates)),
            ("Neuron updates", self._per_sample(self.neuron_updates)),
        ):
            if value is not None:
                lines.append(f"  {name:<30}{_shown(value)}")
        lines += [f"  {name:<30}{_shown(value)}" for name, value in self.extra.items()]
        return "\n".join([*lines, "counted by these rules:", *(f"- {rule}" for rule in self.rules)])

    def _operations(self) -> dict[str, float | None]:
        return {"Effective_MACs": self.effective_macs, "Effective_ACs": self.effective_acs, "Dense": self.dense}

    def _per_sample(self, total: int | None) -> float | None:
        return None if total is None or not self.samples else total / self.samples


def merged(parts: Sequence[Complexity]) -> Complexity:
    """Results of several runs of one model as one: totals add up, and so do numbers of samples.

    Raises
    ------
    ParameterError
        If there are none, one is no result, or they are not of one model counted by the same rules: of one reference
        step, and where Dense is defined of one duration.

    Examples
    --------
    >>> import saltation as sal
    >>> from saltation.neurobench import count_run, merged
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(1)); _ = net.add("out", sal.LI(3))
    >>> _ = net.connect("in", "out", weight=[[1.0, 1.0, 1.0]])
    >>> trains = [sal.Spikes.from_lists([(times, [0] * len(times))]) for times in ([0.0], [0.0, 1e-3])]
    >>> merged([count_run(sal.simulate(net, {"in": train}, duration=10e-3)) for train in trains]).effective_acs
    4.5
    """
    for part in [parts] if isinstance(parts, Complexity) else parts:
        if part is parts or not isinstance(part, Complexity):
            hint = "put results into a list: merged([costs])"
            raise ParameterError(explain("merged.parts", "a list of results", type(part).__name__, hint))
    if not parts:
        raise ParameterError("merged.parts must hold a result or more; got none")
    first = parts[0]
    names = [layer.name for layer in first.layers]
    for part in parts[1:]:
        same = (part.kind, part.static, part.execution_rate, part.rules) == (
            first.kind,
            first.static,
            first.execution_rate,
            first.rules,
        )
        if not same or [layer.name for layer in part.layers] != names:
            raise ParameterError("merged.parts must be of one model, counted by the same rules; got others")
    windows = {window for part in parts for window in _windows(part.extra)}
    steps, durations = {step for _, step in windows}, {duration for duration, _ in windows}
    if len(steps) > 1:
        raise ParameterError(
            f"merged.parts must be counted with the same reference step; got {', '.join(map(str, steps))}; Dense and "
            "activation sparsity would be of neither; count all runs with one step="
        )
    if steps not in (set(), {None}) and len(durations) > 1:
        raise ParameterError(
            f"merged.parts must be of runs of one duration where Dense is defined; got {', '.join(map(str, durations))}"
            " s; it is of as many steps as a run has; count them without step=, or give each its own row"
        )
    layers = [functools.reduce(operator.add, same) for same in zip(*(part.layers for part in parts), strict=True)]
    activity = Activity(
        _sum(part.activity.outputs for part in parts),
        _sum(part.activity.zeros for part in parts),
        first.activity.layers,
    )
    return Complexity(
        first.kind,
        sum(part.samples for part in parts),
        tuple(layers),
        first.static,
        activity,
        _sum(part.membrane_updates for part in parts),
        _sum(part.neuron_updates for part in parts),
        first.execution_rate,
        {"parts": [dict(part.extra) for part in parts]},
        first.rules,
    )


def _windows(extra: Mapping[str, Any]) -> set[tuple[float, float | None]]:
    """Durations and reference steps of what was counted, also of what was merged before."""
    if "parts" in extra:
        return {window for part in extra["parts"] for window in _windows(part)}
    listed = extra.get("windows", [extra] if "duration" in extra else [])
    return {(each["duration"], each["reference_step"]) for each in listed}


def _sum(values: Iterable[int | None]) -> int | None:
    listed = list(values)
    return None if any(value is None for value in listed) else sum(value for value in listed if value is not None)


def declared_rate(owner: str, rate: float | None) -> float | None:
    """A declared execution rate in Hz, checked."""
    return None if rate is None else number(owner, "execution_rate", rate, minimum=0.0, strict=True)


def _shown(value: Any) -> str:
    if value is None:
        return "not defined"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


def check_samples(owner: str, samples: int) -> None:
    """Refuse a count over no sample at all.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if not samples:
        raise ParameterError(f"{owner}: at least one sample must be counted; got none, and every result would be 0 / 0")
