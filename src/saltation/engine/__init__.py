"""Running networks: `simulate`, what it returns, and its gradient."""

from saltation.engine.exact import Exact
from saltation.engine.gradient import Gradient
from saltation.engine.run import Report, Run, Status
from saltation.engine.simulate import simulate
from saltation.engine.state import State
from saltation.engine.tangent import Tangent

__all__ = ["Exact", "Gradient", "Report", "Run", "State", "Status", "Tangent", "simulate"]
