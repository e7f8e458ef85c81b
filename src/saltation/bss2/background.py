"""Background sources: regular or Poisson events made on the chip."""

import numpy as np

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration
from saltation.bss2.registers import POISSON
from saltation.bss2.section import ChipEvents


def background_events(configuration: Configuration, source: int, duration: float) -> ChipEvents:
    """Events of a source in a section.

    A regular source makes one in every period, a Poisson source where a random byte is below its rate: on average
    ``rate / 256 / (period tick)`` a second.  Bits of the label under the mask are random.  Its seed decides all.
    """
    # in ticks of the FPGA; that a source counts in them is assumed
    period = int(configuration["source_period"][source]) * g.TICK
    times = period * np.arange(1, int(duration / period * (1 + 1e-12)) + 1)
    stream = np.random.default_rng([int(configuration["source_seed"][source]), source])
    if configuration["source_mode"][source] == POISSON:
        times = times[stream.integers(0, 256, times.size) < configuration["source_rate"][source]]
    label, mask = int(configuration["source_label"][source]), int(configuration["source_mask"][source])
    drawn = stream.integers(0, 256, times.size) & mask
    return ChipEvents(times, ((label & ~mask) | drawn) & g.NEURON_LABEL_MAX)
