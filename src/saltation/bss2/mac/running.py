"""`System`: one or several units that run the plan of a matrix, and the sums of its blocks."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2.mac import rounding
from saltation.bss2.mac.partition import Plan, partition
from saltation.bss2.mac.ranges import OUTPUT_MAX
from saltation.bss2.mac.trace import record_product, tracing
from saltation.bss2.mac.unit import MatrixUnit, Tile
from saltation.errors import ParameterError
from saltation.model.checks import integer

Ints = NDArray[np.int64]
Results = list[list[NDArray[np.int8]]]

# Numbers of a batch that are whole ones of 8 bytes at a time: 128 MiB.
_AT_ONCE = 2**24


class Submitting(Protocol):
    """An executor as of `concurrent.futures`: what ``submit`` returns has a ``result()``."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:
        """Run ``fn(*args)`` somewhere."""
        ...


@runtime_checkable
class Forking(Protocol):
    """A unit that gives tasks a unit of their own, with other noise each, so that they may run in another process."""

    def fork(self, runs: int = 1) -> MatrixUnit:
        """The unit for one task of so many runs."""
        ...


@final
@dataclass(frozen=True)
class System:
    """Chips, or what stands for them, that multiply matrices of any size.

    Parameters
    ----------
    units : sequence of MatrixUnit
        One for each chip.
    executor : optional
        Where they run: anything with the ``submit`` of `concurrent.futures`, such as a ``ThreadPoolExecutor`` or the
        ``get_executor()`` of a Dask client. Each product is one task for each chip. None: one chip after the other.
        A unit that has no ``fork()`` has to run in this process, so that its state goes on: in a
        ``ThreadPoolExecutor``, or without one.

    Raises
    ------
    ParameterError
        If there is no unit, one does not multiply, two are the same or have the same noise, the executor does not
        submit, or may run in other processes where a unit has no ``fork()``.

    Examples
    --------
    >>> import numpy as np
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from saltation.bss2.mac import Ideal, System
    >>> with ThreadPoolExecutor(2) as pool:
    ...     system = System([Ideal(seed=1), Ideal(seed=2)], pool)
    ...     system.multiply(np.ones((300, 400)), np.ones((5, 300))).shape
    (5, 400)
    """

    units: Sequence[MatrixUnit]
    executor: Submitting | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", tuple(self.units))
        if not self.units:
            raise ParameterError("System.units must hold at least one unit; got none")
        for unit in self.units:
            if not callable(getattr(unit, "multiply", None)):
                raise ParameterError(
                    f"System.units must be units that multiply, such as saltation.bss2.mac.Ideal(); got "
                    f"{type(unit).__name__}"
                )
        if self.executor is not None and not callable(getattr(self.executor, "submit", None)):
            raise ParameterError(
                "System.executor must have the submit() of concurrent.futures; got "
                f"{type(self.executor).__name__}; of a Dask client it is client.get_executor()"
            )
        staying = [type(unit).__name__ for unit in self.units if not isinstance(unit, Forking)]
        # others may send copies, whose state does not come back
        if staying and self.executor is not None and not isinstance(self.executor, ThreadPoolExecutor):
            raise ParameterError(
                f"System.executor must be a ThreadPoolExecutor, or none, for units without fork(); got "
                f"{type(self.executor).__name__} for {staying[0]}: copies in other processes would have the same noise "
                "in each task"
            )
        _check_distinct(self.units)

    def plan(self, inputs: int, outputs: int) -> Plan:
        """How a matrix is cut for these chips."""
        return partition(inputs, outputs, chips=len(self.units))

    def multiply(
        self,
        weights: npt.ArrayLike,
        x: npt.ArrayLike,
        *,
        num_sends: int = 1,
        wait_between_events: int = 5,
        plan: Plan | None = None,
    ) -> NDArray[np.int8]:
        """Multiply vectors ``[batch, input]`` by a matrix ``[input, output]`` of any size; what is given is rounded.

        Raises
        ------
        RangeError
            If an activation is not 0 to 31 or a weight not -63 to 63.
        ParameterError
            If shapes do not go together, or the plan is of another matrix or more chips.
        """
        whole = rounding.weights("mac.weights", weights)
        vectors = np.asarray(x)
        if whole.ndim != 2 or vectors.ndim != 2 or vectors.shape[1] != whole.shape[0]:
            raise ParameterError(
                f"mac: x must be [batch, input] and weights [input, output]; got {vectors.shape} and {whole.shape}"
            )
        sends = integer("mac", "num_sends", num_sends, minimum=1)
        wait = integer("mac", "wait_between_events", wait_between_events, minimum=1)
        plan = self.plan(*whole.shape) if plan is None else plan
        self._check(plan, whole)
        step = max(1, _AT_ONCE // vectors.shape[1])
        result = np.empty((len(vectors), plan.outputs), np.int8)
        for first in range(0, len(vectors), step):
            part = rounding.activations("mac.x", vectors[first : first + step])
            result[first : first + step] = self._batch(plan, whole, part, sends, wait)
        if tracing():
            record_product(plan, len(vectors), sends, wait)
        return result

    def _check(self, plan: Plan, weights: Ints) -> None:
        if (plan.inputs, plan.outputs) != weights.shape:
            raise ParameterError(
                f"mac.plan must be of a matrix of {weights.shape[0]} x {weights.shape[1]}; got one of {plan.inputs} x "
                f"{plan.outputs}"
            )
        if plan.chips > len(self.units):
            raise ParameterError(
                f"mac.plan is for {plan.chips} chips, and the system has {len(self.units)}; partition(..., chips="
                f"{len(self.units)}), or add units"
            )

    def _batch(self, plan: Plan, weights: Ints, x: Ints, num_sends: int, wait: int) -> NDArray[np.int8]:
        chips = [chip for chip in range(plan.chips) if plan.of_chip(chip)]
        waiting: list[Callable[[], Results]] = []
        for chip in chips:
            unit = self.units[chip]
            work = [
                (
                    [
                        Tile(block.hemisphere, weights[slice(*block.inputs), slice(*block.outputs)])
                        for block in run.blocks
                    ],
                    [x[:, slice(*block.inputs)] for block in run.blocks],
                )
                for run in plan.of_chip(chip)
            ]
            own = unit.fork(len(work)) if isinstance(unit, Forking) else unit
            task = (own, work, num_sends, wait)
            if self.executor is None:
                found = _run_chip(*task)
                waiting.append(lambda found=found: found)
            else:
                waiting.append(self.executor.submit(_run_chip, *task).result)
        total = np.zeros((len(x), plan.outputs), _sum_dtype(plan.inputs))
        for chip, result in zip(chips, waiting, strict=True):
            for run, outputs in zip(plan.of_chip(chip), result(), strict=True):
                for block, output in zip(run.blocks, outputs, strict=True):
                    total[:, slice(*block.outputs)] += output
        # As grenade adds: all blocks exactly, then once into 8 bits.
        return rounding.saturated(total)


def _check_distinct(units: Sequence[MatrixUnit]) -> None:
    """Refuse chips with the same noise, which would not average out but add."""
    if len({id(unit) for unit in units}) < len(units):
        raise ParameterError(
            f"System.units must be one unit for each chip; got the same {type(units[0]).__name__} more than once; make "
            "another, with another seed"
        )
    keys = [key for unit in units if (key := getattr(unit, "noise_key", None)) is not None]
    if repeated := [key for n, key in enumerate(keys) if key in keys[:n]]:
        raise ParameterError(
            f"System.units must have noise of their own; got {keys.count(repeated[0])} of the kind, chip and seed "
            f"{repeated[0]}; give each another seed"
        )


def _run_chip(
    unit: MatrixUnit, work: Sequence[tuple[list[Tile], list[Ints]]], num_sends: int, wait_between_events: int
) -> Results:
    """All runs of a chip in their order: the task that goes to an executor."""
    return [
        unit.multiply(tiles, activations, num_sends=num_sends, wait_between_events=wait_between_events)
        for tiles, activations in work
    ]


def _sum_dtype(inputs: int) -> type[np.signedinteger[Any]]:
    """Small where that is exact: each block gives at most 8 bits."""
    return np.int16 if inputs < np.iinfo(np.int16).max // (OUTPUT_MAX + 1) else np.int64
