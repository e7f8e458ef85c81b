"""How a matrix lies on a chip, and how vectors are played to it: registers, labels and times.

Input ``i`` of a hemisphere has driver ``i``: its first row inhibits, its second one excites (``grenade``).  Label bits
0-4 are ``32 - activation``, bit 5 is compared with synapses, bits 6-10 are the position of the driver on its bus, and
bits 11-13, which nothing else uses here, choose the bus.  Each hemisphere has a link of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration
from saltation.bss2.crossbar import FIRST_LINK_IN
from saltation.bss2.mac.unit import Tile
from saltation.bss2.readout import Cadc
from saltation.bss2.registers import EXCITATORY, INHIBITORY
from saltation.bss2.section import ChipEvents, Section

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BUS_BITS = 11
# in periods of 8 ns: until the baseline is read, from there to the first event (5 us, grenade), from the last event
# until the result is read (six time constants of the lines), and until the section ends
_BASELINE, _WAIT, _SETTLE, _END = 250, 625, 250, 25


class Schedule(NamedTuple):
    """When the events of a vector come: input after input, the whole of it ``sends`` times.

    An input without an event keeps its time, so that all vectors of a run take equally long.
    """

    inputs: int
    sends: int = 1
    wait: int = 5

    @property
    def ticks(self) -> int:
        """Periods of 8 ns from the first event until after the last one."""
        return self.inputs * self.sends * self.wait

    @property
    def baseline(self) -> float:
        """Seconds from the begin of the section until the baseline is read."""
        return _BASELINE * g.TICK

    @property
    def reading(self) -> float:
        """Seconds until the result is read."""
        return (_BASELINE + _WAIT + self.ticks - self.wait + _SETTLE) * g.TICK

    def times(self) -> Floats:
        """Seconds of the events ``[send, input]``."""
        slots = np.arange(self.sends * self.inputs).reshape(self.sends, self.inputs)
        return np.asarray((_BASELINE + _WAIT + slots * self.wait) * g.TICK, np.float64)

    def recording(self) -> Cadc:
        """Baseline and result of all columns."""
        return Cadc(start=self.baseline, samples=2, period=self.reading - self.baseline)

    def duration(self) -> float:
        """Seconds of the section."""
        return self.reading + _END * g.TICK

    def remaining(self, tau: float) -> Floats:
        """What part of the events of each input is left when the result is read, ``[input]``.

        The mean over sends of ``exp(-(t_reading - t_event) / tau)``.
        """
        return np.exp((self.times() - self.reading) / tau).mean(axis=0)

    def mean_remaining(self, tau: npt.ArrayLike) -> Floats:
        """The mean of `remaining` over inputs, for each of several time constants: a geometric series."""
        step = self.wait * g.TICK / np.asarray(tau, np.float64)
        events = self.inputs * self.sends
        last = np.exp(-_SETTLE * g.TICK / np.asarray(tau, np.float64))
        return last * np.expm1(-events * step) / (events * np.expm1(-step))


def wire(configuration: Configuration) -> None:
    """Write what all matrices have in common: rows, drivers, nodes and readouts."""
    configuration.set("threshold_enable", 0)
    configuration.set("readout_enable_amplifier", 1)
    configuration.set("driver_enable_hagen_modulation", 1)
    configuration.set("driver_select_mask", g.SELECT_MAX)
    configuration["row_mode"][:, 0 :: g.ROWS_PER_DRIVER] = INHIBITORY
    configuration["row_mode"][:, 1 :: g.ROWS_PER_DRIVER] = EXCITATORY
    for hemisphere in range(g.HEMISPHERES):
        for bus in range(hemisphere * g.BUSES_PER_HEMISPHERE, (hemisphere + 1) * g.BUSES_PER_HEMISPHERE):
            at = FIRST_LINK_IN + hemisphere, bus
            configuration.set("node_enable", 1, at=at)
            configuration.set("node_mask", (g.BUSES - 1) << _BUS_BITS, at=at)
            configuration.set("node_target", bus << _BUS_BITS, at=at)


def write_weights(configuration: Configuration, tiles: Sequence[Tile]) -> None:
    """Write the weights of tiles; all others are 0."""
    weight = configuration["synapse_weight"]
    weight[...] = 0
    for tile in tiles:
        signed = np.asarray(tile.weights, np.int64)
        inputs, outputs = signed.shape
        rows = slice(g.ROWS_PER_DRIVER * tile.row, g.ROWS_PER_DRIVER * (tile.row + inputs))
        columns = slice(tile.column, tile.column + outputs)
        pairs = weight[tile.hemisphere, rows, columns]
        pairs[0 :: g.ROWS_PER_DRIVER] = np.maximum(-signed, 0)
        pairs[1 :: g.ROWS_PER_DRIVER] = np.maximum(signed, 0)


def labels_of(hemisphere: int, drivers: Ints, activations: Ints) -> Ints:
    """Labels of the events of drivers, for activations of at least 1."""
    bus = hemisphere * g.BUSES_PER_HEMISPHERE + drivers % g.BUSES_PER_HEMISPHERE
    select = drivers // g.BUSES_PER_HEMISPHERE
    return bus << _BUS_BITS | select << g.LABEL_BITS | (g.PULSE_STEPS - activations)


def sections_of(tiles: Sequence[Tile], activations: Sequence[Ints], schedule: Schedule) -> list[Section]:
    """A section for each vector of the batch."""
    times, recordings = schedule.times(), [schedule.recording()]
    places = [(tile.hemisphere, tile.row + np.arange(tile.weights.shape[0])) for tile in tiles]
    sections = []
    for vectors in zip(*(np.asarray(each, np.int64) for each in activations), strict=True):
        when, labels, links = [], [], []
        for (hemisphere, drivers), vector in zip(places, vectors, strict=True):
            there = np.flatnonzero(vector)
            own = times[:, there].reshape(-1)
            when.append(own)
            labels.append(np.tile(labels_of(hemisphere, drivers[there], vector[there]), schedule.sends))
            links.append(np.full(own.size, hemisphere))
        events = ChipEvents(np.concatenate(when), np.concatenate(labels), np.concatenate(links))
        sections.append(Section(schedule.duration(), events, recordings))
    return sections


def schedule_of(tiles: Sequence[Tile], num_sends: int, wait_between_events: int) -> Schedule:
    """When the events of a run come: hemispheres take theirs at the same time."""
    return Schedule(max(tile.weights.shape[0] for tile in tiles), num_sends, wait_between_events)


def less_baseline(samples: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Reading less baseline, of samples ``[2, column]``."""
    return samples[1].astype(np.int64) - samples[0]
