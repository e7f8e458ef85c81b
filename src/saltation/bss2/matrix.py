"""The synapse arrays as the kernels read them: for each address the synapses that match, with their charges.

Which synapses match depends on labels, rows and masks, which stay as they are while weights are trained; so that is
found out once, and weights are filled in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration
from saltation.bss2.crossbar import Address, listening
from saltation.bss2.physics import Physics
from saltation.bss2.registers import DISABLED, INHIBITORY
from saltation.kernels.chip import records as r

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Hidden = Mapping[str, Floats]

_ROWS = np.arange(g.ROWS_PER_DRIVER)


@final
@dataclass(frozen=True, slots=True)
class Matches:
    """Synapses that each address reaches, by the driver through which it does.

    Attributes
    ----------
    bus : ndarray of int, [address]
    segment : ndarray of int, [address + 1]
        Where the drivers of an address begin among all.
    driver : ndarray of int, [segment]
        Driver of the chip, ``hemisphere * 128 + driver``.
    owner : ndarray of int, [entry]
        Segment of a synapse.
    place : ndarray of int, [entry]
        Synapse, flat over ``[hemisphere, row, column]``.
    circuit, receptor : ndarray of int, [entry]
        Circuit among those of the run, and its input.
    """

    bus: Ints
    segment: Ints
    driver: Ints
    owner: Ints
    place: Ints
    circuit: Ints
    receptor: Ints


def find_matches(configuration: Configuration, addresses: Sequence[Address], place_of: Ints) -> Matches:
    """Synapses that match, on circuits that take part in the run (``place_of`` is not negative there)."""
    labels, modes = configuration["synapse_label"], configuration["row_mode"]
    takes_part = place_of.reshape(g.HEMISPHERES, g.COLUMNS)
    drivers: list[int] = []
    counts: list[int] = []
    places: list[Ints] = []
    owners: list[Ints] = []
    for address in addresses:
        hemisphere = g.hemisphere_of_bus(address.bus)
        own = listening(configuration, address)
        rows = own[:, None] * g.ROWS_PER_DRIVER + _ROWS
        match = (labels[hemisphere, rows] == address.label) & (modes[hemisphere, rows] != DISABLED)[:, :, None]
        match &= takes_part[hemisphere] >= 0
        which, row, column = np.nonzero(match)
        used, which = np.unique(which, return_inverse=True)
        owners.append(len(drivers) + which)
        drivers += (hemisphere * g.DRIVERS + own[used]).tolist()
        counts.append(used.size)
        places.append((hemisphere * g.ROWS + rows[used[which], row]) * g.COLUMNS + column)
    empty = np.empty(0, np.int64)
    place = np.concatenate([empty, *places])
    hemisphere, rest = np.divmod(place, g.ROWS * g.COLUMNS)
    row, column = np.divmod(rest, g.COLUMNS)
    receptor = (modes[hemisphere, row] == INHIBITORY).astype(np.int64)
    return Matches(
        np.array([address.bus for address in addresses], np.int64),
        np.cumsum([0, *counts]).astype(np.int64),
        np.array(drivers, np.int64),
        np.concatenate([empty, *owners]),
        place,
        takes_part[hemisphere, column].astype(np.int64),
        receptor,
    )


@final
@dataclass(frozen=True, slots=True)
class Gains:
    """What a weight is worth, for each synapse that matches: ``[entry]``.

    ``q = (w f + o) g``,  ``g = d b / (600 u_sat)``: weight, factor and offset of the synapse, factor of the driver,
    bias of the quadrant's converters; in saturations of the line.
    """

    factor: Floats
    offset: Floats
    gain: Floats


def gains_of(codes: Hidden, hidden: Hidden, physics: Physics, place: Ints) -> Gains:
    """What stays while weights are trained."""
    hemisphere, rest = np.divmod(place, g.ROWS * g.COLUMNS)
    row, column = np.divmod(rest, g.COLUMNS)
    quadrant = g.quadrant_of(hemisphere * g.COLUMNS + column)
    bias = codes["synapse_dac_bias"][quadrant] / (physics.dac_reference * physics.line_saturation)
    driver = hidden["driver"][hemisphere, row // g.ROWS_PER_DRIVER]
    return Gains(hidden["synapse"].reshape(-1)[place], hidden["synapse_offset"].reshape(-1)[place], driver * bias)


def charges(configuration: Configuration, gains: Gains, place: Ints) -> Floats:
    """Charges of synapses; none where the weight is 0."""
    weight = configuration["synapse_weight"].reshape(-1)[place]
    strong = np.maximum(weight * gains.factor + gains.offset, 0.0) * gains.gain
    strong[weight == 0] = 0.0
    return strong


@final
@dataclass(frozen=True, slots=True)
class Filled:
    """The part of `Wires` that depends on weights."""

    segment: Ints
    driver: Ints
    entry: Ints
    circuit: Ints
    receptor: Ints
    charge: Floats


def fill(matches: Matches, charge: Floats) -> Filled:
    """Synapses that match and do something."""
    there = charge > 0.0
    counts = np.bincount(matches.owner[there], minlength=matches.driver.size)
    return Filled(
        matches.segment,
        matches.driver,
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        matches.circuit[there],
        matches.receptor[there],
        charge[there],
    )


def plasticity_of(configuration: Configuration, physics: Physics) -> Floats:
    """Short-term plasticity of the drivers, for the kernels: ``[driver, STP_ROWS]``.

    The strength goes from 1 at rest towards ``1 + (recover - charge) / stp_range``, not below 0, by
    ``utilization / stp_utilization`` of the way in each event, and recovers with ``stp_recovery 2^recovery``.
    """
    result = np.zeros((g.HEMISPHERES * g.DRIVERS, r.STP_ROWS))
    chosen = configuration["driver_stp_set"].reshape(-1)
    quadrant = np.repeat(np.arange(g.HEMISPHERES), g.DRIVERS) * 2
    charge = np.where(chosen, configuration["stp_v_charge_1"][quadrant], configuration["stp_v_charge_0"][quadrant])
    recover = np.where(chosen, configuration["stp_v_recover_1"][quadrant], configuration["stp_v_recover_0"][quadrant])
    on = configuration["driver_enable_stp"].reshape(-1)
    result[:, r.STP_USE] = on * configuration["driver_utilization"].reshape(-1) / physics.stp_utilization
    result[:, r.STP_RATE] = 1.0 / (physics.stp_recovery * 2.0 ** configuration["driver_recovery"].reshape(-1))
    result[:, r.STP_REST] = 1.0
    result[:, r.STP_CHARGED] = np.maximum(0.0, 1.0 + (recover - charge) / physics.stp_range)
    return result
