"""Answers of circuits of the emulated chip to one event, against its weight: linear, then saturating.

Excitatory and inhibitory weights of 0 to 300, those beyond 63 by parallel rows, on all 512 circuits; and far stronger
ones at a fifth of the strength, where the input itself saturates. After the demonstration ts_06 of the public software
for BrainScaleS-2, whose circuits rest at 250 LSB of the MADC; the calibrated codes are moved to be so.
"""

from saltation.experiments.demonstrations.commandline import demonstration

__all__ = ["command"]

command = demonstration("chip-range", __name__, __doc__)
