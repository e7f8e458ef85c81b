"""What trainings leave in their folder beside configuration and checkpoint: weights, and figures."""

import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saltation._version import __version__
from saltation.experiments.results import SCHEMA_VERSION, ResultFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["has_matplotlib", "learning", "new_figure", "save_figures", "write_weights"]


def write_weights(folder: ResultFolder, weights: Mapping[str, npt.NDArray[np.float64]]) -> Path:
    """Write ``weights.safetensors``, or ``weights.npz`` where the package safetensors is not installed.

    The names are those of the parameters of `saltation.torch.SNN`.
    """
    if importlib.util.find_spec("safetensors") is None:
        return folder.write_arrays("weights", **weights)
    from safetensors.numpy import save

    about = {"schema_version": str(SCHEMA_VERSION), "saltation_version": __version__}
    arrays = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    return folder.write_bytes("weights.safetensors", save(arrays, about))


def has_matplotlib() -> bool:
    """Say whether figures can be drawn."""
    return importlib.util.find_spec("matplotlib") is not None


def new_figure(width: float, height: float) -> "Figure":
    """Make an empty figure, in inches."""
    # Not by pyplot, which would keep it, and may want a display.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save_figures(folder: ResultFolder, figures: Mapping[str, "Figure"]) -> list[Path]:
    """Write each figure to ``<name>.png``."""
    paths: list[Path] = []
    for name, figure in figures.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150)
        paths.append(folder.write_bytes(f"{name}.png", buffer.getvalue()))
    return paths


def learning(history: list[dict[str, Any]]) -> "Figure":
    """Draw loss and accuracy after each epoch."""
    from saltation.plot import learning_curves

    figure = new_figure(9.0, 3.2)
    left, right = figure.subplots(1, 2)
    learning_curves(history, "loss", left)
    learning_curves(history, "accuracy", right)
    return figure
