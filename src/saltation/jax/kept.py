"""Runs that wait for their gradient.

A run on a chip cannot be made again: its noise would be another.  So the gradient goes back along the very run that was
observed, which is kept in Python; what goes through JAX is its number.
"""

import threading
from collections.abc import Sequence
from typing import Any, final

from saltation.errors import GradientError

WAITING = 64
"""Most calls whose runs wait for their first gradient; the oldest is forgotten first."""

USED = 4
"""Most calls whose runs are kept after that, for further rows of a Jacobian."""


@final
class KeptRuns:
    """Runs by the number of the call that made them, and their place in it (a call under ``vmap`` makes several).

    Examples
    --------
    >>> from saltation.jax.kept import KeptRuns
    >>> kept = KeptRuns()
    >>> call = kept.keep(["the run"])
    >>> kept.find(call, 0), len(kept)
    ('the run', 1)
    """

    __slots__ = ("_calls", "_lock", "_used", "_waiting", "used", "waiting")

    def __init__(self, waiting: int = WAITING, used: int = USED) -> None:
        self.waiting, self.used = waiting, used
        self._calls = 0
        self._waiting: dict[int, Sequence[Any]] = {}
        self._used: dict[int, Sequence[Any]] = {}
        # JAX calls from threads of its own
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._used)

    def keep(self, runs: Sequence[Any]) -> int:
        """Keep the runs of a call; its number."""
        with self._lock:
            self._calls += 1
            self._waiting[self._calls] = runs
            _forget(self._waiting, self.waiting)
            return self._calls

    def find(self, call: int, place: int) -> Any:
        """The run of a call.

        Raises
        ------
        GradientError
            If it has been forgotten.
        """
        with self._lock:
            runs = self._waiting.pop(call, None) or self._used.pop(call, None)
            if runs is None:
                raise GradientError(
                    f"the run that this gradient belongs to is not kept any more, that of call {call} of "
                    f"{self._calls}: up to {self.waiting} calls wait for their gradient, and {self.used} are kept "
                    "after it; take gradients sooner, e.g. of one batch after another, and add them up"
                )
            self._used[call] = runs
            _forget(self._used, self.used)
            return runs[place]


def _forget(calls: dict[int, Sequence[Any]], most: int) -> None:
    while len(calls) > most:
        del calls[next(iter(calls))]
