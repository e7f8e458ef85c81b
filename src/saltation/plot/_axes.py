"""What all plots share: matplotlib only when it is needed, axes, colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saltation.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import MaxNLocator

# Told apart with any colour vision and in grey (after P. Tol, "Colour schemes", SRON 2021).
BLUE, YELLOW, RED, GREEN, PURPLE, CYAN, GREY = (
    "#4477AA",
    "#DDAA33",
    "#BB5566",
    "#228833",
    "#AA3377",
    "#66CCEE",
    "#777777",
)
CYCLE = (BLUE, RED, YELLOW, GREEN, PURPLE, CYAN, GREY)
INK = "#22252B"


def axes(ax: Axes | None, figsize: tuple[float, float]) -> Axes:
    """Give `ax`, or the axes of a new figure of `figsize` inches."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingDependencyError(
            'plots are drawn by matplotlib, which is not installed: pip install "saltation[plot]"'
        ) from error
    return plt.subplots(figsize=figsize, layout="constrained")[1]


def whole_numbers() -> MaxNLocator:
    """Give ticks for neurons and epochs, of which there are no halves."""
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True)


def tidy(ax: Axes, *, grid: str | None = None) -> None:
    """Take away the frame where nothing is read off, and lay a faint grid under the data."""
    ax.spines[["top", "right"]].set_visible(False)
    if grid:
        ax.grid(axis=grid, color="#E3E5E8", linewidth=0.8)  # type: ignore[arg-type]
        ax.set_axisbelow(True)
