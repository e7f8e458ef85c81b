"""Yin-Yang in the matrix mode: a dense network of two layers, trained in the ideal mode and then on the chip.

The network of the public demonstration ``tp_02`` for BrainScaleS-2: 4 inputs, 128 hidden units, 3 outputs that are each
averaged over 5 columns. `Settings` holds the recipe, `train` runs it; the command is ``saltation run yinyang-mac``.

References
----------
electronicvisions/brainscales2-demos, ``tp_02``; P. Spilger et al., hxtorch: PyTorch for BrainScaleS-2, 2020,
arXiv:2006.13138.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saltation.experiments.yinyang_mac.settings import Settings

if TYPE_CHECKING:
    from saltation.experiments.yinyang_mac.commandline import command
    from saltation.experiments.yinyang_mac.training import Outcome, evaluate, train

# PyTorch waits until it is needed.
_PARTS = {"Outcome": "training", "command": "commandline", "evaluate": "training", "train": "training"}

__all__ = ["Outcome", "Settings", "command", "evaluate", "train"]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for."""
    if name not in _PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PARTS[name]}"), name)
