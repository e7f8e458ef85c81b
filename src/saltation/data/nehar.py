"""NeHAR: seven activities of the hand, from the accelerometer and the gyroscope of a watch, 20 times a second.

A subset of WISDM: windows of two seconds, 40 steps, that do not overlap, already divided into three parts.

References
----------
G. M. Weiss, K. Yoneda, T. Hayajneh, Smartphone and smartwatch-based biometrics using activities of daily living, IEEE
Access 7, 133190 (2019), DOI 10.1109/ACCESS.2019.2940729. V. Fra et al., Human activity recognition: suitability of a
neuromorphic approach for on-edge AIoT applications, Neuromorphic Computing and Engineering 2, 014006 (2022), DOI
10.1088/2634-4386/ac4c38.
"""

from pathlib import Path
from typing import Final, Literal

import numpy as np

from saltation.data.search import find
from saltation.data.windows import Windows
from saltation.errors import FileFormatError, ParameterError
from saltation.model.checks import explain

__all__ = ["nehar"]

ACTIVITIES: Final = (
    "dribbling",
    "playing catch",
    "typing",
    "writing",
    "clapping",
    "brushing teeth",
    "folding clothes",
)
"""As the benchmark lists them; the file has no names, of classes or of channels, and their order is assumed."""
CHANNELS: Final = ("acc-x", "acc-y", "acc-z", "gyro-x", "gyro-y", "gyro-z")
RATE: Final = 20.0
PARTS: Final = ("train", "validation", "test")

_HOW = (
    "To get it: watch_subset2_40.npz from https://drive.google.com/drive/folders/1WCN-XwLM_D2nOTZLY00iGwEJLwDQaUCv, "
    "where its size is; put it into nehar/ in one of these folders."
)


def nehar(part: Literal["train", "validation", "test"], root: str | Path | None = None) -> Windows:
    """Read a part of NeHAR.

    ::

        arr_0, arr_1, arr_2    windows [n, 40, 6] of train, validation, test
        arr_3, arr_4, arr_5    their classes, one-hot [n, 7]

    Parameters
    ----------
    part : {"train", "validation", "test"}
        As the file divides them.
    root : path-like, optional
        The only folder to look into; else those of `saltation.data.search.roots`.

    Returns
    -------
    Windows
        Without subjects: they are not in the file.

    Raises
    ------
    MissingDataError
        If the file is nowhere; the message says how to get it.
    FileFormatError
        If it is malformed.

    Examples
    --------
    >>> from saltation.data import nehar
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     windows = nehar("test", root="/nowhere")
    ... except MissingDataError as error:
    ...     print(str(error).partition(" is not")[0])
    NeHAR (WISDM)
    """
    if part not in PARTS:
        raise ParameterError(explain("nehar.part", "'train', 'validation' or 'test'", repr(part)))
    path = find("NeHAR (WISDM)", ["nehar/watch_subset2_40.npz"], _HOW, root)
    i = PARTS.index(part)
    try:
        with np.load(path, allow_pickle=False) as file:
            values, hot = file[f"arr_{i}"], file[f"arr_{i + 3}"]
    except Exception as error:  # numpy and zipfile raise what they like on malformed bytes
        raise FileFormatError(
            f"{path} must be an .npz file of arr_0 to arr_5; got {type(error).__name__}: {error}. {_HOW}"
        ) from error
    shape = (len(CHANNELS), len(ACTIVITIES))
    if values.ndim != 3 or hot.ndim != 2 or (values.shape[2], hot.shape[1]) != shape or len(values) != len(hot):
        raise FileFormatError(
            f"{path} must hold windows [n, step, {shape[0]}] and classes [n, {shape[1]}]; got {values.shape} and "
            f"{hot.shape}."
        )
    if not np.isfinite(values).all() or (hot.sum(axis=1) != 1).any() or not np.isin(hot, (0, 1)).all():
        raise FileFormatError(f"{path}: windows must be finite, and each have one class.")
    labels = hot.argmax(axis=1).astype(np.int64)
    return Windows(values.astype(np.float64), labels, ACTIVITIES, CHANNELS, RATE)
