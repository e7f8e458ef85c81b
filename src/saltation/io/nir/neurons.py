r"""NIR's neurons and ours: one membrane, two ways to write its synapse.

NIR writes, for ``CubaLIF`` and ``CubaLI``, with S the weighted spikes that come in::

    tau_syn dI/dt = -I + w_in S          tau_mem dv/dt = v_leak - v + r I

A spike is a pulse of some area a, S = sum over k of a W delta(t - t_k): it makes I jump by w_in a W / tau_syn. With our
current J = r I this is ::

    tau_syn dJ/dt = -J                   tau_mem dV/dt = v_leak - V + J
    J := J + gain W,                     gain = r w_in a / tau_syn

The equation has no unit of time, and a is one unit of it: NIR's spikes are delta functions. A framework that works on a
grid, and takes a spike for a one that lasts for one step, reads the same equation with a = its step.

NIR's ``LIF`` and ``LI`` have no synapse. They map where an ``LI`` stands before them as one::

    tau_syn du/dt = u_leak - u + r_syn S      tau dv/dt = v_leak - v + r u        gain = r r_syn a / tau_syn

A constant input b, the bias of an affine map, moves the state at rest, and with it v_leak: by r w_in b, or r r_syn b.

Pedersen et al., Neuromorphic intermediate representation: A unified instruction set for interoperable brain-inspired
computing, Nature Communications 15, 8122 (2024), doi:10.1038/s41467-024-52259-9.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from saltation.errors import NetworkError, ParameterError
from saltation.io._common import AnyArray
from saltation.io.nir._library import PREFIX, called, values, words
from saltation.io.units import from_seconds, to_seconds
from saltation.model import LI, LIF, Input, Population
from saltation.model.checks import explain
from saltation.model.events import MAX_UNITS


class Convention(NamedTuple):
    """The unit of time in seconds, the area of a spike in that unit, and whether all weights are to be matrices."""

    unit: float
    area: float
    stepped: bool
    matrices: bool = False


def convention_of(unit: float, step: float) -> Convention:
    """The convention for a unit and a step in seconds, 0 for none."""
    return Convention(unit, float(from_seconds(np.array(step), unit)) if step else 1.0, bool(step))


class Synapse(NamedTuple):
    """Where weights arrive: per neuron its time constant in seconds, what scales a weight, and what scales a bias."""

    tau: AnyArray
    gain: AnyArray
    rest: AnyArray


def shape_of(name: str, node: Any) -> tuple[int, ...] | None:
    """Shape of a population: that of its arrays, or of what an Input gives; None where scalars leave it open."""
    if type(node).__name__ == "Input":
        declared = node.input_type.get("input") if isinstance(node.input_type, dict) else None
        shape = np.asarray(declared)
        if shape.ndim != 1 or shape.dtype.kind not in "iu" or shape.size == 0 or np.any(shape < 1):
            raise NetworkError(explain(f"{called(name)}.input_type", "a shape", repr(declared)))
        lengths = tuple(int(n) for n in shape)
        if math.prod(lengths) > MAX_UNITS:
            raise NetworkError(explain(f"{called(name)}.input_type", f"of {MAX_UNITS} units at most", repr(lengths)))
        return lengths
    shape = np.shape(values(called(name), node, "v_leak"))
    if 0 in shape:
        raise NetworkError(explain(f"{called(name)}.v_leak", "of one value at least", f"shape {shape}"))
    return shape or None


def synapse_of(name: str, node: Any, shape: tuple[int, ...], convention: Convention) -> Synapse:
    """The synapse within a CubaLIF or CubaLI."""
    where = called(name)
    tau, resistance, w_in = (values(where, node, field, shape).reshape(-1) for field in ("tau_syn", "r", "w_in"))
    return _synapse(where, tau, resistance, w_in, convention)


def synapse_before(
    name: str, node: Any, resistance: AnyArray, shape: tuple[int, ...], convention: Convention
) -> Synapse:
    """The synapse that an LI is, before a neuron of a resistance."""
    where = called(name)
    tau, own = (values(where, node, field, shape).reshape(-1) for field in ("tau", "r"))
    return _synapse(where, tau, resistance, own, convention)


def _synapse(where: str, tau: AnyArray, resistance: AnyArray, w_in: AnyArray, convention: Convention) -> Synapse:
    if np.any(tau <= 0):
        raise NetworkError(explain(f"{where}: the time constant of the synapse", "> 0", str(tau.min())))
    # in this order it is exactly one where w_in was made from tau and the area
    gain = resistance * (w_in / (tau / convention.area))
    return Synapse(_seconds(tau, convention.unit), gain, resistance * w_in)


def population(
    name: str, node: Any, synapses: list[Synapse], leak: AnyArray, shape: tuple[int, ...], convention: Convention
) -> Population:
    """Make our population; `leak` is what biases add to its leak potential, per neuron."""
    where = called(name)
    single = set(words(node, "per_neuron"))
    size = math.prod(shape)
    tau_mem = values(where, node, "tau_mem" if hasattr(node, "tau_mem") else "tau", shape).reshape(-1)
    v_leak = values(where, node, "v_leak", shape).reshape(-1)
    given = {"tau_mem": _seconds(tau_mem, convention.unit), "v_leak": v_leak + leak if np.any(leak) else v_leak}
    taus = ("tau_syn",) if len(synapses) == 1 else ("tau_syn_exc", "tau_syn_inh")
    given |= dict(zip(taus, (synapse.tau for synapse in synapses), strict=True))
    spiking = type(node).__name__.endswith("LIF")
    if spiking:
        given["v_th"] = values(where, node, "v_threshold", shape).reshape(-1)
        given["v_reset"] = values(where, node, "v_reset", shape).reshape(-1)
    # NIR has arrays alone: equal values are one value, unless we noted that they are not
    given = {key: value if key in single or np.any(value != value[0]) else value[0] for key, value in given.items()}
    if spiking and "t_refrac" in single:
        given["t_refrac"] = np.zeros(size)
    if spiking and np.any(given["v_leak"] >= given["v_th"]):
        raise NetworkError(
            f"{where} fires by itself: at rest, at v_leak with its bias, it is at or above its threshold, and NIR does "
            "not say where it starts. Set its v_leak below, or build the network here, with v_init."
        )
    try:
        return LIF(size, **given) if spiking else LI(size, **given)
    except ParameterError as error:
        raise NetworkError(f"{where}: {error}") from error


def _seconds(array: AnyArray, unit: float) -> AnyArray:
    return to_seconds(array.astype(np.float64), unit).astype(array.dtype)


# ---------------------------------------------------------------------------------------------------- the way out
def exportable(name: str, population: Population) -> Input | LIF | LI:
    """Return a population that NIR has a form for; refuse what it has no field for."""
    where = f"to_nir cannot write population {name!r}:"
    if not isinstance(population, Input | LIF | LI):
        raise NetworkError(f"{where} NIR has no {type(population).__name__}, no neuron with an adaptive threshold.")
    if isinstance(population, Input):
        return population
    if population.v_init is not None:
        raise NetworkError(f"{where} NIR has no field for v_init; leave it None, which starts at v_leak.")
    if isinstance(population, LIF):
        if np.any(population.t_refrac != 0):
            raise NetworkError(f"{where} NIR has no field for a refractory time; t_refrac=0 can be written.")
        if population.max_spikes is not None:
            raise NetworkError(f"{where} NIR has no field for max_spikes; None can be written.")
    return population


def node_of(nir: Any, name: str, population: Input | LIF | LI, shape: tuple[int, ...], convention: Convention) -> Any:
    """Make NIR's node for a population; one with two receptors without their LIs, which `receptor_nodes` makes."""
    if isinstance(population, Input):
        return nir.Input({"input": np.array(shape)})
    single = [key for key, value in population.parameters().items() if value.ndim and np.all(value == value[0])]
    metadata = {PREFIX + "per_neuron": " ".join(single)} if single else {}
    tau_mem = _spread(_units(population.tau_mem, convention.unit), shape)
    fields = {"v_leak": _spread(population.v_leak, shape), "metadata": metadata}
    spiking = isinstance(population, LIF)
    if spiking:
        fields["v_threshold"] = _spread(population.v_th, shape)
        fields["v_reset"] = _spread(population.v_reset, shape)
    if population.tau_syn is None:
        return (nir.LIF if spiking else nir.LI)(tau=tau_mem, r=np.ones_like(tau_mem), **fields)
    tau_syn = _spread(_units(population.tau_syn, convention.unit), shape)
    w_in = tau_syn / tau_syn.dtype.type(convention.area)
    resistance = resistance_of(population, shape, convention)
    return (nir.CubaLIF if spiking else nir.CubaLI)(tau_mem=tau_mem, tau_syn=tau_syn, r=resistance, w_in=w_in, **fields)


def resistance_of(population: LIF | LI, shape: tuple[int, ...], convention: Convention) -> AnyArray:
    """The r that is written: 1, or in steps tau_mem / step, with which snnTorch has r dt / tau_mem = 1."""
    tau_mem = _spread(_units(population.tau_mem, convention.unit), shape)
    if not convention.stepped or population.tau_syn is None:
        return np.ones_like(tau_mem)
    return tau_mem / tau_mem.dtype.type(convention.area)


def receptor_nodes(nir: Any, population: LIF | LI, shape: tuple[int, ...], convention: Convention) -> dict[str, Any]:
    """An LI for each of two receptors, with which a spike of weight W makes the current jump by W."""
    nodes: dict[str, Any] = {}
    for receptor, tau in (("exc", population.tau_syn_exc), ("inh", population.tau_syn_inh)):
        assert tau is not None  # both are there where tau_syn is not
        spread = _spread(_units(tau, convention.unit), shape)
        own = spread / spread.dtype.type(convention.area)
        nodes[receptor] = nir.LI(tau=spread, r=own, v_leak=np.zeros_like(spread))
    return nodes


def _units(array: AnyArray, unit: float) -> AnyArray:
    return np.asarray(from_seconds(array.astype(np.float64), unit)).astype(array.dtype)


def _spread(array: AnyArray, shape: tuple[int, ...]) -> AnyArray:
    """One value for each neuron, in the shape of the population."""
    return np.array(np.broadcast_to(array, math.prod(shape)).reshape(shape))
