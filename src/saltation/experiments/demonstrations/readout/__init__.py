"""Converters of the emulated chip on the same membranes: CADC against MADC, an ideal probe, and a software model.

Period, gain and noise of each converter, how well they agree after offset and scale, how far the channels of the CADC
are apart, and by which weight the chip answers as a software model with a weight of one. After the demonstration ts_12
of the public software for BrainScaleS-2. The ideal probe is not available on hardware.
"""

from saltation.experiments.demonstrations.commandline import demonstration

__all__ = ["command"]

command = demonstration("chip-readout", __name__, __doc__)
