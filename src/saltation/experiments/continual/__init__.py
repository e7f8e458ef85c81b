"""Continual learning: pictures permuted, turned or divided, task after task, by the tangent ensemble and others.

A network is trained on one task after another and tested on all of them after each. `recipe` gives the settings of a
method, `train` runs them; the command is ``saltation run continual``.

References
----------
Benjamin, Pehle and Daruwalla, Continual learning with the neural tangent ensemble, 2024, arXiv:2408.17394.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saltation.experiments.continual.settings import Settings, recipe

if TYPE_CHECKING:
    from saltation.experiments.continual.commandline import command
    from saltation.experiments.continual.scoring import scores
    from saltation.experiments.continual.training import Outcome, train

# PyTorch takes longer to import than all the rest: it waits until it is needed.
_PARTS = {"Outcome": "training", "command": "commandline", "scores": "scoring", "train": "training"}

__all__ = ["Outcome", "Settings", "command", "recipe", "scores", "train"]


def __getattr__(name: str) -> Any:
    """Load a part when it is first asked for."""
    if name not in _PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PARTS[name]}"), name)
