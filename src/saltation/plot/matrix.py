"""What the time of the matrix mode goes into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saltation.bss2.mac.trace import COLUMNS, Trace
from saltation.errors import ParameterError
from saltation.plot._axes import BLUE, GREY, RED, YELLOW, axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["matrix_times"]

_SHOWN = dict(zip(COLUMNS, (("events", BLUE), ("read-out", YELLOW), ("weights", RED), ("host", GREY)), strict=True))
_WIDTH = 0.75


def matrix_times(trace: Trace, ax: Axes | None = None) -> Axes:
    r"""Draw for each operation of a trace the time that chip and host take for it, by what it goes into.

    Each operation has a bar of its parts, one on the other, in milliseconds; the axis is linear. Times are estimates
    from the figures in ``trace.timing``; runs of several chips are added up.

    Parameters
    ----------
    trace : Trace
        What ran.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If nothing ran.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation import plot
    >>> from saltation.bss2.mac import Ideal, Trace, mac, relu
    >>> with Trace() as trace:
    ...     y = relu(mac(np.ones((100, 256)), np.ones((256, 512)), unit=Ideal()))
    >>> [text.get_text() for text in plot.matrix_times(trace).get_xticklabels()]
    ['mac\n256 x 512', 'relu']
    """
    rows = trace.table()
    if not rows:
        raise ParameterError(
            "matrix_times.trace has no operations: run them inside of `with Trace() as trace`, and plot behind it"
        )
    ax = axes(ax, (1.6 + 0.9 * len(rows), 3.4))
    at, below = np.arange(len(rows)), np.zeros(len(rows))
    for column, (label, colour) in _SHOWN.items():
        height = 1e3 * np.array([row[column] for row in rows])
        ax.bar(at, height, _WIDTH, bottom=below, color=colour, label=label)
        below += height
    names = [
        row["operation"] + ("" if row["inputs"] is None else f"\n{row['inputs']} x {row['outputs']}") for row in rows
    ]
    ax.set_xticks(at, names)
    ax.set_ylabel("estimated time [ms]")
    ax.set_title(f"{trace.macs:.3g} MAC in {trace.runs} runs", loc="left", fontsize="medium")
    ax.legend(frameon=False, fontsize="small")
    tidy(ax, grid="y")
    return ax
