"""Which circuits each neuron gets.

Neurons of a population are dealt to the eight event outputs in turn, so that their spikes are spread over the buses.
A neuron of one circuit lies in one hemisphere; one of more takes columns side by side, in both.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.placement.demand import Demand
from saltation.errors import PlacementError

Ints = NDArray[np.int64]


def place_columns(demands: Sequence[Demand], kept: Sequence[int] = ()) -> dict[str, Ints]:
    """Circuits of each neuron, ``[neuron, circuit]``; those in ``kept`` are not given away.

    Raises
    ------
    PlacementError
        If there are not enough.
    """
    free = np.ones((g.HEMISPHERES, g.COLUMNS), bool)
    free.reshape(-1)[list(kept)] = False
    placed: dict[str, Ints] = {}
    # the large ones first: small ones fit into what they leave
    for demand in sorted(demands, key=lambda each: -each.circuits):
        given = _pairs(free, demand) if demand.circuits > 1 else _singles(free, demand)
        if len(given) < demand.size:
            total = sum(each.size * each.circuits for each in demands)
            listed = ", ".join(f"{each.name!r}: {each.size} x {each.circuits}" for each in demands)
            raise PlacementError(
                f"the network needs {total} circuits ({listed}); the chip has {int(free.size - len(kept))}, and "
                f"{demand.name!r} found room for {len(given)} of its {demand.size} neurons"
            )
        placed[demand.name] = np.array(given, np.int64)
    return {demand.name: placed[demand.name] for demand in demands}


def _dealt(width: int) -> list[int]:
    """First columns of blocks of this width, an event output after another."""
    blocks = g.COLUMNS_PER_OUTPUT // width
    return [
        output * g.COLUMNS_PER_OUTPUT + block * width for block in range(blocks) for output in range(g.NEURON_OUTPUTS)
    ]


def _pairs(free: NDArray[np.bool_], demand: Demand) -> list[list[int]]:
    width = demand.circuits // 2
    given: list[list[int]] = []
    for column in _dealt(width):
        if len(given) == demand.size:
            break
        block = free[:, column : column + width]
        if block.all():
            block[...] = False
            given.append([h * g.COLUMNS + column + i for i in range(width) for h in range(g.HEMISPHERES)])
    return given


def _singles(free: NDArray[np.bool_], demand: Demand) -> list[list[int]]:
    """All in one hemisphere where they fit, so that its sources take rows of one array alone."""
    room = free.sum(axis=1)
    first = int(room[1] > room[0]) if room.max() < demand.size else int(np.argmax(room >= demand.size))
    given: list[list[int]] = []
    for hemisphere in (first, 1 - first):
        for column in _dealt(1):
            if len(given) == demand.size:
                return given
            if free[hemisphere, column]:
                free[hemisphere, column] = False
                given.append([hemisphere * g.COLUMNS + column])
    return given
