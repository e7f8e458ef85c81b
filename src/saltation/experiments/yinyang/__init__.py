"""Yin-Yang: three classes of points, told apart by which of three neurons spikes first.

A network of 5 inputs, one hidden layer and 3 outputs, all leaky integrate-and-fire, is trained by exact
gradients after Wunderlich and Pehle (2021). `Settings` holds the recipe, `train` runs it; the command is
``saltation run yinyang``.

References
----------
T. C. Wunderlich, C. Pehle, "Event-based backpropagation can compute exact gradients for spiking neural
networks", Scientific Reports 11, 12829 (2021), DOI 10.1038/s41598-021-91786-z.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saltation.experiments.yinyang.settings import RECIPES, Settings

if TYPE_CHECKING:
    from saltation.experiments.yinyang.commandline import command
    from saltation.experiments.yinyang.evaluation import Scores, evaluate
    from saltation.experiments.yinyang.training import Progress, train

# The compiler behind the engine takes longer to import than all the rest: it waits until it is needed.
_PARTS = {
    "Progress": "training",
    "Scores": "evaluation",
    "command": "commandline",
    "evaluate": "evaluation",
    "train": "training",
}

__all__ = ["RECIPES", "Progress", "Scores", "Settings", "command", "evaluate", "train"]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for."""
    if name not in _PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PARTS[name]}"), name)
