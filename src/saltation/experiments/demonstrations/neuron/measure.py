"""All measurements of ``chip-neuron``."""

from saltation.experiments.demonstrations.checks import Outcome
from saltation.experiments.demonstrations.neuron.figures import draw
from saltation.experiments.demonstrations.neuron.firing import firing, spread, threshold
from saltation.experiments.demonstrations.neuron.silent import membrane, rest
from saltation.experiments.demonstrations.neuron.stacking import stacking
from saltation.experiments.demonstrations.setting import Setting

__all__ = ["measure"]


def measure(setting: Setting) -> Outcome:
    """Measure one part after the other."""
    checks, curves = [], {}
    for part in (rest, membrane, threshold, firing, spread, stacking):
        found, measured = part(setting)
        checks += found
        curves |= measured
    return Outcome(tuple(checks), curves, lambda: draw(curves))
