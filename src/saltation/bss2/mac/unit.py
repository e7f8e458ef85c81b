"""`MatrixUnit`: what multiplies vectors by matrices, one chip or what stands for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Tile:
    """A matrix on a hemisphere: weights ``[input, output]`` from -63 to 63, at ``row`` and ``column`` of its array.

    Input ``i`` takes the pair of rows ``row + i`` (of 128), output ``j`` the column ``column + j`` (of 256).
    """

    hemisphere: int
    weights: Ints
    row: int = 0
    column: int = 0


class MatrixUnit(Protocol):
    """What runs matrices: the emulated circuits, their fast model, or the ideal one."""

    def multiply(
        self,
        tiles: Sequence[Tile],
        activations: Sequence[Ints],
        *,
        num_sends: int = 1,
        wait_between_events: int = 5,
    ) -> list[NDArray[np.int8]]:
        """One run of a chip: each tile, at most one on a hemisphere, with its vectors ``[batch, input]`` of 0 to 31.

        Gives ``[batch, output]`` of each tile: reading less baseline, -128 to 127.  All have the same batch.
        ``num_sends`` plays each vector so often; events follow one another by ``wait_between_events`` periods of 8 ns.

        Raises
        ------
        ConfigurationError
            If a tile does not fit, a number is out of range or of another type, or shapes differ.
        """
        ...
