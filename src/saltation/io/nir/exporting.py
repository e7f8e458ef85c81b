"""`to_nir`: a network becomes a NIR graph."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from saltation._version import __version__
from saltation.errors import NetworkError, ParameterError
from saltation.io._common import AnyArray
from saltation.io.nir._library import PREFIX, library
from saltation.io.nir.importing import convention_of
from saltation.io.nir.neurons import Convention, exportable, node_of, receptor_nodes, resistance_of
from saltation.io.units import TimeUnit, from_seconds, seconds
from saltation.model import Conv1d, Conv2d, Input, Network, Pooled, Projection, Sparse, SumPool2d
from saltation.model.checks import describe, explain, number, suggest

Shapes = dict[str, tuple[int, ...]]


def to_nir(network: Network, *, time_unit: TimeUnit, step: float | None = None, outputs: Sequence[str] = ()) -> Any:
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
    convention = convention_of(unit, width)
    nodes, edges = _nodes(nir, network, convention)
    _add_outputs(nir, network, nodes, edges, outputs)
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
    shapes = _shapes(network)
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
    for name, population in network.populations.items():
        for receptor in population.receptors if len(population.receptors) == 2 else ():
            if not any(p.post == name and p.receptor in (receptor, None) for p in network.projections.values()):
                raise NetworkError(
                    f"to_nir cannot write population {name!r}: nothing projects to its receptor {receptor!r}, and in "
                    "NIR something has to feed a synapse: give the population one time constant, tau_syn."
                )
    for projection in network.projections.values():
        _add_projection(nir, network, projection, shapes, convention, nodes, edges, named)
    return nodes, edges


def _shapes(network: Network) -> Shapes:
    """Shape of each population: what convolutions and pools at it say, or its size."""
    shapes: Shapes = {}
    for projection in network.projections.values():
        where = f"to_nir cannot write projection {projection.key!r}:"
        for name, shape in zip((projection.pre, projection.post), _sides(projection), strict=True):
            if shape is not None and shapes.setdefault(name, shape) != shape:
                raise NetworkError(f"{where} it takes {name!r} as {shape}, another as {shapes[name]}, and NIR has one.")
    for name, population in network.populations.items():
        shapes.setdefault(name, (population.size,))
    for projection in network.projections.values():
        if _sides(projection)[1] is None and len(shapes[projection.post]) > 1 and not _is_one_to_one(projection):
            raise NetworkError(
                f"to_nir cannot write projection {projection.key!r}: its matrix leads to {projection.post!r}, which "
                "has the shape of a convolution, and NIR has no node that gives one to a vector."
            )
    return shapes


def _sides(projection: Projection) -> tuple[tuple[int, ...] | None, tuple[int, ...] | None]:
    """Shapes that the connectivity gives to its two populations."""
    links = projection.connectivity
    if isinstance(links, Pooled):
        return links.pool.input_shape, links.then.output_shape if isinstance(links.then, Conv2d) else None
    if links is None or isinstance(links, Sparse):
        return None, None
    return links.input_shape, links.output_shape


def _is_one_to_one(projection: Projection) -> bool:
    links = projection.connectivity
    if not isinstance(links, Sparse) or links.n_pre != links.n_post:
        return False
    every = np.arange(links.n_pre)
    return np.array_equal(links.pre, every) and np.array_equal(links.post, every)


def _add_projection(
    nir: Any,
    network: Network,
    projection: Projection,
    shapes: Shapes,
    convention: Convention,
    nodes: dict[str, Any],
    edges: list[tuple[str, str]],
    named: set[str],
) -> None:
    """Add the nodes of a projection, in a row from its source to its target."""
    post = exportable(projection.post, network.populations[projection.post])
    assert not isinstance(post, Input)  # nothing projects to an input
    port = projection.post
    if post.receptors == ("exc", "inh"):
        if projection.receptor is None:
            raise NetworkError(
                f"to_nir cannot write projection {projection.key!r}: the sign of each weight chooses its receptor, "
                "and in NIR a synapse belongs to its node: make two projections, receptor='exc' and 'inh'."
            )
        port = f"{projection.post}_{projection.receptor}"
    base = projection.name or _free(f"{projection.pre}_to_{projection.post}", {*nodes, *named})
    notes = {} if projection.name is not None else {PREFIX + "unnamed": 1}
    before, after = _delays(nir, projection, shapes, convention)
    resistance = resistance_of(post, shapes[projection.post], convention)
    row = [("delay", before), *_core(nir, projection, shapes, resistance, notes), ("delay", after)]
    at = projection.pre
    for kind, node in row:
        if node is not None:
            name = base if kind == "core" else _free(f"{base}_{kind}", {*nodes, *named})
            nodes[name] = node
            edges.append((at, name))
            at = name
    edges.append((at, port))


def _core(
    nir: Any, projection: Projection, shapes: Shapes, resistance: AnyArray, notes: dict[str, Any]
) -> list[tuple[str, Any]]:
    """The nodes that weigh, in order; weights are divided by the resistance, which multiplies them again."""
    links = projection.connectivity
    weight = _divided(projection, links, resistance.reshape(-1))
    row: list[tuple[str, Any]] = []
    pool = links.pool if isinstance(links, Pooled) else links if isinstance(links, SumPool2d) else None
    if pool is not None:
        sizes = {"kernel_size": pool.kernel_size, "stride": pool.stride, "padding": pool.padding}
        own = notes if links is pool else {}
        kind = "core" if links is pool else "pool"
        row.append((kind, nir.SumPool2d(**{key: np.array(value) for key, value in sizes.items()}, metadata=own)))
        if links is pool:
            if weight == 1 and weight.dtype == np.float64:  # what a pool alone is read as
                return row
            # the weight is a scalar, and its one value has the shape of what it scales
            return [*row, ("scale", nir.Scale(scale=np.full(shapes[projection.post], weight)))]
    conv = links.then if isinstance(links, Pooled) else links
    if isinstance(conv, Conv1d | Conv2d):
        flat = isinstance(conv, Conv1d)
        options = {
            key: getattr(conv, key)[0] if flat else getattr(conv, key) for key in ("stride", "padding", "dilation")
        }
        size = conv.input_shape[1] if flat else conv.input_shape[1:]
        bias = np.zeros(conv.out_channels, weight.dtype)
        make = nir.Conv1d if flat else nir.Conv2d
        node = make(input_shape=size, weight=weight, groups=conv.groups, bias=bias, metadata=notes, **options)
        return [*row, ("core", node)]
    if _is_one_to_one(projection):
        return [("core", nir.Scale(scale=weight.reshape(shapes[projection.pre]), metadata=notes))]
    incoming = shapes[projection.pre] if pool is None else pool.output_shape
    if len(incoming) > 1:
        row.append(("flatten", nir.Flatten({"input": np.array(incoming)}, start_dim=0)))
    if isinstance(links, Sparse):
        weight, notes = _as_matrix(projection, links, weight, notes)
    return [*row, ("core", nir.Linear(weight=weight.T.copy(), metadata=notes))]


def _as_matrix(
    projection: Projection, links: Any, weight: AnyArray, notes: dict[str, Any]
) -> tuple[AnyArray, dict[str, Any]]:
    """The matrix of a sparse projection, and a note of the pairs that have a synapse."""
    pairs = np.stack([links.pre, links.post], axis=1)
    if len(np.unique(pairs, axis=0)) < len(pairs):
        raise NetworkError(
            f"to_nir cannot write projection {projection.key!r}: a pair of units has several synapses, a matrix one."
        )
    matrix = np.zeros(links.shape, weight.dtype)
    matrix[links.pre, links.post] = weight
    return matrix, {**notes, PREFIX + "synapses": pairs}


def _divided(projection: Projection, links: Any, resistance: AnyArray) -> AnyArray:
    """Weights over the resistance of the unit that they go to."""
    weight = projection.weight
    if np.all(resistance == 1):
        return np.array(weight)
    if isinstance(links, Sparse):
        return (weight / resistance[links.post]).astype(weight.dtype)
    if weight.ndim == 2:
        return (weight / resistance[None, :]).astype(weight.dtype)
    if np.any(resistance != resistance[0]):
        raise NetworkError(
            f"to_nir with a step cannot write projection {projection.key!r}: it shares weights between neurons of "
            "different tau_mem, which the step brings into the weights: leave the step out."
        )
    return np.asarray(weight / resistance[0]).astype(weight.dtype)


def _delays(nir: Any, projection: Projection, shapes: Shapes, convention: Convention) -> tuple[Any, Any]:
    """Delay nodes before and after the weights, or None where there is none."""
    delay = np.asarray(from_seconds(projection.delay.astype(np.float64), convention.unit))
    shape = shapes[projection.pre]
    n_pre = math.prod(shape)
    if delay.ndim == 0:
        return (nir.Delay(delay=np.full(shape, delay)) if delay else None), None
    if delay.shape == (n_pre,):
        noted = {PREFIX + "shape": "axon"} if np.all(delay == delay[0]) else {}
        return nir.Delay(delay=delay.reshape(shape), metadata=noted), None
    if delay.ndim == 2 and projection.connectivity is None:
        noted = {PREFIX + "shape": "weight"}
        if np.all(delay == delay[:, :1]):
            return nir.Delay(delay=delay[:, 0].reshape(shape), metadata=noted), None
        if np.all(delay == delay[:1]):
            return None, nir.Delay(delay=delay[0].copy(), metadata=noted)
    raise NetworkError(
        f"to_nir cannot write projection {projection.key!r}: each synapse has a delay of its own, and NIR delays the "
        "whole signal of a unit, before the weights or after: one for each axon, or for each target, can be written."
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
        place = _free("output" if len(names) == 1 else f"output_{name}", set(nodes))
        shape = nodes[name].output_type["output"]
        nodes[place] = nir.Output({"output": np.array(shape)})
        edges.append((name, place))


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
