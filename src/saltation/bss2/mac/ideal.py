"""`Ideal`: a unit that multiplies by one gain for all, with noise; and `MockParameter`, these two numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2.mac.ranges import INPUTS, OUTPUTS
from saltation.bss2.mac.rounding import activations as checked_activations
from saltation.bss2.mac.rounding import saturated
from saltation.bss2.mac.rounding import weights as checked_weights
from saltation.bss2.mac.unit import Tile
from saltation.errors import ParameterError, RangeError

Ints = NDArray[np.int64]


@final
@dataclass(frozen=True)
class MockParameter:
    """What an ideal unit needs to know of a chip.

    Attributes
    ----------
    noise_std : float
        Standard deviation of a result from one time to the next, in LSB.
    gain : float
        LSB of the result for an activation of 1 and a weight of 1, at one send; in (0, 1].

    Examples
    --------
    >>> MockParameter()
    MockParameter(noise_std=2.0, gain=0.002)
    """

    noise_std: float = 2.0
    gain: float = 0.002

    def check(self, where: str) -> None:
        """Raise where these are no numbers of a chip.

        Raises
        ------
        RangeError
            If the gain is not in (0, 1], or the noise is negative or not finite.
        """
        if not 0.0 < self.gain <= 1.0:
            raise RangeError(f"{where}.gain must be in (0, 1]; got {self.gain!r}; that of a chip is about 0.002")
        if not 0.0 <= self.noise_std < np.inf:
            raise RangeError(f"{where}.noise_std must be >= 0 and finite; got {self.noise_std!r}")


@final
class Ideal:
    """A chip without mismatch, saturation of its membranes and drift: what hxtorch calls mock.

    ::

        result = clip(floor(gain num_sends (x @ weights) + noise_std N(0, 1)), -128, 127)

    Parameters
    ----------
    parameter : MockParameter
        Gain and noise.
    seed : int
        Of the noise; each call has other noise.

    Raises
    ------
    RangeError
        If the parameter is not allowed.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2.mac import Ideal, MockParameter, Tile
    >>> unit = Ideal(MockParameter(noise_std=0.0))
    >>> unit.multiply([Tile(0, np.full((100, 2), 21))], [np.full((1, 100), 15)])
    [array([[63, 63]], dtype=int8)]
    """

    def __init__(self, parameter: MockParameter | None = None, *, seed: int = 0) -> None:
        self.parameter = MockParameter() if parameter is None else parameter
        self.parameter.check("Ideal.parameter")
        self._generator = np.random.default_rng(seed)

    def fork(self) -> "Ideal":
        """An equal unit with other noise, for one task, wherever that runs."""
        forked = Ideal(self.parameter)
        forked._generator = self._generator.spawn(1)[0]
        return forked

    def multiply(
        self,
        tiles: Sequence[Tile],
        activations: Sequence[Ints],
        *,
        num_sends: int = 1,
        wait_between_events: int = 5,
    ) -> list[NDArray[np.int8]]:
        """One run, as of any `MatrixUnit`; the time between events makes no difference.

        Raises
        ------
        RangeError
            If a weight or an activation is out of range.
        ParameterError
            If tiles and activations do not go together, or do not fit on a hemisphere.
        """
        check_run("Ideal.multiply", tiles, activations)
        return [self._one(t.weights, x, num_sends) for t, x in zip(tiles, activations, strict=True)]

    def _one(self, weights: Ints, x: Ints, num_sends: int) -> NDArray[np.int8]:
        # products of small whole numbers: exact in float32, below 31 * 63 * 128 < 2**24, and faster than in int64
        product = (x.astype(np.float32) @ weights.astype(np.float32)).astype(np.float64)
        product *= self.parameter.gain * num_sends
        if self.parameter.noise_std > 0.0:
            product += self.parameter.noise_std * self._generator.standard_normal(product.shape, np.float32)
        return saturated(np.floor(product, out=product))


def check_run(where: str, tiles: Sequence[Tile], activations: Sequence[Ints]) -> None:
    """Check what a unit is given: places, shapes, ranges.

    Raises
    ------
    ParameterError
        If tiles and activations do not go together, or do not fit on a hemisphere.
    RangeError
        If a weight or an activation is out of range.

    Examples
    --------
    >>> check_run("run", [Tile(0, np.ones((3, 2), np.int64))], [np.ones((5, 3), np.int64)])
    """
    if len(tiles) != len(activations):
        raise ParameterError(f"{where}: each tile takes its activations; got {len(tiles)} and {len(activations)}")
    if len({tile.hemisphere for tile in tiles}) < len(tiles) or not {tile.hemisphere for tile in tiles} <= {0, 1}:
        raise ParameterError(
            f"{where}: a run has at most one tile on each of the hemispheres 0 and 1; got tiles on "
            f"{[tile.hemisphere for tile in tiles]}"
        )
    if len({len(x) for x in activations}) > 1:
        raise ParameterError(f"{where}: all tiles have the same batch; got {[len(x) for x in activations]}")
    for tile, x in zip(tiles, activations, strict=True):
        if tile.weights.ndim != 2 or x.ndim != 2 or x.shape[1] != tile.weights.shape[0]:
            raise ParameterError(
                f"{where}: weights are [input, output] and activations [batch, input]; got {tile.weights.shape} and "
                f"{x.shape}"
            )
        rows, columns = tile.row + tile.weights.shape[0], tile.column + tile.weights.shape[1]
        if tile.row < 0 or tile.column < 0 or rows > INPUTS or columns > OUTPUTS:
            raise ParameterError(
                f"{where}: a hemisphere has {INPUTS} inputs and {OUTPUTS} outputs; got a tile from input {tile.row} to "
                f"{rows} and output {tile.column} to {columns}; saltation.bss2.mac.partition cuts a matrix into tiles"
            )
        checked_weights(f"{where}.weights", tile.weights)
        checked_activations(f"{where}.activations", x)
