"""Plots of runs and of training; each function draws into given axes and returns them.

Nothing here changes matplotlib's style or calls ``show``. Needs ``pip install "saltation[plot]"``.
"""

from saltation.plot.activity import raster, trace
from saltation.plot.training import CLASS_COLOURS, decision_map, learning_curves

__all__ = ["CLASS_COLOURS", "decision_map", "learning_curves", "raster", "trace"]
