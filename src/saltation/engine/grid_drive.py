"""Inputs that are given as values at every grid point, and not as events: products of matrices."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from saltation.engine.backend import Drive
from saltation.engine.components import receptor_code
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


def _driven(packed: PackedComponent, drive: Mapping[str, Drive], plan: Plan) -> list[tuple[int, Projection]]:
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
    plan: Plan, packed: PackedComponent, drive: Mapping[str, Drive], n_receptors: int, steps_of: Ints, last: int
) -> Floats:
    """Currents that values bring at every grid point, ``[batch, step, receptor, neuron]``, or none."""
    driven = _driven(packed, drive, plan)
    if not driven:
        return np.zeros((1, 0, n_receptors, 0))
    batch = next(iter(drive.values())).shape[0]
    currents = np.zeros((batch, last + 1, n_receptors, packed.size))
    for j, projection in driven:
        flat = packed.weights[packed.weight_at[j] : packed.weight_at[j + 1]]
        columns = slice(*packed.columns[projection.post])
        late = np.broadcast_to(steps_of[packed.delay_at[j] : packed.delay_at[j + 1]], projection.shape[0])
        for receptor, weights in split_by_receptor(plan, projection, n_receptors, _dense(projection, flat)):
            for shift in np.unique(late[late <= last]):
                units = late == shift
                arriving = drive[projection.pre][:, : last + 1 - shift, units] @ weights[units]
                currents[:, shift:, receptor, columns] += arriving
    return currents


def drive_back(
    plan: Plan,
    packed: PackedComponent,
    drive: Mapping[str, Drive],
    steps_of: Ints,
    kept: Floats,
    per_sample: bool,
    by_weight: Floats,
    by_drive: dict[str, Floats],
) -> None:
    """Add ``dL/d`` weights ``[(batch,) weight]`` and values, from ``lam_I`` of all grid points ``kept``."""
    n_receptors, last = kept.shape[1], kept.shape[2] - 1
    for j, projection in _driven(packed, drive, plan):
        span = slice(packed.weight_at[j], packed.weight_at[j + 1])
        flat = packed.weights[span]
        columns = slice(*packed.columns[projection.post])
        late = np.broadcast_to(steps_of[packed.delay_at[j] : packed.delay_at[j + 1]], projection.shape[0])
        values = drive[projection.pre]
        dense = _dense(projection, flat)
        shape = (values.shape[0], *dense.shape) if per_sample else dense.shape
        of_dense = np.zeros(shape)
        parts = split_by_receptor(plan, projection, n_receptors, dense)
        for receptor, weights in parts:
            own = np.ones(dense.shape) if len(parts) == 1 else (dense < 0.0 if receptor else dense >= 0.0)
            for shift in np.unique(late[late <= last]):
                units = late == shift
                lam = kept[:, receptor, shift:, columns]
                moved = values[:, : last + 1 - shift, units]
                found = np.einsum("bkm,bkn->bmn" if per_sample else "bkm,bkn->mn", moved, lam, optimize=True)
                of_dense[..., units, :] += found * own[units]
                by_drive[projection.pre][:, : last + 1 - shift, units] += lam @ weights[units].T
        if projection.connectivity is None:
            by_weight[..., span] += of_dense.reshape(*shape[:-2], -1)
        else:
            pre, post, place = projection.connectivity.synapses()
            np.add.at(np.moveaxis(by_weight[..., span], -1, 0), place, np.moveaxis(of_dense[..., pre, post], -1, 0))
