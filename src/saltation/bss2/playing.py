"""A batch of the model as sections of the chip, and what they observed as spikes and voltages of the model."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.placement import Placement
from saltation.bss2.readout import Recording
from saltation.bss2.scaling import Scale
from saltation.bss2.section import ChipEvents, Observed, Section
from saltation.engine.observation import between
from saltation.model import Spikes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def make_sections(
    placement: Placement,
    stimulus: Mapping[str, Spikes],
    batch: int,
    duration: float,
    time_scale: float,
    recordings: Sequence[Recording],
) -> list[Section]:
    """One section for each sample; an event of an input is played once for each bus on which it is needed."""
    times, labels, links, samples = [], [], [], []
    for name, spikes in stimulus.items():
        units, own_links, own_labels = placement.played[name]
        size = int(max(units.max(initial=-1), spikes.units.max(initial=-1))) + 1
        count = np.bincount(units, minlength=size)
        first = np.cumsum(count) - count
        repeat = count[spikes.units]
        event = np.repeat(np.arange(spikes.n_events), repeat)
        place = np.arange(event.size) - np.repeat(np.cumsum(repeat) - repeat, repeat) + first[spikes.units[event]]
        times.append(spikes.times[event] * time_scale)
        samples.append(spikes.sample_index()[event])
        labels.append(own_labels[place])
        links.append(own_links[place])
    time, sample, label, link = (np.concatenate(each) for each in (times, samples, labels, links))
    order = np.lexsort((time, sample))
    time, label, link = time[order], label[order], link[order]
    ends = np.searchsorted(sample[order], np.arange(batch + 1))
    return [
        Section(duration, ChipEvents(np.minimum(time[a:b], duration), label[a:b], link[a:b]), recordings)
        for a, b in itertools.pairwise(ends.tolist())
    ]


def spikes_of(
    placement: Placement, observed: Sequence[Observed], duration: float, time_scale: float, offset: float
) -> dict[str, Spikes]:
    """Spikes of each population that spikes, in the time of the model; those after the end are left out."""
    owner, unit = np.full(g.CIRCUITS, -1), np.zeros(g.CIRCUITS, np.int32)
    spiking = [demand for demand in placement.demands if demand.spiking]
    for i, demand in enumerate(spiking):
        first = placement.circuits[demand.name][:, 0]
        owner[first], unit[first] = i, np.arange(demand.size)
    time = np.concatenate([each.times for each in observed])
    circuit = np.concatenate([each.circuits for each in observed])
    sample = np.repeat(np.arange(len(observed)), [each.times.size for each in observed])
    time = np.maximum(time - offset, 0.0) / time_scale
    found: dict[str, Spikes] = {}
    for i, demand in enumerate(spiking):
        own = (owner[circuit] == i) & (time <= duration)
        offsets = np.searchsorted(sample[own], np.arange(len(observed) + 1)).astype(np.int64)
        found[demand.name] = Spikes(time[own], unit[circuit[own]], offsets, n_units=demand.size)
    return found


def count_early(observed: Sequence[Observed], offset: float) -> int:
    """Number of spikes with a stamp before the offset, which cannot have been so early."""
    return sum(int((each.times < offset).sum()) for each in observed)


def at_rails(observed: Sequence[Observed], index: int) -> int:
    """Number of readings at an end of the converter's range, where the voltage may have been beyond."""
    return sum(int(np.isin(each.samples[index], (0, g.CADC_MAX)).sum()) for each in observed)


def voltages_of(
    circuits: Ints, recording: Recording, observed: Sequence[Observed], index: int, scale: Scale, wanted: Floats
) -> Floats:
    """Voltages of the model ``[batch, time, neuron]`` at the times ``wanted`` on the chip, between samples linearly."""
    column = {int(circuit): i for i, circuit in enumerate(recording.chosen)}
    chosen = np.array([column[int(circuit)] for circuit in circuits])
    readings = np.stack([each.samples[index][:, chosen] for each in observed]).astype(np.float64)
    return scale.voltage(between(observed[0].sampled[index], readings, wanted))
