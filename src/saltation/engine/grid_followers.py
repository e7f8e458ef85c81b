"""What the spikes of a component would do to those that it reaches, as the adjoint on a grid needs it at every step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saltation.engine.grid_drive import split_by_receptor
from saltation.engine.grid_run import GridRun, GridSettings
from saltation.engine.plan import Plan
from saltation.engine.threads import chunks, run_chunks
from saltation.engine.wiring import wire
from saltation.kernels.grid_adjoint import grid_pull
from saltation.model import Projection

Floats = NDArray[np.float64]

# Weights of a projection that stay in the cache of a core while its steps go by.
_MOST_ALONG = 1 << 15
# Products of a step that are worth an update of a neuron by an event, by which chunks of samples are measured.
_STEPS_PER_UPDATE = 8


@dataclass(frozen=True, slots=True)
class Followers:
    """``lam_I`` of neurons that a component's spikes reach, at the time they do, and the weights along which they do.

    ``following [batch, step, target]``, ``along [target, neuron]``.
    """

    following: Floats
    along: Floats


def no_followers(n: int) -> Followers:
    """The followers of a component that reaches nobody."""
    return Followers(np.zeros((1, 0, 0)), np.zeros((0, n)))


def following(plan: Plan, run: GridRun, kept: Floats, source: str, columns: slice, n: int) -> Followers | None:
    """Neurons of a run that a source of a component reaches, for the kernel to add up; None if they are not for it.

    They are where a projection lists its synapses, has several delays, or so many weights that a product of matrices is
    faster.  ``columns`` are the source's among the ``n`` neurons of its component.
    """
    packed, last = run.packed, kept.shape[2] - 1
    lams: list[Floats] = []
    rows: list[Floats] = []
    for j, key in enumerate(packed.keys[: len(packed.component.incoming)]):
        projection = plan.projections[key]
        if projection.pre != source:
            continue
        if projection.connectivity is not None or projection.delay.ndim or projection.weight.size > _MOST_ALONG:
            return None
        weights = packed.weights[packed.weight_at[j] : packed.weight_at[j + 1]].reshape(projection.shape)
        late = int(run.scheme.steps_of[packed.delay_at[j]])
        for receptor, part in split_by_receptor(plan, projection, kept.shape[1], weights):
            lam = kept[:, receptor, :, slice(*packed.columns[projection.post])]
            if late:
                lam = np.concatenate((lam[:, late:], np.zeros_like(lam[:, : min(late, last + 1)])), axis=1)
            row = np.zeros((part.shape[1], n))
            row[:, columns] = part.T
            lams.append(lam)
            rows.append(row)
    if len(lams) == 1:
        return Followers(np.ascontiguousarray(lams[0]), rows[0])
    return Followers(np.concatenate(lams, axis=2), np.concatenate(rows))


def joined_followers(parts: Sequence[Followers], n: int) -> Followers:
    """All as one."""
    if not parts:
        return no_followers(n)
    if len(parts) == 1:
        return parts[0]
    return Followers(
        np.concatenate([part.following for part in parts], axis=2), np.concatenate([part.along for part in parts])
    )


def pull_source(plan: Plan, run: GridRun, settings: GridSettings, source: str, kept: Floats, by_spike: Floats) -> None:
    """Add ``dL/dz [batch, step, unit]`` of a population whose spikes reach the component."""
    packed = run.packed
    listed: list[tuple[int, Projection]] = []
    for j, key in enumerate(packed.keys[: len(packed.component.incoming)]):
        projection = plan.projections[key]
        if projection.pre != source:
            continue
        if projection.connectivity is None and not projection.delay_per_weight:
            _pull_dense(plan, run, j, projection, kept, by_spike)
        else:
            listed.append((j, projection))
    if not listed:
        return
    begins = {name: first for name, (first, _) in packed.columns.items()}
    size = plan.populations[source].size
    rows = wire(listed, {source: 0}, begins, size, packed.table, packed.synapses)

    def work(first: int, stop: int) -> None:
        grid_pull(first, stop, kept, packed.weights, packed.synapses, rows, run.scheme.steps_of, by_spike)

    updates = run.batch * (settings.last + 1) * size * packed.size // _STEPS_PER_UPDATE
    run_chunks(work, chunks(run.batch, updates, settings.threads), settings.threads)


def _pull_dense(plan: Plan, run: GridRun, j: int, projection: Projection, kept: Floats, by_spike: Floats) -> None:
    """The same along a projection of all pairs, as a product of matrices."""
    packed, last = run.packed, kept.shape[2] - 1
    weights = packed.weights[packed.weight_at[j] : packed.weight_at[j + 1]].reshape(projection.shape)
    late = run.scheme.steps_of[packed.delay_at[j] : packed.delay_at[j + 1]]
    columns = slice(*packed.columns[projection.post])
    for receptor, part in split_by_receptor(plan, projection, kept.shape[1], weights):
        for shift in np.unique(late[late <= last]):
            lam = kept[:, receptor, shift:, columns]
            if late.size == 1:
                by_spike[:, : last + 1 - shift] += lam @ part.T
            else:
                units = late == shift
                by_spike[:, : last + 1 - shift, units] += lam @ part[units].T
