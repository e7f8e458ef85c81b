"""`Reservoir`: a uniform sample of all examples seen, of a fixed size."""

from collections.abc import Mapping
from typing import Any, final

import torch

from saltation.continual.methods.base import Batch, joined, size_of
from saltation.errors import ParameterError
from saltation.model.checks import integer

__all__ = ["Reservoir"]


@final
class Reservoir:
    """Keep each example seen with the same probability, at most so many.

    Parameters
    ----------
    capacity : int
        Number of examples.
    seed : int
        Of the sample.

    References
    ----------
    Vitter, Random sampling with a reservoir, ACM Transactions on Mathematical Software 11, 37 (1985),
    doi:10.1145/3147.3165.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual.methods import Batch, Reservoir
    >>> reservoir = Reservoir(3, seed=1)
    >>> reservoir.add(Batch(torch.arange(20.0)[:, None], torch.zeros(20, dtype=torch.int64), None))
    >>> len(reservoir), reservoir.draw(5).x.shape
    (3, torch.Size([5, 1]))
    """

    def __init__(self, capacity: int, seed: int = 0) -> None:
        self._capacity = integer("Reservoir", "capacity", capacity, minimum=1)
        self._generator = torch.Generator().manual_seed(integer("Reservoir", "seed", seed))
        self._kept: Batch | None = None
        self._seen = 0

    def __len__(self) -> int:
        return 0 if self._kept is None else len(self._kept)

    def add(self, batch: Batch) -> None:
        """Take examples into account, one after the other."""
        places: dict[int, int] = {}  # by place in the reservoir, the last example that went there
        for k in range(len(batch)):
            self._seen += 1
            if self._seen <= self._capacity:
                places[self._seen - 1] = k
                continue
            place = int(torch.randint(self._seen, (), generator=self._generator))
            if place < self._capacity:
                places[place] = k
        if not len(batch):
            return
        before = len(self)
        size = min(self._seen, self._capacity)
        fresh = torch.tensor([before + places[i] if i in places else i for i in range(size)], dtype=torch.int64)
        everything = batch if self._kept is None else joined([self._kept, batch])
        self._kept = everything[fresh]

    def draw(self, n: int) -> Batch:
        """Give so many kept examples at random, with repetition.

        Raises
        ------
        ParameterError
            If there are none.
        """
        if self._kept is None:
            raise ParameterError("Reservoir.draw needs examples; got none yet; add some before")
        return self._kept[torch.randint(len(self), (n,), generator=self._generator)]

    def memory(self) -> int:
        """Bytes."""
        return 0 if self._kept is None else size_of(self._kept)

    def state(self) -> dict[str, Any]:
        """Give what `restore` takes; kept examples are never changed, and not copied."""
        return {
            "kept": None if self._kept is None else self._kept.tree(),
            "seen": self._seen,
            "generator": self._generator.get_state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up an earlier state."""
        self._kept = None if state["kept"] is None else Batch(**state["kept"])
        self._seen = int(state["seen"])
        self._generator.set_state(state["generator"])
