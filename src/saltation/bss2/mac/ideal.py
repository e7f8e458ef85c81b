"""`Ideal`: a unit that multiplies by one gain for all, with noise; and `MockParameter`, these two numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2.mac.checks import check_run
from saltation.bss2.mac.rounding import saturated
from saltation.bss2.mac.unit import Tile
from saltation.errors import RangeError

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
        self._seeds = np.random.SeedSequence(seed)
        self._generator = np.random.default_rng(self._seeds)

    @property
    def noise_key(self) -> tuple[str, ...] | None:
        """What decides the noise: units with the same are no two chips; None without noise."""
        seeds = self._seeds
        return ("Ideal", str(seeds.entropy), str(seeds.spawn_key)) if self.parameter.noise_std > 0.0 else None

    def fork(self, runs: int = 1) -> "Ideal":
        """An equal unit with other noise, for one task, wherever that runs."""
        forked = Ideal(self.parameter)
        forked._seeds = self._seeds.spawn(1)[0]
        forked._generator = np.random.default_rng(forked._seeds)
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
        ConfigurationError
            If a tile does not fit, a number is out of range or of another type, or shapes differ.
        """
        check_run(tiles, activations, num_sends, wait_between_events)
        return [self._one(t.weights, x, num_sends) for t, x in zip(tiles, activations, strict=True)]

    def _one(self, weights: Ints, x: Ints, num_sends: int) -> NDArray[np.int8]:
        # products of small whole numbers: exact in float32, below 31 * 63 * 128 < 2**24, and faster than in int64
        product = (x.astype(np.float32) @ weights.astype(np.float32)).astype(np.float64)
        product *= self.parameter.gain * num_sends
        if self.parameter.noise_std > 0.0:
            product += self.parameter.noise_std * self._generator.standard_normal(product.shape, np.float32)
        return saturated(np.floor(product, out=product))
