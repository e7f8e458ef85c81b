"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.plot._axes import INK, axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion_matrix"]

_DARK = 0.55  # above it, text is white


def confusion_matrix(counts: npt.ArrayLike, names: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw of each class what part of its samples gets which answer; numbers are samples.

    Parameters
    ----------
    counts : array_like of int, [class, answer]
        Samples.
    names : sequence of str
        Of the classes.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If there is not a row and a column for each name.

    Examples
    --------
    >>> from saltation import plot
    >>> ax = plot.confusion_matrix([[9, 1], [0, 5]], ["sitting", "standing"])
    >>> [text.get_text() for text in ax.texts]
    ['9', '1', '5']
    """
    given = np.asarray(counts)
    if given.shape != (len(names), len(names)):
        raise ParameterError(
            f"confusion_matrix.counts must be [class, answer], {len(names)} by {len(names)} for as many names; got "
            f"{given.shape}"
        )
    side = 1.6 + 0.5 * len(names)
    ax = axes(ax, (side, side))
    part = given / np.maximum(given.sum(axis=1, keepdims=True), 1)
    ax.imshow(part, cmap="Blues", vmin=0.0, vmax=1.0)
    for (row, column), count in np.ndenumerate(given):
        if count:
            colour = "white" if part[row, column] > _DARK else INK
            ax.text(column, row, str(count), ha="center", va="center", color=colour, fontsize="small")
    at = np.arange(len(names))
    if max(map(len, names)) < 4:
        ax.set_xticks(at, names)
    else:
        ax.set_xticks(at, names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(at, names)
    ax.set_xlabel("answer")
    ax.set_ylabel("class")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return ax
