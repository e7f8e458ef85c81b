"""`partition`: a matrix of any size, cut into what hemispheres of chips multiply, one run after another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from saltation.bss2 import geometry as g
from saltation.bss2.mac.ranges import INPUTS, OUTPUTS
from saltation.model.checks import integer


@final
@dataclass(frozen=True)
class Block:
    """A part of a matrix on a hemisphere: its inputs and outputs, first and behind the last."""

    hemisphere: int
    inputs: tuple[int, int]
    outputs: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Inputs and outputs."""
        return self.inputs[1] - self.inputs[0], self.outputs[1] - self.outputs[0]

    @property
    def synapses(self) -> int:
        """Signed synapses: inputs times outputs."""
        return self.shape[0] * self.shape[1]


@final
@dataclass(frozen=True)
class PlannedRun:
    """What a chip multiplies at once: a block on one hemisphere, or on each."""

    chip: int
    blocks: tuple[Block, ...]


@final
@dataclass(frozen=True)
class Plan:
    """How a matrix is multiplied: runs in the order in which each chip takes its own.

    ::

        y[:, outputs] = clip(sum of the blocks with these outputs, -128, 127)

    Attributes
    ----------
    inputs, outputs : int
        Of the matrix.
    chips : int
        How many chips there are for it.
    runs : tuple of PlannedRun
        All of them.

    Examples
    --------
    >>> print(partition(300, 400, chips=2))
    300 x 400 in 6 blocks (3 of inputs, 2 of outputs): 3 runs on 2 chips, 61.0 % of their synapses in use
    chip  run  hemisphere      inputs     outputs  in use
       0    0           0       0-127       0-255  100.0 %
       0    0           1     128-255       0-255  100.0 %
       1    0           0     256-299       0-255   34.4 %
       1    0           1       0-127     256-399   56.2 %
       0    1           0     128-255     256-399   56.2 %
       0    1           1     256-299     256-399   19.3 %
    """

    inputs: int
    outputs: int
    chips: int
    runs: tuple[PlannedRun, ...]

    @property
    def blocks(self) -> list[Block]:
        """Blocks of all runs."""
        return [block for run in self.runs for block in run.blocks]

    @property
    def rounds(self) -> int:
        """Runs of the chip that has most of them: how often one waits where chips work at the same time."""
        return max(len(self.of_chip(chip)) for chip in range(self.chips))

    @property
    def utilisation(self) -> float:
        """Part of the synapses of all runs that the matrix takes."""
        return self.inputs * self.outputs / (len(self.runs) * g.HEMISPHERES * INPUTS * OUTPUTS)

    def of_chip(self, chip: int) -> list[PlannedRun]:
        """Runs of a chip, in their order."""
        return [run for run in self.runs if run.chip == chip]

    def __str__(self) -> str:
        """What runs where, how often, and how much of a hemisphere it takes."""
        rows, columns = ({getattr(block, side) for block in self.blocks} for side in ("inputs", "outputs"))
        lines = [
            f"{self.inputs} x {self.outputs} in {_count(len(self.blocks), 'block')} ({len(rows)} of inputs, "
            f"{len(columns)} of outputs): {_count(len(self.runs), 'run')} on {_count(self.chips, 'chip')}, "
            f"{100 * self.utilisation:.1f} % of their synapses in use",
            "chip  run  hemisphere      inputs     outputs  in use",
        ]
        done = [0] * self.chips
        for run in self.runs:
            for block in run.blocks:
                spans = "".join(f"{f'{first}-{end - 1}':>12}" for first, end in (block.inputs, block.outputs))
                part = 100 * block.synapses / (INPUTS * OUTPUTS)
                lines.append(f"{run.chip:>4} {done[run.chip]:>4} {block.hemisphere:>11}{spans}  {part:>5.1f} %")
            done[run.chip] += 1
        lines += [f"chip {chip} has nothing to do" for chip in range(self.chips) if not done[chip]]
        return "\n".join(lines)


def partition(inputs: int, outputs: int, *, chips: int = 1) -> Plan:
    """Cut a matrix into blocks of 128 inputs and 256 outputs, and give them to hemispheres and chips in turn.

    As in grenade: the blocks of the first outputs come first, so that sums are complete as early as they can be; two
    blocks make a run. Runs go to the chips in turn.

    Parameters
    ----------
    inputs, outputs : int
        Of the matrix, at least 1.
    chips : int
        How many chips there are.

    Returns
    -------
    Plan

    Raises
    ------
    ParameterError
        If one of the numbers is not an integer of at least 1.

    References
    ----------
    Spilger et al., hxtorch: PyTorch for BrainScaleS-2, 2020, arXiv:2006.13138.

    Examples
    --------
    >>> plan = partition(500, 128)
    >>> len(plan.runs), plan.rounds, plan.utilisation
    (2, 2, 0.48828125)
    """
    inputs, outputs = (
        integer("partition", "inputs", inputs, minimum=1),
        integer("partition", "outputs", outputs, minimum=1),
    )
    chips = integer("partition", "chips", chips, minimum=1)
    pairs = [(rows, columns) for columns in _spans(outputs, OUTPUTS) for rows in _spans(inputs, INPUTS)]
    runs = (pairs[at : at + g.HEMISPHERES] for at in range(0, len(pairs), g.HEMISPHERES))
    return Plan(
        inputs,
        outputs,
        chips,
        tuple(
            PlannedRun(n % chips, tuple(Block(hemisphere, *pair) for hemisphere, pair in enumerate(run)))
            for n, run in enumerate(runs)
        ),
    )


def _spans(size: int, most: int) -> Iterator[tuple[int, int]]:
    for first in range(0, size, most):
        yield first, min(first + most, size)


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
