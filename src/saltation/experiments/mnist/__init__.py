"""MNIST, Fashion-MNIST or digits: ten classes of pictures, told apart by which of ten voltages reaches highest.

A pixel is one input spike, the brighter the earlier. A hidden layer of leaky integrate-and-fire neurons, dense or
convolutional, and ten leaky integrators that do not spike are trained by exact gradients, in the manner of Wunderlich
and Pehle (2021), also in the loop of an emulated BrainScaleS-2 chip. `recipe` gives the settings of a data set, `train`
runs them; the command is ``saltation run mnist``.

References
----------
T. C. Wunderlich, C. Pehle, "Event-based backpropagation can compute exact gradients for spiking neural
networks", Scientific Reports 11, 12829 (2021), DOI 10.1038/s41598-021-91786-z.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saltation.experiments.mnist.settings import Settings, recipe

if TYPE_CHECKING:
    from saltation.experiments.mnist.commandline import command
    from saltation.experiments.mnist.evaluation import Scores, evaluate
    from saltation.experiments.mnist.training import train

# The compiler behind the engine takes longer to import than all the rest: it waits until it is needed.
_PARTS = {"Scores": "evaluation", "command": "commandline", "evaluate": "evaluation", "train": "training"}

__all__ = ["Scores", "Settings", "command", "evaluate", "recipe", "train"]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for."""
    if name not in _PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PARTS[name]}"), name)
