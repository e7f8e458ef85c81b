"""Primate reaching as the benchmark has it: binary bins of 4 ms, velocities, and a division by reaches."""

from dataclasses import dataclass
from typing import Final, Literal, final

import numpy as np
import numpy.typing as npt

from saltation.data.reaching import INTERVAL, ReachingRecording
from saltation.errors import ParameterError
from saltation.model import Spikes
from saltation.model.checks import describe, explain, freeze, number
from saltation.model.events import offsets_of
from saltation.neurobench.metrics import r2

__all__ = ["ReachingResult", "ReachingTask", "bins", "reaching_task", "segments"]

Floats = npt.NDArray[np.float64]
Part = Literal["train", "validation", "test"]

DELAY: Final = 1
"""Steps by which the harness has spikes later than they were: they go to the bin after the one that they are in."""


@final
@dataclass(frozen=True, slots=True)
class ReachingResult:
    """A score, and of what.

    Attributes
    ----------
    session : str
        Name of the recording.
    part : str
        What was predicted.
    r2 : float
        Explained share of the variance of the velocity, mean of x and y.
    synthetic : bool
        Whether the recording was made by `synthetic_reaching`: then this is no result of the benchmark.
    """

    session: str
    part: str
    r2: float
    synthetic: bool

    def __str__(self) -> str:
        kind = "SYNTHETIC stand-in, no result of the benchmark" if self.synthetic else "recorded"
        return f"{self.session} ({kind}), {self.part}: R2 {self.r2:.4f}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class ReachingTask:
    """A session, ready to be learned.

    Attributes
    ----------
    recording : ReachingRecording
        What it was made of.
    bins : ndarray of int8, [n, channel]
        1 where a channel fired.
    velocity : ndarray, [n, 2]
        What is to be predicted, in mm a step.
    bounds : tuple of int
        Steps 0 to bounds[0] are for training, to bounds[1] for validation, to the last for the test.
    """

    recording: ReachingRecording
    bins: npt.NDArray[np.int8]
    velocity: Floats
    bounds: tuple[int, int, int]

    def steps(self, part: Part) -> slice:
        """Steps of a part; they follow each other without a gap."""
        train, validation, end = self.bounds
        parts = {"train": (0, train), "validation": (train, validation), "test": (validation, end)}
        if part not in parts:
            raise ParameterError(explain("ReachingTask part", "'train', 'validation' or 'test'", repr(part)))
        return slice(*parts[part])

    def events(self, part: Part) -> Spikes:
        """Spikes of a part as events, one sample with a unit for each channel.

        Times count from the beginning of the part: bin k of it has those in ``k dt .. (k + 1) dt``. All spikes are
        there, also those that are one in a bin, and the units of a channel are put together.
        """
        steps = self.steps(part)
        edges = _edges(self.recording.times)
        begin, end = float(edges[steps.start]), float(edges[steps.stop])
        times, units = [np.empty(0)], [np.empty(0, np.int32)]
        for channel, several in enumerate(self.recording.spikes):
            inside = _inside(np.concatenate([np.empty(0), *several]), begin, end, edges) - begin
            times.append(inside)
            units.append(np.full(len(inside), channel, np.int32))
        at, which = np.concatenate(times), np.concatenate(units)
        order = np.argsort(at, kind="stable")
        return Spikes(at[order], which[order], offsets_of(np.array([len(at)])), n_units=self.recording.channels)

    def score(self, prediction: npt.ArrayLike, part: Part = "test") -> ReachingResult:
        """R2 of velocities predicted for each step of a part, [step, 2]."""
        value = r2(prediction, self.velocity[self.steps(part)])
        return ReachingResult(self.recording.name, part, value, self.recording.synthetic)


def reaching_task(recording: ReachingRecording, train_share: float = 0.5) -> ReachingTask:
    """Make the task of a session.

    ::

        bin[k, c]   = 1 if a unit of channel c fired in  t_k - 8 ms .. t_k - 4 ms,  else 0;  bin[0, c] = 0
        velocity[k] = (position[k + 1] - position[k - 1]) / 2,  one-sided at the ends
        reaches     end where the target jumps; of S the first floor(S / 2) train, half of the rest validates

    Bins are those of the harness, which counts from 4 ms before the first sample and then writes each count one bin
    further on, so that the first one is empty.

    Parameters
    ----------
    recording : ReachingRecording
        From `saltation.data.reaching`, or synthetic.
    train_share : float
        Of the reaches; 0.5 in the benchmark.

    Raises
    ------
    ParameterError
        If there are too few reaches for three parts, or samples are not 4 ms apart.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.data import synthetic_reaching
    >>> from saltation.neurobench.tasks import reaching_task
    >>> task = reaching_task(synthetic_reaching(channels=4, reaches=8, seed=1))
    >>> print(task.score(task.velocity[task.steps("test")]))
    synthetic_4_8_1 (SYNTHETIC stand-in, no result of the benchmark), test: R2 1.0000
    """
    if not isinstance(recording, ReachingRecording):
        hint = "read one by saltation.data.reaching, or make a synthetic one"
        raise ParameterError(explain("reaching_task.recording", "a ReachingRecording", describe(recording), hint))
    interval = float(np.median(np.diff(recording.times)))
    if abs(interval - INTERVAL) > 0.01 * INTERVAL:
        raise ParameterError(explain("reaching_task.recording times", "4 ms apart", f"{interval * 1e3:g} ms"))
    share = number("reaching_task", "train_share", train_share, minimum=0.0, maximum=1.0)
    ends = segments(recording.target)
    train = int(share * len(ends))
    validation = (len(ends) - train) // 2
    if min(train, validation, len(ends) - train - validation) < 1:
        raise ParameterError(
            f"reaching_task.recording must have reaches for all three parts; got {len(ends)} in all, where the target "
            f"jumps {len(ends) - 1} times"
        )
    bounds = (int(ends[train - 1]), int(ends[train + validation - 1]), int(ends[-1]))
    velocity = freeze(np.gradient(recording.cursor, axis=0))
    return ReachingTask(recording, freeze(bins(recording)), velocity, bounds)


def bins(recording: ReachingRecording) -> npt.NDArray[np.int8]:
    """Which channel fired in which bin, [n, channel]: ones and zeros, the units of a channel put together."""
    n = len(recording.times)
    edges = _edges(recording.times)
    found = np.zeros((n, recording.channels), np.int8)
    for channel, several in enumerate(recording.spikes):
        for times in several:
            inside = _inside(times, float(edges[0]), float(edges[n]), edges)
            found[np.searchsorted(edges, inside, side="right") - 1, channel] = 1
    return found


def segments(target: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Where each reach ends, [reach]: the index of the last sample before the target jumps; of the last, of the end.

    As in the harness, that sample belongs to the next reach already.

    Examples
    --------
    >>> from saltation.neurobench.tasks.reaching import segments
    >>> segments([[0, 0], [0, 0], [0, 5], [0, 5]])
    array([1, 4])
    """
    positions = np.asarray(target, np.float64)
    jumps = np.flatnonzero(np.abs(np.diff(positions, axis=0)).sum(axis=1) > 0.0)
    return np.append(jumps, len(positions)).astype(np.int64)


def _edges(times: Floats) -> Floats:
    """Beginning of each bin and the end of the last, [n + 1]."""
    return times[0] + INTERVAL * (np.arange(len(times) + 1) - 1 - DELAY)


def _inside(times: Floats, begin: float, end: float, edges: Floats) -> Floats:
    """Spikes from `begin` on and before `end`; the harness has none in the first bin."""
    return times[(times >= max(begin, edges[DELAY])) & (times < end)]
