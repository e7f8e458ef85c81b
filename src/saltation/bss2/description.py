"""What a chip has, and what a configuration makes use of: counts by part, and as text."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.joining import joined
from saltation.bss2.registers import (
    ANALOG,
    DISABLED,
    EXCITATORY,
    INHIBITORY,
    POISSON,
    REGISTERS,
    node_exists,
)

Ints = NDArray[np.int32]
Registers = Mapping[str, Ints]

WIDTH = 100
_HALVES = ("top", "bottom")
_LINKS = slice(g.NEURON_OUTPUTS, g.NEURON_OUTPUTS + g.LINKS)


class Resource(NamedTuple):
    """A kind of part of a chip: how many there are, how many are in use, and what is said of these."""

    name: str
    there: int
    used: int
    note: str = ""


def resources_of(registers: Registers, recorded: Mapping[str, npt.ArrayLike] | None = None) -> list[Resource]:
    """Parts of a chip and how many of each a configuration uses.

    Parameters
    ----------
    registers : Configuration
        What is written.
    recorded : dict of str to array_like of int, optional
        Circuits that each kind of converter records.

    Returns
    -------
    list of Resource
        A circuit is in use if its membrane can spike, has a synapse, or is recorded; a synapse if its weight is not 0
        and its row is on; a driver or a bus if one of its rows is.
    """
    recorded = {} if recorded is None else recorded
    return [
        *_neurons(registers, recorded),
        *_synapses(registers),
        *_crossbar(registers),
        _sources(registers),
        *_converters(registers, recorded),
    ]


def describe(registers: Registers, recorded: Mapping[str, npt.ArrayLike] | None = None) -> str:
    """Write what a configuration uses of a chip, and the registers in which it differs from one after a reset."""
    found = resources_of(registers, recorded)
    rows = [("", "there", "in use", ""), *((p.name, str(p.there), str(p.used), p.note) for p in found)]
    name, there, used = (max(len(row[i]) for row in rows) for i in range(3))
    lines: list[str] = []
    for row in rows:
        head = f"{row[0]:<{name}}  {row[1]:>{there}}  {row[2]:>{used}}"
        room = textwrap.wrap(row[3], WIDTH - len(head) - 3) or [""]
        starts = [head] + [" " * len(head)] * (len(room) - 1)
        lines += [f"{start}   {text}".rstrip() for start, text in zip(starts, room, strict=True)]
    return "\n".join([*lines, "", *_registers(registers)])


def differing(registers: Registers) -> dict[str, int]:
    """Number of places of each register that differ from its default; only of those that do."""
    found = {name: int((registers[name] != each.default).sum()) for name, each in REGISTERS.items()}
    return {name: n for name, n in found.items() if n}


def _registers(registers: Registers) -> list[str]:
    changed = differing(registers)
    if not changed:
        return ["all registers are as after a reset"]
    lines: list[str] = []
    for title, names in (
        ("analog registers that differ from a reset, in so many places", [name for name in changed if name in ANALOG]),
        ("digital registers that do", [name for name in changed if name not in ANALOG]),
    ):
        text = ", ".join(f"{name} {changed[name]}" for name in names) or "none"
        lines += [f"{title}:", *textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    return lines


def circuits_in_use(registers: Registers, recorded: Mapping[str, npt.ArrayLike] | None = None) -> NDArray[np.bool_]:
    """Circuits ``[512]`` of membranes that can spike, have a synapse, or are recorded."""
    own = (registers["threshold_enable"] == 1) | synapses_in_use(registers).any(axis=1).reshape(-1)
    own |= registers["readout_enable_madc"] == 1
    for circuits in ({} if recorded is None else recorded).values():
        own[np.asarray(circuits)] = True
    roots = joined(registers)
    return np.isin(roots, roots[own])


def synapses_in_use(registers: Registers) -> NDArray[np.bool_]:
    """Synapses ``[hemisphere, row, column]`` with a weight, in rows that are on."""
    return (registers["synapse_weight"] > 0) & (registers["row_mode"] != DISABLED)[:, :, None]


def drivers_in_use(registers: Registers) -> NDArray[np.bool_]:
    """Drivers ``[hemisphere, driver]`` of which a row is on."""
    return (registers["row_mode"] != DISABLED).reshape(g.HEMISPHERES, g.DRIVERS, g.ROWS_PER_DRIVER).any(axis=2)


def _neurons(registers: Registers, recorded: Mapping[str, npt.ArrayLike]) -> list[Resource]:
    used, roots = circuits_in_use(registers, recorded), joined(registers)
    membranes, sizes = np.unique(roots[used], return_counts=True)
    threshold, sends = (registers[name] == 1 for name in ("threshold_enable", "event_routing_enable_digital"))
    spiking = np.unique(roots[threshold]).size
    note = ""
    if used.any():
        note = f"{membranes.size} membranes"
        if sizes.max() > 1:
            note += f" of up to {sizes.max()} circuits"
        note += f", {spiking} can spike, {np.unique(roots[threshold & sends]).size} send their spikes"
    outputs = np.unique(g.output_of(np.flatnonzero(threshold & sends)))
    return [
        Resource("neuron circuits", g.CIRCUITS, int(used.sum()), note),
        Resource("event outputs of circuits", g.NEURON_OUTPUTS, outputs.size),
    ]


def _synapses(registers: Registers) -> list[Resource]:
    used, mode = synapses_in_use(registers), registers["row_mode"]
    weight = registers["synapse_weight"]
    notes: list[str] = []
    for name, wanted in (("excitatory", EXCITATORY), ("inhibitory", INHIBITORY)):
        own = used & (mode == wanted)[:, :, None]
        if own.any():
            notes.append(f"{int(own.sum())} {name} of {weight[own].min()}..{weight[own].max()}")
    idle = int(((weight > 0) & ~used).sum())
    if idle:
        notes.append(f"{idle} more have a weight in a disabled row")
    rows = [
        f"{half} {int((mode[h] == EXCITATORY).sum())} excitatory, {int((mode[h] == INHIBITORY).sum())} inhibitory"
        for h, half in enumerate(_HALVES)
        if (mode[h] != DISABLED).any()
    ]
    drivers = drivers_in_use(registers)
    plastic = int((drivers & (registers["driver_enable_stp"] == 1)).sum())
    selecting = int((drivers & (registers["driver_select_mask"] > 0)).sum())
    told = [f"{n} {what}" for n, what in ((selecting, "compare the row select"), (plastic, "change by use")) if n]
    buses = [bus for bus in range(g.BUSES) if _drivers_of_bus(drivers, bus).any()]
    return [
        Resource("synapses", g.CIRCUITS * g.ROWS, int(used.sum()), ", ".join(notes)),
        Resource("synapse rows", g.HEMISPHERES * g.ROWS, int((mode != DISABLED).sum()), "; ".join(rows)),
        Resource("synapse drivers", g.HEMISPHERES * g.DRIVERS, int(drivers.sum()), ", ".join(told)),
        Resource("buses to drivers", g.BUSES, len(buses)),
    ]


def _drivers_of_bus(drivers: NDArray[np.bool_], bus: int) -> NDArray[np.bool_]:
    hemisphere, own = divmod(bus, g.BUSES_PER_HEMISPHERE)
    return drivers[hemisphere, own :: g.BUSES_PER_HEMISPHERE]


def _crossbar(registers: Registers) -> list[Resource]:
    node = registers["node_enable"] == 1
    there = sum(node_exists(source, target) for source in range(node.shape[0]) for target in range(node.shape[1]))
    groups = (
        ("from circuits", node[: g.NEURON_OUTPUTS]),
        ("from the host", node[_LINKS]),
        ("from background sources", node[_LINKS.stop :]),
    )
    note = ", ".join(f"{int(own.sum())} {name}" for name, own in groups if own.any())
    return [
        Resource("crossbar nodes", there, int(node.sum()), note),
        Resource("links from the host", g.LINKS, int(node[_LINKS].any(axis=1).sum())),
        Resource("links to the host", g.LINKS, int(node[:, g.BUSES :].any(axis=0).sum())),
    ]


def _sources(registers: Registers) -> Resource:
    on = registers["source_enable"] == 1
    poisson = int((on & (registers["source_mode"] == POISSON)).sum())
    regular = int(on.sum()) - poisson
    note = ", ".join(f"{n} {what}" for n, what in ((regular, "regular"), (poisson, "Poisson")) if n)
    return Resource("background sources", g.SOURCES, int(on.sum()), note)


def _converters(registers: Registers, recorded: Mapping[str, npt.ArrayLike]) -> list[Resource]:
    columns = np.unique(np.asarray(recorded.get("Cadc", ()), np.int64))
    connected = np.union1d(
        np.flatnonzero(registers["readout_enable_madc"]), np.asarray(recorded.get("Madc", ()), np.int64)
    )
    offsets = int((registers["cadc_offset"] != 0).sum())
    notes = [f"{offsets} offsets set"] if offsets else []
    notes += [f"{_HALVES[h]} reads the reference" for h in np.flatnonzero(registers["cadc_enable_reference"]).tolist()]
    circuits = f"circuits {_listed(connected.tolist())}" if connected.size else ""
    return [
        Resource("columns of the CADC", g.CIRCUITS, columns.size, ", ".join(notes)),
        Resource("inputs of the MADC", g.MADC_INPUTS, connected.size, circuits),
    ]


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
