"""`Fast`: matrices multiplied by what was measured of a chip."""

from collections.abc import Sequence
from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.mac.checks import check_run
from saltation.bss2.mac.layout import Schedule, schedule_of
from saltation.bss2.mac.lines import levels_of, step_sums
from saltation.bss2.mac.model import FastModel
from saltation.bss2.mac.unit import Tile
from saltation.engine.threads import default_threads, run_chunks
from saltation.kernels.cache import compile_kernel
from saltation.kernels.chip import product as p

Floats32 = NDArray[np.float32]
Ints = NDArray[np.int64]

# vectors of a product: its threads wait for one another at its end, which small ones do most of the time
_BLOCK = 16384
# of the variance of a result that is rounded anyway
_ROUNDING = 1.0 / 12.0

_lengthen = cache(lambda: compile_kernel(p.lengthen))
_finish = cache(lambda: compile_kernel(p.finish))


@final
class Fast:
    """A `MatrixUnit`: products in float32 with the gains, noise and saturation that were measured of a chip.

    `FastModel` has the equations.  What it leaves out of the circuits: that a line saturates by what came before and
    not by what may be expected, that noise is less on rails, and drift.

    Parameters
    ----------
    model : FastModel
        Of a chip, by `measure`.
    seed : int
        Of noise: with it and the number of the call it is the same again.
    threads : int, optional
        For what comes after the products, which use those of NumPy; results do not depend on it.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2.mac import Fast, FastModel, Tile
    >>> column = np.zeros(512)
    >>> model = FastModel(
    ...     1, offset=np.zeros((2, 128)), gain=np.full((2, 2, 128, 256), 0.002), deviation=np.zeros((2, 2, 128, 256)),
    ...     strength=np.full(2, 100.0), tau_syn=np.full((2, 512), 3e-7), tau_mem=column + 1.0, noise=column, growth=0.0,
    ...     low=column - 100, high=column + 100, rest=column)
    >>> Fast(model).multiply([Tile(0, np.array([[50, -50]]))], [np.array([[31]])], num_sends=10)
    [array([[ 31, -31]], dtype=int8)]
    """

    def __init__(self, model: FastModel, *, seed: int = 0, threads: int | None = None) -> None:
        self._model, self._seed, self._threads = model, seed, threads
        self._calls = 0

    def __repr__(self) -> str:
        return f"Fast({self._model!r})"

    @property
    def noise_key(self) -> tuple[str, ...]:
        """What decides the noise: units with the same are no two chips."""
        return "Fast", str(self._model.serial), str(self._seed)

    def fork(self, runs: int = 1) -> "Fast":
        """The unit for a task of so many runs, wherever that runs: with the noise that these would have had here."""
        forked = Fast(self._model, seed=self._seed, threads=self._threads)
        forked._calls = self._calls
        self._calls += runs
        return forked

    def multiply(
        self,
        tiles: Sequence[Tile],
        activations: Sequence[Ints],
        *,
        num_sends: int = 1,
        wait_between_events: int = 5,
    ) -> list[NDArray[np.int8]]:
        """As `MatrixUnit.multiply`.

        Raises
        ------
        ConfigurationError
            If a tile does not fit, a number is out of range or of another type, or shapes differ.
        """
        check_run(tiles, activations, num_sends, wait_between_events)
        schedule = schedule_of(tiles, num_sends, wait_between_events)
        self._calls += 1
        results = []
        for tile, vectors in zip(tiles, activations, strict=True):
            entropy = [self._model.serial, self._seed, self._calls, tile.hemisphere]
            key = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
            results.append(self._product(tile, np.ascontiguousarray(vectors, np.int64), schedule, key))
        return results

    def _product(self, tile: Tile, vectors: Ints, schedule: Schedule, key: np.uint64) -> NDArray[np.int8]:
        inputs, outputs = tile.weights.shape
        batch = vectors.shape[0]
        offset = self._model.offset[tile.hemisphere, tile.row : tile.row + inputs].astype(np.float32)
        weights, level = prepared_weights(self._model, tile, schedule)
        columns = prepared_columns(self._model, tile, schedule)
        out = np.empty((batch, outputs), np.int8)
        block = min(batch, _BLOCK)
        lengths, lines = np.empty((block, inputs), np.float32), np.empty((block, 2 * outputs), np.float32)
        threads = default_threads() if self._threads is None else self._threads
        for first in range(0, batch, block):
            size = min(block, batch - first)
            _lengthen()(vectors, offset, first, first + size, lengths)
            np.matmul(lengths[:size], weights, out=lines[:size])

            def work(a: int, b: int, first: int = first) -> None:
                _finish()(lines[a:b], level, columns, key, first + a, out[first + a : first + b])

            run_chunks(work, [(size * k // threads, size * (k + 1) // threads) for k in range(threads)], threads)
        return out


def prepared_weights(model: FastModel, tile: Tile, schedule: Schedule) -> tuple[Floats32, Floats32]:
    """What a step of each input adds to lines ``[input, 2 output]``, and their sums at saturation ``[2 output]``."""
    sums = step_sums(model, tile)
    left = schedule.remaining(model.typical_tau)[: sums.shape[0]]
    level = levels_of(model, tile, sums, schedule) * left.mean()
    return (schedule.sends * left[:, None] * sums).astype(np.float32), level.astype(np.float32)


def prepared_columns(model: FastModel, tile: Tile, schedule: Schedule) -> Floats32:
    """What is of each column of a tile, for the kernel ``[COLUMN_ROWS, output]``."""
    first = g.COLUMNS * tile.hemisphere + tile.column
    own = slice(first, first + tile.weights.shape[1])
    low, high, tau = model.low[own], model.high[own], model.tau_mem[own]
    columns = np.empty((p.COLUMN_ROWS, low.size), np.float32)
    columns[p.CENTRE], columns[p.HALF] = 0.5 * (low + high), 0.5 * (high - low)
    columns[p.INVERSE] = 1.0 / columns[p.HALF]
    columns[p.SCALE] = schedule.mean_remaining(tau) / schedule.mean_remaining(model.typical_tau)
    columns[p.OFFSET] = model.rest[own]
    columns[p.SIGMA] = np.sqrt(np.maximum(model.sigma(schedule.reading)[own] ** 2 - _ROUNDING, 0.0))
    return columns
