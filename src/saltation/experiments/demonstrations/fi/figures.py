"""The figure of ``chip-fi``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from saltation.experiments.demonstrations.drawing import BLUE, CYCLE, GREY, label, legend, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(currents: Any, curves: Mapping[tuple[int, int], Any], near: Any, fine: Any) -> "dict[str, Figure]":
    """Draw ``fi.png``: by refractory time, by leak, and the onset; medians, and the middle half of the circuits."""
    figure, (refractory, leak, onset) = panels(1, 3, 11.0, 3.6)
    first = next(iter(curves))
    for key, rates in curves.items():
        for ax, mine, other in ((refractory, 1, 0), (leak, 0, 1)):
            if key[other] == first[other]:
                used = sorted({each[mine] for each in curves}).index(key[mine])
                name = ("leak_i_bias", "refractory time")[mine]
                ax.plot(
                    currents,
                    np.median(rates, axis=1),
                    "o-",
                    markersize=3,
                    color=CYCLE[used],
                    label=f"{name} {key[mine]}",
                )
                middle = np.percentile(rates, (25, 75), axis=1)
                ax.fill_between(currents, *middle, color=CYCLE[used], alpha=0.2, linewidth=0)
    label(refractory, f"By refractory time, leak_i_bias {first[0]}", "constant current (code)", "rate (kHz)")
    label(leak, f"By leak, refractory time {first[1]}", "constant current (code)", "rate (kHz)")
    for ax in (refractory, leak):
        legend(ax)
        ax.set_ylim(0.0, 1.35 * ax.get_ylim()[1])
    onset.plot(near, fine, color=GREY, linewidth=0.8)
    onset.plot(near, np.median(fine, axis=1), color=BLUE, label=f"median of {fine.shape[1]} circuits")
    label(onset, "Where firing begins", "constant current less that at 20 kHz (code)", "rate (kHz)")
    legend(onset)
    return {"fi": figure}
