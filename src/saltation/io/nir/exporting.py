"""`to_nir`: a network becomes a NIR graph."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from saltation._version import __version__
from saltation.errors import NetworkError, ParameterError
from saltation.io.nir._library import PREFIX, library
from saltation.io.nir.neurons import Convention, convention_of, exportable, node_of, receptor_nodes
from saltation.io.nir.projections import add_projection, free, shapes_of
from saltation.io.nir.readers import check_reader, in_order
from saltation.io.units import TimeUnit, seconds
from saltation.model import Input, Network
from saltation.model.checks import describe, explain, number, suggest


def to_nir(
    network: Network,
    *,
    time_unit: TimeUnit,
    step: float | None = None,
    outputs: Sequence[str] = (),
    reader: str | None = None,
) -> Any:
    """Make a NIR graph of a network.

    A LIF becomes a CubaLIF and an LI a CubaLI, with ::

        w_in = tau_syn / a,  r = 1,  W = weight        a = 1 time unit: spikes as NIR has them
        w_in = tau_syn / a,  r = tau_mem / a,  W = weight a / tau_mem        a = `step`

    since NIR's ``tau_syn dI/dt = -I + w_in S`` makes I jump by w_in a / tau_syn, and ours jumps by the weight. The
    second form is what frameworks on a grid take, in which every spike is a one for one step; snnTorch reads no other.
    A neuron with two receptors becomes a LIF with an LI for each. Delays become Delay nodes, convolutions and pools
    their likes, a sparse projection a matrix with zeros.

    `from_nir` gives the same network back, its numbers bit for bit where ``time_unit="s"`` and there is no `step`, and
    within rounding otherwise. What NIR has no field for is refused, with the reason: adaptive thresholds, refractory
    times, ``v_init``, ``max_spikes``, delays that are no sum over nodes, receptors chosen by the sign of weights.

    Parameters
    ----------
    network : Network
        The network.
    time_unit : {"s", "ms", "us", "ns"} or float
        What times in the graph shall count, or its length in seconds: "ms" for hxtorch and jaxsnn, "s" for snnTorch and
        Norse. It is noted in the graph's metadata, where other frameworks do not look.
    step : float, optional
        Time step in seconds of a framework that works on a grid: 1e-4 for snnTorch, 1e-3 for Norse unless told
        otherwise.
    outputs : sequence of str
        Populations that get an Output, beside those that nothing follows, which always do.
    reader : {"hxtorch", "jaxsnn"}, optional
        Who is to read the graph: what that one does not take, or takes differently, is refused or told now. Both have
        ``w_in`` left aside and take every number for milliseconds; with ``time_unit="s"`` the network is a thousand
        times as fast there, as the chip BrainScaleS-2 is.

    Returns
    -------
    nir.NIRGraph
        The graph, checked by nir. Populations and named projections keep their names.

    Raises
    ------
    NetworkError
        If the network has what NIR has no form for; the message says what.
    ParameterError
        If an argument is not allowed.
    MissingDependencyError
        If nir is not installed.

    Warns
    -----
    ExchangeWarning
        If the reader sets something by itself, for which NIR has no field.

    References
    ----------
    Pedersen et al., Nature Communications 15, 8122 (2024), doi:10.1038/s41467-024-52259-9.

    Examples
    --------
    >>> from saltation.io import from_nir, to_nir
    >>> from saltation.model import LI, LIF, Input, Network, normal
    >>> net = Network()
    >>> a, b, c = net.add("in", Input(5)), net.add("hid", LIF(4)), net.add("out", LI(3))
    >>> _ = net.connect(a, b, weight=normal((5, 4), 1.0, 0.2, seed=1))
    >>> _ = net.connect(b, c, weight=normal((4, 3), 0.0, 1.0, seed=2))
    >>> graph = to_nir(net, time_unit="ms")
    >>> sorted(graph.nodes)
    ['hid', 'hid_to_out', 'in', 'in_to_hid', 'out', 'output']
    >>> graph.nodes["hid"].tau_mem.tolist(), graph.nodes["hid"].w_in.tolist()
    ([20.0, 20.0, 20.0, 20.0], [5.0, 5.0, 5.0, 5.0])
    >>> from_nir(graph).projections["in", "hid"] == net.projections["in", "hid"]
    True
    """
    nir = library()
    if not isinstance(network, Network):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ParameterError(explain("to_nir.network", "a Network", describe(network)))
    unit = seconds("to_nir", time_unit)
    width = 0.0 if step is None else number("to_nir", "step", step, minimum=0.0, strict=True)
    if reader is not None:
        check_reader(network, reader, unit, step, outputs)
    convention = convention_of(unit, width)._replace(matrices=reader is not None)
    nodes, edges = _nodes(nir, network, convention)
    _add_outputs(nir, network, nodes, edges, outputs)
    if reader == "hxtorch":
        edges = in_order(edges, nodes)
    metadata = {
        PREFIX + "version": __version__,
        PREFIX + "time_unit": unit,
        PREFIX + "step": width,
        PREFIX + "populations": list(network.populations),
    }
    try:
        return nir.NIRGraph(nodes=nodes, edges=edges, metadata=metadata)
    except ValueError as error:
        hint = "it cannot be read by others either, so it is not made"
        raise NetworkError(f"nir's own check refuses the graph of this network: {error}; {hint}.") from error


def _nodes(nir: Any, network: Network, convention: Convention) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """All nodes but the outputs, and the edges between them."""
    shapes = shapes_of(network)
    fed = {projection.post for projection in network.projections.values()}
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    named = {*network.populations, *(key for key in network.projections if isinstance(key, str))}
    for name, each in network.populations.items():
        population = exportable(name, each)
        if name not in fed and not isinstance(population, Input):
            raise NetworkError(f"to_nir cannot write population {name!r}: in NIR something has to feed it.")
        nodes[name] = node_of(nir, name, population, shapes[name], convention)
        if not isinstance(population, Input) and population.receptors == ("exc", "inh"):
            for receptor, node in receptor_nodes(nir, population, shapes[name], convention).items():
                nodes[f"{name}_{receptor}"] = node
                edges.append((f"{name}_{receptor}", name))
    doubled = named.intersection(f"{n}_{r}" for n, p in network.populations.items() for r in p.receptors)
    if doubled:
        raise NetworkError(f"to_nir needs the name {min(doubled)!r} for a receptor: rename what bears it.")
    _check_receptors(network)
    for projection in network.projections.values():
        add_projection(nir, network, projection, shapes, convention, nodes, edges, named)
    return nodes, edges


def _check_receptors(network: Network) -> None:
    """Refuse receptors that nothing projects to."""
    for name, population in network.populations.items():
        for receptor in population.receptors if len(population.receptors) == 2 else ():
            if not any(p.post == name and p.receptor in (receptor, None) for p in network.projections.values()):
                raise NetworkError(
                    f"to_nir cannot write population {name!r}: nothing projects to its receptor {receptor!r}, and in "
                    "NIR something has to feed a synapse: give the population one time constant, tau_syn."
                )


def _add_outputs(
    nir: Any, network: Network, nodes: dict[str, Any], edges: list[tuple[str, str]], wanted: Sequence[str]
) -> None:
    """Add an Output behind each population that nothing follows, and behind those asked for."""
    for name in wanted:
        if name not in network.populations:
            known = suggest(name, network.populations)
            raise ParameterError(explain("to_nir.outputs", "names of populations", describe(name), known))
    followed = {p.pre for p in network.projections.values() if p.pre != p.post}
    names = [name for name in network.populations if name in wanted or name not in followed]
    if not names:
        hint = "every population is followed by another: say which are the outputs"
        raise ParameterError(explain("to_nir.outputs", "given", "none", hint))
    for name in names:
        place = free("output" if len(names) == 1 else f"output_{name}", set(nodes))
        shape = nodes[name].output_type["output"]
        nodes[place] = nir.Output({"output": np.array(shape)})
        edges.append((name, place))
