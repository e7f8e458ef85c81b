"""All measurements of ``chip-readout``."""

from saltation.experiments.demonstrations.checks import Outcome
from saltation.experiments.demonstrations.readout.converters import converters
from saltation.experiments.demonstrations.readout.figures import draw
from saltation.experiments.demonstrations.readout.model import model
from saltation.experiments.demonstrations.setting import Setting

__all__ = ["measure"]


def measure(setting: Setting) -> Outcome:
    """Compare converters with one another, then the chip with a model."""
    checks, curves = converters(setting)
    more, others = model(setting)
    curves |= others
    return Outcome((*checks, *more), curves, lambda: draw(curves))
