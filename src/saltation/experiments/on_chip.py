"""What trainings on an emulated chip share: how it is made, and how many runs it has had."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from saltation.bss2 import Backend as OnChip
from saltation.bss2 import Chip, imperfect
from saltation.engine import Backend, Grid

__all__ = ["ChipSettings", "make_on_chip", "uncounted", "with_runs", "without_runs"]


class ChipSettings(Protocol):
    """What a recipe says of the chip."""

    @property
    def serial(self) -> int:
        """Which chip."""
        ...

    @property
    def rows(self) -> int:
        """Parallel rows of each synapse."""
        ...

    @property
    def imperfections(self) -> str:
        """What of them the chip has, see `saltation.bss2.imperfect`."""
        ...

    @property
    def calibrated(self) -> bool:
        """Whether circuits have codes of their own."""
        ...

    def operating_point(self) -> dict[str, dict[str, float]]:
        """Leak and threshold in LSB of the CADC, and strength of inputs, of each population."""
        ...


def make_on_chip(settings: ChipSettings, *, adjoint: Grid | None = None, threads: int | None = None) -> OnChip:
    """Give a backend with a chip of its own: what one has run does not change the noise of another.

    Parameters
    ----------
    settings : ChipSettings
        Serial number, rows of a synapse, imperfections, whether the chip is calibrated, and where populations are on
        it: its ``strength`` is `i_synin_gm` of the backend.
    adjoint : Grid, optional
        For surrogate gradients; EventProp without it.
    threads : int, optional
        Number of threads.

    Raises
    ------
    ParameterError
        If an imperfection is unknown, or leak and threshold do not go together.

    Examples
    --------
    >>> from saltation.experiments.mnist import Settings
    >>> from saltation.experiments.on_chip import make_on_chip
    >>> make_on_chip(Settings(backend="bss2", serial=3)).chip.serial
    3
    """
    point = settings.operating_point()
    variation, noise = imperfect(settings.imperfections)
    return OnChip(
        Chip(settings.serial, variation=variation, noise=noise, threads=threads),
        calibrated=settings.calibrated,
        adjoint=adjoint,
        leak=point["leak"],
        threshold=point["threshold"],
        rows=settings.rows,
        i_synin_gm={name: int(code) for name, code in point["strength"].items()},
        threads=threads,
    )


def with_runs(state: Any, backend: Backend) -> Any:
    """The state of an optimiser with the number of runs that a chip has had, which decides its noise."""
    return {"optimiser": state, "runs": backend.chip.runs} if isinstance(backend, OnChip) else state


def without_runs(state: Any, backend: Backend) -> Any:
    """The state of the optimiser alone; a chip counts on from where it was."""
    if not isinstance(backend, OnChip):
        return state
    backend.chip.skip_to(int(state["runs"]))
    return state["optimiser"]


@contextmanager
def uncounted(backend: Backend) -> Iterator[None]:
    """Runs that do not count among those of a chip."""
    before = backend.chip.runs if isinstance(backend, OnChip) else 0
    yield
    if isinstance(backend, OnChip):
        backend.chip.skip_to(before)
