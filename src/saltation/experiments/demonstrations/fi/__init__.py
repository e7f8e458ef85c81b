"""Rate of a circuit of the emulated chip against a constant current: rheobase, slope, asymptote, type of excitability.

Sweeps the code of the constant current for three refractory times and three leak conductances, and looks closely at
where firing begins. After the demonstration cns_02 of the public software for BrainScaleS-2, whose circuit rests 50 LSB
of the MADC below its threshold; the calibrated codes are moved to be so.
"""

from saltation.experiments.demonstrations.commandline import demonstration

__all__ = ["command"]

command = demonstration("chip-fi", __name__, __doc__)
