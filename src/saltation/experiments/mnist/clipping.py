"""Clipping for gradients with heavy tails.

The exact derivative of a spike time grows without bound as the crossing of the threshold flattens: its distribution has
a tail so heavy that, in a batch, one of hundreds of hidden neurons often has most of the length of the gradient. Such a
batch would decide the size of the optimiser's next thousand steps.
"""

import math

import numpy as np
import numpy.typing as npt

__all__ = ["clip_neurons"]

Floats = npt.NDArray[np.float64]


def clip_neurons(gradient: Floats, quantile: float, axis: int) -> Floats:
    """Shorten the gradients of single neurons to a quantile of all neurons' lengths; their directions stay.

    ::

        g_n := g_n min(1, L / |g_n|),    L = quantile of |g_n| over the neurons n

    There is no scale to choose, since the batch gives it.

    Parameters
    ----------
    gradient : ndarray
        dL/dw.
    quantile : float
        0 < quantile <= 1; with 1 all is as it was.
    axis : int
        The axis of neurons (or of maps that share their weights).

    Returns
    -------
    ndarray
        The same shape.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.mnist.clipping import clip_neurons
    >>> clip_neurons(np.array([[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]]), 0.5, axis=1)
    array([[0.3, 0.3, 0. ],
           [0.4, 0.4, 0. ]])
    """
    rows = np.moveaxis(gradient, axis, -1)
    flat = rows.reshape(-1, rows.shape[-1])
    length = np.sqrt(np.einsum("ij,ij->j", flat, flat))
    # the shortest that at most this share of them is shorter than; np.quantile would take as long as the rest
    place = max(math.ceil(quantile * length.size) - 1, 0)
    limit = np.partition(length, place)[place]
    factor = np.ones_like(length)
    too_long = length > limit
    factor[too_long] = limit / length[too_long]
    return np.moveaxis(rows * factor, -1, axis)
