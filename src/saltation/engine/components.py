"""The graph of a network cut into components: populations that depend on one another are computed together.

A component is a strongly connected part of the graph.  Components are listed so that each comes after those it
listens to.
"""

from dataclasses import dataclass

from saltation.errors import NetworkError
from saltation.kernels.records import BY_SIGN
from saltation.model import Input, Network, Population, Projection, ProjectionKey


@dataclass(frozen=True, slots=True)
class Component:
    """Populations computed as one, and the projections that end in them.

    Attributes
    ----------
    populations : tuple of str
        Names, in the order of the network; their neurons are numbered in this order.
    incoming : tuple
        Keys of the projections from other components.
    internal : tuple
        Keys of the projections inside.
    sources : tuple of str
        Populations whose spikes arrive: those of other components first, then its own where it has internal ones.
    recurrent : bool
        Whether it needs the event queue: it has internal projections, or arrivals that do not reach all neurons.
    model : str
        Physics, without the way crossings are found: ``"input"``, ``"li"``, ``"lif"``, ``"lif_two"``, ...
    """

    populations: tuple[str, ...]
    incoming: tuple[ProjectionKey, ...]
    internal: tuple[ProjectionKey, ...]
    sources: tuple[str, ...]
    recurrent: bool
    model: str


def components(net: Network) -> tuple[Component, ...]:
    """Strongly connected components of a network in the order of computation.

    Raises
    ------
    NetworkError
        If the network is empty, or the models in one loop cannot be computed together.
    """
    if not net.populations:
        raise NetworkError(
            "Network has no populations; a network that runs needs at least one; add them by net.add(name, population)"
        )
    return tuple(_component(net, names) for names in _strongly_connected(net))


def _strongly_connected(net: Network) -> list[tuple[str, ...]]:
    """Tarjan's algorithm, without recursion; components in topological order, names in the network's."""
    names = list(net.populations)
    position = {name: i for i, name in enumerate(names)}
    before: dict[str, list[str]] = {name: [] for name in names}
    for projection in net.projections.values():
        before[projection.post].append(projection.pre)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []
    for root in names:
        if root in index:
            continue
        work = [(root, iter(before[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            name, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    work.append((other, iter(before[other])))
                    break
                if other in stack:
                    low[name] = min(low[name], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    members: list[str] = []
                    while not members or members[-1] != name:
                        members.append(stack.pop())
                    found.append(tuple(sorted(members, key=position.__getitem__)))
    return found


def _component(net: Network, names: tuple[str, ...]) -> Component:
    incoming: list[ProjectionKey] = []
    internal: list[ProjectionKey] = []
    sources: list[str] = []
    several = False
    for key, projection in net.projections.items():
        if projection.post not in names:
            continue
        several = several or projection.delay_per_weight or projection.connectivity is not None
        if projection.pre in names:
            internal.append(key)
            continue
        incoming.append(key)
        if projection.pre not in sources:
            sources.append(projection.pre)
    if internal:
        sources.extend(names)
    return Component(
        names,
        tuple(incoming),
        tuple(internal),
        tuple(sources),
        bool(internal) or several,
        _model(net, names),
    )


def _model(net: Network, names: tuple[str, ...]) -> str:
    """The physics that covers all populations of a component."""
    kinds: set[str] = set()
    for name in names:
        population = net.populations[name]
        if isinstance(population, Input):
            return "input"
        kinds.add(population.kind if len(population.receptors) == 1 else f"{population.kind}_two")
    if len(kinds) == 1:
        return kinds.pop()
    if kinds <= {"lif", "lif_two"}:
        return "lif_two"
    if kinds <= {"lif", "alif"}:
        return "alif"
    raise NetworkError(
        f"populations {', '.join(names)} form a loop of {', '.join(sorted(kinds))}; a loop may mix LIF with LIF of two "
        "receptors, or LIF with ALIF, but not ALIF with two receptors: its crossings cannot be bracketed; use one "
        "synaptic time constant in the loop"
    )


def receptor_code(population: Population, projection: Projection) -> int:
    """Receptor of a projection as the kernels know it: 0, 1, or 2 for the sign of each weight."""
    if len(population.receptors) < 2:
        return 0
    return {"exc": 0, "inh": 1, None: BY_SIGN}[projection.receptor]
