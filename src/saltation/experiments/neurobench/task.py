"""What a task is: how to plan its measurements from what is asked for, and what its numbers mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from saltation.neurobench import Complexity

__all__ = ["BACKENDS", "Measured", "Options", "Piece", "Plan", "Task"]

BACKENDS = ("exact", "grid", "chip")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked for.

    Attributes
    ----------
    quick : bool
        Small models and few samples, to see that all works; the numbers say nothing.
    seeds : tuple of int
        Of models that are trained; the first is also that of the pasts of series.
    series : int, optional
        Number of independent series, or of graphs; None leaves it to the task.
    step : float
        Reference step in seconds, and step of grids.
    serial : int, optional
        Which chip; by default the one that a model was trained on, or 1.
    backends : tuple of str
        On which of `BACKENDS` networks of ours run.
    in_the_loop : bool
        Whether models are also trained on the chip.
    models : tuple of Path
        Folders of trained networks, in the place of those that would be trained.
    threads : int, optional
        Number of threads; results do not depend on it.
    """

    quick: bool = False
    seeds: tuple[int, ...] = (1,)
    series: int | None = None
    step: float = 1e-3
    serial: int | None = None
    backends: tuple[str, ...] = BACKENDS
    in_the_loop: bool = False
    models: tuple[Path, ...] = ()
    threads: int | None = None


@final
@dataclass(frozen=True, slots=True)
class Measured:
    """What a model is worth and costs on some samples.

    Attributes
    ----------
    correctness : float
        In the metric of the task.
    complexity : Complexity, optional
        None where nothing is computed.
    more : dict of str to float or None
        What else belongs to it, per sample: ``Synapse_Events`` of a chip and its ``Modelled_Hardware_Time``; and its
        ``Modelled_Settling`` in all.
    """

    correctness: float
    complexity: "Complexity | None"
    more: Mapping[str, float | None]


@final
@dataclass(frozen=True, slots=True)
class Piece:
    """One measurement: of a model, on a backend, of one repeat; all but `measure` is known before.

    Attributes
    ----------
    model, training, backend : str
        What a row of the table is of, together with the settings; `training` says on what it was trained.
    repeat : str
        Which of those that a mean is taken over: "seed 1", or "series 3 of seed 1".
    settings : dict of str
        All else that decides the result.
    measure : callable
        Trains what is not trained yet, and measures.
    """

    model: str
    training: str
    backend: str
    repeat: str
    settings: Mapping[str, Any]
    measure: Callable[[], Measured]


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """Measurements in their order, and what was left out, and why."""

    pieces: tuple[Piece, ...]
    notes: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of the table.

    Attributes
    ----------
    title : str
        For people.
    metric : str
        Name of its metric of correctness, in the harness' words.
    higher_is_better, percent : bool
        How to read it: 0.97 of accuracy is written 97 %.
    about : str
        How it is measured, in some sentences for the report.
    published : str, optional
        Name under which published baselines have this task; None where nothing was published.
    plan : callable
        From `Options`, the folder for trained models, and a function that hears what is going on.
    per : str
        What operations and times are of: "sample", "point" or "solution".
    """

    title: str
    metric: str
    higher_is_better: bool
    percent: bool
    about: str
    published: str | None
    plan: Callable[[Options, Path, Callable[[str], object]], Plan]
    per: str = "sample"
