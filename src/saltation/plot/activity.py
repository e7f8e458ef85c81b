"""Plots of what neurons do: spikes and membrane voltages over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.plot._axes import BLUE, CYCLE, GREY, INK, RED, axes, tidy, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from saltation.model import Spikes

__all__ = ["raster", "trace"]

_MS = 1e3  # plots show milliseconds, data hold seconds


def raster(
    spikes: Spikes,
    sample: int = 0,
    ax: Axes | None = None,
    *,
    duration: float | None = None,
    color: Any = INK,
    label: str = "neuron",
) -> Axes:
    """Draw the spikes of one sample: a tick per spike, a row per neuron.

    Parameters
    ----------
    spikes : Spikes
        Spikes of one population, times in seconds.
    sample : int
        Which sample of the batch.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.
    duration : float, optional
        Right end of the time axis, in seconds; just after the last spike if left out.
    color : colour or sequence of colours
        Of all ticks, or one for each unit.
    label : str
        Of the vertical axis.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from saltation import Spikes, plot
    >>> spikes = Spikes.from_lists([([0.002, 0.010], [0, 3])], n_units=4)
    >>> ax = plot.raster(spikes, duration=20e-3)
    >>> ax.get_xlabel()
    'time (ms)'
    """
    times, units = (np.asarray(values) for values in spikes.sample(sample))
    n_units = spikes.n_units if spikes.n_units is not None else int(units.max(initial=0)) + 1
    ax = axes(ax, (6.0, float(np.clip(0.03 * n_units + 1.2, 1.8, 5.0))))
    colors = color
    if not isinstance(color, str) and len(color) == n_units and not _is_colour(color):
        colors = [color[unit] for unit in units]
    # A tick fills its row when rows are high, and is never too thin to see when they are many.
    height = max(0.8, n_units / 60)
    ax.vlines(times * _MS, units - height / 2, units + height / 2, colors=colors, linewidth=1.1)
    last = float(times.max()) if len(times) else 0.0
    end = (duration if duration is not None else 1.05 * last or 1e-3) * _MS
    ax.set_xlim(-0.01 * end, 1.01 * end)  # room for a spike on either border
    ax.set_ylim(-0.5 - height / 4, n_units - 0.5 + height / 4)
    ax.yaxis.set_major_locator(whole_numbers())
    ax.set_xlabel("time (ms)")
    ax.set_ylabel(label)
    tidy(ax)
    return ax


def trace(
    times: npt.ArrayLike,
    voltages: npt.ArrayLike,
    v_th: float | None = None,
    ax: Axes | None = None,
    *,
    spike_times: npt.ArrayLike | None = None,
    labels: list[str] | None = None,
) -> Axes:
    """Draw membrane voltages over time, with the threshold as a dashed line.

    Parameters
    ----------
    times : array_like, shape [n]
        In seconds.
    voltages : array_like, shape [n] or [n, units]
        One line per unit.
    v_th : float, optional
        Threshold, in the unit of the voltages.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.
    spike_times : array_like, optional
        In seconds; marked by triangles at the threshold, or at the top where there is none.
    labels : list of str, optional
        Names of the units, shown in a legend.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from saltation import plot
    >>> ax = plot.trace([0.0, 0.01, 0.02], [0.0, 0.8, 0.5], v_th=1.0)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('time (ms)', 'membrane voltage')
    """
    times, voltages = np.asarray(times, dtype=float), np.asarray(voltages, dtype=float)
    columns = voltages[:, None] if voltages.ndim == 1 else voltages
    if times.ndim != 1 or columns.ndim != 2 or len(columns) != len(times):
        raise ParameterError(
            f"trace: voltages must be of shape [n] or [n, units] where times is [n]; "
            f"got times {times.shape}, voltages {voltages.shape}."
        )
    if labels is not None and len(labels) != columns.shape[1]:
        raise ParameterError(f"trace: {columns.shape[1]} units need as many labels, got {len(labels)}.")
    ax = axes(ax, (6.0, 2.6))
    colors = (BLUE,) if columns.shape[1] == 1 else CYCLE
    for unit, column in enumerate(columns.T):
        name = labels[unit] if labels else None
        ax.plot(times * _MS, column, color=colors[unit % len(colors)], linewidth=1.5, label=name)
    if v_th is not None:
        ax.axhline(v_th, color=GREY, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
        ax.annotate(
            "threshold",
            (1, v_th),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            color=GREY,
            fontsize="small",
        )
    if spike_times is not None:
        at = np.asarray(spike_times, dtype=float) * _MS
        height = v_th if v_th is not None else float(np.nanmax(columns, initial=0.0))
        ax.plot(at, np.full(at.shape, height), "v", color=RED, markersize=6, label="spike" if labels else None)
    if len(times):
        ax.set_xlim(times[0] * _MS, times[-1] * _MS)
    ax.margins(y=0.12)
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("membrane voltage")
    if labels:
        ax.legend(frameon=False, fontsize="small")
    tidy(ax)
    return ax


def _is_colour(color: Any) -> bool:
    from matplotlib.colors import is_color_like

    return bool(is_color_like(color))
