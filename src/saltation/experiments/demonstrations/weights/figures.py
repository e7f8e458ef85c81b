"""The figure of ``chip-range``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saltation.experiments.demonstrations.drawing import BLUE, GREY, RED, label, legend, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(weights: Any, strong: Mapping[str, Any], many: Any, far: Mapping[str, Any]) -> "dict[str, Figure]":
    """Draw ``range.png``: mean and standard deviation over circuits, at full and at a fifth of the strength."""
    figure, (left, right) = panels(1, 2, 9.0, 3.6)
    for ax, x, curves in ((left, weights, strong), (right, many, far)):
        for (name, values), color, sign in zip(curves.items(), (BLUE, RED), (1, -1), strict=True):
            mean, std = sign * values.mean(axis=1), values.std(axis=1)
            ax.plot(x, mean, "o-", markersize=3, color=color, label=name)
            ax.fill_between(x, mean - std, mean + std, color=color, alpha=0.3, linewidth=0)
        ax.axhline(0.0, color=GREY, linewidth=0.8)
        legend(ax, loc="upper left")
    label(left, "One event to 512 circuits", "weight", "largest deflection (CADC LSB)")
    label(right, "At a fifth of the strength", "weight", "largest deflection (CADC LSB)")
    return {"range": figure}
