"""Plots of runs and of training; each function draws into given axes and returns them.

Nothing here changes matplotlib's style or calls ``show``. Needs ``pip install "saltation[plot]"``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saltation.plot.activity import raster, trace
from saltation.plot.confusion import confusion_matrix
from saltation.plot.training import CLASS_COLOURS, decision_map, learning_curves

if TYPE_CHECKING:
    from saltation.plot.chip import chip_map
    from saltation.plot.matrix import matrix_times
    from saltation.plot.spreads import calibration

# The emulated chip brings the compiler with it: whoever plots no chip does not wait for it.
_PARTS = {"calibration": "spreads", "chip_map": "chip", "matrix_times": "matrix"}

__all__ = [
    "CLASS_COLOURS",
    "calibration",
    "chip_map",
    "confusion_matrix",
    "decision_map",
    "learning_curves",
    "matrix_times",
    "raster",
    "trace",
]


def __getattr__(name: str) -> Any:
    """Load what draws chips when it is first asked for."""
    if name not in _PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PARTS[name]}"), name)
