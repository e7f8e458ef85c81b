"""`Windows`: stretches of equal length of signals with several channels, with their classes and subjects."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, integer, is_array

__all__ = ["Windows", "cut", "features", "standardised"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows of signals, their classes, and whose they are.

    Parameters
    ----------
    values : ndarray of float64, [n, step, channel]
        The signals.
    labels : ndarray of int64, [n]
        Class of each window, from 0 on.
    names : tuple of str
        Name of each class.
    channels : tuple of str
        Name of each channel.
    rate : float
        Steps in a second.
    subjects : ndarray of int64, [n], optional
        Who is in each window, where it is known.

    Raises
    ------
    ParameterError
        If lengths do not fit each other, or a label has no name.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data import Windows
    >>> windows = Windows(np.zeros((3, 128, 6)), np.array([0, 1, 1]), ("walk", "sit"), tuple("abcdef"), 50.0)
    >>> len(windows[windows.labels == 1])
    2
    """

    values: Floats
    labels: Ints
    names: tuple[str, ...]
    channels: tuple[str, ...]
    rate: float
    subjects: Ints | None = None

    def __post_init__(self) -> None:
        """Check that there is a label for each window, a name for each label and each channel."""
        if not is_array(self.values) or self.values.dtype != np.float64 or self.values.ndim != 3:
            raise ParameterError(explain("Windows.values", "float64 [n, step, channel]", describe(self.values)))
        if not is_array(self.labels) or self.labels.dtype.kind not in "iu":
            raise ParameterError(explain("Windows.labels", "an array of integers", describe(self.labels)))
        n, _, channels = self.values.shape
        if self.labels.shape != (n,) or (self.subjects is not None and self.subjects.shape != (n,)):
            raise ParameterError(explain("Windows.labels and subjects", f"[{n}]", f"{self.labels.shape}"))
        if len(self.channels) != channels:
            raise ParameterError(explain("Windows.channels", f"{channels} names", f"{len(self.channels)}"))
        if n and not 0 <= self.labels.min() <= self.labels.max() < len(self.names):
            must = f"from 0 to {len(self.names) - 1}, one for each name"
            raise ParameterError(explain("Windows.labels", must, f"{self.labels.min()} to {self.labels.max()}"))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: npt.NDArray[np.int64] | npt.NDArray[np.bool_] | slice) -> "Windows":
        subjects = None if self.subjects is None else self.subjects[chosen]
        return Windows(self.values[chosen], self.labels[chosen], self.names, self.channels, self.rate, subjects)


def cut(labels: npt.ArrayLike, length: int, step: int) -> Iterator[slice]:
    """Give windows that lie inside one run of equal labels.

    ::

        window k of a run that begins at s and ends before e:  s + k step .. s + k step + length,  as long as it is <= e

    Parameters
    ----------
    labels : array_like of int, [n]
        What each step is labelled with.
    length, step : int
        Steps in a window, and from the beginning of one to that of the next.

    Examples
    --------
    >>> from saltation.data.windows import cut
    >>> [(window.start, window.stop) for window in cut([1, 1, 1, 1, 2, 2, 2], length=2, step=1)]
    [(0, 2), (1, 3), (2, 4), (4, 6), (5, 7)]
    """
    length, step = integer("cut", "length", length, minimum=1), integer("cut", "step", step, minimum=1)
    given = np.asarray(labels)
    ends = [*(np.flatnonzero(np.diff(given)) + 1).tolist(), len(given)]
    start = 0
    for end in ends:
        for first in range(start, end - length + 1, step):
            yield slice(first, first + length)
        start = end


def standardised(training: Windows, *others: Windows) -> tuple[Windows, ...]:
    """Shift and scale each channel by mean and deviation of the training windows, and of no others.

    ::

        x -> (x - mean) / deviation,    over all steps of all training windows

    Parameters
    ----------
    training : Windows
        What the numbers are taken from.
    *others : Windows
        What they are applied to as well.

    Raises
    ------
    ParameterError
        If a channel is constant in training, or channels differ.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data import Windows, standardised
    >>> both = [Windows(np.array(v)[:, :, None], np.array([0]), ("a",), ("x",), 50.0) for v in ([[1.0, 3.0]], [[4.0]])]
    >>> [windows.values.ravel().tolist() for windows in standardised(*both)]
    [[-1.0, 1.0], [2.0]]
    """
    mean, deviation = training.values.mean(axis=(0, 1)), training.values.std(axis=(0, 1))
    if not (deviation > 0.0).all():
        flat = training.channels[int((deviation == 0.0).argmax())]
        raise ParameterError(explain("standardised.training", "of channels that vary", f"a constant one, {flat}"))
    found: list[Windows] = []
    for windows in (training, *others):
        if windows.channels != training.channels:
            raise ParameterError(
                explain("standardised.others", f"of the channels {training.channels}", f"{windows.channels}")
            )
        values = (windows.values - mean) / deviation
        found.append(Windows(values, windows.labels, windows.names, windows.channels, windows.rate, windows.subjects))
    return tuple(found)


def features(windows: Windows) -> Floats:
    """Simple features of each window, [n, 8 channels + channels (channels - 1) / 2].

    ::

        of each channel:  mean, deviation, minimum, maximum, quartiles, mean |x_k+1 - x_k|, log(deviation + 0.001)
        of each pair:     correlation, 0 where a channel is constant

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data import Windows, features
    >>> values = np.array([[[0.0, 0.0], [1.0, -2.0], [2.0, -4.0]]])
    >>> features(Windows(values, np.array([0]), ("a",), ("x", "y"), 50.0)).round(2)
    array([[ 1.  , -2.  ,  0.82,  1.63,  0.  , -4.  ,  2.  ,  0.  ,  0.5 ,
            -3.  ,  1.5 , -1.  ,  1.  ,  2.  , -0.2 ,  0.49, -1.  ]])
    """
    values = windows.values
    low, high = np.quantile(values, [0.25, 0.75], axis=1)
    mean, deviation = values.mean(axis=1), values.std(axis=1)
    parts = [mean, deviation, values.min(axis=1), values.max(axis=1), low, high]
    parts += [np.abs(np.diff(values, axis=1)).mean(axis=1), np.log(deviation + 1e-3)]
    scaled = (values - mean[:, None]) / np.where(deviation > 0.0, deviation, 1.0)[:, None]
    products = np.einsum("ntc,ntd->ncd", scaled, scaled) / values.shape[1]
    above = np.triu_indices(values.shape[2], k=1)
    return np.concatenate([*parts, products[:, above[0], above[1]]], axis=1)
