"""The figure of ``chip-readout``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from saltation.experiments.demonstrations.drawing import BLUE, GREY, INK, RED, YELLOW, label, legend, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(curves: Mapping[str, Any]) -> "dict[str, Figure]":
    """Draw ``readout.png``: one membrane by both converters, their noise, the channels, and the model."""
    figure, (trace, noise, channels, model) = panels(2, 2, 9.0, 6.4)
    _trace(trace, curves)
    bins = np.linspace(-8.0, 8.0, 65).tolist()
    for name, color in (("madc", BLUE), ("cadc", RED)):
        values = curves[f"left_{name}"]
        text = f"{name.upper()}: std {np.std(values):.2f} LSB"
        noise.hist(values, bins, density=True, color=color, alpha=0.6, label=text)
    label(noise, "Reading less straight line of the ideal probe", "LSB of each converter", "density (1/LSB)")
    legend(noise)
    own = curves["channels_lsb"]
    channels.plot(np.arange(own.size), own, ".", color=BLUE, markersize=3)
    label(channels, f"Channels of the CADC: std {np.std(own):.1f} LSB", "circuit", "offset (LSB)")
    times = curves["model_us"]
    model.fill_between(times, *curves["band"], color=BLUE, alpha=0.25, linewidth=0, label="90 % of 512 circuits")
    model.plot(times, curves["chip"], "o", markersize=3, color=BLUE, label="chip, median")
    model.plot(times, curves["model"], color=INK, label="software model")
    label(model, f"A weight of {curves['scale']:.0f} is 1", "time (us)", "membrane (distance to threshold)")
    model.set_ylim(top=1.5 * float(np.max(curves["chip"])))
    legend(model, loc="upper right")
    return {"readout": figure}


def _trace(ax: "Axes", curves: Mapping[str, Any]) -> None:
    """Both converters in volts, by their own straight line."""
    volts = {}
    for name in ("madc", "cadc"):
        fitted = curves[f"{name}_line"]
        volts[name] = (curves[f"{name}_lsb"] - fitted["offset"]) / fitted["slope"]
    ax.plot(curves["madc_us"], volts["madc"], color=GREY, linewidth=0.5, label="MADC")
    ax.plot(curves["cadc_us"], volts["cadc"], "o", color=RED, markersize=3, zorder=3, label="CADC")
    ax.plot(curves["madc_us"], curves["probe_v"], color=YELLOW, linewidth=1.0, label="ideal probe")
    label(ax, "One membrane, six events", "time (us)", "membrane (V)")
    legend(ax)
