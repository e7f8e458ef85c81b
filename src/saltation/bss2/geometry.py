"""What there is on a chip and how much of it: numbers of circuits, rows, buses and codes.

Source of all of it: the public headers of ``halco`` and ``haldls`` (the coordinate system and the register model of
BrainScaleS-2), unless a comment names another.
"""

from typing import Any, Final

HEMISPHERES: Final = 2
"""Top (0) and bottom (1): each has a row of neuron circuits, a synapse array, a processor and a column ADC."""

COLUMNS: Final = 256
"""Neuron circuits of a hemisphere; a synapse of column c drives the circuit of column c."""

CIRCUITS: Final = HEMISPHERES * COLUMNS
"""Neuron circuits of a chip; circuit ``hemisphere * 256 + column``."""

ROWS: Final = 256
"""Rows of a synapse array."""

ROWS_PER_DRIVER: Final = 2
DRIVERS: Final = ROWS // ROWS_PER_DRIVER
"""Synapse drivers of a hemisphere; driver d serves rows 2d and 2d + 1."""

BUSES_PER_HEMISPHERE: Final = 4
BUSES: Final = HEMISPHERES * BUSES_PER_HEMISPHERE
"""PADI buses; bus ``hemisphere * 4 + b`` feeds the drivers ``d`` with ``d % 4 == b`` of its hemisphere, 32 of them
(pynn-brainscales at fd4f926, ``utils/chip_plotter.py``, which sorts rows so)."""

DRIVERS_PER_BUS: Final = DRIVERS // BUSES_PER_HEMISPHERE
ROWS_PER_BUS: Final = DRIVERS_PER_BUS * ROWS_PER_DRIVER

WEIGHT_MAX: Final = 63
LABEL_MAX: Final = 63
LABEL_BITS: Final = 6
SELECT_MAX: Final = 31
"""Largest row-select address: 5 bits, the driver's position on its bus."""

PULSE_MASK: Final = 31
PULSE_STEPS: Final = PULSE_MASK + 1
"""A driver in matrix mode makes of the low 5 bits of a label a pulse of ``32 - bits`` steps (``grenade``)."""

HAGEN_OFFSET_MAX: Final = 63
HAGEN_CENTRE: Final = 32
"""Code of a driver's pulse at which it is neither made longer nor shorter; which one it is is assumed."""

NEURON_LABEL_MAX: Final = (1 << 14) - 1
"""Largest label that a crossbar node filters; bits 0-5 synapse label, 6-10 row select."""

NEURON_OUTPUTS: Final = 8
"""Event outputs of the neurons, each shared by 64 circuits."""

COLUMNS_PER_OUTPUT: Final = COLUMNS // NEURON_OUTPUTS
"""Columns of both hemispheres that share an event output."""
LINKS: Final = 4
"""L2 links for events from and to the host side, each way."""

SOURCES: Final = 8
"""Background sources."""

CODE_MAX: Final = 1022
"""Largest code of the 10-bit capacitor memory; 1023 would switch its refresh off."""

QUADRANTS: Final = 4
CIRCUITS_PER_QUADRANT: Final = CIRCUITS // QUADRANTS
"""Left and right half of the top, then of the bottom; each has a capacitor memory of its own, with 24 codes a neuron
and those that the quadrant shares."""

CAPACITANCE_MAX: Final = 63

CADC_MAX: Final = 255
CADC_SRAM_SAMPLES: Final = 100
"""Samples of a recording in the fast store (``grenade``, ``ppu.h``)."""
CADC_DRAM_SAMPLES: Final = 204_800
"""Samples of a recording in the slow store (``grenade``, ``ppu.h``)."""
MADC_MAX: Final = 1023
MADC_SAMPLES: Final = 65_535
MADC_INPUTS: Final = 2
"""The MADC samples at most one circuit of an even and one of an odd column."""

COUNTS: Final = 256
"""The counter of a circuit has 8 bits, and begins again at 0."""

TICK: Final = 8e-9
"""Seconds of a time stamp: the FPGA's timer runs at 125 MHz."""


CLOCK: Final = 250e6
"""Cycles a second of the clock from which those of the neurons are divided."""


def divided_period(scale: Any) -> Any:
    """Seconds of a clock that is divided by ``2^(scale + 1)``."""
    return 2.0 ** (scale + 1) / CLOCK


def hemisphere_of(circuit: Any) -> Any:
    """Hemisphere of a circuit, or of an array of them."""
    return circuit // COLUMNS


def column_of(circuit: Any) -> Any:
    """Column of a circuit, or of an array of them."""
    return circuit % COLUMNS


def quadrant_of(circuit: Any) -> Any:
    """Quadrant of a circuit, or of an array of them."""
    return circuit // CIRCUITS_PER_QUADRANT


def output_of(circuit: Any) -> Any:
    """Event output of a circuit, or of an array of them.

    That 64 circuits share one is known, that they are neighbours is assumed.
    """
    return column_of(circuit) // COLUMNS_PER_OUTPUT


def hemisphere_of_bus(bus: int) -> int:
    """Hemisphere of a bus."""
    return bus // BUSES_PER_HEMISPHERE


def bus_of_row(hemisphere: int, row: int) -> int:
    """PADI bus that feeds a row."""
    return hemisphere * BUSES_PER_HEMISPHERE + (row // ROWS_PER_DRIVER) % BUSES_PER_HEMISPHERE


def select_of_row(row: int) -> int:
    """Row-select address of a row's driver: its position on its bus."""
    return row // ROWS_PER_DRIVER // BUSES_PER_HEMISPHERE
