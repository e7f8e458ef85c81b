"""DVS128 Gesture: eleven gestures of 29 people, seen by an event camera of 128 x 128 pixels.

::

    DVSGesture/ibmGestureTrain/<user>_<light>/<label>.npy    as tonic unpacks it: [event, 4] of x, y, polarity, t in ms
    DvsGesture/<user>_<light>.aedat, .._labels.csv           as IBM has it: AEDAT 3.1, and the gestures in each file
    DvsGesture/trials_to_train.txt, trials_to_test.txt       which files are of which part

References
----------
A. Amir et al., A low power, fully event-based gesture recognition system, CVPR 2017, DOI 10.1109/CVPR.2017.781.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from saltation.data.aedat import read_aedat31
from saltation.data.search import find
from saltation.errors import FileFormatError, MissingDataError, ParameterError
from saltation.io.recordings import LabelledSpikes
from saltation.io.tonic import from_tonic
from saltation.io.units import TimeUnit
from saltation.model.checks import explain, integer

__all__ = ["GESTURES", "SENSOR_SIZE", "from_event_dataset", "gestures"]

SENSOR_SIZE: Final = (128, 128, 2)
"""Width, height and polarities."""
GESTURES: Final = (
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter-clockwise",
    "left arm clockwise",
    "left arm counter-clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other",
)

_HOW = (
    "To get it, about 3 GB: tonic.datasets.DVSGesture('data'), where tonic is installed; its folder DVSGesture is read "
    "as it is. Or DvsGesture.tar.gz of IBM (http://research.ibm.com/dvsgesture/), unpacked in one of these folders."
)
_FIELDS: Final = [("x", np.int64), ("y", np.int64), ("p", np.int64), ("t", np.int64)]


class _Indexable(Protocol):
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[Any, Any]: ...


def gestures(
    part: Literal["train", "test"], root: str | Path | None = None, *, at_most: int | None = None
) -> LabelledSpikes:
    """Read the gestures of a part; times of each begin at 0.

    Parameters
    ----------
    part : {"train", "test"}
        Of 23 and of 6 people.
    root : path-like, optional
        The only folder to look into; else those of `saltation.data.search.roots`.
    at_most : int, optional
        Read so many only: all of them take gigabytes.

    Returns
    -------
    LabelledSpikes
        ``unit = (p 128 + y) 128 + x``; classes 0 to 10.

    Raises
    ------
    MissingDataError
        If the files are nowhere; the message says how to get them.
    FileFormatError
        If a file is malformed.

    Examples
    --------
    >>> from saltation.data import gestures
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     data = gestures("test", root="/nowhere")
    ... except MissingDataError as error:
    ...     print(str(error).partition(" is not")[0])
    DVS128 Gesture
    """
    if part not in ("train", "test"):
        raise ParameterError(explain("gestures.part", "'train' or 'test'", repr(part)))
    most = None if at_most is None else integer("gestures", "at_most", at_most, minimum=1)
    unpacked = f"ibmGesture{part.capitalize()}"
    listed = f"DvsGesture/trials_to_{part}.txt"
    place = find("DVS128 Gesture", [f"DVSGesture/{unpacked}", unpacked, listed], _HOW, root)
    samples: list[npt.NDArray[Any]] = []
    labels: list[int] = []
    for events, label in _unpacked(place) if place.is_dir() else _original(place):
        if len(samples) == most:
            break
        samples.append(events)
        labels.append(label)
    spikes = from_tonic(samples, time_unit="us", sensor_size=SENSOR_SIZE, sort=True)
    return LabelledSpikes(spikes, labels, classes=GESTURES)


def from_event_dataset(
    dataset: _Indexable,
    *,
    sensor_size: tuple[int, int, int],
    time_unit: TimeUnit = "us",
    classes: tuple[str, ...] = (),
    at_most: int | None = None,
) -> LabelledSpikes:
    """Read any data set of pairs (structured events, class), such as those of tonic.

    Parameters
    ----------
    dataset : indexable
        ``dataset[i]`` is events with fields of x, y, t, p, and an integer.
    sensor_size : (int, int, int)
        Width, height and number of polarities; of tonic's data sets, ``dataset.sensor_size``.
    time_unit : {"s", "ms", "us", "ns"} or float
        Unit of ``t``.
    classes : tuple of str
        Their names.
    at_most : int, optional
        Read so many only.

    Raises
    ------
    FileFormatError
        If events are not as described.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data import from_event_dataset
    >>> events = np.array([(0, 1, 1500, 0)], dtype=[("x", int), ("y", int), ("t", int), ("p", int)])
    >>> from_event_dataset([(events, 3)], sensor_size=(2, 2, 2)).labels
    array([3])
    """
    most = len(dataset) if at_most is None else integer("from_event_dataset", "at_most", at_most, minimum=1)
    pairs = [dataset[i] for i in range(min(most, len(dataset)))]
    spikes = from_tonic([events for events, _ in pairs], time_unit=time_unit, sensor_size=sensor_size, sort=True)
    return LabelledSpikes(spikes, [int(label) for _, label in pairs], classes=classes)


def _unpacked(folder: Path) -> Iterator[tuple[npt.NDArray[Any], int]]:
    """Gestures as tonic unpacks them: one in a file, named after its class."""
    for path in sorted(folder.glob("*/*.npy")):
        try:
            given = np.load(path, allow_pickle=False)
        except Exception as error:  # numpy raises what it likes on malformed bytes
            raise FileFormatError(f"{path} is damaged ({type(error).__name__}: {error}).") from error
        if given.ndim != 2 or given.shape[1] != 4 or not path.stem.isdigit() or int(path.stem) >= len(GESTURES):
            raise FileFormatError(f"{path} must hold events [event, 4] and be named after a class; got {given.shape}.")
        if not np.isfinite(given).all():
            raise FileFormatError(f"{path} must hold finite numbers.")
        events = np.empty(len(given), _FIELDS)
        for i, name in enumerate(("x", "y", "p")):
            events[name] = given[:, i]
        events["t"] = np.rint(given[:, 3] * 1000.0)
        yield _from_zero(events), int(path.stem)


def _original(listing: Path) -> Iterator[tuple[npt.NDArray[Any], int]]:
    """Gestures as IBM has them: several in a file, with a table of their beginnings and ends."""
    for name in listing.read_text(encoding="utf-8").split():
        path = listing.with_name(name)
        table = path.with_name(f"{path.stem}_labels.csv")
        for needed in (path, table):
            if not needed.is_file():
                raise MissingDataError(
                    f"{needed} is listed in {listing} and not there: unpack the archive again. {_HOW}"
                )
        events = read_aedat31(path)
        for number, line in enumerate(table.read_text(encoding="utf-8").splitlines()[1:], start=2):
            try:
                label, begin, end = (int(cell) for cell in line.split(","))
            except ValueError:
                raise FileFormatError(f"{table}, line {number} must be class,begin,end; got {line[:80]!r}.") from None
            if not 1 <= label <= len(GESTURES):
                raise FileFormatError(f"{table}, line {number}: the class must be 1 to {len(GESTURES)}; got {label}.")
            yield _from_zero(events[(events["t"] >= begin) & (events["t"] < end)]), label - 1


def _from_zero(events: npt.NDArray[Any]) -> npt.NDArray[Any]:
    events = events.copy()
    if len(events):
        events["t"] -= events["t"].min()
    return events
