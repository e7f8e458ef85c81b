"""A projection as a row of NIR nodes, from its source to its target."""

import math
from typing import Any

import numpy as np

from saltation.errors import NetworkError
from saltation.io._common import AnyArray
from saltation.io.nir._library import PREFIX
from saltation.io.nir.neurons import Convention, exportable, resistance_of
from saltation.io.units import from_seconds
from saltation.model import Conv1d, Conv2d, Input, Network, Pooled, Projection, Sparse, SumPool2d

Shapes = dict[str, tuple[int, ...]]


def shapes_of(network: Network) -> Shapes:
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


def add_projection(
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
    base = projection.name or free(f"{projection.pre}_to_{projection.post}", {*nodes, *named})
    notes = {} if projection.name is not None else {PREFIX + "unnamed": 1}
    before, after = _delays(nir, projection, shapes, convention)
    resistance = resistance_of(post, shapes[projection.post], convention)
    row = [("delay", before), *_core(nir, projection, shapes, resistance, notes, convention.matrices), ("delay", after)]
    at = projection.pre
    for kind, node in row:
        if node is not None:
            name = base if kind == "core" else free(f"{base}_{kind}", {*nodes, *named})
            nodes[name] = node
            edges.append((at, name))
            at = name
    edges.append((at, port))


def _core(
    nir: Any, projection: Projection, shapes: Shapes, resistance: AnyArray, notes: dict[str, Any], matrices: bool
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
    if _is_one_to_one(projection) and not matrices:
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
    if delay.shape == (n_pre,) and not projection.delay_per_weight:
        noted = {PREFIX + "shape": "axon"} if np.all(delay == delay[0]) else {}
        return nir.Delay(delay=delay.reshape(shape), metadata=noted), None
    if delay.ndim == 2 and projection.connectivity is None:
        noted = {PREFIX + "shape": "weight"}
        if np.all(delay == delay[:, :1]):
            return nir.Delay(delay=delay[:, 0].reshape(shape), metadata=noted), None
        if np.all(delay == delay[:1]):
            return None, nir.Delay(delay=delay[0].copy(), metadata=noted)
    if _is_one_to_one(projection):  # the delay of a synapse is that of its unit
        return nir.Delay(delay=delay.reshape(shape), metadata={PREFIX + "shape": "weight"}), None
    raise NetworkError(
        f"to_nir cannot write projection {projection.key!r}: each synapse has a delay of its own, and NIR delays the "
        "whole signal of a unit, before the weights or after: one for each axon, or for each target, can be written."
    )


def free(name: str, taken: set[str]) -> str:
    """Give a name that is not taken yet."""
    while name in taken:
        name += "_"
    return name
