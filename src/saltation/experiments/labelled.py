"""`Labelled`: samples as spikes, with their classes; `drop` leaves spikes out."""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.model import Spikes

__all__ = ["Labelled", "drop"]


@final
@dataclass(frozen=True, slots=True)
class Labelled:
    """Samples as spikes, with their classes."""

    stimulus: Spikes
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: npt.NDArray[np.int64] | slice) -> "Labelled":
        return Labelled(self.stimulus[chosen], self.labels[chosen])


def drop(stimulus: Spikes, share: float, rng: np.random.Generator) -> Spikes:
    """Leave out each spike with probability `share`; the others stay as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.labelled import drop
    >>> from saltation.model import Spikes
    >>> spikes = Spikes.from_latencies(np.zeros((2, 1000)))
    >>> 1500 < drop(spikes, 0.2, np.random.default_rng(1)).n_events < 1700
    True
    """
    kept = rng.random(stimulus.n_events) >= share
    before = np.concatenate([[0], np.cumsum(kept)])
    return Spikes(stimulus.times[kept], stimulus.units[kept], before[stimulus.offsets], stimulus.n_units)
