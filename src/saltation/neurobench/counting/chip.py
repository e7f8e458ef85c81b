"""Of an emulated chip: physical events in its synapses, from where a network was placed, and packed weights."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from saltation.model import Spikes
from saltation.neurobench.counting.record import Static

if TYPE_CHECKING:
    from saltation.bss2.parts import Part

_BITS = 6  # of a weight
_SYNAPSES = 2  # of each weight: an excitatory and an inhibitory one, both in rows that a spike is played to


def packed_footprint(static: Static) -> int:
    """Bytes of a network on the chip with its weights packed, six bits each, and all else as it is.

    ::

        packed = footprint - weights + ceil(6 weights / 8),    where a weight takes a byte in the footprint

    Examples
    --------
    >>> from saltation.neurobench.counting.chip import packed_footprint
    >>> from saltation.neurobench.counting.record import Static
    >>> packed_footprint(Static(125, 25, 25, 0, {"weights": 25, "state": 100}))  # 150 bits
    119
    """
    stored = static.bytes_of["weights"]
    return static.footprint - stored + -(-_BITS * stored // 8)


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
