"""Physical events in the synapses of an emulated chip, from where a network was placed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from saltation.model import Spikes

if TYPE_CHECKING:
    from saltation.bss2.parts import Part

_SYNAPSES = 2  # of each weight: an excitatory and an inhibitory one, both in rows that a spike is played to


def synapse_events(parts: "Sequence[Part]", spikes: Mapping[str, Spikes]) -> int:
    """Events of synapses of the chip, in all samples.

    ::

        sum over spikes of  2 x (neurons in the rows of their unit) x (parallel rows)

    whatever the weights.  Spikes of parts that run one after another count in each part they are played to.
    """
    total = 0
    for part in parts:
        for demand in part.placement.demands:
            for pre, key, _ in demand.sources:
                written = part.placement.written[key]
                counts = spikes[pre].counts().sum(axis=0)
                of_unit = np.bincount(written.pre, minlength=counts.size)
                total += _SYNAPSES * int(counts @ of_unit)
    return total
