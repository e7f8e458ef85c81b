"""The two operations: ``saltation::run`` simulates a network, ``saltation::run_backward`` is its adjoint.

::

    outputs                   = run(key, parameters, stimulus, observed, duration)
    dL/d (parameters, times)  = run_backward(..., dL/d outputs)

Lists of tensors go in and out. ``stimulus`` holds times, units and offsets of each input population;
``observed`` the same of each population whose spikes were observed elsewhere, or times and values of measured
voltages. The outputs are times, units and offsets of each spiking population, then each recorded voltage,
then the status.

The adjoint needs nothing but its arguments: the spikes replay the run that emitted them, without a search. A
run that is still among `recent_runs` saves that. Plain calls take the way of :mod:`saltation.torch.eager`, which uses
the functions below too. Nothing of the physics is here.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from saltation.engine import Run, Status, simulate
from saltation.engine.arguments import split_observed
from saltation.engine.grid import grid_points
from saltation.engine.observation import Observed
from saltation.engine.training import TIME_CONSTANTS
from saltation.errors import GradientError, ParameterError
from saltation.model import Spikes, SpikeTrain, Voltage, VoltageSamples
from saltation.torch.recent import Kept, RecentNetworks, RecentRuns, Wanted
from saltation.torch.specification import Specification, registered

recent_runs = RecentRuns()
"""Runs that ``saltation::run_backward`` may need."""

recent_networks = RecentNetworks()
"""Networks with the values of their last call."""


# ------------------------------------------------------------------------------------------------ forward
@torch.library.custom_op("saltation::run", mutates_args=())
def run(
    key: int,
    parameters: Sequence[Tensor],
    stimulus: Sequence[Tensor],
    observed: Sequence[Tensor],
    duration: float,
    throw: bool,
    keep: bool,
) -> list[Tensor]:
    """Run the network of a key in ``[0, duration]``.

    Parameters
    ----------
    key : int
        Of a registered `Specification`, which gives the order of the lists.
    parameters, stimulus, observed : list of Tensor
        Values of the slots, events, observations; see the module.
    duration : float
        Length of the window in seconds.
    throw : bool
        Whether a failed sample raises; otherwise it is noted in the status.
    keep : bool
        Whether a backward pass may follow, and the run is worth keeping.

    Returns
    -------
    list of Tensor
        Times (float64), units (int32), offsets (int64) of each spiking population, each recorded voltage
        (float64), and the status (int64, [batch]).
    """
    specification = registered(key)
    seen = observations(specification, observed)
    result = _simulate(specification, _arrays(parameters), _stimulus(specification, stimulus), seen, duration, throw)
    if keep and all(name in result.spikes for name, _ in specification.inputs):
        measured = split_observed(seen)[1]
        recent_runs.keep(Kept(specification, measured, result))
    return outputs_of(specification, result)


@run.register_fake
def _run_fake(
    key: int,
    parameters: Sequence[Tensor],
    stimulus: Sequence[Tensor],
    observed: Sequence[Tensor],
    duration: float,
    throw: bool,
    keep: bool,
) -> list[Tensor]:
    specification = registered(key)
    batch = stimulus[2].shape[0] - 1 if stimulus else 1
    context = torch.library.get_ctx()
    given = {name: observed[at] for name, at in _places(specification, voltages=False).items()}
    outputs: list[Tensor] = []
    for name, _ in specification.spiking:
        n = given[name].shape[0] if name in given else context.new_dynamic_size()
        outputs.append(torch.empty(n, dtype=torch.float64))
        outputs.append(torch.empty(n, dtype=torch.int32))
        outputs.append(torch.empty(batch + 1, dtype=torch.int64))
    for _, probe, size in specification.voltages:
        shape = (batch, probe.times.size, size) if isinstance(probe, Voltage) else (batch, size)
        if isinstance(probe, SpikeTrain):
            shape = (batch, grid_points(specification.backend, duration), size)
        outputs.append(torch.empty(shape, dtype=torch.float64))
    outputs.append(torch.empty(batch, dtype=torch.int64))
    return outputs


# ----------------------------------------------------------------------------------------------- backward
@torch.library.custom_op("saltation::run_backward", mutates_args=())
def run_backward(
    key: int,
    parameters: Sequence[Tensor],
    stimulus: Sequence[Tensor],
    observed: Sequence[Tensor],
    duration: float,
    spikes: Sequence[Tensor],
    status: Tensor,
    cotangents: Sequence[Tensor],
    wanted: Sequence[int],
) -> list[Tensor]:
    """Gradient of a loss of the outputs of `run`, by EventProp.

    Parameters
    ----------
    key, parameters, stimulus, observed, duration
        As given to `run`.
    spikes : list of Tensor
        Times, units and offsets that it returned for each spiking population.
    status : Tensor of int64, [batch]
        That it returned.
    cotangents : list of Tensor
        ``dL/dt`` for each spiking population, then ``dL/dv`` for each recorded voltage.
    wanted : list of int
        Which gradients to return: numbers of parameters and, counted on, of inputs.

    Returns
    -------
    list of Tensor
        ``dL/d`` what is wanted, each of its shape and dtype.

    Raises
    ------
    GradientError
        If a sample failed, or a cotangent is not finite.
    """
    specification = registered(key)
    check_status(status)
    values = _arrays(parameters)
    measured = [observed[at + i].numpy() for at in _places(specification, voltages=True).values() for i in (0, 1)]
    events = [[tensor.detach().numpy() for tensor in tensors] for tensors in (stimulus, spikes)]
    wish = Wanted(specification, float(duration), values, events[0], measured, events[1])
    result = recent_runs.take(wish)
    if result is None:
        seen = observations(specification, observed)
        if not specification.backend.surrogate_gradients:
            measured_too = split_observed(seen)[1]
            own = _events(specification.spiking, spikes)
            seen |= {k: (value, measured_too[k]) if k in measured_too else value for k, value in own.items()}
        events_of = _stimulus(specification, stimulus)
        result = _simulate(specification, values, events_of, seen, duration, throw=True)
    return gradients(specification, result, cotangents, wanted, parameters)


def check_status(status: Tensor) -> None:
    """Raise a `GradientError` where samples failed."""
    failed = torch.nonzero(status).flatten().tolist()
    if failed:
        raise GradientError(
            f"saltation::run_backward needs samples that ran to their end; samples {failed[:10]} failed with "
            f"{Status(int(status[failed[0]])).name}; leave them out of the loss and the stimulus, or mend "
            "the cause"
        )


def gradients(
    specification: Specification,
    result: Run,
    cotangents: Sequence[Tensor | None],
    wanted: Sequence[int],
    parameters: Sequence[Tensor],
) -> list[Tensor]:
    """Gradients of a run for what is wanted, as `run_backward`; a cotangent that is None is zero."""
    n_spiking, slots = len(specification.spiking), specification.slots
    names = [name for name, _ in specification.spiking]
    of_spikes = {name: _array(c) for name, c in zip(names, cotangents[:n_spiking], strict=True) if c is not None}
    of_voltages = [
        np.zeros(tuple(voltage.shape)) if c is None else _array(c)
        for c, voltage in zip(cotangents[n_spiking:], voltages_of(specification, result), strict=True)
    ]
    gradient = result.gradient(
        of_spikes,
        _by_population(specification, of_voltages),
        time_constants=any(i < len(slots) and slots[i].kind in TIME_CONSTANTS for i in wanted),
    )
    found: list[Tensor] = []
    for i in wanted:
        if i < len(slots):
            value = getattr(gradient, slots[i].kind)[slots[i].target]
            found.append(_tensor(value).to(parameters[i].dtype))
        else:
            name = specification.inputs[i - len(slots)][0]
            if name in gradient.input_values:
                found.append(_tensor(gradient.input_values[name]))
            elif specification.backend.surrogate_gradients:
                raise GradientError(
                    f"the times of the events of {name!r} require a gradient, which surrogate gradients do not have; "
                    "detach them, give the input as values [batch, step, unit], or use Grid(dt, gradient='eventprop')"
                )
            else:
                found.append(_tensor(gradient.input_times[name]))
    return found


@run_backward.register_fake
def _run_backward_fake(
    key: int,
    parameters: Sequence[Tensor],
    stimulus: Sequence[Tensor],
    observed: Sequence[Tensor],
    duration: float,
    spikes: Sequence[Tensor],
    status: Tensor,
    cotangents: Sequence[Tensor],
    wanted: Sequence[int],
) -> list[Tensor]:
    inputs = (*parameters, *stimulus[::3])
    return [torch.empty_like(inputs[i], memory_format=torch.contiguous_format) for i in wanted]


# ----------------------------------------------------------------------------------------------- autograd
def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: list[Tensor]) -> None:
    key, parameters, stimulus, observed, duration, _, _ = inputs
    spikes = output[: 3 * len(registered(key).spiking)]
    ctx.key, ctx.duration = key, duration
    ctx.sizes = len(parameters), len(stimulus), len(observed), len(spikes)
    ctx.save_for_backward(*parameters, *stimulus, *observed, *spikes, output[-1])


def _run_autograd(ctx: Any, cotangents: list[Tensor]) -> tuple[Any, ...]:
    saved = list(ctx.saved_tensors)
    lists: list[list[Tensor]] = []
    for size in ctx.sizes:
        lists.append(saved[:size])
        del saved[:size]
    parameters, stimulus, observed, spikes = lists
    need_parameters, need_stimulus = ctx.needs_input_grad[1], ctx.needs_input_grad[2]
    wanted = [i for i, need in enumerate(need_parameters) if need]
    wanted += [len(parameters) + i for i, need in enumerate(need_stimulus[::3]) if need]
    # Units, offsets and the status move with nothing.
    real = [*cotangents[: len(spikes) : 3], *cotangents[len(spikes) : -1]]
    found = run_backward(ctx.key, parameters, stimulus, observed, ctx.duration, spikes, saved[0], real, wanted)
    gradients = dict(zip(wanted, found, strict=True))
    for_parameters = [gradients.get(i) for i in range(len(parameters))]
    for_stimulus: list[Tensor | None] = [None] * len(stimulus)
    for_stimulus[::3] = [gradients.get(len(parameters) + i) for i in range(len(stimulus) // 3)]
    return None, for_parameters, for_stimulus, [None] * len(observed), None, None, None


run.register_autograd(_run_autograd, setup_context=_setup_context)


def no_second_derivative() -> GradientError:
    """Make the error of a second derivative."""
    return GradientError(
        "saltation::run_backward has no derivative: EventProp gives first derivatives, and the second ones "
        "of a network that spikes are not implemented; leave out create_graph=True, or take differences of "
        "gradients"
    )


def _refuse(ctx: Any, cotangents: list[Tensor]) -> tuple[Any, ...]:
    raise no_second_derivative()


run_backward.register_autograd(_refuse)


# -------------------------------------------------------------------------------------- tensors and records
def _array(tensor: Tensor) -> NDArray[Any]:
    """Give a floating-point tensor as float64; no copy where it is that already."""
    if tensor.device.type != "cpu" or tensor.dtype not in (torch.float64, torch.float32):
        raise ParameterError(
            "saltation::run takes tensors in the memory of the CPU, float64 or float32; got device "
            f"{tensor.device.type!r}, dtype {str(tensor.dtype).removeprefix('torch.')}; move the module and "
            "the spikes with .cpu(), convert with .double()"
        )
    return tensor.detach().double().numpy()


def _tensor(array: NDArray[Any]) -> Tensor:
    """Copy an array into a tensor: what a run keeps must not be reached through its outputs."""
    return torch.from_numpy(np.array(array, order="C"))


def _arrays(tensors: Sequence[Tensor]) -> list[NDArray[Any]]:
    return [_array(tensor) for tensor in tensors]


def _stimulus(
    specification: Specification, tensors: Sequence[Tensor], known: Mapping[str, Spikes] = MappingProxyType({})
) -> dict[str, Spikes | NDArray[Any]]:
    """Events of each input, of which some are known, or its values on a grid, which stand in the place of times."""
    found: dict[str, Spikes | NDArray[Any]] = {**known}
    for i, (name, size) in enumerate(specification.inputs):
        if name in known:
            continue
        of_input = tensors[3 * i : 3 * i + 3]
        is_event = of_input[0].ndim == 1
        found[name] = _events([(name, size)], of_input)[name] if is_event else _array(of_input[0])
    return found


def _events(populations: Sequence[tuple[str, int]], tensors: Sequence[Tensor]) -> dict[str, Spikes]:
    """Check and copy times, units and offsets of each population; tensors may hold anything."""
    found: dict[str, Spikes] = {}
    for i, (name, size) in enumerate(populations):
        times, units, offsets = tensors[3 * i : 3 * i + 3]
        found[name] = Spikes(_array(times), units.numpy(), offsets.numpy(), n_units=size)
    return found


def _places(specification: Specification, voltages: bool) -> dict[str, int]:
    """Where the tensors of each population begin whose voltages, or whose spikes, were observed."""
    places: dict[str, int] = {}
    at = 0
    for name, is_voltage in specification.observed:
        if is_voltage == voltages:
            places[name] = at
        at += 2 if is_voltage else 3
    return places


def observations(specification: Specification, observed: Sequence[Tensor]) -> dict[str, Observed]:
    """Take what was observed elsewhere from its tensors."""
    sizes = dict(specification.spiking)
    found: dict[str, Observed] = {}
    for name, at in _places(specification, voltages=False).items():
        found.update(_events([(name, sizes[name])], observed[at : at + 3]))
    for name, at in _places(specification, voltages=True).items():
        voltages = VoltageSamples(_array(observed[at]), _array(observed[at + 1]))
        spikes = found.get(name)
        found[name] = (spikes, voltages) if isinstance(spikes, Spikes) else voltages
    return found


def simulated(
    specification: Specification,
    parameters: Sequence[Tensor],
    stimulus: Sequence[Tensor],
    seen: Mapping[str, Observed],
    records: Mapping[str, Spikes],
    duration: float,
    throw: bool,
) -> Run:
    """Run on tensors and on what was ``seen``; ``records`` are those inputs that are known to be in order."""
    events = _stimulus(specification, stimulus, records)
    return _simulate(specification, _arrays(parameters), events, seen, duration, throw)


def _simulate(
    specification: Specification,
    values: Sequence[NDArray[Any]],
    stimulus: Mapping[str, Spikes | NDArray[Any]],
    observed: Mapping[str, Observed],
    duration: float,
    throw: bool,
) -> Run:
    return simulate(
        recent_networks.network(specification, values),
        stimulus,
        float(duration),
        backend=specification.backend,
        record=specification.probes,
        observed=observed,
        throw=throw,
    )


def voltages_of(specification: Specification, result: Run) -> list[NDArray[Any]]:
    """Everything that the probes of a run recorded, in their order."""
    found: list[NDArray[Any]] = []
    for name, _, bare in specification.record:
        found += (result.voltage[name],) if bare else result.voltage[name]
    return found


def outputs_of(specification: Specification, result: Run) -> list[Tensor]:
    """What `run` returns of a run."""
    outputs: list[Tensor] = []
    for name, _ in specification.spiking:
        spikes = result.spikes[name]
        outputs += [_tensor(spikes.times), _tensor(spikes.units), _tensor(spikes.offsets)]
    outputs += [_tensor(voltage) for voltage in voltages_of(specification, result)]
    outputs.append(_tensor(result.status))
    return outputs


def _by_population(specification: Specification, cotangents: Sequence[NDArray[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    at = 0
    for name, probes, bare in specification.record:
        found[name] = cotangents[at] if bare else tuple(cotangents[at : at + len(probes)])
        at += len(probes)
    return found
