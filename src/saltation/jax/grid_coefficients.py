"""Coefficients of a step of a time grid, and the matrices along which spikes travel, as functions of parameters."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from saltation.engine.components import receptor_code
from saltation.engine.grid_table import steps
from saltation.kernels.records import BY_SIGN
from saltation.model import Population, Projection

Value = Callable[[str, Any], Any]
"""The array of a kind of parameter, and of whose it is."""

# Below it the quotient of (exp(x) - 1) / x loses more than its series does.
_SMALL = 1e-2


class Coefficients(NamedTuple):
    """Of one population; ``decay`` and ``gain`` of each receptor, the rest None where it does not spike or adapt."""

    leak: Any
    alpha: Any
    decay: tuple[Any, ...]
    gain: tuple[Any, ...]
    threshold: Any
    reset: Any
    steps_held: Any
    beta: Any
    fade: Any


class Way(NamedTuple):
    """Weights ``[n_pre, n_post]`` of synapses that take the same number of steps to the same receptor."""

    pre: str
    post: str
    receptor: int
    late: int
    weights: Any


def coefficients(name: str, population: Population, value: Value, dt: float) -> Coefficients:
    """Coefficients of a population from its parameters."""
    parameters = population.parameters()
    tau_mem = value("tau_mem", name)
    taus = [value(kind, name) for kind in ("tau_syn", "tau_syn_exc", "tau_syn_inh") if kind in parameters]
    spiking, adaptive = population.spiking, "beta" in parameters
    return Coefficients(
        value("v_leak", name),
        jnp.exp(-dt / tau_mem),
        tuple(jnp.exp(-dt / tau) for tau in taus),
        tuple(_gain(dt, tau_mem, tau) for tau in taus),
        value("v_th", name) if spiking else None,
        value("v_reset", name) if spiking else None,
        steps(parameters["t_refrac"], dt) if spiking else None,
        value("beta", name) if adaptive else None,
        jnp.exp(-dt / value("tau_adapt", name)) if adaptive else None,
    )


def _gain(dt: float, tau_mem: Any, tau_syn: Any) -> Any:
    """Voltage after a step per unit of a current: ``dt/tau_mem exp(-dt/tau_mem) (exp(x) - 1)/x``."""
    x = dt / tau_mem - dt / tau_syn
    near = jnp.abs(x) < _SMALL
    safe = jnp.where(near, 1.0, x)
    series = 1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0)))
    return dt / tau_mem * jnp.exp(-dt / tau_mem) * jnp.where(near, series, jnp.expm1(safe) / safe)


def ways(key: Any, projection: Projection, post: Population, value: Value, dt: float, last: int) -> list[Way]:
    """Synapses of a projection, sorted by steps and receptor; those that arrive behind the window are left out."""
    weights = value("weight", key)
    late = steps(projection.delay, dt)
    found: list[Way] = []
    for taken in np.unique(late[late <= last]) if late.ndim else late[None][late[None] <= last]:
        chosen = _taking(projection, weights, late == taken)
        code = receptor_code(post, projection)
        if code == BY_SIGN and len(post.receptors) > 1:
            parts = [(0, jnp.where(chosen >= 0, chosen, 0.0)), (1, jnp.where(chosen < 0, chosen, 0.0))]
        else:
            parts = [(0 if code == BY_SIGN else code, chosen)]
        found += [Way(projection.pre, projection.post, r, int(taken), part) for r, part in parts]
    return found


def _taking(projection: Projection, weights: Any, chosen: Any) -> Any:
    """Weights of all pairs, zero but where ``chosen``: a truth for all, for each unit, or for each weight."""
    if projection.connectivity is None:
        if chosen.ndim == 0:
            return weights
        return jnp.where(chosen.reshape(-1, 1) if chosen.ndim == 1 else chosen, weights, 0.0)
    pre, post, place = projection.connectivity.synapses()
    if chosen.ndim:
        at = place if projection.delay_per_weight else pre
        own = chosen.reshape(-1)[at]
        pre, post, place = pre[own], post[own], place[own]
    return jnp.zeros(projection.shape, weights.dtype).at[pre, post].add(weights.reshape(-1)[place])
