"""Gradients by the names of the network: from the flat arrays of the components to each parameter's shape."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.engine.plan import PackedComponent, Plan, parameter_columns
from saltation.model import ProjectionKey
from saltation.model.named import Named

Floats = NDArray[np.float64]
FloatArray = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ComponentGradient:
    """Gradient of one component, flat; with a leading batch axis where it is per sample.

    ``tied``: the initial voltage follows from the parameters (it does not in a run that continues another).
    """

    packed: PackedComponent
    weights: Floats
    delays: Floats
    parameters: Floats
    v_init: Floats
    tied: bool


@dataclass(frozen=True, slots=True)
class Gradient:
    """``dL/d`` every parameter of a network, each with the shape and dtype of the parameter.

    With ``per_sample`` all but ``input_times`` have a leading batch axis.

    Attributes
    ----------
    weight, delay : dict
        By projection: ``(pre, post)``, or its name.
    tau_mem, tau_syn, tau_syn_exc, tau_syn_inh, tau_adapt, beta : dict
        By population, like all that follow.
    v_th, v_leak, v_reset, t_refrac, v_init : dict
        ``v_leak`` is the total derivative where ``v_init`` was not given and so is tied to it.
    input_times : dict
        ``dL/dt`` of each event of the stimulus, float64, aligned with its ``times``.
    input_values : dict of str to ndarray, [batch, step, unit]
        ``dL/d`` values that were given on a grid in place of events, float64.
    """

    weight: dict[ProjectionKey, FloatArray]
    delay: dict[ProjectionKey, FloatArray]
    tau_mem: dict[str, FloatArray]
    tau_syn: dict[str, FloatArray]
    tau_syn_exc: dict[str, FloatArray]
    tau_syn_inh: dict[str, FloatArray]
    tau_adapt: dict[str, FloatArray]
    beta: dict[str, FloatArray]
    v_th: dict[str, FloatArray]
    v_leak: dict[str, FloatArray]
    v_reset: dict[str, FloatArray]
    t_refrac: dict[str, FloatArray]
    v_init: dict[str, FloatArray]
    input_times: dict[str, Floats]
    input_values: dict[str, Floats] = field(
        default_factory=lambda: Named("Gradient.input_values (of inputs on a grid)")
    )

    def __repr__(self) -> str:
        kinds: list[str] = []
        for name in ("weight", "delay", *PARAMETERS, "input_times", "input_values"):
            shapes = {key: list(array.shape) for key, array in getattr(self, name).items()}
            if shapes:
                kinds.append(f"{name}={shapes}")
        return f"Gradient({', '.join(kinds)})"


PARAMETERS = (
    "tau_mem",
    "tau_syn",
    "tau_syn_exc",
    "tau_syn_inh",
    "tau_adapt",
    "beta",
    "v_th",
    "v_leak",
    "v_reset",
    "t_refrac",
    "v_init",
)


def name_gradient(plan: Plan, parts: list[ComponentGradient], input_times: dict[str, Floats]) -> Gradient:
    """Cut the components' gradients into those of the network's parameters."""
    weight: dict[ProjectionKey, FloatArray] = {}
    delay: dict[ProjectionKey, FloatArray] = {}
    found: dict[str, dict[str, FloatArray]] = {name: {} for name in PARAMETERS}
    for part in parts:
        packed = part.packed
        for j, key in enumerate(packed.keys):
            projection = plan.projections[key]
            weight[key] = _cut(part.weights, packed.weight_at[j : j + 2], projection.weight)
            delay[key] = _cut(part.delays, packed.delay_at[j : j + 2], projection.delay)
        for name, (first, last) in packed.columns.items():
            population = plan.populations[name]
            given = population.parameters()
            values, start = part.parameters[..., first:last, :], part.v_init[..., first:last]
            total, start_total = values.sum(axis=-2), start.sum(axis=-1)
            for own, column in parameter_columns(population, packed.names).items():
                i, like = packed.names.index(column), given[own]
                value, of_start = (values[..., i], start) if like.ndim else (total[..., i], start_total)
                if own == "v_leak" and part.tied and "v_init" not in given:
                    value = value + of_start
                found[own][name] = np.asarray(value, like.dtype)
            if "v_init" in given:
                like = given["v_init"]
                value = start if like.ndim else start_total
                found["v_init"][name] = np.asarray(value if part.tied else np.zeros_like(value), like.dtype)
    everything: dict[str, Any] = {"weight": weight, "delay": delay, **found, "input_times": input_times}
    return Gradient(**{kind: Named(f"Gradient.{kind}", values) for kind, values in everything.items()})


def _cut(flat: Floats, span: NDArray[np.int64], like: FloatArray) -> FloatArray:
    values = flat[..., span[0] : span[1]]
    return values.reshape((*flat.shape[:-1], *like.shape)).astype(like.dtype, copy=False)
