"""Which circuits form one membrane: what the switches between neighbours join."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.errors import ConfigurationError

Ints = NDArray[np.int64]


def joined(configuration: Mapping[str, NDArray[Any]]) -> Ints:
    """First circuit of the membrane to which each circuit belongs, ``[512]``.

    Circuits are joined by ``connect_vertical`` (with the other hemisphere's of the same column), by
    ``connect_soma_right`` (with the right neighbour), and by ``connect_soma`` to a shared line, whose segments
    ``connect_right`` joins.

    Raises
    ------
    ConfigurationError
        If a switch has no neighbour.
    """
    get = configuration.__getitem__
    # shared lines have nodes of their own behind the circuits'
    parent = np.arange(2 * g.CIRCUITS)

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = int(parent[i])
        return i

    def join(i: int, j: int) -> None:
        a, b = sorted((root(i), root(j)))
        parent[b] = a

    for i in np.flatnonzero(get("multicompartment_connect_soma")).tolist():
        join(i, g.CIRCUITS + i)
    for name, shift in (("multicompartment_connect_soma_right", 0), ("multicompartment_connect_right", g.CIRCUITS)):
        for i in np.flatnonzero(get(name)).tolist():
            if g.column_of(i) == g.COLUMNS - 1:
                raise ConfigurationError(
                    f"{name} must be 0 at the right end of a row, where there is no neighbour; got 1 for circuit {i}"
                )
            join(shift + i, shift + i + 1)
    for i in np.flatnonzero(get("multicompartment_connect_vertical")).tolist():
        join(i, (i + g.COLUMNS) % g.CIRCUITS)
    return np.array([root(i) for i in range(g.CIRCUITS)])
