"""`Record`: all that decides a run, so that it can be made again bit for bit, and by what it was made."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import final

import numba
import numpy as np

from saltation._version import __version__
from saltation.bss2.chip import Chip, ChipState, Execution
from saltation.bss2.configuration import Configuration
from saltation.bss2.physics import Physics
from saltation.bss2.section import Observed, Section
from saltation.bss2.variation import Noise, Variation
from saltation.kernels.cache import source_hash


@final
@dataclass(frozen=True, eq=False)
class Record:
    """All that decides a run of a chip.

    Attributes
    ----------
    serial, physics, variation, noise
        Of the chip.
    before : ChipState
        What it had become by the runs before: what was written, what its capacitor memory held, and their number.
    configuration : Configuration
        What was written for the run.
    sections : tuple of Section
        Events, recordings and writes.
    seed : int
        Of temporal noise; with the number of the run it decides it.
    settling : float
        Seconds waited where an analog value changed.
    """

    serial: int
    physics: Physics
    variation: Variation
    noise: Noise
    before: ChipState
    configuration: Configuration
    sections: tuple[Section, ...]
    seed: int
    settling: float

    @property
    def number(self) -> int:
        """Which run of the chip it is."""
        return self.before.runs + 1

    def chip(self, threads: int | None = None) -> Chip:
        """A chip as it was before the run."""
        made = Chip(self.serial, physics=self.physics, variation=self.variation, noise=self.noise, threads=threads)
        made.restore(self.before)
        return made

    def run_on(self, chip: Chip) -> Execution:
        """Run it, on a chip that is as it was before."""
        return chip.run(self.configuration, self.sections, seed=self.seed, settling=self.settling)


def digest_of(sections: Sequence[Observed]) -> str:
    """A number that two runs share that gave the same, bit for bit."""
    digest = hashlib.sha256()
    for each in sections:
        arrays = [each.times, each.circuits, *each.samples, *each.sampled, each.counters, each.wrapped]
        for array in arrays:
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(repr((sorted(each.lost.items()), each.spiked)).encode())
    return digest.hexdigest()


@cache
def origin() -> dict[str, str]:
    """What makes the numbers of a run here: versions, the machine, and the sources of chip and kernels."""
    digest = hashlib.sha256(source_hash().encode())
    root = Path(__file__).parents[1]
    for path in sorted(set(root.rglob("*.py")) - set((root / "experiment").rglob("*.py"))):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return {
        "saltation": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "machine": platform.machine(),
        "sources": digest.hexdigest()[:16],
    }


def unlike(made: Mapping[str, str]) -> str:
    """In what the maker of a file differs from what is here."""
    here = origin()
    differ = [f"{name} {made.get(name)} there, {value} here" for name, value in here.items() if made.get(name) != value]
    if not differ:
        return ""
    return f"it was written elsewhere ({'; '.join(differ)}), where a run can give other results than here"


def alike(one: Record, other: Record) -> bool:
    """Whether two records describe the same, whatever the chip had become before, and whatever its noise."""
    return (
        one.settling == other.settling
        and len(one.sections) == len(other.sections)
        and all(a is b for a, b in zip(one.sections, other.sections, strict=True))
        and one.configuration == other.configuration
    )


def same_run(one: Record, other: Record) -> bool:
    """Whether two records are of one run."""
    same = (one.number, one.seed, one.serial) == (other.number, other.seed, other.serial)
    return same and alike(one, other)
