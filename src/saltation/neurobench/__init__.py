"""NeuroBench: what models are worth and what they cost, by the definitions, in whole numbers.

`count_run` counts runs of ours by their events, `count_torch` any model of PyTorch; each result carries the rules by
which it was counted. `accuracy`, `mse`, `r2`, `smape` and `mean_average_precision` are the metrics of correctness.
`SaltationModel` and `run_benchmark` work with the package ``neurobench`` itself, where it is installed. `tasks` are
those that need no download. What needs PyTorch is loaded when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saltation.errors import MissingDependencyError
from saltation.neurobench import tasks
from saltation.neurobench.counting.record import Activity, LayerCount, Static
from saltation.neurobench.counting.runs import count_run
from saltation.neurobench.metrics import Boxes, accuracy, mean_average_precision, mse, r2, smape
from saltation.neurobench.report import Complexity, merged
from saltation.neurobench.rules import RULES

if TYPE_CHECKING:
    from saltation.neurobench.counting.torch_model import count_torch, over_time
    from saltation.neurobench.counting.torch_static import count_static
    from saltation.neurobench.harness import SaltationModel as SaltationModel
    from saltation.neurobench.harness import run_benchmark as run_benchmark

# What needs PyTorch: the module it is in, and the extra that installs what it needs.
_LAZY = {
    "SaltationModel": ("harness", "neurobench"),
    "count_static": ("counting.torch_static", "torch"),
    "count_torch": ("counting.torch_model", "torch"),
    "over_time": ("counting.torch_model", "torch"),
    "run_benchmark": ("harness", "neurobench"),
}

# Without what needs the package of the benchmark: `from saltation.neurobench import *` is to work without it.
__all__ = [
    "RULES",
    "Activity",
    "Boxes",
    "Complexity",
    "LayerCount",
    "Static",
    "accuracy",
    "count_run",
    "count_static",
    "count_torch",
    "mean_average_precision",
    "merged",
    "mse",
    "over_time",
    "r2",
    "smape",
    "tasks",
]


def __getattr__(name: str) -> Any:
    """Load what needs PyTorch, or the package of the benchmark, when it is first asked for."""
    if name not in _LAZY:
        raise AttributeError(f"module 'saltation.neurobench' has no attribute {name!r}")
    module, extra = _LAZY[name]
    try:
        value = getattr(import_module(f"saltation.neurobench.{module}"), name)
    except ModuleNotFoundError as error:
        # Only where it is missing itself: what is there and broken should show its own error.
        if error.name not in ("torch", "neurobench", "snntorch"):
            raise
        raise MissingDependencyError(
            f'saltation.neurobench.{name} needs {error.name}, which is not installed: pip install "saltation[{extra}]"'
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names, loaded or not."""
    return sorted({*__all__, *_LAZY})
