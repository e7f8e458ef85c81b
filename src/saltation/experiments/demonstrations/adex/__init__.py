"""Firing patterns of adaptive exponential circuits of the emulated chip, by a step of current.

Tonic, adapting, initial and regular bursting, transient, and a damped oscillation below the threshold: for each there
are register codes; exponential and adaptation terms have no calibration, so for each circuit the onset of the
exponential term and the current are searched around them until it shows the pattern, as one does by hand in the
demonstration ts_08 of the public software for BrainScaleS-2. What is found is repeated with other noise, and once more
with the adaptation off.

The step is made by events: a synaptic input far in saturation delivers a constant current, which the chip can switch on
and off within a section.

References
----------
R. Naud, N. Marcille, C. Clopath, W. Gerstner, "Firing patterns in the adaptive exponential integrate-and-fire model",
Biological Cybernetics 99, 335 (2008), DOI 10.1007/s00422-008-0264-7.
"""

from saltation.experiments.demonstrations.commandline import demonstration

__all__ = ["command"]

command = demonstration("chip-adex", __name__, (__doc__ or "").partition("References")[0])
