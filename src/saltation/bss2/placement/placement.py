"""`place`: a network on a chip: circuits, rows, labels and nodes; and where each weight is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration
from saltation.bss2.crossbar import FIRST_LINK_IN, label_of
from saltation.bss2.physics import Physics
from saltation.bss2.placement.columns import place_columns
from saltation.bss2.placement.demand import Demand, check_rows, demands
from saltation.bss2.placement.labels import LABELS, Labels, address_bits, assign_labels
from saltation.bss2.placement.slots import Slot, Slots, assign_slots
from saltation.bss2.placement.usage import (
    Needs,
    OfPopulation,
    OfProjection,
    of_populations,
    of_projections,
    resources,
)
from saltation.bss2.registers import EXCITATORY, INHIBITORY
from saltation.errors import PlacementError
from saltation.model import Input, Network, Population, Projection, ProjectionKey

Ints = NDArray[np.int64]

_BUS_SHIFT = 11  # bits 11-13 of a label that the host plays: for which bus it is


@final
@dataclass(frozen=True, slots=True)
class Written:
    """Where the weights of a projection are written.

    Attributes
    ----------
    pre, post : ndarray of int, [entry]
        Units that a synapse connects.
    part : ndarray of int, [entry]
        Which of the parallel rows it is in.
    excitatory, inhibitory : ndarray of int, [entry]
        Its two synapses, flat over ``[hemisphere, row, column]``.
    rows : int
        Number of parallel rows.
    """

    pre: Ints
    post: Ints
    part: Ints
    excitatory: Ints
    inhibitory: Ints
    rows: int


@final
@dataclass(frozen=True)
class Placement:
    """A network on a chip.

    Attributes
    ----------
    demands : tuple of Demand
        What was placed.
    circuits : dict of str to ndarray, [neuron, circuit]
        Circuits of each neuron; the first one spikes and is read.
    written : dict
        Where the weights of each projection go.
    played : dict of str to (ndarray, ndarray, ndarray)
        Of each input: unit, link and label of the events that the host plays for it, one for each bus.
    slots : Slots
    labels : Labels
    inputs : dict of str to int
        Sizes of the inputs.
    """

    demands: tuple[Demand, ...]
    circuits: Mapping[str, Ints]
    written: Mapping[ProjectionKey, Written]
    played: Mapping[str, tuple[Ints, Ints, Ints]]
    slots: Slots
    labels: Labels
    inputs: Mapping[str, int]

    def configure(self, configuration: Configuration) -> None:
        """Write switches, labels, rows, masks and nodes; weights and analog values stay as they are."""
        _join(self, configuration)
        _route(self, configuration)

    def write_weights(self, configuration: Configuration, key: ProjectionKey, weights: NDArray[np.integer]) -> None:
        """Write whole, signed weights ``[pre, post]`` of a projection; refused as by `synapses`."""
        places, values = self.synapses(key, weights)
        configuration["synapse_weight"].reshape(-1)[places] = values

    def synapses(self, key: ProjectionKey, weights: NDArray[np.integer]) -> tuple[Ints, Ints]:
        """Synapses of a projection, flat over ``[hemisphere, row, column]``, and the weight of each.

        Raises
        ------
        PlacementError
            If one is larger than its parallel rows hold.
        """
        written = self.written[key]
        most = g.WEIGHT_MAX * written.rows
        if weights.size and int(np.abs(weights).max()) > most:
            raise PlacementError(
                f"weights of projection {key!r} must be within {most}, what {written.rows} parallel row(s) hold; got "
                f"{int(np.abs(weights).max())}; place it with more rows="
            )
        value = weights[written.pre, written.post]
        part = np.clip(np.abs(value) - g.WEIGHT_MAX * written.part, 0, g.WEIGHT_MAX)
        places = np.concatenate([written.excitatory, written.inhibitory])
        return places, np.concatenate([np.where(value > 0, part, 0), np.where(value < 0, part, 0)])

    def share_capacitance(self, configuration: Configuration, physics: Physics) -> None:
        """Take off the first circuit of a joined membrane the capacitance that the others add with theirs at 0.

        Raises
        ------
        PlacementError
            If it has not so much.
        """
        unit = physics.capacitance(1.0) - physics.capacitance(0.0)
        for demand in self.demands:
            own = self.circuits[demand.name]
            less = round((own.shape[1] - 1) * physics.capacitance_at_0 / unit)
            codes = configuration["membrane_capacitance_capacitance"][own[:, 0]] - less
            if codes.min() < 0:
                raise PlacementError(
                    f"a neuron of {demand.name!r} has {own.shape[1]} circuits, whose wires alone have more capacitance "
                    f"than the {int(codes.min()) + less} steps of a membrane: {less}; use fewer inputs or parallel rows"
                )
            configuration.set("membrane_capacitance_capacitance", codes, at=own[:, 0])

    def usage(self) -> Needs:
        """Of each resource, how much is used and how much there is; of buses the one with the least room left."""
        configuration = Configuration()
        self.configure(configuration)
        synapses = sum(2 * written.pre.size for written in self.written.values())
        return resources(self.demands, self.circuits, synapses, self.slots, self.labels, configuration)

    def by_population(self) -> list[OfPopulation]:
        """What each population takes."""
        return of_populations(self.demands, self.circuits, self.inputs, self.slots)

    def by_projection(self) -> list[OfProjection]:
        """What each projection takes."""
        return of_projections(self.demands, self.circuits, self.inputs, self.slots)


def place(network: Network, *, rows: Mapping[ProjectionKey, int] | int = 1, kept: tuple[int, ...] = ()) -> Placement:
    """Place a network on a chip.

    Parameters
    ----------
    network : Network
        Inputs, LIF and LI; no delays.
    rows : int or dict of projection to int
        Parallel rows of each synapse: with k of them weights reach 63 k.
    kept : tuple of int
        Circuits that are left alone.

    Returns
    -------
    Placement

    Raises
    ------
    PlacementError
        If it does not fit, or has what the chip does not; the message says what is needed and what there is.

    Examples
    --------
    >>> import numpy as np, saltation as sal
    >>> from saltation.bss2 import place
    >>> net = sal.Network()
    >>> _ = net.add("in", sal.Input(25)); _ = net.add("hid", sal.LIF(120)); _ = net.add("out", sal.LI(3))
    >>> _ = net.connect("in", "hid", weight=np.ones((25, 120))); _ = net.connect("hid", "out", weight=np.ones((120, 3)))
    >>> place(net).usage()["neuron circuits"]
    (123, 512)
    """
    if not isinstance(network, Network):
        raise PlacementError(f"place.network must be a Network; got {type(network).__name__}")
    check_rows(rows, network.projections)
    demands(network.populations, network.projections, rows)  # what no chip has is no matter of size
    try:
        return place_parts(network.populations, network.projections, rows, kept)
    except PlacementError as error:
        raise PlacementError(
            f"{error}; make it smaller, or leave it to Backend, which runs what is larger than a chip in parts"
        ) from error


def place_parts(
    populations: Mapping[str, Population],
    projections: Mapping[ProjectionKey, Projection],
    rows: Mapping[ProjectionKey, int] | int = 1,
    kept: tuple[int, ...] = (),
) -> Placement:
    """Place the populations and projections of a network, or of its plan; as `place`."""
    listed = demands(populations, projections, rows)
    circuits = place_columns(listed, kept)
    sizes = {name: population.size for name, population in populations.items()}
    inputs = [name for name, population in populations.items() if isinstance(population, Input)]
    slots = assign_slots(listed, circuits, sizes, inputs)
    labels = assign_labels(slots, inputs)
    written = {key: _written(each, key, circuits, slots) for each in listed for _, key, _ in each.sources}
    played = {name: _played(name, sizes[name], slots, labels) for name in inputs}
    return Placement(tuple(listed), circuits, written, played, slots, labels, {name: sizes[name] for name in inputs})


def _written(demand: Demand, key: ProjectionKey, circuits: Mapping[str, Ints], slots: Slots) -> Written:
    own = circuits[demand.name]
    pre_name, rows = next((pre, rows) for pre, other, rows in demand.sources if other == key)
    pre, post, part, place = [], [], [], []
    for slot in slots.of[demand.name]:
        if slot.source[0] != pre_name:
            continue
        neurons, column = _reached(own, slot)
        row = g.ROWS_PER_DRIVER * slot.driver
        pre.append(np.full(neurons.size, slot.source[1]))
        post.append(neurons)
        part.append(np.full(neurons.size, slot.row))
        place.append((slot.hemisphere * g.ROWS + row) * g.COLUMNS + column)
    excitatory = np.concatenate(place).astype(np.int64)
    units = [np.concatenate(each).astype(np.int64) for each in (pre, post, part)]
    return Written(units[0], units[1], units[2], excitatory, excitatory + g.COLUMNS, rows)


def _played(name: str, size: int, slots: Slots, labels: Labels) -> tuple[Ints, Ints, Ints]:
    units, links, played = [], [], []
    selects = {(slot.source, slot.bus): slot.select for listed in slots.of.values() for slot in listed}
    for unit in range(size):
        source = (name, unit)
        for i, bus in enumerate(sorted(slots.buses.get(source, ()))):
            select = selects[source, bus] if bus in labels.selected else 0
            units.append(unit)
            links.append((unit + i) % g.LINKS)
            played.append((bus << _BUS_SHIFT) | label_of(select, labels.of[source, bus]))
    return np.array(units, np.int64), np.array(links, np.int64), np.array(played, np.int64)


def _join(placement: Placement, configuration: Configuration) -> None:
    """Circuits joined to membranes; the first one of each keeps leak, capacitance, threshold and event output."""
    for demand in placement.demands:
        own = placement.circuits[demand.name]
        first = own[:, 0]
        configuration.set("threshold_enable", int(demand.spiking), at=first)
        configuration.set("event_routing_enable_digital", int(demand.spiking), at=first)
        if own.shape[1] == 1:
            continue
        others = own[:, 1:].reshape(-1)
        configuration.set("leak_enable", 0, at=others)
        configuration.set("membrane_capacitance_capacitance", 0, at=others)
        configuration.set("threshold_enable", 0, at=others)
        configuration.set("event_routing_enable_digital", 0, at=others)
        configuration.set("multicompartment_connect_vertical", 1, at=own[:, 0::2].reshape(-1))
        # top circuits of neighbouring columns; the last of each neuron has none of its own to its right
        configuration.set("multicompartment_connect_soma_right", 1, at=own[:, 0:-2:2].reshape(-1))


def _route(placement: Placement, configuration: Configuration) -> None:
    slots, labels = placement.slots, placement.labels
    nodes, masks, targets = (configuration[f"node_{name}"] for name in ("enable", "mask", "target"))
    for bus in range(g.BUSES):
        links = slice(FIRST_LINK_IN, FIRST_LINK_IN + g.LINKS)
        nodes[links, bus] = 1
        masks[links, bus], targets[links, bus] = 7 << _BUS_SHIFT, bus << _BUS_SHIFT
    for output in range(g.NEURON_OUTPUTS):
        for hemisphere in range(g.HEMISPHERES):
            bus = hemisphere * g.BUSES_PER_HEMISPHERE + output % g.BUSES_PER_HEMISPHERE
            nodes[output, bus] = 1
            masks[output, bus], targets[output, bus] = 1 << (6 + hemisphere), 0
        nodes[output, g.BUSES + output % g.LINKS] = 1
    _address(placement, configuration)
    for name, listed in slots.of.items():
        for slot in listed:
            row = g.ROWS_PER_DRIVER * slot.driver
            configuration["row_mode"][slot.hemisphere, row : row + 2] = EXCITATORY, INHIBITORY
            mask = g.SELECT_MAX if slot.bus in labels.selected else 0
            configuration["driver_select_mask"][slot.hemisphere, slot.driver] = mask
            _, column = _reached(placement.circuits[name], slot)
            configuration["synapse_label"][slot.hemisphere, row : row + 2, column] = labels.of[slot.source, slot.bus]


def _reached(circuits: Ints, slot: Slot) -> tuple[Ints, Ints]:
    """Neurons of a population that a slot reaches, and their columns there."""
    if circuits.shape[1] > 1:
        return np.arange(circuits.shape[0]), g.column_of(circuits[:, 2 * slot.column + slot.hemisphere])
    neurons = np.flatnonzero(g.hemisphere_of(circuits[:, 0]) == slot.hemisphere)
    return neurons, g.column_of(circuits[neurons, 0])


def _address(placement: Placement, configuration: Configuration) -> None:
    """Low bits of the labels of spikes: those of neurons that drive others, and any that are left for the rest."""
    used: dict[int, set[int]] = {}
    rest: list[int] = []
    for demand in placement.demands:
        if not demand.spiking:
            continue
        for unit, circuit in enumerate(placement.circuits[demand.name][:, 0].tolist()):
            buses = placement.slots.buses.get((demand.name, unit), set())
            if not buses:
                rest.append(circuit)
                continue
            top, bottom = (any(g.hemisphere_of_bus(bus) == h for bus in buses) for h in range(g.HEMISPHERES))
            label = placement.labels.of[(demand.name, unit), min(buses)]
            address = address_bits(label, top, bottom)
            configuration["event_routing_address"][circuit] = address
            used.setdefault(g.output_of(circuit), set()).add(address)
    for circuit in rest:
        mine = used.setdefault(g.output_of(circuit), set())
        address = next(a for a in (address_bits(i, False, False) for i in range(LABELS)) if a not in mine)
        mine.add(address)
        configuration["event_routing_address"][circuit] = address
