"""How far synaptic lines saturate in a product: by what is expected of their level, event after event."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.mac.layout import Schedule
from saltation.bss2.mac.model import FastModel
from saltation.bss2.mac.ranges import ACTIVATION_MAX
from saltation.bss2.mac.unit import Tile
from saltation.kernels.cache import compile_kernel
from saltation.kernels.chip import product

Floats = NDArray[np.float64]

_cubes = cache(lambda: compile_kernel(product.cubes))
_STEPS = np.arange(ACTIVATION_MAX + 1)
# cumulants of an activation that is 0 to 31 with equal probability
_MOMENTS = np.array([_STEPS.mean(), _STEPS.var(), ((_STEPS - _STEPS.mean()) ** 3).mean()])


def step_sums(model: FastModel, tile: Tile) -> Floats:
    """LSB that a step of each input adds by each line ``[input, 2 output]``, the excitatory ones first."""
    signed = np.asarray(tile.weights, np.int64)
    inputs, outputs = signed.shape
    place = (..., tile.hemisphere, slice(tile.row, tile.row + inputs), slice(tile.column, tile.column + outputs))
    size = np.stack([np.maximum(signed, 0), np.maximum(-signed, 0)])
    strong = np.where(size > 0, np.maximum(size + model.deviation[place], 0.0), 0.0) * model.gain[place]
    return np.concatenate([strong[0], strong[1]], axis=1)


def own_tau_syn(model: FastModel, tile: Tile) -> Floats:
    """Time constants of the lines of a tile, in seconds ``[2 output]``."""
    first = g.COLUMNS * tile.hemisphere + tile.column
    return model.tau_syn[:, first : first + tile.weights.shape[1]].reshape(-1)


def lacking_of(tau_syn: Floats, sums: Floats, strength: float | Floats, schedule: Schedule) -> Floats:
    r"""What saturation takes from each line on average, ``[line]`` in LSB.

    ``4/27 S \int E[x^3] dt / tau`` of a line that would add ``S x`` to the membrane by an event that adds ``x`` to it,
    for activations of 0 to 31 alike.

    Parameters
    ----------
    tau_syn : ndarray, [line]
        Seconds.
    sums : ndarray, [input, line]
        LSB that a step adds.
    strength : float or ndarray, [line]
        ``S`` in LSB.
    schedule : Schedule
        When events come.
    """
    out = np.empty(sums.shape[1])
    jumps = np.ascontiguousarray(sums / strength)
    # inputs of the schedule that the tile has not are silent
    jumps = np.concatenate([jumps, np.zeros((schedule.inputs - jumps.shape[0], out.size))])
    _cubes()(jumps, _MOMENTS, np.exp(-schedule.wait * g.TICK / tau_syn), schedule.sends, out)
    return 4.0 / 27.0 * strength * out


def levels_of(model: FastModel, tile: Tile, sums: Floats, schedule: Schedule) -> Floats:
    """Sums ``L [line]`` at which lines are at their saturation: ``4/27 u^3 / L^2`` is lacking at the expected sum u."""
    strength = np.repeat(model.strength, sums.shape[1] // 2)
    lacking = lacking_of(own_tau_syn(model, tile), sums, strength, schedule)
    expected = _MOMENTS[0] * schedule.sends * sums.sum(axis=0)
    some = lacking > 0.0
    return np.where(some, np.sqrt(4.0 / 27.0 * expected**3 / np.where(some, lacking, 1.0)), 1.0)
