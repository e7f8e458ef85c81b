"""`Part`: what is fixed of one component of a network, and the flat values that go through its operation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, final

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from saltation.engine.plan import PackedComponent, Plan, parameter_columns, primary_table
from saltation.engine.training import TIME_CONSTANTS
from saltation.kernels.records import WATCHED
from saltation.model import Population, ProjectionKey

Floats = NDArray[np.float64]
Slot = tuple[str, ProjectionKey]
"""Kind of a parameter, and whose it is."""


class Values(NamedTuple):
    """What may be differentiated of a component: flat weights and delays, ``table [neuron or 1, primary]``, ``v_init``.

    In the order of `PackedComponent`; float64.
    """

    weights: Any
    delays: Any
    table: Any
    v_init: Any


class Source(NamedTuple):
    """Events of one source, ``[batch, capacity]``."""

    times: Any
    units: Any


class Train(NamedTuple):
    """Spikes of a population: times and units ``[batch, capacity]``, and their number ``[batch]``."""

    times: Any
    units: Any
    count: Any


@final
@jax.tree_util.register_static
@dataclass(frozen=True)
class Wish:
    """Whether gradients of time constants are wanted."""

    timed: bool


@final
@dataclass(frozen=True, eq=False)
class Part:
    """What is fixed of one component.

    Attributes
    ----------
    packed : PackedComponent
        The component with the values that do not move.
    table : ndarray, [neuron or 1, primary]
        Its primary parameters; one row where all neurons share them.
    populations : dict of str to Population
        Records of its populations.
    sources : tuple of str
        Populations outside whose spikes arrive.
    source_sizes : tuple of int
        Numbers of their units.
    capacity : tuple of int
        Room for the spikes of each of its populations; none where it does not spike.
    probe_times : ndarray
        When its voltages are sampled.
    watched : bool
        Whether maxima and integrals are recorded.
    max_events, threads : int
        As of `saltation.Exact`.
    moving : frozenset of (str, key)
        Parameters whose values come with each call.
    """

    packed: PackedComponent
    table: Floats
    populations: dict[str, Population]
    sources: tuple[str, ...]
    source_sizes: tuple[int, ...]
    capacity: tuple[int, ...]
    probe_times: Floats
    watched: bool
    max_events: int
    threads: int
    moving: frozenset[Slot]

    @property
    def names(self) -> tuple[str, ...]:
        """Its populations."""
        return self.packed.component.populations

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """First and last + 1 neuron of each of its populations that spike."""
        return tuple(self.packed.columns[name] for name in self.names) if self.packed.spiking else ()

    @property
    def ranges(self) -> NDArray[np.int64]:
        """What each primary parameter may be, as `saltation.kernels.padded.allowed` takes it."""
        rules = {name: 1 for name in TIME_CONSTANTS} | {"t_refrac": 0, "beta": 0}
        return np.array([rules.get(name, -1) for name in self.packed.names], np.int64)


def make_part(
    plan: Plan,
    index: int,
    moving: Mapping[Slot, tuple[int, ...]],
    capacity: Mapping[str, int],
    probe_times: Floats,
    watched: bool,
    max_events: int,
    threads: int,
) -> Part:
    """Make the part of component ``index``; ``moving`` holds the shapes of the parameters that come with each call."""
    packed = plan.packed(index)
    component = packed.component
    own = {slot: shape for slot, shape in moving.items() if slot[1] in component.populations or slot[1] in packed.keys}
    kinds = {kind for kind, _ in own}
    if kinds & set(TIME_CONSTANTS):
        # the closed forms hold for the ratios of now, and these move
        packed = replace(packed, model=component.model)
    table = primary_table(plan, component, packed.names, packed.size)
    of_neurons = [shape for (kind, _), shape in own.items() if kind not in ("weight", "delay", "v_init")]
    alike = bool(np.all(table == table[0])) and not any(of_neurons)
    if alike and (not of_neurons or len(component.populations) == 1):
        table = table[:1]
    sources = tuple(name for name in component.sources if name not in component.populations)
    return Part(
        packed,
        table,
        {name: plan.populations[name] for name in component.populations},
        sources,
        tuple(plan.populations[name].size for name in sources),
        tuple(capacity[name] for name in component.populations) if packed.spiking else (),
        probe_times,
        watched,
        max_events,
        threads,
        frozenset(own),
    )


def flat_values(part: Part, given: Mapping[Slot, jax.Array]) -> Values:
    """Values of a component: those of the network, and what is ``given`` in their place."""
    packed = part.packed
    moved = {slot: jnp.asarray(value, jnp.float64) for slot, value in given.items() if slot in part.moving}
    weights = _joined("weight", packed.keys, packed.weights, packed.weight_at, moved)
    delays = _joined("delay", packed.keys, packed.delays, packed.delay_at, moved)
    table: Any = part.table
    v_init: Any = packed.v_init
    for name, (first, last) in packed.columns.items():
        population: Any = part.populations[name]
        columns = parameter_columns(population, packed.names)
        for own, column in columns.items():
            if (own, name) not in moved:
                continue
            value = moved[own, name]
            rows = slice(first, last) if part.table.shape[0] > 1 else slice(None)
            places = [packed.names.index(column)]
            if own == "tau_syn" and "tau_syn_inh" in packed.names:
                places.append(packed.names.index("tau_syn_inh"))  # nothing arrives there, and it may not be in the way
            for place in places:
                table = jnp.asarray(table).at[rows, place].set(value)
        start = ("v_init", name) if population.v_init is not None else ("v_leak", name)
        if start in moved:
            v_init = jnp.asarray(v_init).at[first:last].set(moved[start])
    return Values(weights, delays, table, v_init)


def _joined(
    kind: str,
    keys: Sequence[ProjectionKey],
    flat: Floats,
    at: NDArray[np.int64],
    moved: Mapping[Slot, jax.Array],
) -> Any:
    """Flat values of all projections, with those that are given in place of the network's."""
    if not any((kind, key) in moved for key in keys):
        return flat
    parts: list[Any] = []
    for j, key in enumerate(keys):
        value = moved.get((kind, key))
        parts.append(flat[at[j] : at[j + 1]] if value is None else value.reshape(-1))
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def outcome_shapes(part: Part, batch: int) -> list[jax.ShapeDtypeStruct]:
    """Status, samples and watched rows of a run; times, units and counts of each population."""
    n = part.packed.size
    shapes = [
        jax.ShapeDtypeStruct((batch,), jnp.int32),
        jax.ShapeDtypeStruct((batch, part.probe_times.size, n), jnp.float64),
        jax.ShapeDtypeStruct((batch, WATCHED, n if part.watched else 0), jnp.float64),
    ]
    for room in part.capacity:
        shapes += [
            jax.ShapeDtypeStruct((batch, room), jnp.float64),
            jax.ShapeDtypeStruct((batch, room), jnp.int32),
            jax.ShapeDtypeStruct((batch,), jnp.int32),
        ]
    return shapes


def gradient_shapes(part: Part, sources: Sequence[Source]) -> list[jax.ShapeDtypeStruct]:
    """Gradients of `Values`, with the table's for each neuron, and of the times of each source."""
    packed = part.packed
    return [
        jax.ShapeDtypeStruct((packed.weights.size,), jnp.float64),
        jax.ShapeDtypeStruct((packed.delays.size,), jnp.float64),
        jax.ShapeDtypeStruct((packed.size, len(packed.names)), jnp.float64),
        jax.ShapeDtypeStruct((packed.size,), jnp.float64),
        *(jax.ShapeDtypeStruct(source.times.shape, jnp.float64) for source in sources),
    ]
