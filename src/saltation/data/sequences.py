"""`Sequences`: signals of several channels and of different lengths, with their classes."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, integer, is_array
from saltation.model.events import checked_offsets, gather

__all__ = ["Sequences", "stratified"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """A ragged batch of frames, with a class for each sequence.

    Parameters
    ----------
    frames : ndarray of float32 or float64, [frame, channel]
        Of all sequences, one after the other.
    offsets : ndarray of int64, [n + 1]
        Where each begins, and at last the number of frames.
    labels : ndarray of int64, [n]
        Class of each sequence, from 0 on.
    names : tuple of str
        Name of each class.
    interval : float
        Seconds from one frame to the next.

    Raises
    ------
    ParameterError
        If lengths do not fit each other, or a label has no name.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data import Sequences
    >>> both = Sequences(np.arange(6.0).reshape(3, 2), np.array([0, 1, 3]), np.array([0, 1]), ("a", "b"), 10e-3)
    >>> both.one(1).tolist(), both.lengths.tolist()
    ([[2.0, 3.0], [4.0, 5.0]], [1, 2])
    """

    frames: npt.NDArray[Any]
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    names: tuple[str, ...]
    interval: float

    def __post_init__(self) -> None:
        """Check that offsets, labels and names fit."""
        if not is_array(self.frames) or self.frames.dtype.kind != "f" or self.frames.ndim != 2:
            raise ParameterError(explain("Sequences.frames", "real numbers [frame, channel]", describe(self.frames)))
        checked_offsets("Sequences.offsets", self.offsets, len(self.frames))
        if not is_array(self.labels) or self.labels.dtype.kind not in "iu":
            raise ParameterError(explain("Sequences.labels", "an array of integers", describe(self.labels)))
        if self.labels.shape != (len(self.offsets) - 1,):
            must = f"one for each of {len(self.offsets) - 1} sequences"
            raise ParameterError(explain("Sequences.labels", must, f"shape {self.labels.shape}"))
        if self.labels.size and not 0 <= self.labels.min() <= self.labels.max() < len(self.names):
            must = f"from 0 to {len(self.names) - 1}, one for each name"
            raise ParameterError(explain("Sequences.labels", must, f"{self.labels.min()} to {self.labels.max()}"))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: npt.NDArray[Any] | slice) -> "Sequences":
        which = np.arange(len(self))[chosen]
        taken, offsets = gather(self.offsets, which)
        return Sequences(self.frames[taken], offsets, self.labels[which], self.names, self.interval)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Frames of each sequence."""
        return np.diff(self.offsets)

    def one(self, i: int) -> npt.NDArray[Any]:
        """Frames of a sequence, [frame, channel]."""
        return self.frames[self.offsets[i] : self.offsets[i + 1]]

    def padded(self, length: int, fill: float = 0.0) -> npt.NDArray[np.float64]:
        """All sequences with the same number of frames, [n, length, channel]: cut, or filled at their end."""
        length = integer("Sequences.padded", "length", length, minimum=1)
        found = np.full((len(self), length, self.frames.shape[1]), fill, np.float64)
        for i in range(len(self)):
            part = self.one(i)[:length]
            found[i, : len(part)] = part
        return found

    def standardised(self, *others: "Sequences") -> tuple["Sequences", ...]:
        """Shift and scale each channel by mean and deviation over the frames of this set, and of no others.

        Raises
        ------
        ParameterError
            If a channel is constant.

        Examples
        --------
        >>> import numpy as np
        >>> from saltation.data import Sequences
        >>> one = Sequences(np.array([[1.0], [3.0]]), np.array([0, 2]), np.array([0]), ("a",), 10e-3)
        >>> one.standardised()[0].frames.ravel().tolist()
        [-1.0, 1.0]
        """
        frames = self.frames.astype(np.float64)
        mean, deviation = frames.mean(axis=0), frames.std(axis=0)
        if not (deviation > 0.0).all():
            got = f"a constant one, {int((deviation == 0.0).argmax())}"
            raise ParameterError(explain("Sequences.standardised", "of channels that vary", got))
        return tuple(
            Sequences((each.frames - mean) / deviation, each.offsets, each.labels, each.names, each.interval)
            for each in (self, *others)
        )


def stratified(
    labels: npt.ArrayLike, fraction: float, seed: int = 0
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Divide at random, the same share of every class held out; the seed alone decides.

    Parameters
    ----------
    labels : array_like of int, [n]
        Class of each.
    fraction : float
        Share of each class that is held out, rounded to whole ones.
    seed : int
        Of the shuffles.

    Returns
    -------
    training, held_out : ndarray of int64
        Indices, sorted.

    Raises
    ------
    ParameterError
        If a class would be held out altogether or not at all.

    Examples
    --------
    >>> from saltation.data import stratified
    >>> [part.tolist() for part in stratified([0, 0, 0, 0, 1, 1, 1, 1], 0.25)]
    [[0, 1, 3, 4, 5, 6], [2, 7]]
    """
    seed = integer("stratified", "seed", seed)
    given = np.asarray(labels)
    rng = np.random.default_rng(seed)
    training, held_out = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for label in np.unique(given):
        members = rng.permutation(np.flatnonzero(given == label))
        n = round(fraction * len(members))
        if not 0 < n < len(members):
            got = f"{fraction} of {len(members)}, {n}"
            raise ParameterError(
                explain("stratified.fraction", f"such that some of class {label} are on each side", got)
            )
        held_out.append(members[:n])
        training.append(members[n:])
    return np.sort(np.concatenate(training)), np.sort(np.concatenate(held_out))
