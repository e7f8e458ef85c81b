"""Coefficients of one step of a time grid, from the parameters of a component, and the chain rule back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.engine.plan import PackedComponent, Plan, primary_table
from saltation.errors import ParameterError
from saltation.kernels.grid import (
    ALPHA_ADAPT,
    ALPHA_MEM,
    BETA,
    DECAY,
    DRIFT,
    LEAK,
    RESET,
    STEPS_HELD,
    THRESHOLD,
)
from saltation.kernels.grid_adjoint import (
    BY_ALPHA_ADAPT,
    BY_ALPHA_MEM,
    BY_BETA,
    BY_LEAK,
    BY_RECEPTORS,
    BY_RESET,
    BY_THRESHOLD,
)
from saltation.kernels.physics import exponentials

Floats = NDArray[np.float64]

_kappa: Any = np.vectorize(exponentials.kappa, otypes=[np.float64])
_kappa_by_tau_mem: Any = np.vectorize(exponentials.kappa_by_tau_mem, otypes=[np.float64])
_kappa_by_tau_syn: Any = np.vectorize(exponentials.kappa_by_tau_syn, otypes=[np.float64])


@dataclass(frozen=True, slots=True)
class StepTable:
    """Coefficients ``[row, neuron]`` of a step of length ``dt``, and the columns of parameters they come from.

    ``primary [neuron, name]`` is one row where all neurons share their parameters; ``receptors`` are the names of the
    synaptic time constants.
    """

    dt: float
    names: tuple[str, ...]
    receptors: tuple[str, ...]
    primary: Floats
    rows: Floats


# A window has no more steps than these; so many take hours for a single neuron.
_MOST_STEPS = 2**31 - 1
# Beyond these, float64 does not tell one step from the next.
_MOST_COUNTED = 2**53


def steps(times: Any, dt: float) -> NDArray[np.int64]:
    """Nearest grid points of times.

    Raises
    ------
    ParameterError
        If there are too many steps before the last of them to be counted.
    """
    with np.errstate(over="ignore"):
        found = np.rint(np.asarray(times, np.float64) / dt)
    most = float(found.max(initial=0.0))
    if most > _MOST_COUNTED:
        raise ParameterError(
            f"a time (of an event, a delay, a refractory time) on a grid must be at most 2**53 steps; got {most:.3g} "
            f"steps of Grid.dt = {dt} s; take a larger dt (dt and times are in seconds: 0.1 ms is 1e-4)"
        )
    return found.astype(np.int64)


def last_step(duration: float, dt: float) -> int:
    """The last grid point of a window.

    Raises
    ------
    ParameterError
        If the window has more steps than can be run.
    """
    needed = float(duration) / float(dt)
    if needed > _MOST_STEPS:
        raise ParameterError(
            f"a window on a grid must have at most {_MOST_STEPS} steps; got {needed:.3g} steps, of {duration} s by "
            f"Grid.dt = {dt} s; take a larger dt (dt and duration are in seconds: 0.1 ms is 1e-4)"
        )
    return int(steps(duration, dt))


def step_table(plan: Plan, packed: PackedComponent, dt: float) -> StepTable:
    """Coefficients of a component."""
    names = packed.names
    primary = primary_table(plan, packed.component, names, packed.size)
    if packed.shared:
        primary = primary[:1]
    receptors = tuple(name for name in names if name.startswith("tau_syn"))
    column = {name: primary[:, i] for i, name in enumerate(names)}
    n_receptors = len(receptors)
    rows = np.zeros((DECAY + 2 * n_receptors, primary.shape[0]))
    tau_mem = column["tau_mem"]
    rows[LEAK] = column["v_leak"]
    rows[THRESHOLD] = column["v_th"] if packed.spiking else np.inf
    rows[RESET] = column["v_reset"]
    rows[STEPS_HELD] = steps(column["t_refrac"], dt)
    rows[BETA] = column.get("beta", 0.0)
    rows[ALPHA_MEM] = np.exp(-dt / tau_mem)
    rows[DRIFT] = -np.expm1(-dt / tau_mem) * rows[LEAK]
    rows[ALPHA_ADAPT] = np.exp(-dt / column.get("tau_adapt", np.ones(1)))
    for r, name in enumerate(receptors):
        tau_syn = column[name]
        rows[DECAY + r] = np.exp(-dt / tau_syn)
        rows[DECAY + n_receptors + r] = _each(_kappa, dt, tau_mem, tau_syn)
    rows = np.ascontiguousarray(np.broadcast_to(rows, (rows.shape[0], packed.size)))
    return StepTable(dt, names, receptors, primary, rows)


def parameters_from(table: StepTable, coefficients: Floats, deep: bool) -> Floats:
    """``dL/d`` primary parameters ``[..., neuron, name]`` from that of the coefficients ``[..., row, neuron]``.

    ``deep``: whether those by time constants are wanted; they are zero if not.
    """
    dt, names = table.dt, table.names
    by = {name: np.zeros((*coefficients.shape[:-2], coefficients.shape[-1])) for name in names}
    tau_mem = table.primary[:, names.index("tau_mem")]
    by["v_leak"] = coefficients[..., BY_LEAK, :]
    if "v_th" in by:
        by["v_th"] = coefficients[..., BY_THRESHOLD, :]
        by["v_reset"] = coefficients[..., BY_RESET, :]
    if "beta" in by:
        tau_adapt = table.primary[:, names.index("tau_adapt")]
        by["beta"] = coefficients[..., BY_BETA, :]
        if deep:
            by["tau_adapt"] = coefficients[..., BY_ALPHA_ADAPT, :] * table.rows[ALPHA_ADAPT] * dt / tau_adapt**2
    if not deep:
        return np.stack([by[name] for name in names], axis=-1)
    by["tau_mem"] = coefficients[..., BY_ALPHA_MEM, :] * table.rows[ALPHA_MEM] * dt / tau_mem**2
    n_receptors = len(table.receptors)
    for r, name in enumerate(table.receptors):
        tau_syn = table.primary[:, names.index(name)]
        of_decay = coefficients[..., BY_RECEPTORS + r, :]
        of_gain = coefficients[..., BY_RECEPTORS + n_receptors + r, :]
        decay = table.rows[DECAY + r] * dt / tau_syn**2
        by[name] = of_decay * decay + of_gain * _each(_kappa_by_tau_syn, dt, tau_mem, tau_syn)
        by["tau_mem"] = by["tau_mem"] + of_gain * _each(_kappa_by_tau_mem, dt, tau_mem, tau_syn)
    return np.stack([by[name] for name in names], axis=-1)


def _each(function: Any, dt: float, tau_mem: Floats, tau_syn: Floats) -> Floats:
    """A function of the time constants of each neuron."""
    rm, rs = 1.0 / tau_mem, 1.0 / tau_syn
    em, es, delta = np.exp(-rm * dt), np.exp(-rs * dt), rs - rm
    if function is _kappa:
        values = function(dt, rm, em, es, delta)
    elif function is _kappa_by_tau_mem:
        values = function(dt, rm, em, es, delta, _kappa(dt, rm, em, es, delta))
    else:
        values = function(dt, rm, rs, em, es, delta)
    return np.asarray(values)
