"""What the figures of all experiments on a chip share."""

from typing import TYPE_CHECKING, Any

from saltation.experiments.output import new_figure
from saltation.plot._axes import BLUE, CYCLE, GREY, INK, RED, YELLOW, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BLUE", "CYCLE", "GREY", "INK", "RED", "YELLOW", "label", "legend", "panels"]


def panels(rows: int, columns: int, width: float, height: float, **more: Any) -> "tuple[Figure, list[Axes]]":
    """Make a figure with a grid of panels, in inches, and give the panels row by row."""
    figure = new_figure(width, height)
    axes = [ax for row in figure.subplots(rows, columns, squeeze=False, **more) for ax in row]
    for ax in axes:
        tidy(ax)
    return figure, axes


def label(ax: "Axes", title: str, x: str, y: str) -> None:
    """Name a panel and its axes."""
    ax.set_title(title, loc="left", fontsize="medium")
    ax.set_xlabel(x)
    ax.set_ylabel(y)


def legend(ax: "Axes", **more: Any) -> None:
    """Explain the lines of a panel."""
    ax.legend(frameon=False, fontsize="small", **more)
