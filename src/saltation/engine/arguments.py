"""Checks of what is handed to `simulate`: each complaint names the argument, what was got and what is allowed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from saltation.engine.observation import PROBES, Probe, Request, measured_index
from saltation.engine.plan import Plan
from saltation.engine.state import State
from saltation.errors import NetworkError, ParameterError
from saltation.model import Input, Network, Spikes, SpikeTrain, Voltage, VoltageSamples


def check_network(network: Any) -> None:
    """A network."""
    if not isinstance(network, Network):
        raise ParameterError(f"simulate.network must be a saltation.Network; got {type(network).__name__}")


def check_duration(duration: Any) -> float:
    """A positive, finite length of the window."""
    try:
        value = float(duration)
    except (TypeError, ValueError):
        value = math.nan
    if isinstance(duration, bool) or not (math.isfinite(value) and value > 0.0):
        raise ParameterError(
            f"simulate.duration must be a finite number of seconds above 0; got {duration!r}; it is the length of the "
            "window, in seconds"
        )
    return value


def _known(argument: str, name: Any, allowed: Sequence[str], what: str) -> None:
    if name not in allowed:
        raise ParameterError(
            f"simulate.{argument}: a name must be {what} ({', '.join(allowed) or 'there is none'}); got {name!r}"
        )


def _check_spikes(argument: str, spikes: Any, size: int, duration: float) -> Spikes:
    if not isinstance(spikes, Spikes):
        raise ParameterError(
            f"simulate.{argument} must be Spikes; got {type(spikes).__name__}; make them "
            "by Spikes.from_lists([(times, units), ...])"
        )
    if spikes.n_events:
        top = int(spikes.units.max())
        if top >= size:
            raise ParameterError(
                f"simulate.{argument}: units must be below the size {size} of the population; got {top}; the events "
                "may belong to another population"
            )
        last = float(spikes.times.max())
        if last > duration:
            raise ParameterError(
                f"simulate.{argument}: times must lie in the window [0, {duration} s]; got {last} s; nothing "
                "is dropped silently: make the window longer, or cut the events (their times may not be in seconds)"
            )
    if spikes.n_units is not None and spikes.n_units != size:
        raise ParameterError(f"simulate.{argument}: n_units must be the population's size {size}; got {spikes.n_units}")
    return spikes


def check_stimulus(
    plan: Plan, stimulus: Any, duration: float, state: State | None
) -> tuple[dict[str, Spikes], dict[str, NDArray[np.float64]], int]:
    """Events, or values on a grid, for every input and for nothing else; and the batch."""
    if not isinstance(stimulus, Mapping):
        raise ParameterError(
            f"simulate.stimulus must be a dict of input population to Spikes; got {type(stimulus).__name__}"
        )
    given = cast(Mapping[Any, Any], stimulus)
    for name in given:
        _known("stimulus", name, plan.inputs, "an Input population")
    missing = [name for name in plan.inputs if name not in given]
    if missing:
        raise ParameterError(
            f"simulate.stimulus must have events for every Input population; got none for {', '.join(missing)}; for "
            "silence pass Spikes.empty(batch, n_units)"
        )
    batches: dict[str, int] = {}
    spikes: dict[str, Spikes] = {}
    drive: dict[str, NDArray[np.float64]] = {}
    for name in plan.inputs:
        where, value, size = f"stimulus[{name!r}]", given[name], plan.populations[name].size
        if isinstance(value, Spikes):
            spikes[name] = _check_spikes(where, value, size, duration)
            batches[where] = value.batch
        elif isinstance(value, np.ndarray | list | tuple):
            drive[name] = _check_drive(where, value, size)
            batches[where] = drive[name].shape[0]
        else:
            _check_spikes(where, value, size, duration)
    if state is not None:
        batches["state"] = state.batch
    if len(set(batches.values())) > 1:
        shown = ", ".join(f"{name}: {batch}" for name, batch in batches.items())
        raise ParameterError(f"simulate: all batches must be equal; got {shown}")
    batch = next(iter(batches.values()), 1)
    if batch < 1:
        raise ParameterError(
            "simulate.stimulus must hold at least one sample; got a batch of 0; a sample without events is "
            "Spikes.empty(1, n_units)"
        )
    return spikes, drive, batch


def _check_drive(argument: str, value: Any, size: int) -> NDArray[np.float64]:
    array = _real(f"simulate.{argument}", value, f"Spikes, or numbers [batch, step, {size}]")
    if array.ndim != 3 or array.shape[2] != size:
        raise ParameterError(
            f"simulate.{argument} must be Spikes, or numbers [batch, step, unit] with as many units as the population, "
            f"{size}; got shape {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ParameterError(f"simulate.{argument} must be finite; got NaN or infinity")
    return array


def split_observed(observed: Any) -> tuple[dict[Any, Any], dict[Any, VoltageSamples]]:
    """What was observed as spikes, and as voltages; of a population it can be both, ``(spikes, voltages)``."""
    if not isinstance(observed, Mapping):
        raise ParameterError(
            "simulate.observed must be a dict of population to Spikes, VoltageSamples or (Spikes, VoltageSamples); got "
            f"{type(observed).__name__}"
        )
    spikes: dict[Any, Any] = {}
    measured: dict[Any, VoltageSamples] = {}
    given = cast(Mapping[Any, Any], observed)
    for name, value in given.items():
        both: tuple[Any, ...] = cast(tuple[Any, ...], value) if isinstance(value, tuple) else (value,)
        for each in both:
            if isinstance(each, VoltageSamples):
                measured[name] = each
            else:
                spikes[name] = each
    return spikes, measured


def check_observed(plan: Plan, spikes: dict[Any, Any], duration: float, batch: int) -> dict[str, Spikes]:
    """Observed spikes; a loop of populations is observed as a whole."""
    allowed = [name for name, population in plan.populations.items() if population.spiking and name not in plan.inputs]
    for name, value in spikes.items():
        _known("observed", name, allowed, "a population that spikes")
        _check_spikes(f"observed[{name!r}]", value, plan.populations[name].size, duration)
        if value.batch != batch:
            raise ParameterError(
                f"simulate.observed[{name!r}] must have the batch of the stimulus, {batch}; got {value.batch}"
            )
    for component in plan.components:
        seen = [name for name in component.populations if name in spikes]
        if seen and len(seen) < len(component.populations):
            raise ParameterError(
                f"simulate.observed: populations in one loop ({', '.join(component.populations)}) must be observed "
                f"together; got only {', '.join(seen)}"
            )
    return spikes


def check_record(
    plan: Plan, record: Any, measured: dict[Any, VoltageSamples], duration: float, batch: int, surrogate: bool
) -> Request:
    """Probes of populations that have a voltage, and measured voltages of what is recorded.

    With ``surrogate`` gradients those of populations that spike are also of use unrecorded.
    """
    with_voltage = [name for name, population in plan.populations.items() if not isinstance(population, Input)]
    for name, value in measured.items():
        _known("observed", name, with_voltage, "a population with a voltage")
        wanted = (batch, value.times.size, plan.populations[name].size)
        if value.values.shape != wanted:
            raise ParameterError(
                f"simulate.observed[{name!r}]: VoltageSamples.values must be [batch, time, neuron] = {wanted}; got "
                f"{value.values.shape}"
            )
        _check_window(f"observed[{name!r}]", value.times, duration)
    if not isinstance(record, Mapping):
        raise ParameterError(f"simulate.record must be a dict of population to probe; got {type(record).__name__}")
    probes: dict[str, tuple[Probe, ...]] = {}
    single: set[str] = set()
    wanted_probes = cast(Mapping[Any, Any], record)
    for name, given in wanted_probes.items():
        _known("record", name, with_voltage, "a population with a voltage")
        if isinstance(given, PROBES):
            single.add(name)
            given = (given,)
        if isinstance(given, str) or not isinstance(given, Sequence) or not given:
            raise ParameterError(
                f"simulate.record[{name!r}] must be a probe or a tuple of probes (Voltage, MaxVoltage, "
                f"VoltageIntegral, SpikeTrain); got {given!r}"
            )
        chosen = cast(Sequence[Any], given)
        for probe in chosen:
            if not isinstance(probe, PROBES):
                raise ParameterError(
                    f"simulate.record[{name!r}] must hold probes (Voltage, MaxVoltage, VoltageIntegral, SpikeTrain); "
                    f"got {probe!r}"
                )
            if isinstance(probe, SpikeTrain) and not plan.populations[name].spiking:
                raise ParameterError(
                    f"simulate.record[{name!r}]: SpikeTrain() is of populations that spike, and {name!r} does not"
                )
            if isinstance(probe, Voltage):
                _check_window(f"record[{name!r}]", probe.times, duration)
                if name in measured:
                    measured_index(probe, measured[name], name)
        probes[name] = tuple(chosen)
    unread = [name for name in measured if name not in probes and not (surrogate and plan.populations[name].spiking)]
    if unread:
        raise ParameterError(
            f"simulate.observed: measured voltages of {', '.join(unread)} are not read by any probe; record the "
            f"population: record={{{unread[0]!r}: MaxVoltage()}}"
        )
    return Request(probes, frozenset(single), measured)


def _check_window(argument: str, times: Any, duration: float) -> None:
    if float(times[-1]) > duration:
        raise ParameterError(
            f"simulate.{argument}: times must lie in the window [0, {duration} s]; got {float(times[-1])} s"
        )


def check_state(plan: Plan, state: Any) -> None:
    """A state of this very network."""
    if not isinstance(state, State):
        raise ParameterError(f"simulate.state must be the state of a run; got {type(state).__name__}; pass run.state")
    for index, component in enumerate(plan.components):
        if component.model == "input":
            continue
        n_state = plan.packed(index).n_state
        for name in component.populations:
            wanted = (state.batch, n_state, plan.populations[name].size)
            got = state.x[name].shape if name in state.x else None
            if got != wanted:
                raise NetworkError(
                    f"simulate.state must come from a run of this network; population {name!r} has a state of shape "
                    f"{wanted}, got {got}"
                )
    unknown = [name for name in state.recent if name not in plan.populations]
    if unknown:
        raise NetworkError(
            f"simulate.state must come from a run of this network; it has spikes of {', '.join(unknown)}"
        )
    for name, values in state.values.items():
        if name not in plan.inputs or values.shape[2] != plan.populations[name].size:
            raise NetworkError(
                f"simulate.state must come from a run of this network; it has values of {name!r}, which is no Input of "
                f"{values.shape[2]} units"
            )


def by_name(argument: str, given: Any) -> Mapping[Any, Any]:
    """A dict keyed by population or projection."""
    if not isinstance(given, Mapping):
        raise ParameterError(
            f"{argument} must be a dict by population or projection; got {type(given).__name__}; write {{name: value}}"
        )
    return cast(Mapping[Any, Any], given)


def _real(argument: str, value: Any, must: str) -> NDArray[np.float64]:
    """A float64 copy of real numbers."""
    try:
        given = np.asarray(value)
    except (TypeError, ValueError):
        raise ParameterError(f"{argument} must be {must}; got {value!r}") from None
    if given.dtype.kind not in "fiub":
        hint = "pass .real, or the magnitude" if given.dtype.kind == "c" else "convert it to float64 first"
        raise ParameterError(f"{argument} must be {must}, all of them real; got the dtype {given.dtype}; {hint}")
    return given.astype(np.float64)


def float_values(argument: str, value: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A float64 copy of a value with the given shape."""
    array = _real(argument, value, f"numbers of shape {shape}")
    if array.shape != shape:
        raise ParameterError(f"{argument} must have the shape {shape} of what it belongs to; got {array.shape}")
    return array
