"""A network on a time grid under JAX: components in order, each a scan, and products of matrices between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from saltation import model
from saltation.engine.grid import Grid
from saltation.engine.grid_table import last_step, steps
from saltation.engine.plan import Plan, compile_network
from saltation.engine.training import TIME_CONSTANTS
from saltation.errors import GradientError, ParameterError
from saltation.jax.chain import Recorded, check_probes, inputs_of
from saltation.jax.grid_coefficients import Value, Way, coefficients, ways
from saltation.jax.grid_scan import Course, Wanted, run_component
from saltation.jax.output import Output
from saltation.jax.part import Slot
from saltation.jax.spikes import Spikes
from saltation.jax.trouble import Status, complain
from saltation.model import MaxVoltage, Network, SpikeTrain, Voltage, VoltageIntegral


@final
@dataclass(frozen=True, eq=False)
class GridChain:
    """What is fixed of a network, and the grid on which it runs."""

    network: Network
    recorded: Recorded
    backend: Grid

    @cached_property
    def plan(self) -> Plan:
        """The network with the values that do not move."""
        return compile_network(self.network)

    @cached_property
    def inputs(self) -> dict[str, int]:
        """Names and sizes of the populations that the stimulus drives."""
        return inputs_of(self.network)

    def run(self, given: Mapping[Slot, jax.Array], stimulus: Mapping[str, Any], duration: float) -> Output:
        """Run it: ``given`` are the values of what moves, ``stimulus`` events or values of each input, checked."""
        dt = float(self.backend.dt)
        last = last_step(check_probes(self.recorded, duration), dt)
        if last < 1:
            raise ParameterError(f"apply.duration must be at least one step of the grid, {dt} s; got {duration} s")
        kinds = [value.dtype for value in given.values() if jnp.issubdtype(value.dtype, jnp.floating)]
        dtype = jnp.result_type(*kinds) if kinds else jnp.result_type(float)

        def value(kind: str, target: Any) -> Any:
            found = given.get((kind, target))
            if found is None:
                held = self.network.projections if kind == "weight" else self.network.populations
                found = getattr(held[target], kind)
            return jnp.asarray(found, dtype)

        trains = {
            name: _train(name, self.inputs[name], events, dt, duration, dtype) for name, events in stimulus.items()
        }
        batch = next((train.shape[1] for train in trains.values()), 1)
        courses: dict[str, Course] = {}
        for component in self.plan.components:
            if component.model == "input":
                continue
            populations = {name: self.network.populations[name] for name in component.populations}
            found: list[Way] = []
            for key in component.incoming + component.internal:
                projection = self.network.projections[key]
                found += ways(key, projection, populations[projection.post], value, dt, last)
            outer = [(_later(trains[way.pre], way.late), way) for way in found if way.pre in trains]
            multiplied = [(train, way) for train, way in outer if not _is_narrow(way)]
            drive = {
                name: tuple(_arriving(multiplied, name, r) for r in range(len(population.receptors)))
                for name, population in populations.items()
            }
            came = run_component(
                populations,
                {name: coefficients(name, population, value, dt) for name, population in populations.items()},
                {name: self._start(name, value, batch) for name in populations},
                [way for way in found if way.pre in populations],
                [(train, way) for train, way in outer if _is_narrow(way)],
                drive,
                {name: self._wanted(name) for name in populations},
                last + 1,
                dt,
                self.backend.surrogate,
                self.backend.detach_reset,
                self.backend.checkpoint,
            )
            courses.update(came)
            trains.update({name: course.train for name, course in came.items() if course.train is not None})
        sound = [_sound(kind, value) for (kind, _), value in given.items()]
        sound += [_below(value, name, kind) for name, kind in self._below_threshold]
        status = _status(stimulus, courses, sound, duration, batch)
        complain([name for name in courses], (), status, ())
        every = sum((value.sum() for value in given.values()), jnp.zeros((), dtype))
        return self._output(courses, stimulus, dt, status, every)

    @cached_property
    def _below_threshold(self) -> list[tuple[str, str]]:
        """Populations, and which of their parameters must stay below their threshold."""
        return [
            (name, kind)
            for name, population in self.network.populations.items()
            for kind in ("v_reset", "v_init")
            if "v_th" in population.parameters() and kind in population.parameters()
        ]

    def _start(self, name: str, value: Any, batch: int) -> Any:
        population = self.network.populations[name]
        v = value("v_init" if "v_init" in population.parameters() else "v_leak", name)
        return jnp.broadcast_to(v, (batch, population.size))

    def _wanted(self, name: str) -> Wanted:
        probes = next((probes for recorded, probes, _ in self.recorded if recorded == name), ())
        leaves = any(projection.pre == name for projection in self.network.projections.values())
        train = any(isinstance(probe, SpikeTrain) for probe in probes)
        return Wanted(
            self.network.populations[name].spiking and (train or leaves),
            any(isinstance(probe, Voltage) for probe in probes),
            any(isinstance(probe, MaxVoltage) for probe in probes),
            any(isinstance(probe, VoltageIntegral) for probe in probes),
        )

    def _output(
        self, courses: Mapping[str, Course], stimulus: Mapping[str, Any], dt: float, status: Any, every: Any
    ) -> Output:
        voltages: dict[str, Any] = {}
        # 0, or NaN in a sample that failed; times the sum of all parameters, so that their gradients are NaN too
        mark = jnp.where(status == int(Status.OK), 0.0, jnp.nan) * every
        for name, probes, bare in self.recorded:
            course = courses[name]
            values: list[Any] = []
            for probe in probes:
                if isinstance(probe, Voltage):
                    values.append(jnp.moveaxis(course.voltage[steps(probe.times, dt)], 0, 1))
                elif isinstance(probe, SpikeTrain):
                    values.append(jnp.moveaxis(course.train, 0, 1))
                else:
                    values.append(course.peak if isinstance(probe, MaxVoltage) else course.area)
            values = [v + mark.astype(v.dtype).reshape(-1, *[1] * (v.ndim - 1)) for v in values]
            voltages[name] = values[0] if bare else tuple(values)
        return Output({n: s for n, s in stimulus.items() if isinstance(s, Spikes)}, voltages, status)


def _sound(kind: str, value: Any) -> Any:
    """Whether the values of a parameter are allowed, as a model that is not traced checks it."""
    value = jax.lax.stop_gradient(value)
    least = value > 0.0 if kind in TIME_CONSTANTS else value >= 0.0 if kind == "beta" else True
    return jnp.all(jnp.isfinite(value) & least)


def _below(value: Value, name: str, kind: str) -> Any:
    """Whether a parameter is below the threshold of its neurons."""
    return jnp.all(jax.lax.stop_gradient(value(kind, name)) < jax.lax.stop_gradient(value("v_th", name)))


def _status(
    stimulus: Mapping[str, Any], courses: Mapping[str, Course], sound: list[Any], duration: float, batch: int
) -> Any:
    """Status of each sample: its events first, then the parameters, then whether its state stayed finite."""
    status = jnp.full(batch, int(Status.OK), jnp.int32)
    for course in courses.values():
        finite = jnp.isfinite(jax.lax.stop_gradient(course.end)).all(axis=1)
        status = jnp.where(finite, status, int(Status.NOT_FINITE))
    for each in sound:
        status = jnp.where(each, status, int(Status.PARAMETER))
    for events in stimulus.values():
        if isinstance(events, Spikes):
            times = jax.lax.stop_gradient(events.times)
            there = (times >= 0.0) & (times <= duration) & (events.units >= 0) & (events.units < events.n_units)
            # as for the kernels, a place is empty where its time is inf
            missing = (events.count > events.capacity) | ~(there | (times == jnp.inf)).all(axis=1) | events.failed()
            status = jnp.where(missing, int(Status.STIMULUS), status)
    return status


def _is_narrow(way: Way) -> bool:
    """Whether to multiply step by step: what is read then is much smaller than the currents, which are not kept."""
    n_pre, n_post = way.weights.shape
    return 4 * n_pre <= n_post


def _arriving(multiplied: Sequence[tuple[Any, Way]], post: str, receptor: int) -> Any:
    """Currents of a population from those that have been run, ``[step, batch, neuron]``; None if there are none."""
    total: Any = None
    for train, way in multiplied:
        if way.post == post and way.receptor == receptor:
            # as one product of matrices: the gradient of a stack of them took four times as long
            current = train.reshape(-1, way.weights.shape[0]) @ way.weights
            current = current.reshape(*train.shape[:2], way.weights.shape[1])
            total = current if total is None else total + current
    return total


def _later(train: Any, late: int) -> Any:
    """What arrives at each step of what left ``late`` steps before."""
    return jnp.concatenate((jnp.zeros_like(train[:late]), train[: train.shape[0] - late])) if late else train


def _train(name: str, size: int, events: Any, dt: float, duration: float, dtype: Any) -> Any:
    """Events, or values ``[batch, step, unit]``, at every grid point, ``[step, batch, unit]``."""
    last = last_step(duration, dt)
    if isinstance(events, model.Spikes):
        at = steps(events.times, dt)
        if events.n_events and events.times.max() > duration:
            raise ParameterError(
                f"apply.stimulus[{name!r}]: times must lie in the window; got {float(events.times.max())} s; make it "
                "longer, or cut the events"
            )
        dense = np.zeros((last + 1, events.batch, size))
        np.add.at(dense, (at, events.sample_index(), events.units), 1.0)
        return jnp.asarray(dense, dtype)
    if not isinstance(events, Spikes):
        if events.shape[1] not in (last, last + 1):
            raise ParameterError(
                f"apply.stimulus[{name!r}] must have a value for each of the {last + 1} grid points (the last may be "
                f"left out); got {events.shape[1]}"
            )
        values = jnp.moveaxis(jnp.asarray(events, dtype), 1, 0)
        return values if values.shape[0] == last + 1 else jnp.concatenate((values, jnp.zeros_like(values[:1])))
    times = _on_grid(events.times)
    there = (events.units >= 0) & jnp.isfinite(times)
    at = jnp.where(there, jnp.rint(jnp.where(there, times, 0.0) / dt), last + 1)
    sample = jnp.arange(events.batch)[:, None]
    empty = jnp.zeros((last + 1, events.batch, events.n_units), dtype)
    return empty.at[at.astype(jnp.int32), sample, events.units].add(1.0, mode="drop")


@jax.custom_jvp
def _on_grid(times: Any) -> Any:
    return times


def _refused(primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    (moved,) = tangents
    if not isinstance(moved, SymbolicZero):
        raise GradientError(
            "times of events are moved to whole steps of the grid, and surrogate gradients know nothing of them; give "
            "the input as values [batch, step, unit], or run it with Exact()"
        )
    return primals[0], moved


_on_grid.defjvp(_refused, symbolic_zeros=True)


def check_values(where: str, value: Any, size: int) -> Any:
    """Values of an input on a grid, or events that are known now, and need no float64 to be laid on it."""
    if isinstance(value, model.Spikes):
        if value.n_events and int(value.units.max()) >= size:
            raise ParameterError(
                f"{where}: units must be below the size {size} of the population; got {int(value.units.max())}"
            )
        return value
    values = jnp.asarray(value)
    if values.ndim != 3 or values.shape[2] != size or jnp.issubdtype(values.dtype, jnp.complexfloating):
        raise ParameterError(
            f"{where} must be saltation.jax.Spikes, saltation.Spikes, or real values [batch, step, {size}] on the grid "
            f"of Grid(dt); got {values.dtype} of shape {values.shape}"
        )
    return values
