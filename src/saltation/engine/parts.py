"""What a thread leaves behind of a run of its samples; never copied together, except for tangents."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saltation.kernels.records import Events, Log, Tape

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Part:
    """Events, tape and log of samples ``first <= b < stop``, each with room for more.

    ``offsets``, ``log_offsets``, ``own_offsets`` and those of the events cut samples, by their number in the whole
    batch; they begin with 0 at ``first``.  ``index`` says where on the tape each spike is, in order of time and from
    its sample on; ``begin`` is its first spike's place among those of all parts.
    """

    first: int
    stop: int
    events: Events
    tape: Tape
    index: Ints
    offsets: Ints
    log: Log
    log_offsets: Ints
    own_offsets: Ints
    begin: int = 0

    @property
    def n_spikes(self) -> int:
        """Spikes of its samples."""
        return self.index.size


def whole(parts: Sequence[Part]) -> Part:
    """All parts as one."""
    if len(parts) == 1:
        return parts[0]
    tape = Tape(
        np.concatenate([part.tape.floats[:, : part.n_spikes] for part in parts], axis=1),
        np.concatenate([part.tape.ints[:, : part.n_spikes] for part in parts], axis=1),
    )
    log = Log(
        np.concatenate([part.log.order[: _end(part.log_offsets)] for part in parts]),
        np.concatenate([part.log.times[: _end(part.own_offsets)] for part in parts]),
        np.concatenate([part.log.ints[:, : _end(part.own_offsets)] for part in parts], axis=1),
    )
    n_events = [_end(part.events.offsets) for part in parts]
    events = Events(
        np.concatenate([part.events.times[:n] for part, n in zip(parts, n_events, strict=True)]),
        np.concatenate([part.events.ints[:, :n] for part, n in zip(parts, n_events, strict=True)], axis=1),
        joined_offsets([part.events.offsets[part.first :] for part in parts]),
    )
    index = np.concatenate([part.index for part in parts])
    cuts = [joined_offsets([getattr(part, name)[part.first :] for part in parts]) for name in _OFFSETS]
    return Part(parts[0].first, parts[-1].stop, events, tape, index, cuts[0], log, cuts[1], cuts[2])


_OFFSETS = ("offsets", "log_offsets", "own_offsets")


def joined_offsets(parts: Sequence[Ints]) -> Ints:
    """Offsets of samples that lie in several arrays, for these one after another; empty where there are none."""
    if len(parts) == 1 or not parts[0].size:
        return parts[0]
    counts = np.concatenate([np.diff(part) for part in parts])
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64)


def _end(offsets: Ints) -> int:
    return int(offsets[-1]) if offsets.size else 0
