"""EventProp through a network: components from the last to the first, cotangents carried by spike times."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from saltation.engine.forward import ComponentRun, longest_sample
from saltation.engine.gradient import ComponentGradient
from saltation.engine.memory import empty, zeros
from saltation.engine.observation import Request, add_at, measured_cotangent
from saltation.engine.parts import Part
from saltation.engine.threads import chunks, run_chunks
from saltation.kernels.records import SIDES, Cotangents, Results
from saltation.kernels.rows import lanes
from saltation.kernels.specialise import kernel
from saltation.kernels.wide_adjoint import BACKWARD_MARKS, BACKWARD_ROWS
from saltation.model import MaxVoltage, Voltage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Each chunk of samples has its own copy of the gradient; their number is limited so that all fit in here.
GRADIENT_BUDGET = 1 << 28
# A copy is cleared and added up: little beside so many updates of neurons for each of its entries.
_UPDATES_PER_ENTRY = 16


def make_cotangents(
    run: ComponentRun, request: Request, voltage: Mapping[str, Sequence[Floats]], batch: int
) -> Cotangents:
    """``dL/d`` what a component's probes record, from that of what the user asked for."""
    n = run.packed.size
    names = run.packed.component.populations
    asked = [name for name in names if name in voltage]
    samples = np.zeros((batch, run.probe_times.size, n)) if run.probe_times.size and asked else np.zeros((1, 0, 0))
    watched = run.probes.watch.shape[2] > 0 and bool(asked)
    integral, peak = (np.zeros((batch, n) if watched else (1, 0)) for _ in range(2))
    for name in asked:
        columns = slice(*run.packed.columns[name])
        for probe, cotangent in zip(request.probes[name], voltage[name], strict=True):
            if name in request.measured:
                measured = request.measured[name]
                at = np.searchsorted(run.probe_times, measured.times)
                add_at(samples[:, :, columns], at, measured_cotangent(probe, measured, name, cotangent))
            elif isinstance(probe, Voltage):
                at = np.searchsorted(run.probe_times, probe.times)
                add_at(samples[:, :, columns], at, cotangent)
            elif isinstance(probe, MaxVoltage):
                peak[:, columns] += cotangent
            else:
                integral[:, columns] += cotangent
    return Cotangents(samples, integral, peak)


def component_adjoint(
    run: ComponentRun,
    spike_times: Floats,
    cotangents: Cotangents,
    timed: bool,
    per_sample: bool,
    threads: int,
) -> tuple[ComponentGradient, Floats]:
    """Gradient of one component, and ``dL/dt`` of its sources' spikes (flat, as in ``run.sources``).

    ``spike_times`` is ``dL/dt`` of its own spikes, in the order of ``run.times``, overwritten by the total.
    """
    packed = run.packed
    batch = run.offsets.size - 1
    n, n_primary = packed.size, len(packed.names)
    source_times = zeros(run.sources.times.size)
    if per_sample:
        cut = [(b, b + 1) for b in range(batch)]
    else:
        copy = packed.weights.size + packed.delays.size + n * (n_primary + 1)
        most = min(GRADIENT_BUDGET // (8 * copy), run.work // (_UPDATES_PER_ENTRY * copy))
        cut = chunks(batch, run.work, max(1, most))
    by_spike = empty(0 if packed.component.recurrent else spike_times.size)

    def work(first: int, stop: int) -> Results:
        results = Results(
            np.zeros(packed.weights.size), np.zeros(packed.delays.size), np.zeros((n, n_primary)), np.zeros(n)
        )
        # the sum over samples must not depend on where the parts end: what is carried from one to the next is here
        leak = np.zeros(lanes(n))
        for part in run.parts:
            begin, end = max(first, part.first), min(stop, part.stop)
            if begin < end:
                place = slice(part.begin, part.begin + part.n_spikes)
                own = (spike_times[place], by_spike[place])
                _undo(run, part, begin, end, timed, cotangents, *own, source_times, leak, results)
        results.parameters[:, 1] += leak[:n]
        return results

    parts = run_chunks(work, cut, threads)
    return ComponentGradient(packed, *_collected(parts, per_sample), not run.continued), source_times


def _undo(
    run: ComponentRun,
    part: Part,
    first: int,
    stop: int,
    timed: bool,
    cotangents: Cotangents,
    spike_times: Floats,
    by_spike: Floats,
    source_times: Floats,
    leak: Floats,
    results: Results,
) -> None:
    """Adjoint of samples of one part, added to the results."""
    packed = run.packed
    n, rows = packed.size, packed.n_state + packed.n_companion
    common = (packed.parameters, part.events, packed.weights, run.start, part.tape)
    watched = (run.probes.watch, cotangents)
    if packed.component.recurrent:
        duration = float(part.events.times[part.events.offsets[part.stop] - 1])
        logged = (part.log, part.log_offsets, part.own_offsets)
        scratch = (np.empty((rows + SIDES + 1, n)), np.empty(n, np.int64))
        model = (packed.parameters, part.events, packed.weights, packed.synapses, run.start, part.tape)
        given = (*model, part.offsets, *logged, *watched, spike_times, source_times, *scratch, results)
        kernel("queue_adjoint", packed.model)(first, stop, timed, duration, *given)
        return
    ordered = (part.index, part.offsets)
    if run.wide:
        length = lanes(n)
        scratch = (
            np.zeros((3 * rows + SIDES + BACKWARD_ROWS + packed.rows_of_own, length)),
            np.zeros((BACKWARD_MARKS, length), np.int64),
        )
        given = (*common, *ordered, *watched, spike_times, by_spike, source_times, *scratch, leak, results)
        kernel("wide_adjoint", packed.model, packed.shared)(first, stop, timed, *given)
        return
    rows_of_gaps = packed.n_gap + packed.n_companion_gap + 1
    gaps = np.empty((rows_of_gaps, longest_sample(part.events, first, stop)))
    scratch = (np.empty((rows + SIDES, n)), gaps, np.empty(n, np.int64))
    given = (*common, *ordered, *watched, spike_times, by_spike, source_times, *scratch, results)
    kernel("narrow_adjoint", packed.model, packed.shared)(first, stop, timed, *given)


def _collected(parts: list[Results], per_sample: bool) -> tuple[Floats, Floats, Floats, Floats]:
    """Gradients of all chunks: stacked, or summed in their order."""
    if per_sample:
        return tuple(np.stack(arrays) for arrays in zip(*parts, strict=True))  # pyright: ignore[reportReturnType]
    first = parts[0]
    for part in parts[1:]:
        for total, array in zip(first, part, strict=True):
            total += array
    return first.weights, first.delays, first.parameters, first.v_init


def network_adjoint(
    runs: Sequence[ComponentRun | None],
    request: Request,
    bars: dict[str, Floats],
    voltage: Mapping[str, Sequence[Floats]],
    batch: int,
    timed: bool,
    per_sample: bool,
    threads: int,
) -> list[ComponentGradient]:
    """Gradients of all components.  ``bars`` holds ``dL/dt`` of each population's spikes, and the totals afterwards."""
    gradients: list[ComponentGradient] = []
    for run in reversed(runs):
        if run is None:
            continue
        spike_times = zeros(run.times.size)
        for name, where in run.members.items():
            if name in bars:
                spike_times[where] = bars[name]
        cotangents = make_cotangents(run, request, voltage, batch)
        gradient, source_times = component_adjoint(run, spike_times, cotangents, timed, per_sample, threads)
        gradients.append(gradient)
        for name, where in run.members.items():
            if name in bars:
                bars[name] = spike_times[where]
        for name, where in run.sources.fresh.items():
            if name not in run.members:
                bars[name] = bars[name] + source_times[where]
    return gradients
