"""What a network needs of the chip and what it gets there, as tables."""

from dataclasses import dataclass
from typing import Any, final

from saltation.bss2 import Placement, place
from saltation.bss2.parts import cut
from saltation.bss2.placement.demand import SIGNED_FAN_IN, Demand, demands
from saltation.bss2.placement.usage import Needs, least
from saltation.engine.plan import compile_network
from saltation.errors import PlacementError
from saltation.model import Network
from saltation.model.summary import align

__all__ = ["Outcome", "as_record", "in_words", "placed"]


@final
@dataclass(frozen=True)
class Outcome:
    """What came of placing a network.

    Attributes
    ----------
    network : Network
    placement : Placement or None
        None if it does not fit.
    needs : dict of str to (int, int)
        Of each resource, what is needed and what there is: as placed, or at the least where it does not fit; none where
        the chip has nothing like the network.
    demands : tuple of Demand
        What each population but inputs asks for.
    reason : str or None
        Why it does not fit.
    parts : int
        In how many parts `Backend` runs it, one after another; 0 if it cannot.
    """

    network: Network
    placement: Placement | None
    needs: Needs
    demands: tuple[Demand, ...]
    reason: str | None
    parts: int


def placed(network: Network, rows: int = 1) -> Outcome:
    """Place a network, or find out what is missing.

    Examples
    --------
    >>> from saltation.experiments.chip.networks import network_of
    >>> from saltation.experiments.chip.placing import placed
    >>> placed(network_of("256-246-10")).needs["neuron circuits"]
    (512, 512)
    >>> placed(network_of("784-350-10")).needs["neuron circuits"]
    (2840, 512)
    """
    try:
        placement = place(network, rows=rows)
    except PlacementError as error:
        return _refused(network, rows, str(error))
    return Outcome(network, placement, placement.usage(), placement.demands, None, 1)


def _refused(network: Network, rows: int, reason: str) -> Outcome:
    try:
        asked = demands(network.populations, network.projections, rows)
    except PlacementError:
        return Outcome(network, None, {}, (), reason, 0)  # the reason says all that there is to say
    sizes = {name: population.size for name, population in network.populations.items()}
    try:
        parts, why = cut(compile_network(network), rows)
    except PlacementError as error:
        parts, why = (), str(error)
    return Outcome(network, None, least(asked, sizes), tuple(asked), why, len(parts))


def in_words(outcome: Outcome) -> str:
    """Lay out what is needed and what there is: in all, by population and by projection."""
    rows = [("resource", "needed", "there", "")]
    for name, (needed, there) in outcome.needs.items():
        rows.append((name, str(needed), str(there), "too much" if needed > there else ""))
    if outcome.placement is not None:
        tables = _tables(outcome.network, outcome.placement)
        return "\n\n".join([align(rows, {1, 2}), *(align(table, right) for table, right in tables)])
    said = [f"does not fit: {outcome.reason}"]
    if outcome.parts:
        said[0] += f"\nsaltation.bss2.Backend runs it in {outcome.parts} parts, one after another, by itself"
    if outcome.needs:
        said += [f"needed at the least:\n{align(rows, {1, 2})}", align(_asked(outcome), {1, 2, 3})]
    return "\n\n".join(said)


def _asked(outcome: Outcome) -> list[tuple[str, ...]]:
    table: list[tuple[str, ...]] = [("population", "neurons", "circuits", "signed inputs")]
    for each in outcome.demands:
        fan_in = sum(rows * outcome.network.populations[pre].size for pre, _, rows in each.sources)
        room = each.circuits * SIGNED_FAN_IN
        table.append((each.name, str(each.size), f"{each.size} x {each.circuits}", f"{fan_in} of {room}"))
    return table


def _tables(network: Network, placement: Placement) -> list[tuple[list[tuple[str, ...]], set[int]]]:
    populations: list[tuple[str, ...]] = [
        ("population", "kind", "neurons", "circuits", "signed inputs", "drivers", "buses", "events to play"),
    ]
    for each in placement.by_population():
        own = each.kind != "input"
        played = "" if own else f"{placement.played[each.name][0].size} for one spike each"
        circuits = f"{each.neurons} x {each.joined}" if own else "-"
        fan_in, drivers = (f"{each.fan_in} of {each.room}", str(each.drivers)) if own else ("-", "-")
        populations.append(
            (each.name, each.kind, str(each.neurons), circuits, fan_in, drivers, str(each.buses), played)
        )
    projections: list[tuple[str, ...]] = [("projection", "shape", "rows", "synapses", "drivers", "largest weight")]
    for each in placement.by_projection():
        shape = f"{each.shape[0]} x {each.shape[1]}"
        counts = (str(each.rows), str(each.synapses), str(each.drivers), str(each.largest))
        projections.append((f"{each.pre} -> {each.post}", shape, *counts))
    return [(populations, {2, 3, 4, 5, 6}), (projections, {1, 2, 3, 4, 5})]


def as_record(outcome: Outcome) -> dict[str, Any]:
    """The same for machines."""
    placement = outcome.placement
    return {
        "network": repr(outcome.network),
        "fits": placement is not None,
        "reason": outcome.reason,
        "parts": outcome.parts,
        "resources": {name: {"needed": n, "there": there} for name, (n, there) in outcome.needs.items()},
        "asked": {each.name: {"neurons": each.size, "joined": each.circuits} for each in outcome.demands},
        "populations": [] if placement is None else [each._asdict() for each in placement.by_population()],
        "projections": [] if placement is None else [each._asdict() for each in placement.by_projection()],
    }
