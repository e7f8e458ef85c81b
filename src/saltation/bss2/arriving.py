"""Events from outside the neurons, from the host and from background sources, as they arrive on the buses."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import crossbar
from saltation.bss2 import geometry as g
from saltation.bss2.background import background_events
from saltation.bss2.configuration import Configuration
from saltation.bss2.emulation import Arrivals
from saltation.bss2.physics import Physics
from saltation.bss2.section import Section
from saltation.kernels.cache import compile_kernel
from saltation.kernels.chip import links

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_serve = cache(lambda: compile_kernel(links.serve))
_count_led = cache(lambda: compile_kernel(links.count_led))
_lead = cache(lambda: compile_kernel(links.lead))

# one that is lost is never through, at infinity
_END = sys.float_info.max


@final
@dataclass(frozen=True, slots=True)
class Routes:
    """Where events go, for the kernels: the addresses of each input of the crossbar and label that come.

    Attributes
    ----------
    slot : ndarray of int, [input, label]
        Place of the pair in ``first``; of those that do not come, an empty one.
    first : ndarray of int
        Where the addresses of each begin in ``flat``, and where they end.
    flat : ndarray of int
    """

    slot: NDArray[np.int32]
    first: Ints
    flat: Ints


def make_routes(addresses_of: Mapping[tuple[int, int], Ints]) -> Routes:
    """Tables of what is led where."""
    slot = np.full((crossbar.INPUTS, g.NEURON_LABEL_MAX + 1), len(addresses_of), np.int32)
    for i, (source, label) in enumerate(addresses_of):
        slot[source, label] = i
    sizes = [each.size for each in addresses_of.values()]
    flat = np.concatenate([np.empty(0, np.int64), *addresses_of.values()])
    return Routes(slot, np.cumsum([0, *sizes, 0]), flat)


def arrivals_of(
    configuration: Configuration, section: Section, physics: Physics, routes: Sequence[Routes], begins: Sequence[float]
) -> tuple[Arrivals, int]:
    """Arrivals on the buses of all events from outside the neurons, and how many were lost on the way.

    The crossbar leads each as it is when the event leaves its link: by the last of the ``routes`` that has begun.
    """
    times, labels, sources = _events(configuration, section)
    served, lost = np.empty(times.size), 0
    inputs = np.flatnonzero(np.bincount(sources, minlength=1)).tolist() if times.size else []
    patience = physics.link_depth * physics.link_period
    for source in inputs:
        lost += _serve()(times, sources, source, g.TICK, physics.link_period, patience, served)
    parts = list(zip(routes, [-1.0, *begins[1:]], [*begins[1:], _END], strict=True))
    room = sum(_count_led()(served, sources, labels, *span, each.slot, each.first) for each, *span in parts)
    time, address, at, groups = np.empty(room), np.empty(room, np.int64), 0, 0
    for source in inputs:
        before = at
        for each, *span in parts:
            tables = (each.slot, each.first, each.flat, physics.input_delay)
            at = _lead()(served, sources, labels, source, *span, *tables, at, time, address)
        groups += at > before
    time, address = time[:at], address[:at]
    if groups > 1:
        order = in_order(time, address)
        time, address = time[order], address[order]
    return Arrivals(time, address), int(lost)


def in_order(time: Floats, kind: Ints) -> Ints:
    """The order by time, then kind: as ``np.lexsort``, and much faster where few are at the same time."""
    order = np.argsort(time, kind="stable")
    later = time[order]
    tied = np.flatnonzero(later[1:] == later[:-1])
    if tied.size:
        members = np.union1d(tied, tied + 1)
        chosen = order[members]
        order[members] = chosen[np.lexsort((kind[chosen], time[chosen]))]
    return order


def _events(configuration: Configuration, section: Section) -> tuple[Floats, Ints, Ints]:
    """Times, labels and inputs of the crossbar of all events; those of each input are sorted by time."""
    events = section.events
    times, labels = np.asarray(events.times), np.asarray(events.labels)
    sources = np.asarray(events.links) + crossbar.FIRST_LINK_IN
    for source in np.flatnonzero(configuration["source_enable"]).tolist():
        own = background_events(configuration, source, section.duration)
        times = np.concatenate([times, np.asarray(own.times)])
        labels = np.concatenate([labels, np.asarray(own.labels)])
        sources = np.concatenate([sources, np.full(own.n_events, crossbar.FIRST_SOURCE + source)])
    return times, labels, sources
