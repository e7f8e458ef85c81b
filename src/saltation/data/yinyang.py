"""The Yin-Yang data set: three classes in a disc, small, and not linearly separable.

A class is drawn first, each with probability 1/3, and then a point from its area, so the classes are
balanced although the areas are not. A point has four values, ``(x, y, 1 - x, 1 - y)``: coded as spike times,
their mean is the same for every point, and no class is told by early or late input alone.

The numbers are those of the authors' generator, bit for bit: the same seed gives the same points.

References
----------
L. Kriener, J. Göltz, M. A. Petrovici, "The Yin-Yang dataset", NICE 2022. DOI 10.1145/3517343.3517380
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError

__all__ = ["CLASS_NAMES", "which_class", "yinyang"]

CLASS_NAMES = ("yin", "yang", "dot")


def which_class(
    x: npt.ArrayLike, y: npt.ArrayLike, *, r_small: float = 0.1, r_big: float = 0.5
) -> npt.NDArray[np.int64]:
    """Class of the points (x, y): 0 yin, 1 yang, 2 dot.

    The disc has its centre at ``(r_big, r_big)``. With ``d_l`` and ``d_r`` the distances to the centres of
    the left and the right dot, at ``(r_big / 2, r_big)`` and ``(3 r_big / 2, r_big)``::

        dot    d_l < r_small or d_r < r_small
        yang   r_small < d_l <= r_big / 2, or y > r_big and d_r > r_big / 2
        yin    the rest

    Parameters
    ----------
    x, y : array_like
        Coordinates, of shapes that broadcast. Points outside the disc are classified by the same rules.
    r_small, r_big : float
        Radius of the dots and of the disc.

    Returns
    -------
    ndarray of int64
        Of the broadcast shape of `x` and `y`.

    Examples
    --------
    >>> which_class([0.5, 0.5, 0.25], [0.1, 0.9, 0.5])
    array([0, 1, 2])
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    d_right = np.sqrt((x - 1.5 * r_big) ** 2 + (y - r_big) ** 2)
    d_left = np.sqrt((x - 0.5 * r_big) ** 2 + (y - r_big) ** 2)
    dot = (d_right < r_small) | (d_left < r_small)
    # The rim of the right dot counts as yang, that of the left dot as yin, as in the authors' generator.
    yang = (d_right <= r_small) | ((d_left > r_small) & (d_left <= 0.5 * r_big))
    yang |= (y > r_big) & (d_right > 0.5 * r_big)
    return np.where(dot, 2, yang).astype(np.int64)


def yinyang(
    n: int, seed: int, *, r_small: float = 0.1, r_big: float = 0.5
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Draw `n` points of the Yin-Yang data set.

    Parameters
    ----------
    n : int
        Number of points. The first `m` of `n` points are the points of ``yinyang(m, seed)``.
    seed : int
        Of the legacy NumPy generator, 0 to 2**32 - 1. The authors use 42 for training (5000 points), 41 for
        validation and 40 for testing (1000 points each).
    r_small, r_big : float
        Radius of the dots and of the disc, ``0 < r_small < r_big / 2``.

    Returns
    -------
    points : ndarray of float64, shape [n, 4]
        ``(x, y, 1 - x, 1 - y)``.
    labels : ndarray of int64, shape [n]
        0 yin, 1 yang, 2 dot.

    Raises
    ------
    ParameterError
        If an argument is outside the range stated above.

    Examples
    --------
    >>> points, labels = yinyang(3, seed=42)
    >>> points[0].round(4), labels
    (array([0.6803, 0.4505, 0.3197, 0.5495]), array([2, 1, 2]))
    """
    _check(n, seed, r_small, r_big)
    rng = np.random.RandomState(seed)  # the legacy generator: its stream is frozen
    words = np.empty(0, dtype=np.uint32)
    points, labels = np.empty((n, 4)), np.empty(n, dtype=np.int64)
    drawn = 0
    while drawn < n:
        wanted = min(n - drawn, _POINTS_AT_ONCE)
        more = int(wanted * _words_per_point(r_small, r_big)) + 64
        words = np.concatenate([words, rng.randint(0, 2**32, more, dtype=np.uint32)])
        xy = 2.0 * r_big * _uniform_pairs(words)
        inside = np.sqrt((xy[:, 0] - r_big) ** 2 + (xy[:, 1] - r_big) ** 2) <= r_big
        label_at = np.where(inside, which_class(xy[:, 0], xy[:, 1], r_small=r_small, r_big=r_big), -1)
        picked = _walk(words & 3, label_at, wanted)
        if picked:
            new = slice(drawn, drawn + len(picked))
            points[new, :2], labels[new] = xy[picked], label_at[picked]
            drawn += len(picked)
            words = words[picked[-1] + 4 :]
    points[:, 2:] = 1.0 - points[:, :2]
    return points, labels


# The authors' generator is a loop: one randint(3) draws the class, then pairs rand(2) are drawn until one
# is in it. Both take the same 32-bit words from the Mersenne Twister: randint(3) takes words until the two
# lowest bits of one are not 3, and rand(2) takes four. So words are drawn many at once, the pair that would
# start at *each* word is computed and classified as an array, and only the walk from word to word remains a
# loop.

_POINTS_AT_ONCE = 16_384  # bounds the memory for the words of a large set


def _uniform_pairs(words: npt.NDArray[np.uint32]) -> npt.NDArray[Any]:
    """Give the pair of 53-bit uniform numbers that starts at each word, [len(words) - 3, 2]."""
    uniform = ((words[:-1] >> 5) * 67108864.0 + (words[1:] >> 6)) / 9007199254740992.0
    return np.stack([uniform[:-2], uniform[2:]], axis=1)


def _walk(low_bits: npt.NDArray[Any], label_at: npt.NDArray[np.int64], wanted: int) -> list[int]:
    """Find the words where accepted pairs start, `wanted` of them or as many as the words suffice for."""
    bits, labels = low_bits.tolist(), label_at.tolist()
    picked: list[int] = []
    at = 0
    try:
        while len(picked) < wanted:
            while bits[at] == 3:
                at += 1
            goal = bits[at]
            at += 1
            while labels[at] != goal:
                at += 4
            picked.append(at)
            at += 4
    except IndexError:  # the words ran out: the caller draws more and goes on after the last pair
        pass
    return picked


def _words_per_point(r_small: float, r_big: float) -> float:
    """Give the mean number of words a point costs: 4/3 for its class and 4 for each candidate."""
    square, dots = 4 * r_big**2, 2 * np.pi * r_small**2
    half = 0.5 * (np.pi * r_big**2 - dots)
    return 4 / 3 + 4 * (square / dots + 2 * square / half) / 3


def _check(n: int, seed: int, r_small: float, r_big: float) -> None:
    if n < 0:
        raise ParameterError(f"yinyang: n is the number of points and must not be negative, got {n}.")
    if not 0 <= seed < 2**32:
        raise ParameterError(f"yinyang: seed must be in 0 to 2**32 - 1, got {seed}.")
    if not 0 < r_small < 0.5 * r_big:
        raise ParameterError(
            f"yinyang: the dots must be smaller than half the disc, 0 < r_small < r_big / 2; "
            f"got r_small = {r_small}, r_big = {r_big}."
        )
