"""The synapse arrays as the kernels read them: for each address the synapses that match, with their charges.

Which synapses match depends on labels, rows and masks, which stay as they are while weights are trained; so that is
found out once, and weights are filled in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, final

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

    A *block* is the synapses of a driver that match.  One that makes pulses of several lengths has one block for all
    labels that differ in nothing else.

    Attributes
    ----------
    bus : ndarray of int, [address]
    segment : ndarray of int, [address + 1]
        Where the drivers of an address begin among all.
    driver : ndarray of int, [segment]
        Driver of the chip, ``hemisphere * 128 + driver``.
    steps : ndarray of int, [segment]
        Steps of the pulse's length, 1 to 32; 0 where it is always the same.
    block : ndarray of int, [segment]
    owner : ndarray of int, [entry]
        Block of a synapse.
    place : ndarray of int, [entry]
        Synapse, flat over ``[hemisphere, row, column]``.
    circuit, receptor : ndarray of int, [entry]
        Circuit among those of the run, and its input.
    """

    bus: Ints
    segment: Ints
    driver: Ints
    steps: Ints
    block: Ints
    owner: Ints
    place: Ints
    circuit: Ints
    receptor: Ints


def find_matches(configuration: Configuration, addresses: Sequence[Address], place_of: Ints) -> Matches:
    """Synapses that match, on circuits that take part in the run (``place_of`` is not negative there)."""
    finder = _Finder(configuration, place_of)
    # what addresses share is found once: with pulses there are 31 labels to each
    shared: dict[Address, Found] = {}
    parts: list[Found] = []
    counts, steps = [], []
    for address in addresses:
        parts.append(finder.find(address, pulsed=False))
        counts.append(parts[-1].driver.size)
        steps += [0] * counts[-1]
        if finder.any_pulsed:
            alike = address._replace(label=address.label & ~g.PULSE_MASK)
            if alike not in shared:
                shared[alike] = finder.find(alike, pulsed=True)
            parts.append(shared[alike])
            counts[-1] += parts[-1].driver.size
            steps += [g.PULSE_STEPS - (address.label & g.PULSE_MASK)] * parts[-1].driver.size
    empty = np.empty(0, np.int64)
    place = np.concatenate([empty, *finder.places])
    hemisphere, rest = np.divmod(place, g.ROWS * g.COLUMNS)
    row, column = np.divmod(rest, g.COLUMNS)
    receptor = (configuration["row_mode"][hemisphere, row] == INHIBITORY).astype(np.int64)
    return Matches(
        np.array([address.bus for address in addresses], np.int64),
        np.cumsum([0, *counts]).astype(np.int64),
        np.concatenate([empty, *(part.driver for part in parts)]),
        np.array(steps, np.int64),
        np.concatenate([empty, *(part.block for part in parts)]),
        np.concatenate([empty, *finder.owners]),
        place,
        place_of.reshape(g.HEMISPHERES, g.COLUMNS)[hemisphere, column].astype(np.int64),
        receptor,
    )


class Found(NamedTuple):
    """Drivers that an address reaches, and the block of each."""

    driver: Ints
    block: Ints


@final
class _Finder:
    """Blocks, each made once, and the synapses in them."""

    def __init__(self, configuration: Configuration, place_of: Ints) -> None:
        self._configuration = configuration
        self._takes_part = place_of.reshape(g.HEMISPHERES, g.COLUMNS) >= 0
        self._pulsed = configuration["driver_enable_hagen_modulation"] == 1
        self.any_pulsed = bool(self._pulsed.any())
        self._blocks = 0
        self.places: list[Ints] = []
        self.owners: list[Ints] = []

    def find(self, address: Address, *, pulsed: bool) -> Found:
        """What an address reaches of the drivers that make pulses of several lengths, or of those that do not."""
        labels, modes = self._configuration["synapse_label"], self._configuration["row_mode"]
        hemisphere = g.hemisphere_of_bus(address.bus)
        own = listening(self._configuration, address)
        own = own[self._pulsed[hemisphere, own] == pulsed]
        if not own.size:
            return NOTHING
        rows = own[:, None] * g.ROWS_PER_DRIVER + _ROWS
        compared = labels[hemisphere, rows] & ~g.PULSE_MASK if pulsed else labels[hemisphere, rows]
        match = (compared == address.label) & (modes[hemisphere, rows] != DISABLED)[:, :, None]
        match &= self._takes_part[hemisphere]
        which, row, column = np.nonzero(match)
        used, which = np.unique(which, return_inverse=True)
        self.owners.append(self._blocks + which)
        self.places.append((hemisphere * g.ROWS + rows[used[which], row]) * g.COLUMNS + column)
        blocks = self._blocks + np.arange(used.size)
        self._blocks += used.size
        return Found(hemisphere * g.DRIVERS + own[used], blocks)


_NONE = np.empty(0, np.int64)
NOTHING = Found(_NONE, _NONE)


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

    begin: Ints
    end: Ints
    circuit: Ints
    receptor: Ints
    charge: Floats


def fill(matches: Matches, charge: Floats) -> Filled:
    """Synapses that match and do something."""
    there = charge > 0.0
    blocks = int(matches.block.max()) + 1 if matches.block.size else 0
    stops = np.cumsum(np.bincount(matches.owner[there], minlength=blocks))
    starts = np.concatenate([[0], stops])
    return Filled(
        starts[matches.block].astype(np.int64),
        stops[matches.block].astype(np.int64),
        matches.circuit[there],
        matches.receptor[there],
        charge[there],
    )


def pulses(configuration: Configuration, hidden: Hidden, physics: Physics, matches: Matches) -> Floats:
    """Strength of a driver for an address, by the length of its pulse: ``[segment]``.

    ``p s (n + o + o_c (c - 32))``, not below 0, of a pulse of ``n`` steps: the part of a usual pulse that a step is,
    factor and offset of the driver, and its code.  It is 1 where all pulses are alike.
    """
    code = configuration["driver_hagen_dac_offset"].reshape(-1)[matches.driver]
    offset = hidden["hagen_offset"].reshape(-1)[matches.driver]
    offset = offset + physics.hagen_offset_per_code * (code - g.HAGEN_CENTRE)
    slope = physics.hagen_pulse * hidden["hagen_slope"].reshape(-1)[matches.driver]
    return np.where(matches.steps > 0, slope * np.maximum(matches.steps + offset, 0.0), 1.0)


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
    # the circuit of the short-term plasticity makes the lengths of pulses where they differ
    pulsed = configuration["driver_enable_hagen_modulation"].reshape(-1)
    on = configuration["driver_enable_stp"].reshape(-1) & (1 - pulsed)
    result[:, r.STP_USE] = on * configuration["driver_utilization"].reshape(-1) / physics.stp_utilization
    result[:, r.STP_RATE] = 1.0 / (physics.stp_recovery * 2.0 ** configuration["driver_recovery"].reshape(-1))
    result[:, r.STP_REST] = 1.0
    result[:, r.STP_CHARGED] = np.maximum(0.0, 1.0 + (recover - charge) / physics.stp_range)
    return result
