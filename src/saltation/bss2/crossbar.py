"""Where an event goes: through the nodes of the crossbar to buses, and on each bus to the drivers that listen.

An event has a 14-bit label: bits 0-5 are compared with the label of each synapse, bits 6-10 with the position of each
driver on its bus.  A spike has the low 8 bits from its circuit; bits 8-10 are the number of its event output (that the
hardware fills them is known, that it is with this number is assumed).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration

Ints = NDArray[np.int64]

FIRST_LINK_IN = g.NEURON_OUTPUTS
FIRST_SOURCE = FIRST_LINK_IN + g.LINKS
INPUTS = FIRST_SOURCE + g.SOURCES


class Address(NamedTuple):
    """What a bus carries: a row select and a synapse label."""

    bus: int
    select: int
    label: int


def label_of_spike(configuration: Configuration, circuit: int) -> int:
    """Label of the spikes of a circuit."""
    return (g.output_of(circuit) << 8) | int(configuration["event_routing_address"][circuit])


def label_of(select: int, label: int) -> int:
    """Label of an event with a row select and a synapse label."""
    return (select << g.LABEL_BITS) | label


def passes(configuration: Configuration, source: int, target: int, label: int) -> bool:
    """Whether a node is open for a label."""
    if not configuration["node_enable"][source, target]:
        return False
    return (label & int(configuration["node_mask"][source, target])) == int(
        configuration["node_target"][source, target]
    )


def buses_of(configuration: Configuration, source: int, label: int) -> list[Address]:
    """Addresses that an event of an input of the crossbar has on the buses that it reaches."""
    select, synapse = (label >> g.LABEL_BITS) & g.SELECT_MAX, label & g.LABEL_MAX
    return [Address(bus, select, synapse) for bus in range(g.BUSES) if passes(configuration, source, bus, label)]


def links_of(configuration: Configuration, source: int, label: int) -> list[int]:
    """Links to the host that an event of an input of the crossbar reaches."""
    return [link for link in range(g.LINKS) if passes(configuration, source, g.BUSES + link, label)]


def listening(configuration: Configuration, address: Address) -> Ints:
    """Drivers of a bus that take an address, as drivers of their hemisphere."""
    hemisphere, bus = divmod(address.bus, g.BUSES_PER_HEMISPHERE)
    position = np.arange(g.DRIVERS_PER_BUS)
    driver = position * g.BUSES_PER_HEMISPHERE + bus
    mask = configuration["driver_select_mask"][hemisphere, driver]
    return driver[((address.select ^ position) & mask) == 0]
