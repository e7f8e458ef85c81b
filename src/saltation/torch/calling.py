"""A call of a module as one operation: names in, lists of tensors through, names out."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from saltation import model
from saltation.errors import ParameterError
from saltation.model import VoltageSamples
from saltation.model.checks import suggest
from saltation.torch import eager, ops
from saltation.torch.output import Output
from saltation.torch.specification import Specification, register, registered
from saltation.torch.spikes import Spikes, as_spikes

Events = Spikes | model.Spikes | Tensor
"""Spikes of either kind, or values at every point of a grid."""

Observed = Mapping[str, Events | VoltageSamples | tuple[Events, VoltageSamples]]
"""Observations of populations from elsewhere."""


def call(
    specification: Specification,
    key: int,
    parameters: Sequence[Tensor],
    stimulus: Mapping[str, Events],
    duration: float,
    observed: Observed | None,
    throw: bool,
) -> Output:
    """Run a specification on a stimulus; see `saltation.torch.SNN.forward`."""
    given, tensors = _stimulus(specification, stimulus)
    seen: list[Tensor] = []
    if observed:
        key, seen = _observations(specification, key, observed)
    if eager.possible((*parameters, *tensors, *seen)):
        records = {name: value for name, value in stimulus.items() if isinstance(value, model.Spikes)}
        results = eager.run(key, parameters, tensors, seen, records, float(duration), throw)
    else:
        keep = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (*parameters, *tensors))
        results = ops.run(key, parameters, tensors, seen, float(duration), throw, keep)
    at = 0
    for name, size in specification.spiking:
        given[name] = Spikes(results[at], results[at + 1], results[at + 2], size)
        at += 3
    voltages: dict[str, Any] = {}
    for name, probes, bare in specification.record:
        voltages[name] = results[at] if bare else tuple(results[at : at + len(probes)])
        at += len(probes)
    return Output(given, voltages, results[-1])


def _stimulus(specification: Specification, stimulus: Mapping[str, Events]) -> tuple[dict[str, Spikes], list[Tensor]]:
    known = [name for name, _ in specification.inputs]
    if not isinstance(stimulus, Mapping):
        raise ParameterError(
            f"stimulus must be a dict of input population to Spikes; got {type(stimulus).__name__}; the "
            f"populations are {', '.join(map(repr, known)) or 'none'}"
        )
    for name in stimulus:
        if name not in known:
            raise ParameterError(
                f"stimulus: a name must be that of an Input population; got {name!r}; {suggest(name, known)}"
            )
    given: dict[str, Spikes] = {}
    tensors: list[Tensor] = []
    on_grid = specification.backend.surrogate_gradients
    for name, size in specification.inputs:
        if name not in stimulus:
            raise ParameterError(
                f"stimulus must have events for every Input population; got none for {name!r}; for silence "
                "pass saltation.Spikes.empty(batch, n_units)"
            )
        value = stimulus[name]
        train = value.train if on_grid and isinstance(value, Spikes) else value
        if isinstance(train, Tensor):
            tensors += _values(f"stimulus[{name!r}]", train, size)
            if isinstance(value, Spikes):
                given[name] = value
            continue
        given[name] = spikes = _sized(f"stimulus[{name!r}]", value, size)
        tensors += [spikes.times, spikes.units, spikes.offsets]
    return given, tensors


def _values(where: str, train: Tensor, size: int) -> list[Tensor]:
    """Values on a grid in the place of times, and no events."""
    if train.ndim != 3 or train.shape[2] != size:
        raise ParameterError(
            f"{where} must be saltation.torch.Spikes, saltation.Spikes, or values [batch, step, {size}] on the grid of "
            f"Grid(dt); got a tensor of shape {tuple(train.shape)}"
        )
    return [train, torch.empty(0, dtype=torch.int32), torch.zeros(train.shape[0] + 1, dtype=torch.int64)]


def _sized(where: str, value: object, size: int) -> Spikes:
    if not isinstance(value, Spikes | model.Spikes):
        raise ParameterError(
            f"{where} must be saltation.torch.Spikes or saltation.Spikes; got {type(value).__name__}; dense "
            "arrays become events by saltation.Spikes.from_dense(array, dt)"
        )
    spikes = as_spikes(value, size)
    if spikes.n_units != size:
        raise ParameterError(f"{where}.n_units must be the population's size {size}; got {spikes.n_units}")
    return spikes


def _observations(specification: Specification, key: int, observed: Observed) -> tuple[int, list[Tensor]]:
    sizes = dict(specification.spiking)
    tensors: list[Tensor] = []
    kinds: list[tuple[str, bool]] = []
    for name, value in ((name, each) for name, seen in observed.items() for each in _each(seen)):
        if isinstance(value, VoltageSamples):
            kinds.append((name, True))
            tensors += [torch.from_numpy(np.array(value.times)), torch.from_numpy(np.array(value.values))]
            continue
        if name not in sizes:
            raise ParameterError(
                f"observed: spikes must be those of a population that spikes and is no Input; got {name!r}; "
                f"{suggest(name, sizes)}"
            )
        spikes = _sized(f"observed[{name!r}]", value, sizes[name])
        kinds.append((name, False))
        tensors += [spikes.times.detach(), spikes.units, spikes.offsets]
    return observing(key, tuple(kinds)), tensors


def _each(seen: Any) -> tuple[Any, ...]:
    """What was observed of a population: spikes, voltages, or both."""
    return cast(tuple[Any, ...], seen) if isinstance(seen, tuple) else (seen,)


_OBSERVING: dict[tuple[int, tuple[tuple[str, bool], ...]], int] = {}


# The compiler runs it once, while it traces, and takes the key for what it is: a constant.
@torch.compiler.assume_constant_result
def observing(key: int, observed: tuple[tuple[str, bool], ...]) -> int:
    """Key of the specification of ``key`` with observations of some populations."""
    found = _OBSERVING.get((key, observed))
    if found is None:
        base = registered(key)
        changed = Specification(base.populations, base.edges, base.slots, base.record, base.backend, observed)
        found = _OBSERVING[key, observed] = register(changed)
    return found
