"""All measurements of ``chip-neuron``."""

from saltation.experiments.chip.checks import Outcome
from saltation.experiments.chip.neuron.figures import draw
from saltation.experiments.chip.neuron.firing import firing, spread, threshold
from saltation.experiments.chip.neuron.silent import membrane, rest
from saltation.experiments.chip.neuron.stacking import stacking
from saltation.experiments.chip.setting import Setting

__all__ = ["measure"]


def measure(setting: Setting) -> Outcome:
    """Measure one part after the other."""
    checks, curves = [], {}
    for part in (rest, membrane, threshold, firing, spread, stacking):
        found, measured = part(setting)
        checks += found
        curves |= measured
    return Outcome(tuple(checks), curves, lambda: draw(curves))
