"""Tasks of NeuroBench: what is learned, what is asked, and how it is scored.

Chaotic function prediction needs no data. The others are protocols on data of `saltation.data`: few-shot
class-incremental learning, primate reaching, detection of objects, and the rules of acoustic scenes.

What needs PyTorch, the baselines `EchoState` and `LSTM`, is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saltation.errors import MissingDependencyError
from saltation.neurobench.tasks.acoustic_scenes import SCENE_RULES, SceneResult, scene_result
from saltation.neurobench.tasks.chaotic import Predictor, Window, window, windows
from saltation.neurobench.tasks.driving import LabelledFrame, driving_score, labelled_frames
from saltation.neurobench.tasks.incremental import (
    FewShotResult,
    Learner,
    Session,
    digit_groups,
    few_shot,
    few_shot_sessions,
)
from saltation.neurobench.tasks.mackey_glass import SERIES, MackeyGlass, mackey_glass, pasts
from saltation.neurobench.tasks.prototypes import Prototypes
from saltation.neurobench.tasks.reaching import ReachingResult, ReachingTask, reaching_task
from saltation.neurobench.tasks.simple import Constant, Linear
from saltation.neurobench.tasks.spiking import Spiking
from saltation.neurobench.tasks.spiking_network import SpikingSettings

if TYPE_CHECKING:
    from saltation.neurobench.tasks.torch_predictors import LSTM, EchoState

_NEEDS_TORCH = ("LSTM", "EchoState")

__all__ = [
    "LSTM",
    "SCENE_RULES",
    "SERIES",
    "Constant",
    "EchoState",
    "FewShotResult",
    "LabelledFrame",
    "Learner",
    "Linear",
    "MackeyGlass",
    "Predictor",
    "Prototypes",
    "ReachingResult",
    "ReachingTask",
    "SceneResult",
    "Session",
    "Spiking",
    "SpikingSettings",
    "Window",
    "digit_groups",
    "driving_score",
    "few_shot",
    "few_shot_sessions",
    "labelled_frames",
    "mackey_glass",
    "pasts",
    "reaching_task",
    "scene_result",
    "window",
    "windows",
]


def __getattr__(name: str) -> Any:
    """Load what needs PyTorch when it is first asked for."""
    if name not in _NEEDS_TORCH:
        raise AttributeError(f"module 'saltation.neurobench.tasks' has no attribute {name!r}")
    try:
        value = getattr(import_module("saltation.neurobench.tasks.torch_predictors"), name)
    except ModuleNotFoundError as error:
        # Only where it is missing itself: what is there and broken should show its own error.
        if error.name != "torch":
            raise
        raise MissingDependencyError(
            f'saltation.neurobench.tasks.{name} needs PyTorch, which is not installed: pip install "saltation[torch]"'
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names, loaded or not."""
    return sorted(__all__)
