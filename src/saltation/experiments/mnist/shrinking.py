"""Pictures made smaller, so that they fit on a chip."""

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import integer

__all__ = ["area_average"]

Floats = npt.NDArray[np.float64]


def area_average(pictures: npt.NDArray[np.uint8], size: int) -> Floats:
    """Average square pictures over the areas that larger pixels cover.

    ::

        y[i, j] = sum_ab  o[a, i] o[b, j] x[a, b] / h^2,    o[a, i] = |[a s, (a + 1) s) and [i h, (i + 1) h)|

    with side ``h`` before and ``s`` after: overlaps are counted in parts of a pixel, ``1 / s`` of one, as integers, so
    that sums are exact and no average is beyond the brightest pixel.

    Parameters
    ----------
    pictures : ndarray of uint8, [n, h, h]
        x.
    size : int
        s, at most h.

    Returns
    -------
    ndarray of float64, [n, s, s]
        y, in the units of x.

    Raises
    ------
    ParameterError
        If pictures are not square, or smaller than wanted.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.mnist.shrinking import area_average
    >>> area_average(np.array([[[0, 0, 9], [0, 9, 9], [9, 9, 9]]], np.uint8), 2)
    array([[[1., 7.],
            [7., 9.]]])
    """
    n, height, width = pictures.shape
    if height != width:
        raise ParameterError(f"area_average: pictures must be square; got {height} x {width} pixels")
    size = integer("area_average", "size", size, minimum=1)
    if size > height:
        raise ParameterError(f"area_average: size must be at most {height}, as pictures are; got {size}")
    before, after = np.arange(height)[:, None], np.arange(size)
    end = np.minimum((before + 1) * size, (after + 1) * height)
    overlap = np.maximum(end - np.maximum(before * size, after * height), 0).astype(np.float64)
    return overlap.T @ pictures.reshape(n, height, height) @ overlap / float(height * height)
