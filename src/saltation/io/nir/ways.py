"""The populations of a NIR graph, and the ways of linear nodes between them."""

import itertools
from typing import NamedTuple

from saltation.errors import NetworkError
from saltation.io.nir._library import called
from saltation.io.nir.chains import Chain
from saltation.io.nir.flat import INNER, LINEAR, Flat

MANY_CHAINS = 10_000
"""Ways between populations that a graph may have: side by side in a row they multiply, without end."""


class Target(NamedTuple):
    """A population, with the ports at which signals arrive, in the order of its receptors."""

    name: str
    ports: tuple[str, ...]


def targets_of(flat: Flat) -> list[Target]:
    """Find the neurons and what stands before them as their synapses."""
    result = [Target(name, (name,)) for name in flat.nodes if flat.kind(name) in ("CubaLIF", "CubaLI")]
    bare = [name for name in flat.nodes if flat.kind(name) in ("LIF", "LI")]
    # an LI is a synapse where all that it feeds is one neuron without one
    synapses = {name for name in bare if flat.kind(name) == "LI" and _feeds_one(flat, name, bare)}
    for name in bare:
        if name in synapses:
            continue
        before = flat.before(name)
        if not before or not synapses.issuperset(before):
            raise NetworkError(
                f"{called(name)}, {flat.kind(name)}, has no synapse: a spike would make its voltage jump, and here "
                "every synapse has a time constant. Use CubaLIF or CubaLI, or put an LI before it as its synapse."
            )
        if len(before) > 2:
            raise NetworkError(f"{called(name)} has {len(before)} synapses; a neuron has one or two receptors here.")
        if any(synapses.intersection(flat.before(each)) for each in before):
            raise NetworkError(f"{called(name)} has a synapse behind a synapse, which no model here has.")
        inhibitory_first = len(before) == 2 and before[0].endswith("_inh") and before[1].endswith("_exc")
        result.append(Target(name, tuple(before[::-1] if inhibitory_first else before)))
    loose = synapses.difference(*(target.ports for target in result))
    if loose:
        raise NetworkError(f"{called(min(loose))} feeds a synapse, or itself, which no model here does.")
    return result


def _feeds_one(flat: Flat, name: str, bare: list[str]) -> bool:
    after = flat.after(name)
    return len(after) == 1 and after[0] in bare


def populations_of(flat: Flat, targets: dict[str, Target]) -> list[str]:
    """Names of the populations."""
    inputs = [name for name in flat.nodes if flat.kind(name) == "Input"]
    return [*inputs, *dict.fromkeys(target.name for target in targets.values())]


def chains_of(flat: Flat, targets: dict[str, Target], populations: set[str]) -> list[Chain]:
    """All ways from populations to ports, in the order of the edges that they begin with."""
    found: list[Chain] = []
    for port in targets:
        heads: list[tuple[str, ...]] = [()]
        while heads:
            steps = heads.pop()
            for name in flat.before(steps[0] if steps else port):
                if name in populations:
                    if flat.kind(name).endswith("LI"):
                        raise NetworkError(f"{called(name)} has a voltage as its output, which nothing here takes.")
                    found.append(Chain(name, steps, port))
                elif flat.kind(name) not in (*LINEAR, *INNER):
                    raise NetworkError(f"{called(name)}, {flat.kind(name)}, stands where signals pass to {port!r}.")
                elif name in steps:
                    raise NetworkError(f"{called(name)} lies in a cycle without neurons, which never comes to an end.")
                else:
                    heads.append((name, *steps))
            if len(found) + len(heads) > MANY_CHAINS:
                raise NetworkError(f"there are more than {MANY_CHAINS} ways between neurons, at {port!r}.")
    rank = {edge: i for i, edge in enumerate(flat.edges)}
    return sorted(found, key=lambda chain: [rank[edge] for edge in _edges(chain)])


def _edges(chain: Chain) -> list[tuple[str, str]]:
    stops = (chain.pre, *chain.steps, chain.port)
    return list(itertools.pairwise(stops))


def check_all_used(flat: Flat, ways: list[Chain], targets: dict[str, Target]) -> None:
    """Refuse what would be lost: ends of the graph that are no neurons, and edges that lead nowhere."""
    used = {edge for chain in ways for edge in _edges(chain)}
    used.update((port, target.name) for port, target in targets.items() if port != target.name)
    read = [name for name in flat.nodes if flat.kind(name) == "Output"]
    while read:  # from the outputs back to the neurons, past what leaves values as they are
        name = read.pop()
        for before in flat.before(name):
            if (before, name) in used:
                continue
            used.add((before, name))
            if flat.kind(before) in ("Flatten", "Inner"):
                read.append(before)
            elif flat.kind(before) in LINEAR:
                hint = "end in a CubaLI, which is a readout"
                raise NetworkError(f"{called(before)} is an output of the graph without being a neuron: {hint}.")
    for edge in flat.edges:
        if edge not in used:
            raise NetworkError(f"the NIR edge {edge} leads to no neuron: remove it, or what hangs on it.")
    for name in flat.nodes:
        if flat.kind(name) in (*LINEAR, *INNER) and not any(name in edge for edge in used):
            raise NetworkError(f"{called(name)} lies between no neurons: remove it.")
