"""A network compiled: frozen, packed into the flat arrays that the kernels read."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from saltation.engine.components import Component, components, receptor_code
from saltation.engine.wiring import delay_mode, list_synapses, most_arrivals, wire
from saltation.kernels.events import TABLE_COLUMNS
from saltation.kernels.records import Synapses, Wiring
from saltation.kernels.rows import lanes
from saltation.kernels.specialise import CROWD, physics_of
from saltation.model import Input, Network, Population, Projection, ProjectionKey
from saltation.model.checks import freeze

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RATIO_TOLERANCE = 5e-16
# Time constants that differ by less need the response written so that nothing cancels.
_APART = 0.1


@dataclass(frozen=True)
class PackedComponent:
    """One component as flat arrays.

    Attributes
    ----------
    component : Component
        What is packed.
    columns : dict
        First and last + 1 neuron of each population.
    model : str
        Name of the specialisation (see ``saltation.kernels.specialise.MODELS``).
    names : tuple of str
        Primary parameters of the physics, in its order.
    parameters : ndarray, [:, lane or 1]
        Primary and derived parameters; one column where all neurons share them, else idle ones behind the neurons'.
    v_init : ndarray, [neuron]
        Initial voltage.
    limit : ndarray, [neuron]
        Largest number of spikes, 0 for any.
    keys : tuple
        Projections, incoming then internal, in the order of ``weights`` and ``delays``.
    weights, delays : ndarray
        Flat; ``weight_at`` and ``delay_at`` say where each projection begins.
    table : ndarray of int, [projection, :]
        What ``saltation.kernels.events`` reads of each projection.
    synapses : Synapses
        Those of the projections that list them.
    arrivals : tuple of (int, int)
        Source of each projection, and the largest number of events that one of its spikes makes.
    wiring : Wiring
        Projections inside the component.
    """

    component: Component
    columns: dict[str, tuple[int, int]]
    model: str
    names: tuple[str, ...]
    parameters: Floats
    v_init: Floats
    limit: Ints
    keys: tuple[ProjectionKey, ...]
    weights: Floats
    weight_at: Ints
    delays: Floats
    delay_at: Ints
    table: Ints
    synapses: Synapses
    arrivals: tuple[tuple[int, int], ...]
    wiring: Wiring

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.limit.size

    @property
    def shared(self) -> bool:
        """Whether all neurons have the same parameters."""
        return self.parameters.shape[1] == 1

    @property
    def rows_of_own(self) -> int:
        """Rows of parameters of which each neuron has its own."""
        return 0 if self.shared else self.parameters.shape[0]

    @property
    def crowded(self) -> bool:
        """Whether the kernel ``crowd`` can run it, where nothing is observed or recorded."""
        return self.shared and self.model in CROWD and self.synapses.targets.size > 0

    @property
    def spiking(self) -> bool:
        """Whether its neurons spike."""
        return self.component.model not in ("li", "li_two")

    @property
    def n_state(self) -> int:
        """Number of state variables of a neuron."""
        return int(physics_of(self.model).N_STATE)

    @property
    def n_gap(self) -> int:
        """Number of factors of a gap."""
        return int(physics_of(self.model).N_GAP)

    @property
    def n_companion_gap(self) -> int:
        """Number of factors of a gap that only companions need."""
        return int(physics_of(self.model).N_COMPANION_GAP)

    @property
    def n_companion(self) -> int:
        """Number of companion variables of a neuron (see ``docs/derivation.md``)."""
        return int(physics_of(self.model).N_COMPANION)


@dataclass(frozen=True)
class Plan:
    """A compiled network: the records as they were, their components, and the packed arrays.

    ``before`` is the latest plan of the same structure: a plan that differs only in its weights takes over all the
    rest that was packed for it.
    """

    populations: dict[str, Population]
    projections: dict[ProjectionKey, Projection]
    components: tuple[Component, ...]
    before: "Plan | None" = field(default=None, repr=False, compare=False)
    _packed: dict[int, PackedComponent] = field(default_factory=dict[int, PackedComponent], repr=False, compare=False)

    def packed(self, index: int) -> PackedComponent:
        """Component ``index`` as flat arrays, packed on first use."""
        found = self._packed.get(index)
        if found is None:
            component = self.components[index]
            found = self._packed[index] = _repack(self, component) or _pack(self, component)
        return found

    def without_past(self) -> "Plan":
        """The same plan, with what it has packed so far, but without the plan before it."""
        return replace(self, before=None)

    def packed_before(self, component: Component) -> PackedComponent | None:
        """What the plan before packed for a component, or None."""
        return None if self.before is None else self.before._packed.get(self.components.index(component))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of the populations that a stimulus drives."""
        return tuple(name for name, population in self.populations.items() if isinstance(population, Input))

    @cached_property
    def longest_delay(self) -> dict[str, float]:
        """The longest delay of the projections that leave each population; 0 where none does."""
        longest = dict.fromkeys(self.populations, 0.0)
        for projection in self.projections.values():
            if projection.delay.size:
                longest[projection.pre] = max(longest[projection.pre], float(projection.delay.max()))
        return longest


def compile_network(net: Network) -> Plan:
    """Compile a network; the analysis of its graph is kept with it until its structure changes."""
    kept = net._structure  # pyright: ignore[reportPrivateUsage]
    parts = cast("tuple[Component, ...] | None", kept.get("components")) or components(net)
    before = kept.get("latest")
    # one step back is enough, and a chain of plans would never be freed
    plan = Plan(
        dict(net.populations),
        dict(net.projections),
        parts,
        before.without_past() if isinstance(before, Plan) else None,
    )
    kept.update(components=parts, latest=plan)
    return plan


def _repack(plan: Plan, component: Component) -> PackedComponent | None:
    """What was packed for the plan before, with other weights, if nothing else changed."""
    before = plan.before
    if before is None:
        return None
    keys = component.incoming + component.internal
    same = all(plan.populations[name] is before.populations[name] for name in component.populations) and all(
        plan.projections[key].delay is before.projections[key].delay
        and plan.projections[key].receptor == before.projections[key].receptor
        and plan.projections[key].connectivity is before.projections[key].connectivity
        for key in keys
    )
    packed = plan.packed_before(component)
    if not same or packed is None:
        return None
    return replace(packed, weights=_flat([plan.projections[key].weight for key in keys]))


def parameter_columns(population: Population, names: tuple[str, ...]) -> dict[str, str]:
    """Which column of a physics holds each parameter of a population, also where a wider model covers it."""
    own = [name for name in population.parameters() if name != "v_init"]
    renamed = {"tau_syn": "tau_syn_exc"} if "tau_syn_exc" in names else {}
    return {name: renamed.get(name, name) for name in own}


def primary_table(plan: Plan, component: Component, names: tuple[str, ...], size: int) -> Floats:
    """Primary parameters ``[neuron, name]``; what a population lacks is filled so that it has no effect."""
    table = np.empty((size, len(names)))
    at = 0
    for name in component.populations:
        population = plan.populations[name]
        rows = table[at : at + population.size]
        values: dict[str, Any] = {
            "v_th": np.inf,
            "v_reset": 0.0,
            "t_refrac": 0.0,
            "tau_adapt": 1.0,
            "beta": 0.0,
        }
        given = population.parameters()
        values.update({column: given[own] for own, column in parameter_columns(population, names).items()})
        values.setdefault("tau_syn_inh", values.get("tau_syn_exc"))
        for column, wanted in enumerate(names):
            rows[:, column] = values[wanted]
        at += population.size
    return table


def _specialisation(model: str, names: tuple[str, ...], table: Floats) -> str:
    """The way crossings are found: closed forms for two ratios of the time constants, a search for any other."""
    if model not in ("lif", "lif_two"):
        return model
    receptors = [name for name in names if name.startswith("tau_syn")]
    ratio = table[:, names.index("tau_mem")][:, None] / table[:, [names.index(name) for name in receptors]]
    if model == "lif_two":
        return "lif_two_apart" if np.all(np.abs(ratio - 1.0) >= _APART) else model
    for name, value in (("lif_ratio_two", 2.0), ("lif_ratio_one", 1.0)):
        if np.all(np.abs(ratio - value) <= _RATIO_TOLERANCE * value):
            return name
    return "lif_apart" if np.all(np.abs(ratio - 1.0) >= _APART) else model


def _pack(plan: Plan, component: Component) -> PackedComponent:
    physics: Any = physics_of(component.model)
    names: tuple[str, ...] = physics.NAMES
    columns: dict[str, tuple[int, int]] = {}
    size = 0
    for name in component.populations:
        columns[name] = (size, size + plan.populations[name].size)
        size += plan.populations[name].size
    table = primary_table(plan, component, names, size)
    model = _specialisation(component.model, names, table)
    if np.all(table == table[0]):
        table = table[:1]
    v_init = np.empty(size)
    limit = np.zeros(size, np.int64)
    for name, (start, stop) in columns.items():
        population: Any = plan.populations[name]
        v_init[start:stop] = population.v_leak if population.v_init is None else population.v_init
        if getattr(population, "max_spikes", None) is not None:
            limit[start:stop] = population.max_spikes
    keys = component.incoming + component.internal
    projections = [plan.projections[key] for key in keys]
    weight_at = np.cumsum([0] + [projection.weight.size for projection in projections]).astype(np.int64)
    delay_at = np.cumsum([0] + [projection.delay.size for projection in projections]).astype(np.int64)
    weights = _flat([projection.weight for projection in projections])
    delays = _flat([projection.delay for projection in projections])
    receptors = [receptor_code(plan.populations[projection.post], projection) for projection in projections]
    first_column = [columns[projection.post][0] for projection in projections]
    synapses, cut_at = list_synapses(projections, weight_at, first_column)
    rows = [
        (
            component.sources.index(projection.pre),
            delay_mode(projection),
            projection.shape[1],
            weight_at[j],
            delay_at[j],
            first_column[j],
            receptors[j],
            cut_at[j],
        )
        for j, projection in enumerate(projections)
    ]
    projection_table = np.array(rows, np.int64).reshape(-1, TABLE_COLUMNS)
    inside = list(enumerate(projections))[len(component.incoming) :]
    begins = {name: start for name, (start, _) in columns.items()}
    return PackedComponent(
        component,
        columns,
        model,
        names,
        complete_table(model, table, size),
        v_init,
        limit,
        keys,
        weights,
        weight_at,
        delays,
        delay_at,
        projection_table,
        synapses,
        tuple((row[0], most_arrivals(projections[j], synapses, row[7])) for j, row in enumerate(rows)),
        wire(inside, begins, begins, size, projection_table, synapses),
    )


def complete_table(model: str, table: Floats, size: int) -> Floats:
    """Primary and derived parameters ``[:, lane or 1]`` from the primary ones ``[neuron or 1, name]``."""
    rows = physics_of(model).derive(table.T)
    parameters = np.stack([np.broadcast_to(row, table.shape[0]) for row in rows])
    if parameters.shape[1] > 1:
        # rows of whole lanes, for kernels that go over all of them
        parameters = np.pad(parameters, ((0, 0), (0, lanes(size) - size)), mode="edge")
    return np.ascontiguousarray(parameters)


def _flat(arrays: list[NDArray[Any]]) -> Floats:
    """Arrays one after another; read-only, as the records' own: kernels are compiled for one kind."""
    if len(arrays) == 1:
        flat = np.ascontiguousarray(arrays[0], np.float64).reshape(-1)
    else:
        flat = np.concatenate([np.zeros(0), *(array.reshape(-1) for array in arrays)]).astype(np.float64, copy=False)
    return freeze(flat)
