"""What a network asks of a chip: for each population its neurons and how many circuits each takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from saltation.bss2 import geometry as g
from saltation.errors import PlacementError
from saltation.model import LI, LIF, Input, Population, Projection, ProjectionKey
from saltation.model.checks import suggest

# A signed synapse takes both rows of a driver.
SIGNED_FAN_IN = g.DRIVERS

MOST_JOINED = g.HEMISPHERES * g.COLUMNS_PER_OUTPUT
"""Circuits that a neuron can have: those that share an event output."""


@final
@dataclass(frozen=True, slots=True)
class Demand:
    """A population on the chip.

    Attributes
    ----------
    name : str
    size : int
        Number of neurons.
    circuits : int
        Circuits of each, joined to one membrane.
    spiking : bool
    sources : tuple of (str, ProjectionKey, int)
        Populations before it, by which projection, and the parallel rows of each synapse.
    """

    name: str
    size: int
    circuits: int
    spiking: bool
    sources: tuple[tuple[str, ProjectionKey, int], ...]


def check_rows(rows: Mapping[Any, int] | int, projections: Iterable[ProjectionKey]) -> None:
    """Refuse parallel rows of a projection that there is not in the whole network; a part has only some of them.

    Raises
    ------
    PlacementError
        If a key is another.
    """
    known = list(projections)
    for key in rows if isinstance(rows, Mapping) else ():
        if key not in known:
            raise PlacementError(
                f"rows: no projection {key!r} is in the network; a key is (pre, post); {suggest(key, known)}"
            )


def demands(
    populations: Mapping[str, Population],
    projections: Mapping[ProjectionKey, Projection],
    rows: Mapping[ProjectionKey, int] | int = 1,
) -> list[Demand]:
    """Demands of all populations but inputs, in their order.

    Raises
    ------
    PlacementError
        If the network has what the chip does not.
    """
    found: list[Demand] = []
    for name, population in populations.items():
        if isinstance(population, Input):
            continue
        if not isinstance(population, LIF | LI):
            raise PlacementError(
                f"population {name!r} must be LIF, LI or Input to be placed; got {type(population).__name__}, which is "
                "not placed yet"
            )
        sources: list[tuple[str, ProjectionKey, int]] = []
        seen: set[str] = set()
        slots = 0
        for key, projection in projections.items():
            if projection.post != name:
                continue
            if projection.pre in seen:
                raise PlacementError(
                    f"population {name!r} has several projections from {projection.pre!r}; on the chip their weights "
                    "would be one: add them up in one projection"
                )
            seen.add(projection.pre)
            if np.any(projection.delay != 0.0):
                raise PlacementError(
                    f"projection {key!r} must have no delay: the chip has no programmable ones; got up to "
                    f"{float(projection.delay.max()):g} s"
                )
            if getattr(projection, "receptor", None) is not None:
                raise PlacementError(
                    f"projection {key!r}: receptors follow the sign of each weight on the chip; leave receptor= out"
                )
            parallel = rows if isinstance(rows, int) else rows.get(key, 1)
            if parallel < 1:
                raise PlacementError(f"rows of projection {key!r} must be at least 1; got {parallel}")
            sources.append((projection.pre, key, parallel))
            slots += parallel * populations[projection.pre].size
        needed = max(1, -(-slots // SIGNED_FAN_IN))
        # beyond one, circuits come in pairs of both hemispheres: rows of both are in reach
        circuits = needed if needed == 1 else 2 * -(-needed // 2)
        if circuits > MOST_JOINED:
            raise PlacementError(
                f"a neuron of {name!r} has {slots} signed inputs, for which {circuits} circuits would have to be "
                f"joined; at most {MOST_JOINED} can be, of {SIGNED_FAN_IN} signed inputs each"
            )
        found.append(Demand(name, population.size, circuits, population.spiking, tuple(sources)))
    if not found:
        raise PlacementError("the network must have a population of LIF or LI; got inputs alone")
    return found
