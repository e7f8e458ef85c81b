"""Addresses and what listens to them, as the flat arrays of the kernels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.physics import Physics
from saltation.bss2.variation import Noise
from saltation.kernels.chip import records as r
from saltation.kernels.chip.records import Timing, Wires

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Gates: what carries one event at a time.
FIRST_OUTPUT = g.BUSES
FIRST_LINK = FIRST_OUTPUT + g.NEURON_OUTPUTS
GATES = FIRST_LINK + g.LINKS


@final
@dataclass(frozen=True, slots=True)
class Synapses:
    """Synapses that an address reaches through one driver: circuits, receptors (0, 1), and charges in saturations."""

    driver: int
    circuit: Ints
    receptor: Ints
    charge: Floats


def make_wires(
    addresses: Sequence[tuple[int, Sequence[Synapses]]],
    output: Ints,
    link: Ints,
    routes: Sequence[Ints],
    plasticity: Floats | None = None,
) -> Wires:
    """Pack addresses, each with its bus and its synapses by driver, and where the spikes of each membrane go."""
    groups = [group for _, listeners in addresses for group in listeners]
    empty = np.empty(0, np.int64)

    def joined(parts: list[Ints]) -> Ints:
        return np.concatenate([empty, *parts]).astype(np.int64)

    def starts(sizes: list[int]) -> Ints:
        return np.cumsum([0, *sizes]).astype(np.int64)

    return Wires(
        np.array([bus for bus, _ in addresses], np.int64),
        starts([len(listeners) for _, listeners in addresses]),
        np.array([group.driver for group in groups], np.int64),
        starts([group.circuit.size for group in groups]),
        joined([group.circuit for group in groups]),
        joined([group.receptor for group in groups]),
        np.concatenate([np.empty(0), *(group.charge for group in groups)]),
        np.asarray(output, np.int64),
        np.asarray(link, np.int64),
        starts([len(route) for route in routes]),
        joined(list(routes)),
        np.zeros((g.HEMISPHERES * g.DRIVERS, r.STP_ROWS)) if plasticity is None else plasticity,
    )


def timing_of(physics: Physics, noise: Noise) -> Timing:
    """Constants of the digital part."""
    return Timing(
        physics.link_period,
        physics.link_depth * physics.link_period,
        physics.route_delay,
        physics.comparator_delay,
        noise.jitter,
        g.TICK,
    )
