"""`from_nir`: a NIR graph becomes a network."""

import math
from typing import Any

import numpy as np

from saltation.errors import NetworkError, ParameterError
from saltation.io._common import AnyArray
from saltation.io.nir._library import called, library, note, values, words
from saltation.io.nir.chains import Chain, Folded, fold, reached, scaled
from saltation.io.nir.flat import Flat, flatten
from saltation.io.nir.neurons import (
    Convention,
    Synapse,
    convention_of,
    population,
    shape_of,
    synapse_before,
    synapse_of,
)
from saltation.io.nir.ways import Target, chains_of, check_all_used, populations_of, targets_of
from saltation.io.units import TimeUnit, seconds
from saltation.model import DelayOf, Input, Network, Sparse
from saltation.model.checks import describe, explain, number


def from_nir(graph: Any, *, time_unit: TimeUnit | None = None, step: float | None = None) -> Network:
    """Make a network of a NIR graph.

    Ways of linear nodes (Linear, Affine, Conv1d, Conv2d, Scale, SumPool2d, AvgPool2d, Flatten, Delay, in subgraphs
    too) from one population to the next become projections, with ::

        weight = r w_in a / tau_syn W,     a = 1 time unit, or `step`

    since NIR's CubaLIF has ``tau_syn dI/dt = -I + w_in S`` and ``tau_mem dv/dt = v_leak - v + r I``, where a weighted
    spike makes I jump by w_in / tau_syn, and ours makes it jump by 1. Without factors to apply, weights stay as they
    are, bit for bit. Cycles become recurrence. A bias becomes a shift of the leak potential by ``r w_in b``: the run
    begins at rest, since NIR does not say how else. What has no exact counterpart is refused, with the reason.

    Names of neurons, and of nodes with weights, are those of the populations and projections.

    Parameters
    ----------
    graph : nir.NIRGraph
        The graph; for a file see `read_nir`.
    time_unit : {"s", "ms", "us", "ns"} or float, optional
        What times in the graph count, or its length in seconds. NIR's own documents say "ms", many frameworks write
        seconds. May be left out for a graph that `to_nir` made, which has it noted.
    step : float, optional
        Time step in seconds of the framework that wrote the graph, if that works on a grid and takes a spike for a one
        during a step: 1e-4 for snnTorch, 1e-3 for Norse unless told otherwise. None for spikes as NIR has them.

    Returns
    -------
    Network
        The network, with populations in the order in which edges name them.

    Raises
    ------
    NetworkError
        If the graph is malformed, or cannot be represented; the message names the node.
    ParameterError
        If an argument is not allowed, or contradicts the graph's note.
    MissingDependencyError
        If nir is not installed.

    References
    ----------
    Pedersen et al., Nature Communications 15, 8122 (2024), doi:10.1038/s41467-024-52259-9.

    Examples
    --------
    >>> import nir
    >>> import numpy as np
    >>> from saltation.io import from_nir
    >>> one = np.ones(2)
    >>> neurons = nir.CubaLIF(tau_mem=20 * one, tau_syn=5 * one, r=one, v_leak=0 * one, v_threshold=one, w_in=5 * one)
    >>> graph = nir.NIRGraph.from_list(nir.Linear(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])), neurons)
    >>> net = from_nir(graph, time_unit="ms")
    >>> net
    Network(input: Input(3), cubalif: LIF(2); linear: input -> cubalif)
    >>> net.populations["cubalif"].tau_mem.item(), net.projections["linear"].weight[0].tolist()
    (0.02, [1.0, 4.0])
    """
    nir = library()
    if not isinstance(graph, nir.NIRGraph):
        hint = "read_nir reads files" if isinstance(graph, str) or hasattr(graph, "__fspath__") else ""
        raise ParameterError(explain("from_nir.graph", "a nir.NIRGraph", describe(graph), hint))
    convention = _convention(graph, time_unit, step)
    flat = flatten(graph)
    targets = {port: target for target in targets_of(flat) for port in target.ports}
    names = populations_of(flat, targets)
    ways = chains_of(flat, targets, set(names))
    check_all_used(flat, ways, targets)
    shapes = _shapes(flat, targets, names, ways, convention.unit)
    return _built(graph, flat, targets, shapes, ways, convention)


def _convention(graph: Any, time_unit: TimeUnit | None, step: float | None) -> Convention:
    """What times count, and what a spike is, as told or as noted."""
    noted = {}
    for name in ("time_unit", "step"):
        value = note(graph, name)
        if value is not None:
            noted[name] = number("NIRGraph.metadata", f"saltation_{name}", value, minimum=0.0)
    unit = noted.get("time_unit") if time_unit is None else seconds("from_nir", time_unit)
    if unit is None or unit == 0:
        hint = "NIR has no unit: its documents say 'ms', snnTorch, Norse and SpikingJelly write 's'"
        raise ParameterError(explain("from_nir.time_unit", "given, e.g. 'ms' or 's'", "None", hint))
    if unit != noted.get("time_unit", unit):
        must = f"that noted in the graph, {noted['time_unit']} s"
        raise ParameterError(explain("from_nir.time_unit", must, repr(time_unit), "leave it out"))
    width = noted.get("step", 0.0) if step is None else number("from_nir", "step", step, minimum=0.0, strict=True)
    if width != noted.get("step", width):
        must = f"that noted in the graph, {noted['step'] or None}"
        raise ParameterError(explain("from_nir.step", must, repr(step), "leave it out"))
    return convention_of(unit, width)


def _shapes(
    flat: Flat, targets: dict[str, Target], names: list[str], ways: list[Chain], unit: float
) -> dict[str, tuple[int, ...]]:
    """Shape of each population; where it has scalars for parameters, that of what arrives."""
    known = {name: shape for name in names if (shape := shape_of(name, flat.nodes[name])) is not None}
    while len(known) < len(names):
        before = len(known)
        for chain in ways:
            name = targets[chain.port].name
            if name not in known and chain.pre in known:
                known[name] = reached(chain, flat.nodes, known[chain.pre], unit)
        if len(known) == before:
            name = next(name for name in names if name not in known)
            hint = "one number for all does not say how many neurons there are, and nothing that arrives does"
            raise NetworkError(explain(f"{called(name)}.v_leak", "an array", "a scalar", hint))
    return {name: known[name] for name in names}


def _built(
    graph: Any,
    flat: Flat,
    targets: dict[str, Target],
    shapes: dict[str, tuple[int, ...]],
    ways: list[Chain],
    convention: Convention,
) -> Network:
    """Put the network together."""
    folded = [
        fold(chain, flat.nodes, shapes[chain.pre], shapes[targets[chain.port].name], convention.unit) for chain in ways
    ]
    synapses = {port: _synapse(flat, port, target, shapes[target.name], convention) for port, target in targets.items()}
    leaks = {target.name: _leak(flat, target, shapes[target.name]) for target in targets.values()}
    for chain, each in zip(ways, folded, strict=True):
        if np.any(each.bias):
            leaks[targets[chain.port].name] += synapses[chain.port].rest * each.bias
    network = Network()
    by_name = {target.name: target for target in targets.values()}
    for name in _order(graph, targets, ways, list(shapes)):
        if name in by_name:
            own = [synapses[port] for port in by_name[name].ports]
            made = population(name, flat.nodes[name], own, leaks[name], shapes[name], convention)
        else:
            made = Input(math.prod(shapes[name]))
        network.add(name, made)
    cores = [each.core for each in folded]
    for chain, each in zip(ways, folded, strict=True):
        target = targets[chain.port]
        receptor = ("exc", "inh")[target.ports.index(chain.port)] if len(target.ports) == 2 else None
        unnamed = each.core is None or cores.count(each.core) > 1 or note(flat.nodes[each.core], "unnamed") is not None
        name = _name(network, chain.pre, target.name, None if unnamed else each.core)
        weight = scaled(each, synapses[chain.port].gain, chain)
        delay, delay_of = _shaped_delay(flat, chain, each, weight)
        network.connect(
            chain.pre,
            target.name,
            weight=weight,
            delay=delay,
            name=name,
            receptor=receptor,
            connectivity=each.connectivity,
            delay_of=delay_of,
        )
    return network


def _synapse(flat: Flat, port: str, target: Target, shape: tuple[int, ...], convention: Convention) -> Synapse:
    node = flat.nodes[port]
    if port == target.name:
        return synapse_of(port, node, shape, convention)
    resistance = values(called(target.name), flat.nodes[target.name], "r", shape).reshape(-1)
    return synapse_before(port, node, resistance, shape, convention)


def _leak(flat: Flat, target: Target, shape: tuple[int, ...]) -> AnyArray:
    """What the leak potentials of synapses add to that of their neuron."""
    total = np.zeros(math.prod(shape))
    for port in target.ports:
        if port != target.name:
            resistance = values(called(target.name), flat.nodes[target.name], "r", shape).reshape(-1)
            total += resistance * values(called(port), flat.nodes[port], "v_leak", shape).reshape(-1)
    return total


def _order(graph: Any, targets: dict[str, Target], ways: list[Chain], names: list[str]) -> list[str]:
    """Populations in the order noted, or else from the inputs on along the ways; a file keeps no order of nodes."""
    noted = note(graph, "populations")
    if isinstance(noted, list) and sorted(map(str, noted)) == sorted(names):
        return [str(name) for name in noted]
    fed = {target.name for target in targets.values()}
    order = list(dict.fromkeys(chain.pre for chain in ways if chain.pre not in fed))
    for name in order:  # which grows meanwhile
        after = (targets[chain.port].name for chain in ways if chain.pre == name)
        order += [each for each in dict.fromkeys(after) if each not in order]
    return [*order, *(name for name in names if name not in order)]


def _name(network: Network, pre: str, post: str, wanted: str | None) -> str | None:
    """Name of a projection: that of its node, or none if the pair has no other."""
    if wanted is not None or (pre, post) not in network.projections:
        return wanted
    taken = {*network.populations, *network.projections}
    return next(name for i in range(2, len(taken) + 3) if (name := f"{pre}_to_{post}_{i}") not in taken)


def _shaped_delay(flat: Flat, chain: Chain, folded: Folded, weight: AnyArray) -> tuple[AnyArray, DelayOf | None]:
    """A delay with as many values as were noted, and what each of them belongs to."""
    delay = folded.delay
    for name in chain.steps:
        if flat.kind(name) == "Delay":
            noted = words(flat.nodes[name], "shape")
            if noted == ["axon"] and delay.ndim == 0:
                return np.full(math.prod(np.shape(flat.nodes[name].delay)), delay), "axon"
            if noted == ["weight"]:
                if isinstance(folded.connectivity, Sparse) and folded.delay_of == "axon":
                    delay = delay[folded.connectivity.pre]
                columns = delay[:, None] if delay.ndim == 1 and weight.ndim == 2 else delay
                return np.broadcast_to(columns, weight.shape), "synapse"
    return delay, folded.delay_of
