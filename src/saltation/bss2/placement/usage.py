"""How much of a chip a network takes: once it is placed, and at least, before that is tried."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration
from saltation.bss2.description import resources_of
from saltation.bss2.placement.demand import MOST_JOINED, SIGNED_FAN_IN, Demand
from saltation.bss2.placement.labels import LABELS, Labels
from saltation.bss2.placement.slots import Slots

Ints = NDArray[np.int64]
Needs = dict[str, tuple[int, int]]
"""Of each resource, how much is needed and how much there is."""

_CONFIGURED = (
    "event outputs of circuits",
    "synapse rows",
    "buses to drivers",
    "crossbar nodes",
    "links from the host",
    "links to the host",
)


class OfPopulation(NamedTuple):
    """What a population takes.

    Attributes
    ----------
    name, kind : str
        ``input``, ``spiking`` or ``readout``.
    neurons, joined : int
        How many, and how many circuits each; 0 of an input.
    fan_in, room : int
        Signed inputs of a neuron, parallel rows counted, and how many its circuits take.
    drivers : int
        That carry something to it.
    buses : int
        On which its spikes are.
    """

    name: str
    kind: str
    neurons: int
    joined: int
    fan_in: int
    room: int
    drivers: int
    buses: int


class OfProjection(NamedTuple):
    """What a projection takes: synapses, two for each weight and parallel row, and drivers."""

    pre: str
    post: str
    shape: tuple[int, int]
    rows: int
    synapses: int
    drivers: int
    largest: int
    """Largest weight that it can have."""


def resources(
    demands: Sequence[Demand],
    circuits: Mapping[str, Ints],
    synapses: int,
    slots: Slots,
    labels: Labels,
    configuration: Configuration,
) -> Needs:
    """What a network that was placed, and switched on in a configuration, takes of the chip."""
    parts = {part.name: (part.used, part.there) for part in resources_of(configuration)}
    drivers = {(slot.hemisphere, slot.driver) for listed in slots.of.values() for slot in listed}
    return {
        "neuron circuits": (sum(own.size for own in circuits.values()), g.CIRCUITS),
        "spiking neurons": (sum(each.size for each in demands if each.spiking), g.CIRCUITS),
        "synapse drivers": (len(drivers), g.HEMISPHERES * g.DRIVERS),
        "synapses": (synapses, g.CIRCUITS * g.ROWS),
        "sources on the fullest bus": _fullest(slots, labels),
        **{name: parts[name] for name in _CONFIGURED},
    }


def _fullest(slots: Slots, labels: Labels) -> tuple[int, int]:
    """Sources on the bus that has the least room left for more, and how many could be told apart on it."""
    load = np.zeros(g.BUSES, np.int64)
    for buses in slots.buses.values():
        for bus in buses:
            load[bus] += 1
    # where drivers compare the row select, each of them tells sources apart by labels of its own
    room = [LABELS * (g.DRIVERS_PER_BUS if bus in labels.selected else 1) for bus in range(g.BUSES)]
    bus = int(np.argmax(load / np.array(room)))
    return int(load[bus]), room[bus]


def least(demands: Sequence[Demand], sizes: Mapping[str, int], kept: Sequence[int] = ()) -> Needs:
    """What a network takes of the chip at the least, however it is placed.

    Parameters
    ----------
    demands : sequence of Demand
        All populations but inputs.
    sizes : dict of str to int
        Of all populations.
    kept : sequence of int
        Circuits that are left alone.

    Returns
    -------
    dict of str to (int, int)
        Of each resource, how much is needed at the least and how much there is.  That all of it is there does not mean
        that the network fits: spikes of a neuron reach a quarter of the drivers alone.
    """
    own = {demand.name for demand in demands}
    driving = {pre for demand in demands for pre, _, _ in demand.sources if pre in own}
    drivers = 0
    for demand in demands:
        width, halves = max(1, demand.circuits // 2), 1
        if demand.circuits == 1 and demand.size > g.COLUMNS:
            halves = g.HEMISPHERES  # a source has to be in both then
        slots = sum(rows * sizes[pre] for pre, _, rows in demand.sources)
        drivers = max(drivers, halves * -(-slots // width))
    return {
        "neuron circuits": (sum(each.size * each.circuits for each in demands), g.CIRCUITS - len(set(kept))),
        "circuits joined to a neuron": (max((each.circuits for each in demands), default=0), MOST_JOINED),
        "synapse drivers": (drivers, g.HEMISPHERES * g.DRIVERS),
        "neurons that drive others, on a bus": (-(-sum(sizes[name] for name in driving) // g.BUSES), LABELS),
    }


def of_populations(
    demands: Sequence[Demand], circuits: Mapping[str, Ints], inputs: Mapping[str, int], slots: Slots
) -> list[OfPopulation]:
    """What each population takes, inputs, by their sizes, first."""
    buses: dict[str, set[int]] = {}
    for (name, _), own in slots.buses.items():
        buses.setdefault(name, set()).update(own)
    found = [OfPopulation(name, "input", size, 0, 0, 0, 0, len(buses.get(name, ()))) for name, size in inputs.items()]
    for demand in demands:
        drivers = {(slot.hemisphere, slot.driver) for slot in slots.of[demand.name]}
        joined = circuits[demand.name].shape[1]
        fan_in = sum(rows * _size(pre, circuits, inputs) for pre, _, rows in demand.sources)
        kind = "spiking" if demand.spiking else "readout"
        counts = (demand.size, joined, fan_in, joined * SIGNED_FAN_IN, len(drivers), len(buses.get(demand.name, ())))
        found.append(OfPopulation(demand.name, kind, *counts))
    return found


def of_projections(
    demands: Sequence[Demand], circuits: Mapping[str, Ints], inputs: Mapping[str, int], slots: Slots
) -> list[OfProjection]:
    """What each projection takes."""
    found: list[OfProjection] = []
    for demand in demands:
        for pre, _, rows in demand.sources:
            drivers = {(s.hemisphere, s.driver) for s in slots.of[demand.name] if s.source[0] == pre}
            shape = (_size(pre, circuits, inputs), demand.size)
            synapses = 2 * rows * shape[0] * shape[1]
            found.append(OfProjection(pre, demand.name, shape, rows, synapses, len(drivers), rows * g.WEIGHT_MAX))
    return found


def _size(name: str, circuits: Mapping[str, Ints], inputs: Mapping[str, int]) -> int:
    return inputs[name] if name in inputs else circuits[name].shape[0]
