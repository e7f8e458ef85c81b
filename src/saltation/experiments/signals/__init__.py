"""Signals of several channels as spikes: activities of people (HAPT-6), and spoken digits.

Features of windows, or level crossings of sequences, become input spikes; a hidden layer of leaky integrate-and-fire
neurons and a readout of leaky integrators are trained by exact gradients, and go on in the loop of an emulated chip.
The class is the readout whose voltage has the largest integral, or gets highest. `recipe` gives the settings of a data
set, `train` runs them, `in_the_loop` is how a training goes on; the rows are those of ``saltation bench neurobench``.
"""

from saltation.experiments.signals.settings import Settings, in_the_loop, recipe

__all__ = ["Settings", "in_the_loop", "recipe"]
