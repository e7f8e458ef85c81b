"""`Trace`: what operations of the matrix mode were run, and how long chip and host would have taken for them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, final

from saltation.bss2.mac.partition import Plan
from saltation.bss2.mac.timing import ChipTiming, RunTime

COLUMNS = ("events", "readout", "reconfiguration", "host")
"""What the time of an operation is made of, see `RunTime`."""


@final
@dataclass(frozen=True)
class Traced:
    """An operation that was run.

    Attributes
    ----------
    name : str
        ``mac``, ``add``, ``argmax``, ``relu`` or ``converting_relu``.
    batch : int
        Vectors of a product; of other operations, 1.
    values : int
        Numbers that went in and came out.
    plan : Plan or None
        Of a product.
    slots : tuple of int
        Of each run of the plan, see `ChipTiming.run`.
    num_sends, wait_between_events : int
        Of a product.
    """

    name: str
    batch: int
    values: int
    plan: Plan | None = None
    slots: tuple[int, ...] = ()
    num_sends: int = 1
    wait_between_events: int = 5

    @property
    def macs(self) -> int:
        """Multiplications, with the addition that belongs to each; sends of the same vector count once."""
        return 0 if self.plan is None else self.batch * self.plan.inputs * self.plan.outputs

    @property
    def runs(self) -> int:
        """Runs of chips: how often weights are written."""
        return 0 if self.plan is None else len(self.plan.runs)

    def of_runs(self, timing: ChipTiming) -> list[tuple[int, RunTime]]:
        """Chip and time of each run."""
        if self.plan is None:
            return []
        sends = {"num_sends": self.num_sends, "wait_between_events": self.wait_between_events}
        return [
            (run.chip, timing.run(run, batch=self.batch, slots=slots, **sends))
            for run, slots in zip(self.plan.runs, self.slots, strict=True)
        ]

    def time(self, timing: ChipTiming) -> RunTime:
        """What all runs take together, and the host for the numbers."""
        times = [time for _, time in self.of_runs(timing)]
        events, readout, weights, host = (sum(getattr(time, column) for time in times) for column in COLUMNS)
        return RunTime(events, readout, weights, host + timing.values(self.values))

    def seconds(self, timing: ChipTiming) -> float:
        """Until it is done, chips working at the same time."""
        chips: dict[int, float] = {}
        for chip, time in self.of_runs(timing):
            chips[chip] = chips.get(chip, 0.0) + time.total
        return max(chips.values(), default=0.0) + timing.values(self.values)


@final
@dataclass
class Trace:
    """Collect the operations that run inside its ``with`` block, and estimate the time that a chip takes for them.

    Parameters
    ----------
    timing : ChipTiming
        Figures of the chip and its host.

    Attributes
    ----------
    operations : list of Traced
        In their order, those of the ideal mode too.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2.mac import Ideal, Trace, mac, relu
    >>> with Trace() as trace:
    ...     y = relu(mac(np.ones((1000, 256)), np.ones((256, 512)), unit=Ideal()))
    >>> trace.runs, trace.macs, [each.name for each in trace.operations]
    (2, 131072000, ['mac', 'relu'])
    """

    timing: ChipTiming = field(default_factory=ChipTiming)
    operations: list[Traced] = field(default_factory=list)

    def __enter__(self) -> Self:
        _ACTIVE.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, back: TracebackType | None
    ) -> None:
        # by identity: two traces with the same operations are equal
        _ACTIVE[:] = [each for each in _ACTIVE if each is not self]

    @property
    def macs(self) -> int:
        """Multiplications of all operations."""
        return sum(each.macs for each in self.operations)

    @property
    def runs(self) -> int:
        """Runs of chips."""
        return sum(each.runs for each in self.operations)

    @property
    def utilisation(self) -> float:
        """Part of the synapses of all runs that was in use; 0 where nothing ran."""
        plans = [each.plan for each in self.operations if each.plan is not None]
        return sum(plan.utilisation * len(plan.runs) for plan in plans) / max(self.runs, 1)

    @property
    def seconds(self) -> float:
        """Time until all is done, one operation after the other, chips working at the same time."""
        return sum(each.seconds(self.timing) for each in self.operations)

    def table(self) -> list[dict[str, Any]]:
        """Of each operation its sizes, and seconds of each part of its time."""
        return [
            {
                "operation": each.name,
                "inputs": None if each.plan is None else each.plan.inputs,
                "outputs": None if each.plan is None else each.plan.outputs,
                "batch": each.batch,
                "runs": each.runs,
                "macs": each.macs,
                "utilisation": None if each.plan is None else each.plan.utilisation,
                **each.time(self.timing)._asdict(),
                "seconds": each.seconds(self.timing),
            }
            for each in self.operations
        ]

    def __str__(self) -> str:
        """The table, to be printed, with times in milliseconds."""
        heads = ("events", "read-out", "weights", "host", "all")
        lines = [
            f"{'':<16}{'matrix':>12}{'batch':>8}{'runs':>6}{'MACs':>10}{'in use':>8}"
            + "".join(f"{head:>10}" for head in heads)
            + "  ms"
        ]
        for row in self.table():
            matrix = "" if row["inputs"] is None else f"{row['inputs']} x {row['outputs']}"
            used = "" if row["utilisation"] is None else f"{100 * row['utilisation']:.0f} %"
            lines.append(
                f"{row['operation']:<16}{matrix:>12}{row['batch']:>8}{row['runs']:>6}{row['macs']:>10.3g}{used:>8}"
                + _milliseconds([*(row[column] for column in COLUMNS), row["seconds"]])
            )
        sums = [sum(row[column] for row in self.table()) for column in COLUMNS]
        lines.append(
            f"{'all':<36}{self.runs:>6}{self.macs:>10.3g}{f'{100 * self.utilisation:.0f} %':>8}"
            + _milliseconds([*sums, self.seconds])
        )
        if self.macs:
            lines.append(
                f"{self.macs / self.seconds:.3g} MAC/s on the chip, by its figures; no time was measured on one"
            )
        return "\n".join(lines)


_ACTIVE: list[Trace] = []


def tracing() -> bool:
    """Whether what runs now is recorded."""
    return bool(_ACTIVE)


def record_product(plan: Plan, batch: int, num_sends: int, wait_between_events: int) -> None:
    """Record a product of so many vectors."""
    values = batch * (plan.inputs + plan.outputs)
    # both hemispheres get theirs at the same time; an input of 0 sends no event and keeps its time
    slots = tuple(batch * max(block.shape[0] for block in run.blocks) for run in plan.runs)
    _record(Traced("mac", batch, values, plan, slots, num_sends, wait_between_events))


def record_digital(name: str, values: int) -> None:
    """Record an operation on so many numbers, in and out."""
    _record(Traced(name, 1, values))


def _record(operation: Traced) -> None:
    for trace in _ACTIVE:
        trace.operations.append(operation)


def _milliseconds(seconds: Sequence[float]) -> str:
    return "".join(f"{1e3 * each:>10.3f}" for each in seconds)
