"""Which driver carries each source to each population, and the label it has on each bus.

A *slot* is a driver for one of the columns of the neurons of a population: it carries one source there.  Neurons reach
only the buses of their event output, of both hemispheres; what the host plays in reaches all.  On a bus every source
has a label of its own; where there are more than 64, sources from the host are told apart by the row select instead,
which a driver that carries only those compares.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.placement.demand import Demand
from saltation.errors import PlacementError

Ints = NDArray[np.int64]
Source = tuple[str, int]
"""A unit of a population."""

LABELS = g.LABEL_MAX + 1


@final
@dataclass(frozen=True, slots=True)
class Slot:
    """A driver that carries a source to one column of all neurons of a population that lie in a hemisphere."""

    source: Source
    hemisphere: int
    driver: int
    column: int
    row: int
    """Which of the parallel rows it is."""

    @property
    def bus(self) -> int:
        """Bus that feeds the driver."""
        return g.bus_of_row(self.hemisphere, g.ROWS_PER_DRIVER * self.driver)

    @property
    def select(self) -> int:
        """Position of the driver on its bus."""
        return g.select_of_row(g.ROWS_PER_DRIVER * self.driver)


@final
@dataclass(frozen=True)
class Slots:
    """All slots, and labels by bus.

    Attributes
    ----------
    of : dict of str to list of Slot
        By population.
    buses : dict of Source to set of int
        Buses on which a source is.
    """

    of: dict[str, list[Slot]] = field(default_factory=dict[str, list[Slot]])
    buses: dict[Source, set[int]] = field(default_factory=lambda: defaultdict(set))


def assign_slots(
    demands: Sequence[Demand],
    circuits: Mapping[str, Ints],
    sizes: Mapping[str, int],
    inputs: Sequence[str],
) -> Slots:
    """Give every source of every population its drivers.

    Raises
    ------
    PlacementError
        If a bus has not enough drivers; the message says which, and how many are needed.
    """
    result = Slots()
    load = np.zeros(g.BUSES, np.int64)
    for demand in demands:
        own = circuits[demand.name]
        width = max(1, own.shape[1] // 2)
        halves = np.unique(g.hemisphere_of(own)).tolist()
        merged = own.shape[1] > 1
        free = {h: np.ones((g.BUSES_PER_HEMISPHERE, g.DRIVERS_PER_BUS, width), bool) for h in halves}
        listed: list[Slot] = []
        units = [((pre, unit), rows) for pre, _, rows in demand.sources for unit in range(sizes[pre])]
        # those that have no choice first
        for source, rows in sorted(units, key=lambda each: each[0][0] in inputs):
            bus = None if source[0] in inputs else _bus_of_neuron(circuits[source[0]][source[1]])
            # joined circuits reach their rows in either hemisphere, single ones need the source where they are
            groups = [halves] if merged else [[h] for h in halves]
            for group in groups:
                listed += _give(demand, source, rows, group, bus, free, load, result)
        result.of[demand.name] = listed
    return result


def _bus_of_neuron(circuits: Ints) -> int:
    """Bus, of each hemisphere, that the spikes of a neuron reach."""
    return g.output_of(int(circuits[0])) % g.BUSES_PER_HEMISPHERE


def _give(
    demand: Demand,
    source: Source,
    rows: int,
    halves: Sequence[int],
    bus: int | None,
    free: dict[int, NDArray[np.bool_]],
    load: NDArray[np.int64],
    result: Slots,
) -> list[Slot]:
    choices = [(h, b) for h in halves for b in (range(g.BUSES_PER_HEMISPHERE) if bus is None else [bus])]
    known = result.buses[source]

    def preference(choice: tuple[int, int]) -> tuple[int, int, int]:
        h, b = choice
        place = h * g.BUSES_PER_HEMISPHERE + b
        # where the source is already, no label is needed; then where there is most room
        return (int(place not in known), -int(free[h][b].sum()), int(load[place]))

    for h, b in sorted(choices, key=preference):
        if free[h][b].sum() < rows:
            continue
        # columns one after another, so that a driver carries a source to as few columns as it has to
        taken = np.argwhere(free[h][b].T)[:rows]
        place = h * g.BUSES_PER_HEMISPHERE + b
        if place not in known:
            known.add(place)
            load[place] += 1
        slots: list[Slot] = []
        for row, (column, position) in enumerate(taken.tolist()):
            free[h][b][position, column] = False
            slots.append(Slot(source, h, position * g.BUSES_PER_HEMISPHERE + b, column, row))
        return slots
    where = "all buses" if bus is None else f"bus {bus}, the only one that it reaches,"
    room = sum(free[h].size for h in halves) if bus is None else sum(free[h][bus].size for h in halves)
    raise PlacementError(
        f"population {demand.name!r} needs more drivers than there are on {where} for unit {source[1]} of "
        f"{source[0]!r}: {room} for each of its neurons are taken; use fewer parallel rows"
    )
