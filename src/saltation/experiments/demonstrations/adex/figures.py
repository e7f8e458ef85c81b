"""The figure of ``chip-adex``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from saltation.experiments.demonstrations.adex.classify import NAMES
from saltation.experiments.demonstrations.adex.patterns import BEGIN, END
from saltation.experiments.demonstrations.drawing import BLUE, GREY, INK, RED, label, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(curves: Mapping[str, Any]) -> "dict[str, Figure]":
    """Draw ``patterns.png``: membranes with spikes as ticks above, the step as a bar below."""
    figure, axes = panels(3, 2, 9.0, 7.2, sharex=True)
    for name, ax in zip(NAMES, axes, strict=False):
        label(ax, f"{name}: not found", "", "membrane (MADC LSB)")
        if name in curves["shown"]:
            own = curves["shown"][name]
            times = own["first_us"] + own["every_us"] * np.arange(len(own["madc_lsb"]))
            ax.plot(times, own["madc_lsb"], color=INK, linewidth=0.8)
            ax.plot(own["spikes_us"], np.full(len(own["spikes_us"]), 960), "|", color=RED, markersize=9)
            ax.set_ylim(top=1000)
            count = len(own["spikes_us"])
            spikes = "spike" if count == 1 else "spikes"
            ax.set_title(f"{name}: circuit {own['circuit']}, {count} {spikes}", loc="left", fontsize="medium")
    own = curves["ringing"]
    axes[-1].plot(own["times_us"], own["lifted_lsb"], color=GREY, linewidth=0.8)
    axes[-1].plot(own["times_us"], np.median(own["lifted_lsb"], axis=1), color=BLUE)
    count = len(own["circuits"])
    label(axes[-1], f"oscillation below the threshold: {count} circuits", "", "above rest (CADC LSB)")
    for ax in axes:
        ax.axvspan(BEGIN * 1e6, END * 1e6, ymax=0.02, color=BLUE)
    for ax in axes[-2:]:
        ax.set_xlabel("time (us); bar: step of current")
    return {"patterns": figure}
