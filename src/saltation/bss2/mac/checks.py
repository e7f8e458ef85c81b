"""What a run of the matrix mode may be: tiles, vectors and how they are played, or an error that says what is wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.mac.ranges import ACTIVATION_MAX, INPUTS, OUTPUTS, WEIGHT_MAX
from saltation.bss2.mac.unit import Tile
from saltation.errors import ConfigurationError

Ints = NDArray[np.int64]


def check_run(tiles: Sequence[Tile], activations: Sequence[Any], num_sends: int, wait_between_events: int) -> int:
    """Size of the batch of a run that is possible.

    Raises
    ------
    ConfigurationError
        If a tile does not fit on its hemisphere, two are on one, a number is out of its range or of another type, or
        shapes differ.
    """
    if not tiles:
        raise ConfigurationError("multiply.tiles must be at least one Tile; got none")
    if len(tiles) != len(activations):
        raise ConfigurationError(
            f"multiply.activations must be one array for each tile; got {len(activations)} for {len(tiles)} tiles"
        )
    for name, value in (("num_sends", num_sends), ("wait_between_events", wait_between_events)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ConfigurationError(
                f"multiply.{name} must be a whole number of at least 1; got {value!r}; a link carries an event every "
                "8 ns"
            )
    for tile in tiles:
        check_tile(tile)
    hemispheres = [int(tile.hemisphere) for tile in tiles]
    if len(set(hemispheres)) != len(hemispheres):
        raise ConfigurationError(
            f"multiply.tiles must be on different hemispheres; got {hemispheres}; matrices that share one are columns "
            "or rows of one tile, or another run"
        )
    batches = [_checked_vectors(tile, given) for tile, given in zip(tiles, activations, strict=True)]
    if len(set(batches)) != 1:
        raise ConfigurationError(f"multiply.activations must have one batch; got batches of {batches}")
    return batches[0]


def check_tile(tile: Tile) -> None:
    """Refuse a tile that is not possible; as `check_run`."""
    weights = np.asarray(tile.weights)
    if tile.hemisphere not in range(g.HEMISPHERES):
        raise ConfigurationError(f"Tile.hemisphere must be 0 or 1; got {tile.hemisphere!r}")
    if weights.ndim != 2 or 0 in weights.shape:
        raise ConfigurationError(f"Tile.weights must be [input, output]; got the shape {weights.shape}")
    places = (("row", "inputs", tile.row, INPUTS), ("column", "outputs", tile.column, OUTPUTS))
    for (name, what, at, most), size in zip(places, weights.shape, strict=True):
        if isinstance(at, bool) or not isinstance(at, int | np.integer) or not 0 <= at < most:
            raise ConfigurationError(f"Tile.{name} must be 0..{most - 1}; got {at!r}")
        if at + size > most:
            raise ConfigurationError(
                f"Tile.weights: a hemisphere has {most} {what}; got {size} from {name} {at} on; cut the matrix into "
                "tiles and add or join what comes of them"
            )
    _check_numbers("Tile.weights", weights, -WEIGHT_MAX, WEIGHT_MAX)


def _checked_vectors(tile: Tile, given: Any) -> int:
    vectors, inputs = np.asarray(given), np.asarray(tile.weights).shape[0]
    if vectors.ndim != 2 or vectors.shape[1] != inputs:
        raise ConfigurationError(
            f"multiply.activations must be [batch, input] with {inputs} inputs, as the weights of the tile; got the "
            f"shape {vectors.shape}"
        )
    if not vectors.shape[0]:
        raise ConfigurationError("multiply.activations must have at least one vector; got none")
    _check_numbers("multiply.activations", vectors, 0, ACTIVATION_MAX)
    return vectors.shape[0]


def _check_numbers(name: str, array: NDArray[Any], low: int, high: int) -> None:
    if array.dtype.kind not in "iu":
        raise ConfigurationError(f"{name} must be whole numbers; got the dtype {array.dtype}; round them first")
    if array.min() >= low and array.max() <= high:
        return
    at = tuple(int(i) for i in np.argwhere((array < low) | (array > high))[0])
    raise ConfigurationError(
        f"{name} must be {low}..{high}; got {int(array[at])} at {at}; nothing is cut silently: scale them, or clip "
        "them yourself"
    )
