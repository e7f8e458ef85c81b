"""A network in parts that run one after another, each on a whole chip, and what they observed put together.

What fits on a chip is one part.  Otherwise each population runs in as few parts as place, feed-forward: the spikes of
one part are played to the next, as the public software does for networks larger than a chip (Arnold et al., hxtorch's
partitioned MNIST).  Populations that drive one another have to be on one chip together.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.placement import Placement
from saltation.bss2.placement.demand import demands
from saltation.bss2.placement.placement import place_parts
from saltation.engine.plan import Plan
from saltation.errors import PlacementError
from saltation.model import Input, Population, Projection, ProjectionKey, Spikes

_LOG = logging.getLogger(__name__)

Ints = NDArray[np.int64]
Rows = Mapping[ProjectionKey, int] | int


@final
@dataclass(frozen=True, slots=True)
class Part:
    """Neurons that run on a chip together.

    Attributes
    ----------
    neurons : dict of str to ndarray of int
        Of each population that runs here, which of its neurons.
    sources : tuple of str
        Populations whose spikes are played to it.
    populations : dict
        As the chip has them: sources as inputs, the others with their neurons.
    keys : tuple
        Projections that end here.
    placement : Placement
    """

    neurons: Mapping[str, Ints]
    sources: tuple[str, ...]
    populations: Mapping[str, Population]
    keys: tuple[ProjectionKey, ...]
    placement: Placement


def split(plan: Plan, rows: Rows) -> tuple[Part, ...]:
    """Parts of a network, in the order in which they run; told in the log if there are several.

    Raises
    ------
    PlacementError
        As `cut`.
    """
    parts, reason = cut(plan, rows)
    if reason is not None:
        _LOG.warning(
            "the network does not fit on a chip (%s), so it runs in %d parts, one after another", reason, len(parts)
        )
    return parts


def cut(plan: Plan, rows: Rows) -> tuple[tuple[Part, ...], str | None]:
    """Parts of a network, in the order in which they run, and why it does not fit on a chip; None if it does.

    Raises
    ------
    PlacementError
        If a neuron, or populations that drive one another, do not fit on a chip.
    """
    everything = {name: np.arange(p.size) for name, p in plan.populations.items() if not isinstance(p, Input)}
    demands(plan.populations, plan.projections, rows)  # what no chip has is no matter of size
    try:
        return (_part(plan, everything, rows),), None
    except PlacementError as error:
        reason = str(error)
    parts: list[Part] = []
    for component in plan.components:
        if component.model == "input":
            continue
        names = component.populations
        if component.internal:
            parts.append(_whole(plan, names, rows))
        else:
            parts += _slices(plan, names[0], rows)
    return tuple(parts), reason


def _whole(plan: Plan, names: Sequence[str], rows: Rows) -> Part:
    try:
        return _part(plan, {name: np.arange(plan.populations[name].size) for name in names}, rows)
    except PlacementError as error:
        raise PlacementError(
            f"populations that drive one another ({', '.join(names)}) must be on one chip: spikes do not travel "
            f"between chips while they run; {error}; make them smaller"
        ) from error


def _slices(plan: Plan, name: str, rows: Rows) -> list[Part]:
    """A population in as few parts of about the same size as place."""
    size = plan.populations[name].size
    listed = demands(*_sub_network(plan, {name: np.arange(size)}), rows)
    count = -(-listed[0].circuits * size // g.CIRCUITS)
    while True:
        cuts = [each for each in np.array_split(np.arange(size), count) if each.size]
        try:
            return [_part(plan, {name: each}, rows) for each in cuts]
        except PlacementError as error:
            if count >= size:
                played = ", ".join(repr(pre) for pre, _, _ in listed[0].sources)
                raise PlacementError(
                    f"the network does not fit on a chip and would run in parts, but of {name!r}, to which spikes of "
                    f"{played} are played, not even one neuron fits: {error}"
                ) from error
            count = min(size, max(count + 1, count * 5 // 4))


def _sub_network(
    plan: Plan, neurons: Mapping[str, Ints]
) -> tuple[dict[str, Population], dict[ProjectionKey, Projection]]:
    """Populations and projections of a part; the weights have its shape alone."""
    projections = {key: projection for key, projection in plan.projections.items() if projection.post in neurons}
    populations: dict[str, Population] = {}
    for projection in projections.values():
        if projection.pre not in neurons:
            populations[projection.pre] = Input(plan.populations[projection.pre].size)
    for name, index in neurons.items():
        populations[name] = chosen(plan.populations[name], index)
    return populations, projections


def _part(plan: Plan, neurons: Mapping[str, Ints], rows: Rows) -> Part:
    populations, projections = _sub_network(plan, neurons)
    if all(index.size == plan.populations[name].size for name, index in neurons.items()):
        # the very populations, and their order
        populations = {name: populations[name] for name in plan.populations if name in populations}
    placement = place_parts(populations, projections, rows)
    sources = tuple(name for name, population in populations.items() if isinstance(population, Input))
    return Part(dict(neurons), sources, populations, tuple(projections), placement)


def chosen(population: Population, index: Ints) -> Population:
    """A population with some of its neurons."""
    if index.size == population.size:
        return population
    values = {name: value[index] for name, value in population.parameters().items() if np.ndim(value)}
    # v_init follows v_leak where it was not given
    return replace(population, size=int(index.size), **values)


def joined(pieces: Sequence[tuple[Ints, Spikes]], size: int) -> Spikes:
    """Spikes of a population from those of its parts, each with the neurons that it has."""
    if len(pieces) == 1:
        return pieces[0][1]
    times = np.concatenate([spikes.times for _, spikes in pieces])
    units = np.concatenate([index[spikes.units] for index, spikes in pieces])
    sample = np.concatenate([spikes.sample_index() for _, spikes in pieces])
    order = np.lexsort((units, times, sample))
    offsets = np.searchsorted(sample[order], np.arange(pieces[0][1].batch + 1)).astype(np.int64)
    return Spikes(times[order], units[order].astype(np.int32), offsets, n_units=size)


def matrix(projection: Projection, weights: NDArray[np.integer]) -> NDArray[np.int64]:
    """Whole weights of a projection as a matrix ``[pre, post]``; synapses of the same pair add up."""
    if projection.connectivity is None:
        return np.asarray(weights, np.int64)
    pre, post, place = projection.connectivity.synapses()
    found = np.zeros(projection.shape, np.int64)
    np.add.at(found, (pre, post), np.asarray(weights, np.int64).reshape(-1)[place])
    return found
