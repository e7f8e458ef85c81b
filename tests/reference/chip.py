"""Membranes and wires for the kernels of the chip, put together by hand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saltation.bss2 import geometry as g
from saltation.bss2.circuits import Analog
from saltation.kernels.chip import records as r
from saltation.kernels.chip.records import Wires


def plain(n: int, **values: Any) -> Analog:
    """Membranes of one circuit each, with plain values where none are given."""
    given = {
        "tau_mem": 10e-6,
        "tau_reset": 0.5e-6,
        "leak": 0.42,
        "reset": 0.42,
        "threshold": math.inf,
        "hold": 2e-6,
        "noise": 0.0,
        "passes": True,
        "kick": 0.0,
        "kick_at": 0.7,
        "kick_slope": 22.5e-3,
        "kick_limit": 1e6,
        "tau_adapt": 100e-6,
        "adapt_a": 0.0,
        "adapt_b": 0.0,
        "adapt_level": 0.42,
    }
    inputs = {"tau_syn": 10e-6, "drive": 1e5, "reach": 0.0, "reference": 0.42}
    arrays: dict[str, Any] = {}
    for table, shape in ((given, (n,)), (inputs, (2, n))):
        for name, value in table.items():
            arrays[name] = np.array(np.broadcast_to(values.get(name, value), shape))
    return Analog(**arrays, first=np.arange(n + 1))


@dataclass(frozen=True, slots=True)
class Synapses:
    """Synapses that an address reaches through one driver: circuits, receptors (0, 1), and charges in saturations."""

    driver: int
    circuit: np.ndarray
    receptor: np.ndarray
    charge: np.ndarray


def make_wires(
    addresses: Sequence[tuple[int, Sequence[Synapses]]],
    output: np.ndarray,
    link: np.ndarray,
    routes: Sequence[np.ndarray],
    plasticity: np.ndarray | None = None,
) -> Wires:
    """Pack addresses, each with its bus and its synapses by driver, and where the spikes of each membrane go."""
    groups = [group for _, listeners in addresses for group in listeners]
    empty = np.empty(0, np.int64)

    def joined(parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([empty, *parts]).astype(np.int64)

    def starts(sizes: list[int]) -> np.ndarray:
        return np.cumsum([0, *sizes]).astype(np.int64)

    return Wires(
        np.array([bus for bus, _ in addresses], np.int64),
        starts([len(listeners) for _, listeners in addresses]),
        np.array([group.driver for group in groups], np.int64),
        np.ones(len(groups)),
        starts([group.circuit.size for group in groups])[:-1],
        starts([group.circuit.size for group in groups])[1:],
        joined([group.circuit for group in groups]),
        joined([group.receptor for group in groups]),
        np.concatenate([np.empty(0), *(group.charge for group in groups)]),
        np.asarray(output, np.int64),
        np.asarray(link, np.int64),
        starts([len(route) for route in routes]),
        joined(list(routes)),
        np.zeros((g.HEMISPHERES * g.DRIVERS, r.STP_ROWS)) if plasticity is None else plasticity,
    )
