"""What spikes say about nodes: a node is chosen if it spiked later than all of its neighbours."""

from dataclasses import dataclass
from functools import cache
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.kernels.cache import compile_kernel
from saltation.model import Spikes
from saltation.neurobench.qubo.problem import MISProblem

__all__ = ["Readout"]

Ints = npt.NDArray[np.int64]


@final
@dataclass
class Readout:
    """The set that spikes stand for, at each spike, and the best one so far.

    ::

        x_u = 1  if the last spike of u is later than the last spikes of all its neighbours

    No two neighbours can both be the later one: the set is always independent, without a repair, and its cost is minus
    its size. A spike of a node that is not chosen adds it, and takes out those neighbours that are; nothing else
    changes. It goes on from one piece of a run to the next.

    Parameters
    ----------
    problem : MISProblem
    batch : int
        Number of samples, which are separate trials.

    Attributes
    ----------
    best : ndarray of bool, [node]
        The largest set so far.
    added, removed : int
        How often a node was added; how often one was taken out as a neighbour spiked.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation import Spikes
    >>> from saltation.neurobench.qubo import MISProblem, Readout
    >>> readout = Readout(MISProblem(3, np.array([[0, 1], [1, 2]])), batch=1)
    >>> readout.read(Spikes.from_lists([([1.0, 2.0, 3.0], [1, 0, 2])], n_units=3))
    -2
    >>> readout.best, readout.added, readout.removed
    (array([ True, False,  True]), 3, 1)
    """

    problem: MISProblem
    batch: int

    def __post_init__(self) -> None:
        """Begin with no node."""
        self._chosen = np.zeros((self.batch, self.problem.nodes), np.bool_)
        self._sizes = np.zeros(self.batch, np.int64)
        self.best = np.zeros(self.problem.nodes, np.bool_)
        self._counts = np.zeros(3, np.int64)

    @property
    def cost(self) -> int:
        """Cost of the best set so far."""
        return -int(self._counts[0])

    @property
    def added(self) -> int:
        """How often a node was added."""
        return int(self._counts[1])

    @property
    def removed(self) -> int:
        """How often a node was taken out as a neighbour spiked."""
        return int(self._counts[2])

    def read(self, spikes: Spikes) -> int:
        """Take in the spikes of the nodes, a piece after the one before; the best cost so far."""
        neighbours, begin = self.problem.neighbours
        _compiled()(spikes.units, spikes.offsets, neighbours, begin, self._chosen, self._sizes, self.best, self._counts)
        return self.cost


def follow(
    units: npt.NDArray[np.int32],
    offsets: Ints,
    neighbours: Ints,
    begin: Ints,
    chosen: npt.NDArray[np.bool_],
    sizes: Ints,
    best: npt.NDArray[np.bool_],
    counts: Ints,
) -> None:
    """Go through spikes in order; ``counts`` are the best size, nodes added, nodes taken out."""
    for b in range(offsets.size - 1):
        size = sizes[b]
        for i in range(offsets[b], offsets[b + 1]):
            u = units[i]
            if chosen[b, u]:
                continue
            chosen[b, u] = True
            size += 1
            counts[1] += 1
            for j in range(begin[u], begin[u + 1]):
                v = neighbours[j]
                if chosen[b, v]:
                    chosen[b, v] = False
                    size -= 1
                    counts[2] += 1
            if size > counts[0]:
                counts[0] = size
                best[:] = chosen[b]
        sizes[b] = size


@cache
def _compiled() -> Any:
    return compile_kernel(follow)
