"""Methods of continual learning: the rule of the tangent ensemble, and what it is compared with; PyTorch."""

from saltation.continual.methods.agem import AGEM
from saltation.continual.methods.base import Batch, Method
from saltation.continual.methods.descent import Descent
from saltation.continual.methods.ensemble import Ensemble
from saltation.continual.methods.ewc import EWC
from saltation.continual.methods.joint import Joint
from saltation.continual.methods.lwf import LwF
from saltation.continual.methods.replay import Replay
from saltation.continual.methods.reservoir import Reservoir
from saltation.continual.methods.si import SI

__all__ = ["AGEM", "EWC", "SI", "Batch", "Descent", "Ensemble", "Joint", "LwF", "Method", "Replay", "Reservoir"]
