"""Where the spikes of a component's projections go, as the kernels read it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.errors import NetworkError
from saltation.kernels.events import CUT_AT, DELAY_AT, PER_PRE, PER_WEIGHT, RECEPTOR_OF, SCALAR, WEIGHT_AT
from saltation.kernels.records import DELAY, EVENT_ROWS, PER_TARGET, RECEPTOR, ROW, START, STOP, Synapses, Wiring
from saltation.model import Projection
from saltation.model.checks import freeze

Ints = NDArray[np.int64]

_LARGEST = np.iinfo(np.int32).max


def delay_mode(projection: Projection) -> int:
    """How the delays of a projection are given, as the kernels know it."""
    if projection.delay.ndim == 0:
        return SCALAR
    return PER_WEIGHT if projection.delay_per_weight else PER_PRE


def list_synapses(
    projections: Sequence[Projection], weight_at: Ints, first_column: Sequence[int]
) -> tuple[Synapses, list[int]]:
    """Synapses of the projections that list them, by the unit they leave; and where the cuts of each begin, or -1."""
    cuts: list[NDArray[Any]] = [np.zeros(0, np.int64)]
    targets: list[NDArray[Any]] = []
    places: list[NDArray[Any]] = []
    cut_at: list[int] = []
    apart = True
    few = any(projection.connectivity is not None or projection.delay_per_weight for projection in projections)
    n_cuts = n_synapses = 0
    for projection, weight, column in zip(projections, weight_at, first_column, strict=False):
        if projection.connectivity is None:
            cut_at.append(-1)
            continue
        pre, post, place = projection.connectivity.synapses()
        if max(n_synapses + pre.size, int(weight) + projection.weight.size) > _LARGEST:
            raise NetworkError(
                f"the synapses that reach population {projection.post!r} must be at most {_LARGEST}; got more; "
                "split the population, or use a dense weight matrix"
            )
        if np.any(pre[1:] < pre[:-1]):
            order = np.argsort(pre, kind="stable")
            pre, post, place = pre[order], post[order], place[order]
        apart = apart and _all_differ(pre, post)
        cut_at.append(n_cuts)
        cuts.append(n_synapses + np.searchsorted(pre, np.arange(projection.shape[0] + 1)))
        targets.append((post + column).astype(np.int32))
        places.append((place + weight).astype(np.int32))
        n_cuts += cuts[-1].size
        n_synapses += pre.size
    listed = Synapses(freeze(np.concatenate(cuts).astype(np.int64)), _joined(targets), _joined(places), apart, few)
    return listed, cut_at


def _all_differ(pre: Ints, post: Ints) -> bool:
    """Whether no pair occurs twice; ``pre`` is sorted."""
    if np.all((pre[1:] > pre[:-1]) | (post[1:] > post[:-1])):
        return True
    pairs = np.sort(pre * (int(post.max(initial=0)) + 1) + post)
    return bool(np.all(pairs[1:] > pairs[:-1]))


def _joined(parts: list[NDArray[Any]]) -> NDArray[np.int32]:
    return freeze(parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.int32), *parts]))


def most_arrivals(projection: Projection, synapses: Synapses, cut_at: int) -> int:
    """Largest number of events that one spike makes."""
    if not projection.delay_per_weight:
        return 1
    n_pre, n_post = projection.shape
    return n_post if cut_at < 0 else int(np.diff(synapses.cuts[cut_at : cut_at + n_pre + 1]).max())


def wire(
    projections: Sequence[tuple[int, Projection]],
    first_unit: Mapping[str, int],
    first_column: Mapping[str, int],
    size: int,
    table: Ints,
    synapses: Synapses,
) -> Wiring:
    """Rows of projections, by the unit they leave, of ``size`` in all; each with its number in the ``table``.

    ``first_unit`` and ``first_column`` say where the units of a source, and the neurons of a target, begin.
    """
    unit_of: list[Ints] = [np.zeros(0, np.int64)]
    rows: list[Ints] = [np.zeros((0, EVENT_ROWS), np.int64)]
    for j, projection in projections:
        n_pre, n_post = projection.shape
        weight_at, delay_at, cut_at = table[j, WEIGHT_AT], table[j, DELAY_AT], table[j, CUT_AT]
        units = np.arange(n_pre, dtype=np.int64)
        per_weight = projection.delay_per_weight
        block = np.zeros((n_pre, EVENT_ROWS), np.int64)
        block[:, RECEPTOR] = table[j, RECEPTOR_OF]
        block[:, PER_TARGET] = per_weight
        if cut_at < 0:
            block[:, ROW] = weight_at + units * n_post
            block[:, START] = first_column[projection.post]
            block[:, STOP] = first_column[projection.post] + n_post
            block[:, DELAY] = delay_at + units * (n_post if per_weight else projection.delay.ndim)
        else:
            cuts = synapses.cuts[cut_at : cut_at + n_pre + 1]
            # of single synapses, the place of the weight says how far the delay is from the first one
            block[:, ROW] = weight_at
            block[:, START] = -1 - cuts[:-1]
            block[:, STOP] = cuts[1:]
            block[:, DELAY] = delay_at + (0 if per_weight else units * projection.delay.ndim)
            units, block = units[np.diff(cuts) > 0], block[np.diff(cuts) > 0]
        unit_of.append(first_unit[projection.pre] + units)
        rows.append(block)
    unit = np.concatenate(unit_of)
    order = np.argsort(unit, kind="stable")
    offsets = np.searchsorted(unit[order], np.arange(size + 1)).astype(np.int64)
    return Wiring(offsets, np.ascontiguousarray(np.concatenate(rows)[order].T))
