"""`rotate`: pictures turned about their middle."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["rotate"]


def rotate(pictures: npt.NDArray[Any], degrees: float, outside: float = 0.0) -> npt.NDArray[np.float64]:
    """Turn pictures counterclockwise about their middle, with linear interpolation.

    ::

        turned[r, c] = picture at R(degrees) (r - middle, c - middle) + middle

    Parameters
    ----------
    pictures : ndarray, [n, height, width]
        Numbers.
    degrees : float
        Angle.
    outside : float
        What the pictures are taken to be outside.

    Returns
    -------
    ndarray, [n, height, width]
        float64.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.continual.rotation import rotate
    >>> rotate(np.array([[[1.0, 2.0], [3.0, 4.0]]]), 180.0).round(9).tolist()
    [[[4.0, 3.0], [2.0, 1.0]]]
    """
    height, width = pictures.shape[1:]
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    down, right = np.mgrid[:height, :width].reshape(2, -1) - middle[:, None]
    angle = np.deg2rad(degrees)
    # rows count downwards: a turn to the left looks up its pixels by a turn to the right
    source_down = np.cos(angle) * down + np.sin(angle) * right + middle[0]
    source_right = -np.sin(angle) * down + np.cos(angle) * right + middle[1]
    # so that a quarter turn is exact in spite of rounding
    source_down, source_right = source_down.round(9), source_right.round(9)
    top, left = np.floor(source_down).astype(int), np.floor(source_right).astype(int)
    turned = np.zeros((len(pictures), height * width))
    for step_down in (0, 1):
        for step_right in (0, 1):
            r, c = top + step_down, left + step_right
            weight = (1 - np.abs(source_down - r)) * (1 - np.abs(source_right - c))
            inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
            turned[:, inside] += weight[inside] * pictures[:, r[inside], c[inside]]
            turned[:, ~inside] += weight[~inside] * outside
    return turned.reshape(pictures.shape)
