"""A NIR graph without subgraphs, its nodes sorted by what becomes of them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from saltation.errors import NetworkError
from saltation.io.nir._library import called
from saltation.model.checks import describe, explain

DEEPEST = 16
"""How far graphs may lie within graphs."""

LINEAR = ("Affine", "AvgPool2d", "Conv1d", "Conv2d", "Delay", "Flatten", "Linear", "Scale", "SumPool2d")
INNER = ("Inner",)

REASONS = {
    "I": "an integrator without a leak has an infinite time constant, which no model here has",
    "IF": "neurons without a leak have an infinite time constant, which no model here has: CubaLIF has both constants",
    "Threshold": "a bare threshold has no state, and spikes come from the state of neurons here: use CubaLIF",
}


class Inner(NamedTuple):
    """An Input or Output of a graph within the graph, which hands on what it gets."""

    metadata: dict[str, Any]


class Flat(NamedTuple):
    """Nodes by name and edges in order; names of inner nodes are ``graph.node``."""

    nodes: dict[str, Any]
    edges: list[tuple[str, str]]

    def kind(self, name: str) -> str:
        """Name of the class of a node."""
        return type(self.nodes[name]).__name__

    def before(self, name: str) -> list[str]:
        """Nodes with an edge to this one."""
        return [pre for pre, post in self.edges if post == name]

    def after(self, name: str) -> list[str]:
        """Nodes to which this one has an edge."""
        return [post for pre, post in self.edges if pre == name]


def flatten(graph: Any) -> Flat:
    """Put the nodes of subgraphs into the graph itself, and check that all are known and edges join them."""
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    _collect(graph, "", 0, nodes, edges)
    if len(set(edges)) < len(edges):
        twice = next(edge for edge in edges if edges.count(edge) > 1)
        raise NetworkError(f"the NIR graph has the edge {twice} twice: give the second way a node of its own.")
    for name, node in nodes.items():
        kind = type(node).__name__
        if kind in REASONS:
            raise NetworkError(f"{called(name)}, {kind}, cannot be represented: {REASONS[kind]}.")
        if kind not in (*LINEAR, *INNER, "Input", "Output", "LI", "LIF", "CubaLI", "CubaLIF"):
            raise NetworkError(f"{called(name)} is of a kind that is not known: {describe(node)}.")
    return Flat(nodes, edges)


def _collect(graph: Any, prefix: str, depth: int, nodes: dict[str, Any], edges: list[tuple[str, str]]) -> None:
    """Add nodes and edges of a graph; `prefix` is put before their names."""
    if depth > DEEPEST:
        raise NetworkError(f"NIR graphs lie within each other more than {DEEPEST} deep, at {prefix!r}.")
    own = getattr(graph, "nodes", None)
    if not isinstance(own, dict) or not all(isinstance(name, str) and name for name in own):
        raise NetworkError(explain("NIRGraph.nodes", "a dict of nodes by name", describe(own)))
    ends: dict[str, tuple[list[str], list[str]]] = {}
    for name, node in own.items():
        full = prefix + name
        if type(node).__name__ == "NIRGraph":
            _collect(node, f"{full}.", depth + 1, nodes, edges)
            doors = [
                [f"{full}.{n}" for n in node.nodes if type(node.nodes[n]).__name__ == way]
                for way in ("Input", "Output")
            ]
            ends[name] = doors[0], doors[1]
            continue
        if full in nodes:
            raise NetworkError(f"{called(full)} is there twice, once within a subgraph: rename one.")
        inner = depth > 0 and type(node).__name__ in ("Input", "Output")
        nodes[full] = Inner(node.metadata) if inner else node
        ends[name] = [full], [full]
    for edge in _pairs(getattr(graph, "edges", None)):
        for end in edge:
            if end not in own:
                raise NetworkError(f"the NIR edge {edge} joins {end!r}, which is no node; there are {', '.join(own)}.")
        edges.append((_only(edge[0], ends[edge[0]][1], "outputs"), _only(edge[1], ends[edge[1]][0], "inputs")))


def _pairs(edges: Any) -> Iterable[tuple[str, str]]:
    if not isinstance(edges, list | tuple):
        raise NetworkError(explain("NIRGraph.edges", "a list of pairs of names", describe(edges)))
    for edge in edges:
        if not isinstance(edge, list | tuple) or len(edge) != 2 or not all(isinstance(end, str) for end in edge):
            raise NetworkError(explain("NIRGraph.edges", "pairs of names", describe(edge)))
        yield edge[0], edge[1]


def _only(name: str, doors: list[str], what: str) -> str:
    if len(doors) != 1:
        raise NetworkError(
            f"the NIR subgraph {name!r} has {len(doors)} {what}, so an edge does not say which it means."
        )
    return doors[0]
