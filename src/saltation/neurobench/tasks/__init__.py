"""Tasks of NeuroBench's algorithm track that need no download: chaotic function prediction.

What needs PyTorch, the baselines `EchoState` and `LSTM`, is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saltation.errors import MissingDependencyError
from saltation.neurobench.tasks.chaotic import Predictor, Window, window, windows
from saltation.neurobench.tasks.mackey_glass import SERIES, MackeyGlass, mackey_glass, pasts
from saltation.neurobench.tasks.simple import Constant, Linear
from saltation.neurobench.tasks.spiking import Spiking
from saltation.neurobench.tasks.spiking_network import SpikingSettings

if TYPE_CHECKING:
    from saltation.neurobench.tasks.torch_predictors import LSTM, EchoState

_NEEDS_TORCH = ("LSTM", "EchoState")

__all__ = [
    "LSTM",
    "SERIES",
    "Constant",
    "EchoState",
    "Linear",
    "MackeyGlass",
    "Predictor",
    "Spiking",
    "SpikingSettings",
    "Window",
    "mackey_glass",
    "pasts",
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
