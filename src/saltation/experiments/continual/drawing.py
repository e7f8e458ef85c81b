"""Figures of continual learning, each drawn into given axes from plain arrays."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.experiments.demonstrations.drawing import CYCLE, INK, label, legend
from saltation.plot._axes import axes, tidy, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["accuracy_matrix", "accuracy_over_time", "against_momentum", "against_width", "losses"]

Curves = Mapping[str, npt.ArrayLike]


def accuracy_matrix(accuracies: npt.ArrayLike, ax: "Axes | None" = None) -> "Axes":
    """Draw the accuracy on each task (column) after each (row), in percent; a line divides off what is to come.

    Parameters
    ----------
    accuracies : array_like, [task, task]
        ``R[i, j]``, accuracy on task j after training on task i.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from saltation.experiments.continual.drawing import accuracy_matrix
    >>> ax = accuracy_matrix([[0.95, 0.1], [0.9, 0.8]])
    >>> [text.get_text() for text in ax.texts]
    ['95.0', '10.0', '90.0', '80.0']
    """
    percent = 100.0 * np.asarray(accuracies, float)
    n = len(percent)
    ax = axes(ax, (1.6 + 0.62 * n, 1.2 + 0.5 * n))
    ax.imshow(percent, cmap="Blues", vmin=0.0, vmax=100.0, aspect="auto")
    for i, row in enumerate(percent):
        for j, value in enumerate(row):
            text = ax.text(j, i, f"{value:.1f}", ha="center", va="center", fontsize="small")
            text.set(color="white" if value > 60.0 else INK, style="normal" if j <= i else "italic")
    edges = np.arange(n + 1) - 0.5
    ax.step(np.append(edges[1:], edges[-1]), edges, where="pre", color=INK, linewidth=1.2)
    ax.set_xlim(-0.5, n - 0.5)
    ax.set_ylim(n - 0.5, -0.5)
    ax.set_xticks(range(n), [str(j + 1) for j in range(n)])
    ax.set_yticks(range(n), [str(i + 1) for i in range(n)])
    label(ax, "Accuracy (%)", "on task", "after task")
    return ax


def accuracy_over_time(accuracies: npt.ArrayLike, untrained: npt.ArrayLike, ax: "Axes | None" = None) -> "Axes":
    """Draw what becomes of the accuracy on each task; dashed until the task is trained on.

    Parameters
    ----------
    accuracies : array_like, [task, task]
        ``R[i, j]``, accuracy on task j after training on task i.
    untrained : array_like, [task]
        Accuracies before any training.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from saltation.experiments.continual.drawing import accuracy_over_time
    >>> ax = accuracy_over_time([[0.95, 0.1], [0.9, 0.8]], [0.1, 0.1])
    >>> [line.get_label() for line in ax.get_lines() if not line.get_label().startswith("_")]
    ['task 1', 'task 2']
    """
    percent = 100.0 * np.vstack([np.asarray(untrained, float), np.asarray(accuracies, float)])
    n = percent.shape[1]
    ax = axes(ax, (5.2, 3.2))
    times = np.arange(n + 1)
    for j in range(n):
        colour = CYCLE[j % len(CYCLE)]
        ax.plot(times[: j + 2], percent[: j + 2, j], color=colour, linewidth=0.9, linestyle="--", label="_before")
        ax.plot(times[j + 1 :], percent[j + 1 :, j], color=colour, marker="o", markersize=3.5, label=f"task {j + 1}")
    ax.xaxis.set_major_locator(whole_numbers())
    ax.set_ylim(0.0, 100.0)
    label(ax, "", "tasks trained on", "accuracy (%)")
    if n <= len(CYCLE):
        legend(ax, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    tidy(ax, grid="y")
    return ax


def losses(values: npt.ArrayLike, ax: "Axes | None" = None) -> "Axes":
    """Draw the mean loss of each epoch, the tasks one behind the other.

    Parameters
    ----------
    values : array_like, [task, epoch]
        Losses.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    matplotlib Axes

    Examples
    --------
    >>> from saltation.experiments.continual.drawing import losses
    >>> losses([[0.9, 0.3], [0.8, 0.4]]).get_xlabel()
    'epoch'
    """
    given = np.asarray(values, float)
    tasks, epochs = given.shape
    ax = axes(ax, (5.2, 3.2))
    for i, row in enumerate(given):
        colour = CYCLE[i % len(CYCLE)]
        ax.plot(i * epochs + 1 + np.arange(epochs), row, color=colour, marker="o", markersize=3.5)
    for i in range(1, tasks):
        ax.axvline(i * epochs + 0.5, color="#E3E5E8", linewidth=0.8)
    ax.xaxis.set_major_locator(whole_numbers())
    ax.set_ylim(0.0, 1.08 * given.max())
    label(ax, "", "epoch", "loss")
    tidy(ax, grid="y")
    return ax


def against_momentum(momenta: Sequence[float], forgetting: Curves, ax: "Axes | None" = None) -> "Axes":
    """Draw forgetting against momentum: mean and standard deviation over seeds.

    Parameters
    ----------
    momenta : sequence of float
        Momenta.
    forgetting : mapping of str to array_like, [momentum, seed]
        Forgetting, a fraction, by the label of its curve.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If an array does not have a row for each momentum.

    Examples
    --------
    >>> from saltation.experiments.continual.drawing import against_momentum
    >>> against_momentum([0.0, 0.9], {"sgd": [[0.1, 0.2], [0.4, 0.5]]}).get_ylabel()
    'forgetting (%)'
    """
    ax = axes(ax, (4.6, 3.2))
    _with_errors("against_momentum", momenta, forgetting, ax)
    label(ax, "", "momentum", "forgetting (%)")
    return ax


def against_width(parameters: Sequence[float], retention: Curves, ax: "Axes | None" = None) -> "Axes":
    """Draw retention against the number of parameters: mean and standard deviation over seeds.

    Parameters
    ----------
    parameters : sequence of float
        Numbers of parameters of the networks.
    retention : mapping of str to array_like, [width, seed]
        Accuracy on the first task after the last one, a fraction, by the label of its curve.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if left out.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ParameterError
        If an array does not have a row for each number.

    Examples
    --------
    >>> from saltation.experiments.continual.drawing import against_width
    >>> against_width([8e3, 9e4], {"nte": [[0.2, 0.3], [0.5, 0.6]]}).get_xscale()
    'log'
    """
    ax = axes(ax, (4.6, 3.2))
    ax.set_xscale("log")
    _with_errors("against_width", parameters, retention, ax)
    label(ax, "", "parameters", "accuracy on the first task (%)")
    return ax


def _with_errors(owner: str, x: Sequence[float], curves: Curves, ax: "Axes") -> None:
    for number, (name, values) in enumerate(curves.items()):
        percent = 100.0 * np.asarray(values, float)
        if percent.ndim != 2 or len(percent) != len(x):
            raise ParameterError(
                f"{owner}: curves must be of shape [{len(x)}, seed], a row for each value; got {name!r} with "
                f"{percent.shape}"
            )
        spread = percent.std(axis=1, ddof=1) if percent.shape[1] > 1 else None
        colour = CYCLE[number % len(CYCLE)]
        ax.errorbar(x, percent.mean(axis=1), spread, color=colour, marker="o", markersize=3.5, capsize=2.5, label=name)
    if len(curves) > 1:
        legend(ax)
    tidy(ax, grid="y")
