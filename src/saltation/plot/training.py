"""Plots of how training went and of what was learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.plot._axes import BLUE, GREEN, INK, RED, axes, tidy, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CLASS_COLOURS", "decision_map", "learning_curves"]

_SETS = {"train": BLUE, "validation": RED, "test": GREEN}

# Yin, yang, dot: deep blue, sand, brick. They differ in lightness too, so they stay apart in grey.
CLASS_COLOURS = ("#33608C", "#EBCB8B", "#B5485D")


def learning_curves(history: Sequence[Mapping[str, Any]], metric: str = "loss", ax: Axes | None = None) -> Axes:
    """Draw a metric after each epoch: training in blue, validation in red, test in green.

    Parameters
    ----------
    history : sequence of mapping
        A record per epoch, such as ``{"epoch": 1, "train_loss": 0.7, "validation_loss": 0.9}``. A record
        without "epoch" counts by its place; a value that is missing or None leaves a gap.
    metric : str
        What is drawn: the values under ``train_<metric>``, ``validation_<metric>`` and ``test_<metric>``,
        those that there are. A loss has a logarithmic axis; an accuracy, a fraction in the records, is
        shown in percent with its last value written at the end of the curve.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from saltation import plot
    >>> history = [{"train_loss": 1.1, "validation_loss": 1.0}, {"train_loss": 0.4, "validation_loss": 0.5}]
    >>> ax = plot.learning_curves(history)
    >>> [line.get_label() for line in ax.get_lines()]
    ['train', 'validation']
    """
    names = [name for name in _SETS if any(f"{name}_{metric}" in record for record in history)]
    if not names:
        keys = sorted({key for record in history for key in record})
        raise ParameterError(
            f"learning_curves: no record has train_{metric}, validation_{metric} or test_{metric}; "
            f"the records have: {', '.join(keys) or 'nothing'}."
        )
    ax = axes(ax, (5.2, 3.2))
    percent = "accuracy" in metric
    epochs = [record.get("epoch", place) for place, record in enumerate(history, start=1)]
    everything = []
    for name in names:
        raw = [record.get(f"{name}_{metric}") for record in history]
        values = np.array([np.nan if value is None else float(value) for value in raw])
        values *= 100 if percent else 1
        everything.append(values)
        ax.plot(epochs, values, color=_SETS[name], linewidth=1.6, label=name, solid_capstyle="round")
        if percent and np.isfinite(values[-1]) and name != "train":
            ax.annotate(
                f"{values[-1]:.1f}",
                (epochs[-1], values[-1]),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                color=_SETS[name],
                fontsize="small",
                annotation_clip=False,
            )
    drawn = np.concatenate(everything)
    if "loss" in metric and np.nanmin(drawn, initial=np.inf) > 0:
        _log_axis(ax)
    ax.xaxis.set_major_locator(whole_numbers())
    ax.margins(x=0.02)
    ax.set_xlabel("epoch")
    ax.set_ylabel(f"{metric} (%)" if percent else metric)
    ax.legend(frameon=False, fontsize="small")
    tidy(ax, grid="y")
    return ax


def _log_axis(ax: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def decision_map(
    classify: Callable[[npt.NDArray[Any]], npt.ArrayLike],
    resolution: int = 200,
    ax: Axes | None = None,
    *,
    samples: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    r_small: float = 0.1,
    r_big: float = 0.5,
) -> Axes:
    """Draw what a classifier makes of the Yin-Yang disc, with the true boundaries on top.

    Parameters
    ----------
    classify : callable
        Takes points ``[n, 2]``, all inside the disc, and returns their class probabilities ``[n, 3]`` or
        labels ``[n]``. Probabilities blend the colours of the classes, so an undecided region looks muddy.
    resolution : int
        Points along the diameter; `classify` gets about ``0.785 resolution**2`` of them in one call.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.
    samples : (points, labels), optional
        Points ``[n, 2]`` or ``[n, 4]`` with their true labels, drawn as dots of the true class.
    r_small, r_big : float
        Radius of the dots and of the disc.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from saltation import data, plot
    >>> ax = plot.decision_map(lambda xy: data.which_class(xy[:, 0], xy[:, 1]), resolution=50)
    """
    ax = axes(ax, (4.0, 4.0))
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Circle

    step = 2 * r_big / resolution
    line = (np.arange(resolution) + 0.5) * step
    x, y = np.meshgrid(line, line)
    # A rim of pixels beyond the disc is classified too, so that the clipped edge has no gaps; they count as
    # on it.
    radius = np.hypot(x - r_big, y - r_big)
    inside = radius <= r_big + step
    shrink = np.minimum(1.0, r_big / np.maximum(radius[inside], 1e-12))
    xy = r_big + (np.stack([x[inside], y[inside]], axis=1) - r_big) * shrink[:, None]

    palette = np.array([to_rgb(colour) for colour in CLASS_COLOURS])
    image = np.ones((resolution, resolution, 3))
    image[inside] = _probabilities(classify(xy), len(xy)) @ palette
    extent = (0.0, 2 * r_big, 0.0, 2 * r_big)
    shown = ax.imshow(image, extent=extent, origin="lower", interpolation="bilinear")
    shown.set_clip_path(Circle((r_big, r_big), r_big, transform=ax.transData))

    _boundaries(ax, r_small, r_big)
    if samples is not None:
        points, labels = np.asarray(samples[0], dtype=float), np.asarray(samples[1], dtype=int)
        ax.scatter(points[:, 0], points[:, 1], s=14, c=palette[labels], edgecolors=INK, linewidths=0.6, zorder=3)
    pad = 0.02 * r_big
    ax.set(xlim=(-pad, 2 * r_big + pad), ylim=(-pad, 2 * r_big + pad), xlabel="x", ylabel="y", aspect="equal")
    ax.set_xticks([0, r_big, 2 * r_big])
    ax.set_yticks([0, r_big, 2 * r_big])
    ax.spines[:].set_visible(False)
    return ax


def _probabilities(answer: npt.ArrayLike, n: int) -> npt.NDArray[np.float64]:
    answer = np.asarray(answer)
    if answer.shape == (n,):
        classes = answer.astype(int)
        if n and (np.any(classes != answer) or classes.min() < 0 or classes.max() > 2):
            raise ParameterError("decision_map: classify gave labels that are not 0, 1 or 2.")
        return np.eye(3)[classes]
    if answer.shape != (n, 3):
        raise ParameterError(
            f"decision_map: classify must return labels [{n}] or class probabilities [{n}, 3], "
            f"got an array of shape {answer.shape}."
        )
    total = answer.sum(axis=1)
    if not (np.all(answer >= 0) and np.allclose(total, 1, atol=1e-3)):
        raise ParameterError(
            "decision_map: the rows that classify gave are not probabilities, >= 0 and of sum 1. "
            "If they are scores, apply a softmax first."
        )
    return np.clip(answer / total[:, None], 0, 1)


def _boundaries(ax: Axes, r_small: float, r_big: float) -> None:
    """Draw the outlines of the disc, of the dots and of the wave between the halves, as exact arcs."""
    from matplotlib.patches import Arc, Circle

    left, right, half = (0.5 * r_big, r_big), (1.5 * r_big, r_big), r_big
    style = {"fill": False, "edgecolor": INK, "linewidth": 1.2}
    ax.add_patch(Circle((r_big, r_big), r_big, **style))
    ax.add_patch(Circle(left, r_small, **style))
    ax.add_patch(Circle(right, r_small, **style))
    ax.add_patch(Arc(left, half, half, theta1=180, theta2=360, **style))
    ax.add_patch(Arc(right, half, half, theta1=0, theta2=180, **style))
