"""Running networks: `simulate`, what it returns, and its gradient."""

from saltation.engine.backend import Backend, Report, Status, Tangent
from saltation.engine.exact import Exact
from saltation.engine.gradient import Gradient
from saltation.engine.grid import Grid
from saltation.engine.run import Run
from saltation.engine.simulate import simulate
from saltation.engine.state import State

__all__ = ["Backend", "Exact", "Gradient", "Grid", "Report", "Run", "State", "Status", "Tangent", "simulate"]
