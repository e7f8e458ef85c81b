"""Surrogate gradients of one component on a time grid, and what they hand on to those before it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from saltation.engine.adjoint import GRADIENT_BUDGET
from saltation.engine.grid_followers import Followers
from saltation.engine.grid_run import GridRun, GridSettings
from saltation.engine.grid_table import steps
from saltation.engine.memory import empty, zeros
from saltation.engine.observation import Request, add_at
from saltation.engine.threads import chunks, run_chunks
from saltation.kernels.grid import LIGHT_ROWS, TRACED_FROM
from saltation.kernels.grid_adjoint import BY_RECEPTORS, LAM_I, Given, Pseudo, grid_adjoint
from saltation.model import MaxVoltage, Voltage, VoltageIntegral
from saltation.model.surrogates import SURROGATES, Surrogate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Steps of a neuron that are worth one entry of a gradient's copy, which is cleared and added up.
_STEPS_PER_ENTRY = 64
_STEPS_PER_UPDATE = 4
# how the kernels number surrogates
_KINDS: dict[type[Surrogate], int] = {kind: number for number, kind in enumerate(SURROGATES)}


def component_back(
    run: GridRun,
    request: Request,
    settings: GridSettings,
    voltage: Mapping[str, Sequence[Floats]],
    by_spike: Floats,
    followers: Followers,
    keep: bool,
    per_sample: bool,
    deep: bool,
) -> tuple[Floats, Floats, Floats, Floats]:
    """``dL/d`` weights, coefficients and the initial voltage of a component; and ``lam_I`` of all grid points.

    ``by_spike [batch, step or 0, neuron]`` is ``dL/dz``, to which comes what ``followers`` add; ``keep``: whether
    ``lam_I`` is wanted; ``deep``: whether derivatives by decays and gains are.
    """
    packed, scheme, batch, n = run.packed, run.scheme, run.batch, run.packed.size
    n_receptors, last = len(run.table.receptors), settings.last
    given = Given(by_spike, followers.following, followers.along, *_recorded(run, request, settings, voltage))
    kept = empty((batch, n_receptors, last + 1, n)) if keep else np.zeros((1, n_receptors, 0, n))
    surrogate = settings.surrogate
    pseudo = Pseudo(_KINDS[type(surrogate)], surrogate.height, surrogate.sharpness, settings.detached)
    steps_of_neurons = batch * n * (last + 1)
    if per_sample:
        cut = [(b, b + 1) for b in range(batch)]
    else:
        copy = packed.weights.size + n
        most = min(GRADIENT_BUDGET // (8 * copy), steps_of_neurons // (_STEPS_PER_ENTRY * copy))
        cut = chunks(batch, steps_of_neurons // _STEPS_PER_UPDATE, max(1, most))

    def work(first: int, stop: int) -> tuple[Floats, Floats, Floats]:
        found = (np.zeros(packed.weights.size), np.zeros((BY_RECEPTORS + 2 * n_receptors, n)), np.zeros(n))
        scratch = (
            np.zeros((scheme.checkpoints.shape[2], n)),
            np.empty((TRACED_FROM + n_receptors if deep else LIGHT_ROWS, scheme.every, n)),
            np.zeros((LAM_I + n_receptors, n)),
            np.zeros((scheme.ring * n_receptors, n)),
        )
        for part in run.parts:
            begin, end = max(first, part.first), min(stop, part.stop)
            if begin < end:
                model = (scheme, part.events, part.event_steps, pseudo, run.recorder, given)
                grid_adjoint(begin, end, *model, *scratch, kept, *found)
        return found

    results = run_chunks(work, cut, settings.threads)
    if per_sample:
        weights, coefficients, start = (np.stack(arrays) for arrays in zip(*results, strict=True))
    else:
        weights, coefficients, start = results[0]
        for more in results[1:]:
            for total, array in zip((weights, coefficients, start), more, strict=True):
                total += array
    return weights, coefficients, start, kept


def _recorded(
    run: GridRun, request: Request, settings: GridSettings, voltage: Mapping[str, Sequence[Floats]]
) -> tuple[Floats, Floats, Floats]:
    """``dL/d`` what a component's probes record, from that of what the user asked for."""
    batch, n = run.batch, run.packed.size
    asked = [name for name in run.packed.component.populations if name in voltage]
    samples = (
        np.zeros((batch, run.recorder.probe_steps.size, n))
        if run.recorder.probe_steps.size and asked
        else np.zeros((1, 0, 0))
    )
    watched = run.recorder.watch.shape[2] > 0 and bool(asked)
    integral, peak = (np.zeros((batch, n) if watched else (1, 0)) for _ in range(2))
    for name in asked:
        columns = slice(*run.packed.columns[name])
        for probe, cotangent in zip(request.probes[name], voltage[name], strict=True):
            if isinstance(probe, Voltage):
                at = np.searchsorted(run.recorder.probe_steps, steps(probe.times, settings.dt))
                add_at(samples[:, :, columns], at, cotangent)
            elif isinstance(probe, MaxVoltage):
                peak[:, columns] += cotangent
            elif isinstance(probe, VoltageIntegral):
                integral[:, columns] += cotangent
    return samples, integral, peak


def no_spikes(n: int) -> Floats:
    """``dL/dz`` where there is none."""
    return np.zeros((1, 0, n))


def all_spikes(batch: int, last: int, n: int) -> Floats:
    """Room for ``dL/dz`` of all grid points."""
    return zeros((batch, last + 1, n))
