"""Tables that show what a network is made of."""

from collections.abc import Mapping, Sequence

from saltation.model.neurons import Population
from saltation.model.projection import Projection, ProjectionKey
from saltation.model.record import short


def edge(projection: Projection) -> str:
    """Write a projection in a few characters: ``in -> hid``, with its name if it has one."""
    arrow = f"{projection.pre} -> {projection.post}"
    return arrow if projection.name is None else f"{projection.name}: {arrow}"


def summary(populations: Mapping[str, Population], projections: Mapping[ProjectionKey, Projection]) -> str:
    """Tables of populations and projections; ``parameters`` counts differentiable values of the neurons."""
    nodes = [("population", "kind", "size", "receptors", "parameters")]
    for name, population in populations.items():
        count = sum(array.size for array in population.parameters().values())
        receptors = ", ".join(population.receptors) or "-"
        nodes.append((name, population.kind, str(population.size), receptors, str(count)))
    edges = [("projection", "shape", "delay", "receptor", "weights")]
    for projection in projections.values():
        n_pre, n_post = projection.shape
        delay = f"{short(projection.delay)} s"
        receptor = projection.receptor or "-"
        kind = "" if projection.connectivity is None else f" {type(projection.connectivity).__name__}"
        edges.append((edge(projection), f"{n_pre} x {n_post}{kind}", delay, receptor, str(projection.weight.size)))
    parts = [align(nodes, right={2, 4})] + ([align(edges, right={4})] if len(edges) > 1 else [])
    return "\n\n".join(parts)


def align(rows: Sequence[Sequence[str]], right: set[int]) -> str:
    """Write rows of cells as a table; the columns in `right` end together, the others begin together.

    Examples
    --------
    >>> from saltation.model.summary import align
    >>> print(align([("name", "size"), ("in", "5"), ("hid", "120")], right={1}))
    name  size
    in       5
    hid    120
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
