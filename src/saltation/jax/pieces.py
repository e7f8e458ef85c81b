"""Arguments of a callback, cut into small pieces.

JAX copies what a callback is given, in the background where it is large; from what size on is jaxlib's affair.  The
callback waits for the copy; with one processor it sits on the only thread that could make it, and both wait for ever.
Small arrays are copied at once, and a test that would hang otherwise sees to it that these pieces are.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

LARGEST = 64 << 10
"""Most bytes of a piece."""


def in_pieces(function: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Callable[..., Any], list[list[Any]]]:
    """A function of pieces that calls ``function`` with arrays like the ``given`` ones, and the pieces of these.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.jax.pieces import in_pieces
    >>> callback, pieces = in_pieces(lambda a, b: (a[1, :3], b), (np.arange(20_000.0).reshape(2, -1), np.float32(3.0)))
    >>> [len(each) for each in pieces], callback(*pieces)
    ([3, 1], (array([10000., 10001., 10002.]), array(3., dtype=float32)))
    """
    leaves, tree = jax.tree.flatten(given)
    shapes = [jnp.shape(leaf) for leaf in leaves]
    pieces: list[list[Any]] = []
    for leaf in leaves:
        flat = jnp.ravel(leaf)
        most = LARGEST // flat.dtype.itemsize
        pieces.append([flat[at : at + most] for at in range(0, max(flat.size, 1), most)])

    def callback(*pieces: Any) -> Any:
        arrays = [np.concatenate([np.asarray(piece) for piece in each]) for each in pieces]
        whole = [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]
        return function(*jax.tree.unflatten(tree, whole))

    return callback, pieces
