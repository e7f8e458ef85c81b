"""The forward-mode product of a run: tangents of parameters in, tangents of observations out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.engine.arguments import by_name, float_values
from saltation.engine.backend import Tangent, Tangents
from saltation.engine.forward import ComponentRun
from saltation.engine.gradient import PARAMETERS
from saltation.engine.observation import Request, measured_index, trapezoid
from saltation.engine.parts import Part, whole
from saltation.engine.plan import Plan, parameter_columns
from saltation.errors import ParameterError
from saltation.kernels.records import EVENT_ROWS, GAP, Log
from saltation.kernels.specialise import kernel
from saltation.model import MaxVoltage, Spikes, Voltage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def network_tangent(
    plan: Plan,
    runs: Sequence[ComponentRun | None],
    request: Request,
    spikes: Mapping[str, Spikes],
    tangents: Tangents,
) -> Tangent:
    """Push tangents of parameters and input times through all components in order."""
    moved = _check(plan, spikes, tangents)
    times = {name: moved["input_times"].get(name, np.zeros(spikes[name].n_events)) for name in plan.inputs}
    voltage: dict[str, Any] = {}
    for run in runs:
        if run is None:
            continue
        own_times, samples, integral, peak = _component(plan, run, moved, times)
        for name, where in run.members.items():
            if run.packed.spiking:
                times[name] = own_times[where]
        for name, (first, last) in run.packed.columns.items():
            if name not in request.probes:
                continue
            values: list[Floats] = []
            for probe in request.probes[name]:
                if name in request.measured:
                    values.append(_measured(run, probe, request, name, samples[:, :, first:last]))
                elif isinstance(probe, Voltage):
                    values.append(samples[:, np.searchsorted(run.probe_times, probe.times), first:last])
                else:
                    values.append((peak if isinstance(probe, MaxVoltage) else integral)[:, first:last])
            voltage[name] = values[0] if name in request.single else tuple(values)
    return Tangent({name: times[name] for name in spikes}, voltage)


def _measured(run: ComponentRun, probe: Any, request: Request, name: str, samples: Floats) -> Floats:
    """Tangent of a probe read from measured voltages: that of the model at the measured times."""
    measured = request.measured[name]
    own = samples[:, np.searchsorted(run.probe_times, measured.times)]
    if isinstance(probe, Voltage):
        return own[:, measured_index(probe, measured, name)]
    if isinstance(probe, MaxVoltage):
        at = measured.values.argmax(axis=1)
        return np.take_along_axis(own, at[:, None, :], axis=1)[:, 0]
    return np.einsum("k,bkn->bn", trapezoid(measured.times), own)


def _check(plan: Plan, spikes: Mapping[str, Spikes], tangents: Tangents) -> dict[str, dict[Any, Floats]]:
    kinds = ("weight", "delay", *PARAMETERS, "input_times")
    moved: dict[str, dict[Any, Floats]] = {kind: {} for kind in kinds}
    for kind, given in tangents.items():
        if kind not in moved:
            raise ParameterError(f"Run.jvp: an argument must be one of {', '.join(kinds)}; got {kind!r}")
        for key, value in by_name(f"Run.jvp.{kind}", given).items():
            array = float_values(f"Run.jvp.{kind}[{key!r}]", value, _shape(plan, spikes, kind, key))
            if not np.isfinite(array).all():
                raise ParameterError(f"Run.jvp.{kind}[{key!r}] must be finite; got NaN or infinity")
            moved[kind][key] = array
    return moved


def _shape(plan: Plan, spikes: Mapping[str, Spikes], kind: str, key: Any) -> tuple[int, ...]:
    if kind in ("weight", "delay"):
        allowed: Mapping[Any, tuple[int, ...]] = {k: getattr(p, kind).shape for k, p in plan.projections.items()}
    elif kind == "input_times":
        allowed = {name: (spikes[name].n_events,) for name in plan.inputs}
    else:
        given = {name: population.parameters() for name, population in plan.populations.items()}
        allowed = {name: parameters[kind].shape for name, parameters in given.items() if kind in parameters}
    if key not in allowed:
        raise ParameterError(f"Run.jvp.{kind}: a key must be one of {', '.join(map(repr, allowed))}; got {key!r}")
    return allowed[key]


def _component(
    plan: Plan, run: ComponentRun, moved: dict[str, dict[Any, Floats]], times: dict[str, Floats]
) -> tuple[Floats, Floats, Floats, Floats]:
    packed = run.packed
    n, batch = packed.size, run.offsets.size - 1
    part = whole(run.parts)
    d_weights = np.zeros(packed.weights.size)
    d_delays = np.zeros(packed.delays.size)
    for j, key in enumerate(packed.keys):
        if key in moved["weight"]:
            d_weights[packed.weight_at[j] : packed.weight_at[j + 1]] = moved["weight"][key].reshape(-1)
        if key in moved["delay"]:
            d_delays[packed.delay_at[j] : packed.delay_at[j + 1]] = moved["delay"][key].reshape(-1)
    d_parameters = np.zeros((n, len(packed.names)))
    d_start = np.zeros(n)
    for name, (first, last) in packed.columns.items():
        population = plan.populations[name]
        for own, column in parameter_columns(population, packed.names).items():
            d_parameters[first:last, packed.names.index(column)] = moved[own].get(name, 0.0)
        if not run.continued:
            tied = "v_init" not in population.parameters()
            d_start[first:last] = moved["v_leak" if tied else "v_init"].get(name, 0.0)
    d_sources = np.zeros(run.sources.times.size)
    for name, where in run.sources.fresh.items():
        if name not in run.members:
            d_sources[where] = times[name]
    d_spikes = np.zeros(part.tape.floats.shape[1])
    samples = np.zeros((batch, run.probe_times.size, n))
    integral, peak = np.zeros((batch, n)), np.zeros((batch, n))
    log, log_offsets, own_offsets = _log_of(run, part)
    kernel("tangent", packed.model)(
        packed.parameters,
        part.events,
        packed.weights,
        packed.synapses,
        run.start,
        part.tape,
        part.offsets,
        log,
        log_offsets,
        own_offsets,
        run.probes.watch,
        d_parameters,
        d_start,
        d_weights,
        d_delays,
        d_sources,
        d_spikes,
        samples,
        integral,
        peak,
    )
    # from the order of the tape to that of time
    at = np.repeat(part.offsets[:-1], np.diff(part.offsets)) + part.index
    return d_spikes[at], samples, integral, peak


def _log_of(run: ComponentRun, part: Part) -> tuple[Log, Ints, Ints]:
    """Order of processing; that of a feed-forward component follows from the gap that each spike lies in."""
    if run.packed.component.recurrent:
        return part.log, part.log_offsets, part.own_offsets
    orders: list[Ints] = []
    batch = run.offsets.size - 1
    for b in range(batch):
        gaps = part.tape.ints[GAP, part.offsets[b] : part.offsets[b + 1]]
        n_events = int(part.events.offsets[b + 1] - part.events.offsets[b])
        codes = np.concatenate((-1 - np.arange(gaps.size), np.arange(n_events)))
        # a spike comes before the event that ends its gap
        rank = np.concatenate((2 * gaps, 2 * np.arange(n_events) + 1))
        orders.append(codes[np.argsort(rank, kind="stable")])
    offsets = np.concatenate(([0], np.cumsum([order.size for order in orders]))).astype(np.int64)
    log = Log(np.concatenate(orders).astype(np.int64), np.empty(0), np.empty((EVENT_ROWS, 0), np.int64))
    return log, offsets, np.zeros(batch + 1, np.int64)
