"""The figures of ``chip-neuron``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from saltation.experiments.demonstrations.drawing import BLUE, CYCLE, GREY, INK, RED, label, legend, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_WINDOW = (60.0, 100.0)  # us of the traces
_SHOWN = 3  # circuits whose traces are drawn


def draw(curves: Mapping[str, Any]) -> "dict[str, Figure]":
    """Draw ``membrane.png`` and ``firing.png``."""
    return {"membrane": _membrane(curves), "firing": _firing(curves)}


def _membrane(curves: Mapping[str, Any]) -> "Figure":
    figure, (rest, rate, lift, stack) = panels(2, 2, 9.0, 6.4)
    _rest(rest, curves["rest"])
    own = curves["membrane"]
    codes, tau = own["leak_i_bias"], own["tau_us"]
    rate.plot(codes, 1.0 / tau, color=GREY, linewidth=0.8)
    rate.plot(codes, np.nanmedian(1.0 / tau, axis=1), "o-", color=BLUE, markersize=4, label="median of ten circuits")
    label(rate, "Speed of the membrane", "leak_i_bias (code)", r"$1/\tau_\mathrm{mem}$ (1/us)")
    rate.set_ylim(bottom=0.0)
    legend(rate)
    lift.loglog(tau, own["lift"], "o", color=BLUE, markersize=3)
    ends = np.array([np.nanmin(tau), np.nanmax(tau)])
    middle = np.exp(np.nanmean(np.log(own["lift"] / tau)))
    lift.loglog(ends, middle * ends, color=RED, label=r"proportional to $\tau_\mathrm{mem}$")
    label(lift, "A constant current", r"$\tau_\mathrm{mem}$ (us)", "lift of the membrane (MADC LSB)")
    legend(lift)
    _stacking(stack, curves["stacking"])
    return figure


def _rest(ax: "Axes", own: Mapping[str, Any]) -> None:
    codes = np.asarray(own["v_leak"])
    ax.plot(codes, own["cadc"], color=GREY, linewidth=0.8)
    ax.plot(codes, own["median"], "o-", color=BLUE, markersize=4, label="median of 512 circuits")
    linear = codes[own["slope"] * codes + own["offset"] < 1.1 * np.max(own["median"])]
    ax.plot(linear, own["slope"] * linear + own["offset"], "--", color=RED, label=f"{own['slope']:.3f} LSB a code")
    label(ax, "Rest", "leak_v_leak (code)", "mean reading (CADC LSB)")
    legend(ax, loc="lower right")


def _stacking(ax: "Axes", own: Mapping[str, Any]) -> None:
    times = own["times_us"]
    ax.plot(times, own["three"], color=BLUE, label="three events")
    ax.plot(times, own["sum"], "--", color=RED, label="sum of three single answers")
    ax.plot(times, own["double"], color=CYCLE[3], label="double weight")
    ax.plot(times, own["one"], color=INK, label="one event")
    ax.plot(times, own["inhibitory"], color=GREY, label="one inhibitory event")
    label(ax, "Answers to events add", "time (us)", "above rest (MADC LSB)")
    ax.set_ylim(top=1.6 * np.max(own["three"]))
    legend(ax, loc="upper right", ncols=2)


def _firing(curves: Mapping[str, Any]) -> "Figure":
    figure, (peak, trace, rest, rate) = panels(2, 2, 9.0, 6.4)
    own = curves["threshold"]
    for i, color in enumerate((BLUE, RED)):
        peak.plot(own["v_threshold"], own["peak"][:, i], "o-", color=color, markersize=4, label=f"circuit {(0, 51)[i]}")
    label(peak, "Threshold", "threshold_v_threshold (code)", "highest voltage (MADC LSB)")
    legend(peak)
    own = curves["firing"]
    times = np.asarray(own["times_us"])
    window = (times > _WINDOW[0]) & (times < _WINDOW[1])
    for i in range(_SHOWN):
        trace.plot(times[window], own["traces"][i][window], color=CYCLE[i], linewidth=1.0)
    label(trace, "Leak beyond the threshold: three circuits", "time (us)", "membrane (MADC LSB)")
    own = curves["spread"]
    _histogram(rest, own["rest_uniform"], own["rest_own"], "LSB")
    label(rest, "Rest of 512 circuits", "mean reading (CADC LSB)", "circuits")
    _histogram(rate, own["rate_uniform"], own["rate_own"], "kHz")
    label(rate, "Rate of 512 circuits, leak beyond the threshold", "rate (kHz)", "circuits")
    return figure


def _histogram(ax: "Axes", uniform: Any, own: Any, unit: str) -> None:
    bins = np.linspace(min(uniform.min(), own.min()), max(uniform.max(), own.max()), 60)
    ax.hist(own, bins, color=BLUE, label=f"own codes: std {np.std(own):.1f} {unit}")
    ax.hist(uniform, bins, color=RED, alpha=0.7, label=f"one code: std {np.std(uniform):.1f} {unit}")
    ax.set_yscale("log")
    ax.set_ylim(bottom=0.7)
    legend(ax)
