"""One circuit of the emulated chip: its rest, its membrane, its threshold, its firing, its answer to events.

Sweeps the leak potential, the leak conductance and the threshold, lets circuits fire by a leak beyond their threshold,
compares circuits with one code and with calibrated codes, and adds up the answers to several events. After the
demonstrations ts_00 and cns_01 of the public software for BrainScaleS-2.
"""

from saltation.experiments.demonstrations.commandline import demonstration

__all__ = ["command"]

command = demonstration("chip-neuron", __name__, __doc__)
