"""All measurements of ``chip-readout``."""

from saltation.experiments.chip.checks import Outcome
from saltation.experiments.chip.readout.converters import converters
from saltation.experiments.chip.readout.figures import draw
from saltation.experiments.chip.readout.model import model
from saltation.experiments.chip.setting import Setting

__all__ = ["measure"]


def measure(setting: Setting) -> Outcome:
    """Compare converters with one another, then the chip with a model."""
    checks, curves = converters(setting)
    more, others = model(setting)
    curves |= others
    return Outcome((*checks, *more), curves, lambda: draw(curves))
