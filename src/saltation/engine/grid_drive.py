"""Inputs that are given as values at every grid point, and not as events: products of matrices."""

from collections.abc import Container, Mapping

import numpy as np
from numpy.typing import NDArray

from saltation.engine.backend import Drive
from saltation.engine.components import receptor_code
from saltation.engine.grid_table import steps
from saltation.engine.plan import PackedComponent, Plan
from saltation.errors import ParameterError
from saltation.kernels.records import BY_SIGN
from saltation.model import Projection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def fitted_drive(name: str, values: Drive, last: int) -> Floats:
    """Values at all grid points ``0..last``; the last point may be left out, and gets zeros."""
    if values.shape[1] not in (last, last + 1):
        raise ParameterError(
            f"simulate.stimulus[{name!r}] must have a value for each of the {last + 1} grid points 0, dt, ..., "
            f"{last} dt of the window (the last may be left out); got {values.shape[1]}"
        )
    if values.shape[1] == last + 1:
        return values
    return np.concatenate((values, np.zeros((values.shape[0], 1, values.shape[2]))), axis=1)


def values_on_their_way(
    plan: Plan, drive: Mapping[str, Drive], before: Mapping[str, Drive], dt: float, last: int
) -> dict[str, Floats]:
    """Values whose delays have not passed behind the last grid point, as many points as the longest delay has steps.

    ``before`` are those of the runs before, the last of which are of point 0.
    """
    found: dict[str, Floats] = {}
    for name in dict.fromkeys((*drive, *before)):
        delays = [projection.delay for projection in plan.projections.values() if projection.pre == name]
        longest = max((int(steps(delay, dt).max(initial=0)) for delay in delays), default=0)
        parts = [(values[name], first) for values, first in ((drive, 0), (before, None)) if name in values]
        kept = np.zeros((parts[0][0].shape[0], longest, parts[0][0].shape[2]))
        for values, first in parts:
            # behind which of its points, counted back from the last of this run, a part ends
            end = longest if first == 0 else longest - last
            n = min(values.shape[1], end)
            if n > 0:
                kept[:, end - n : end] += values[:, values.shape[1] - n :]
        if kept.any():
            found[name] = kept
    return found


def _arriving(own: Floats | None, before: Floats | None, shift: int, last: int, units: NDArray[np.bool_]) -> Floats:
    """Values that arrive at each grid point ``0..last`` behind a delay of ``shift`` steps, ``[batch, step, unit]``."""
    given = before if own is None else own
    assert given is not None
    found = np.zeros((given.shape[0], last + 1, int(units.sum())))
    if own is not None and shift <= last:
        found[:, shift:] = own[:, : last + 1 - shift, units]
    if before is not None:
        # of point -i at point shift - i; what is due at point 0 has arrived at the end of the run before
        n = min(shift, before.shape[1])
        late = before[:, before.shape[1] - n :, units][:, : max(last + n - shift, 0)]
        if n > 0 and late.shape[1]:
            found[:, shift - n + 1 : shift - n + 1 + late.shape[1]] += late
    return found


def _driven(packed: PackedComponent, drive: Container[str], plan: Plan) -> list[tuple[int, Projection]]:
    """Projections from inputs with values, with their numbers."""
    found = [(j, plan.projections[key]) for j, key in enumerate(packed.keys) if plan.projections[key].pre in drive]
    for _, projection in found:
        if projection.delay_per_weight:
            raise ParameterError(
                f"simulate.stimulus[{projection.pre!r}] must be Spikes, since the projection to {projection.post!r} "
                "has a delay for each weight; got an array of values; make events by Spikes.from_dense(array, dt)"
            )
    return found


def _dense(projection: Projection, flat: Floats) -> Floats:
    """Weights of all pairs."""
    if projection.connectivity is None:
        return flat.reshape(projection.shape)
    pre, post, place = projection.connectivity.synapses()
    dense = np.zeros(projection.shape)
    np.add.at(dense, (pre, post), flat[place])
    return dense


def split_by_receptor(
    plan: Plan, projection: Projection, n_receptors: int, weights: Floats
) -> list[tuple[int, Floats]]:
    """Receptors that a projection reaches, and the weights with which it reaches each."""
    code = receptor_code(plan.populations[projection.post], projection)
    if code == BY_SIGN and n_receptors == 2:
        return [(0, np.maximum(weights, 0.0)), (1, np.minimum(weights, 0.0))]
    return [(0 if code == BY_SIGN else code, weights)]


def currents_of(
    plan: Plan,
    packed: PackedComponent,
    drive: Mapping[str, Drive],
    before: Mapping[str, Drive],
    n_receptors: int,
    steps_of: Ints,
    last: int,
) -> Floats:
    """Currents that values bring at every grid point, ``[batch, step, receptor, neuron]``, or none.

    ``before`` are values of the runs before, up to point 0, that may still be on their way.
    """
    driven = _driven(packed, {**before, **drive}, plan)
    if not driven:
        return np.zeros((1, 0, n_receptors, 0))
    batch = next(iter((drive or before).values())).shape[0]
    currents = np.zeros((batch, last + 1, n_receptors, packed.size))
    for j, projection in driven:
        flat = packed.weights[packed.weight_at[j] : packed.weight_at[j + 1]]
        columns = slice(*packed.columns[projection.post])
        late = np.broadcast_to(steps_of[packed.delay_at[j] : packed.delay_at[j + 1]], projection.shape[0])
        for receptor, weights in split_by_receptor(plan, projection, n_receptors, _dense(projection, flat)):
            own, old = drive.get(projection.pre), before.get(projection.pre)
            for shift in np.unique(late if old is not None else late[late <= last]):
                units = late == shift
                currents[:, :, receptor, columns] += _arriving(own, old, int(shift), last, units) @ weights[units]
    return currents


def drive_back(
    plan: Plan,
    packed: PackedComponent,
    drive: Mapping[str, Drive],
    before: Mapping[str, Drive],
    steps_of: Ints,
    kept: Floats,
    per_sample: bool,
    by_weight: Floats,
    by_drive: dict[str, Floats],
) -> None:
    """Add ``dL/d`` weights ``[(batch,) weight]`` and values, from ``lam_I`` of all grid points ``kept``."""
    n_receptors, last = kept.shape[1], kept.shape[2] - 1
    for j, projection in _driven(packed, {**before, **drive}, plan):
        span = slice(packed.weight_at[j], packed.weight_at[j + 1])
        flat = packed.weights[span]
        columns = slice(*packed.columns[projection.post])
        late = np.broadcast_to(steps_of[packed.delay_at[j] : packed.delay_at[j + 1]], projection.shape[0])
        own_values, old = drive.get(projection.pre), before.get(projection.pre)
        dense = _dense(projection, flat)
        shape = (kept.shape[0], *dense.shape) if per_sample else dense.shape
        of_dense = np.zeros(shape)
        parts = split_by_receptor(plan, projection, n_receptors, dense)
        for receptor, weights in parts:
            own = np.ones(dense.shape) if len(parts) == 1 else (dense < 0.0 if receptor else dense >= 0.0)
            for shift in np.unique(late if old is not None else late[late <= last]):
                units = late == shift
                lam = kept[:, receptor, :, columns]
                moved = _arriving(own_values, old, int(shift), last, units)
                found = np.einsum("bkm,bkn->bmn" if per_sample else "bkm,bkn->mn", moved, lam, optimize=True)
                of_dense[..., units, :] += found * own[units]
                if projection.pre in by_drive and shift <= last:
                    by_drive[projection.pre][:, : last + 1 - shift, units] += lam[:, shift:] @ weights[units].T
        if projection.connectivity is None:
            by_weight[..., span] += of_dense.reshape(*shape[:-2], -1)
        else:
            pre, post, place = projection.connectivity.synapses()
            np.add.at(np.moveaxis(by_weight[..., span], -1, 0), place, np.moveaxis(of_dense[..., pre, post], -1, 0))
