"""How alike the circuits of a chip are before and after a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from saltation.bss2 import Calibration
from saltation.errors import ParameterError
from saltation.plot._axes import BLUE, GREY, INK, RED, tidy
from saltation.plot._axes import axes as new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["calibration"]

Floats = npt.NDArray[np.float64]

_BINS = 48
_ACROSS = 4
_SHOWN = 99.0  # per cent of the values that the axis covers, of the wider histogram


def calibration(result: Calibration, axes: Sequence[Axes] | None = None) -> list[Axes]:
    """Draw a histogram of each quantity over the circuits, with one code for all (grey) and with the codes found.

    A dashed line is the target, where the quantity has one that is the same for all circuits. In the corner stand the
    standard deviations, before and after, and how many circuits could not be measured, if any. A hundredth of the
    circuits, those farthest out, may lie beyond the axis.

    Parameters
    ----------
    result : Calibration
        What `saltation.bss2.calibrate` gave.
    axes : sequence of matplotlib Axes, optional
        One for each quantity of ``result.report``, in its order; a new figure if left out.

    Returns
    -------
    list of matplotlib Axes

    Raises
    ------
    ParameterError
        If there are not as many axes as quantities.

    Examples
    --------
    >>> from saltation import plot
    >>> from saltation.bss2 import Chip, calibrate
    >>> drawn = plot.calibration(calibrate(Chip(serial=1)))
    >>> drawn[3].get_title(), drawn[3].get_xlabel()
    ('tau_mem', 'µs')
    """
    if not isinstance(result, Calibration):
        raise ParameterError(f"calibration.result must be a Calibration; got {type(result).__name__}")
    places = _new(len(result.report)) if axes is None else list(axes)
    if len(places) != len(result.report):
        raise ParameterError(f"calibration.axes must be {len(result.report)}, one a quantity; got {len(places)}")
    for ax, name in zip(places, result.report, strict=True):
        _draw(ax, result, name)
    places[0].legend(frameon=False, fontsize="x-small", loc="center left", handlelength=1.0)
    return places


def _new(n: int) -> list[Axes]:
    first = new_axes(None, (2.6 * _ACROSS, 2.2 * -(-n // _ACROSS)))
    figure = first.figure
    first.remove()
    rows = -(-n // _ACROSS)
    return list(figure.subplots(rows, _ACROSS).reshape(-1)[:n])  # type: ignore[union-attr]


def _draw(ax: Axes, result: Calibration, name: str) -> None:
    unit = result.unit_of(name)
    scale, unit = (1e6, "µs") if unit == "s" else (1.0, unit)
    before, after = (scale * values[np.isfinite(values)] for values in result.report[name])
    edges = np.linspace(*_limits(before, after), _BINS + 1).tolist()
    ax.hist(before, edges, color=GREY, alpha=0.45, label="before")
    ax.hist(after, edges, color=BLUE, label="after")
    target = result.wanted(name)
    if target is not None:
        ax.axvline(scale * target, color=RED, linewidth=1.0, linestyle=(0, (4, 3)))
    row = result.summary()[name]
    text = f"{scale * row['before']:.3g} → {scale * row['after']:.3g} {unit}"
    if row["failed"]:
        text += f"\n{row['failed']:.0f} failed"
    ax.text(0.98, 0.97, text, transform=ax.transAxes, ha="right", va="top", fontsize="x-small", color=INK)
    ax.set_title(name, fontsize="small")
    ax.set_xlabel(unit, fontsize="small")
    ax.set_ylabel("circuits", fontsize="small")
    ax.set_xlim(edges[0], edges[-1])
    ax.margins(y=0.25)
    ax.tick_params(labelsize="x-small")
    tidy(ax)


def _limits(before: Floats, after: Floats) -> tuple[float, float]:
    rest = (100.0 - _SHOWN) / 2.0
    ends = [np.percentile(values, [rest, 100.0 - rest]) for values in (before, after) if values.size]
    if not ends:
        return 0.0, 1.0
    low, high = float(min(end[0] for end in ends)), float(max(end[1] for end in ends))
    margin = 0.05 * (high - low) or 0.5
    return low - margin, high + margin
