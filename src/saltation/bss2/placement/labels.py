"""Labels: what tells sources apart on a bus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from saltation.bss2 import geometry as g
from saltation.bss2.placement.slots import LABELS, Slots, Source
from saltation.errors import PlacementError


@final
@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of all sources.

    Attributes
    ----------
    of : dict of (Source, int) to int
        Label of a source on a bus.
    selected : frozenset of int
        Buses on which sources from the host are told apart by the row select: drivers there compare it.
    """

    of: Mapping[tuple[Source, int], int]
    selected: frozenset[int]


def assign_labels(slots: Slots, inputs: Sequence[str]) -> Labels:
    """Give every source a label on each of its buses.

    The spikes of a neuron have the same label on all of them; a source from the host is played for each bus.

    Raises
    ------
    PlacementError
        If a bus has more neurons than labels.
    """
    taken: list[set[int]] = [set() for _ in range(g.BUSES)]
    labels: dict[tuple[Source, int], int] = {}
    neurons = {source: sorted(buses) for source, buses in slots.buses.items() if source[0] not in inputs and buses}
    for source, buses in sorted(neurons.items(), key=lambda each: -len(each[1])):
        used = set.union(*(taken[bus] for bus in buses))
        free = next((label for label in range(LABELS - 1, -1, -1) if label not in used), None)
        if free is None:
            raise PlacementError(
                f"bus {buses[0]} carries spikes of more than {LABELS} neurons, and there are {LABELS} labels; place "
                "fewer neurons that drive others"
            )
        for bus in buses:
            taken[bus].add(free)
            labels[source, bus] = free
    selected: set[int] = set()
    for bus in range(g.BUSES):
        own = [source for source, buses in slots.buses.items() if source[0] in inputs and bus in buses]
        room = [label for label in range(LABELS) if label not in taken[bus]]
        if len(own) <= len(room):
            labels.update({(source, bus): label for source, label in zip(own, room, strict=False)})
            continue
        if taken[bus]:
            raise PlacementError(
                f"bus {bus} carries {len(own)} sources that the host plays and the spikes of {len(taken[bus])} "
                f"neurons, and there are {LABELS} labels"
            )
        selected.add(bus)
        labels.update(_by_driver(slots, own, bus))
    return Labels(labels, frozenset(selected))


def _by_driver(slots: Slots, own: Sequence[Source], bus: int) -> dict[tuple[Source, int], int]:
    """Labels that are told apart on each driver alone."""
    of_driver: dict[int, list[Source]] = {}
    home: dict[Source, tuple[int, str]] = {}
    for name, slot in ((name, slot) for name, listed in slots.of.items() for slot in listed):
        if slot.bus != bus:
            continue
        driver, other = home.setdefault(slot.source, (slot.driver, name))
        if driver != slot.driver:
            pre, unit = slot.source
            if name == other:
                why = f"its parallel rows to {name!r} are on several; take one row for the projection {(pre, name)!r}"
            else:
                why = f"it drives {other!r} and {name!r} by one each"
            raise PlacementError(
                f"bus {bus} carries {len(own)} sources that the host plays, more than its {LABELS} labels, so that the "
                f"row select has to tell them apart and each may reach one driver alone; unit {unit} of {pre!r} would "
                f"have to reach more: {why}"
            )
        of_driver.setdefault(slot.driver, [])
        if slot.source not in of_driver[slot.driver]:
            of_driver[slot.driver].append(slot.source)
    return {(source, bus): i for sources in of_driver.values() for i, source in enumerate(sources)}


def address_bits(label: int, top: bool, bottom: bool) -> int:
    """Low 8 bits of the label of a spike: bit 6 keeps it from the top's buses, bit 7 from the bottom's."""
    return label | (0 if top else 1 << 6) | (0 if bottom else 1 << 7)
