"""Prophesee's 1-megapixel automotive set: boxes around what drives and walks, and histograms of events.

::

    <part>/<name>_bbox.npy    structured array of boxes: t in us, x, y, w, h in pixels of 1280 x 720, class_id, ..
    <part>/<name>.h5          dataset "data" [frame, 2, 360, 640]: events of each polarity in 50 ms, with attributes

with parts train, val and test, as the archive of precomputed histograms has them.

References
----------
E. Perot, P. de Tournemire, D. Nitti, J. Masci, A. Sironi, Learning to detect objects with a 1 megapixel event camera,
NeurIPS 2020, arXiv:2009.13436.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, final

import numpy as np
import numpy.typing as npt

from saltation.data.search import find
from saltation.errors import FileFormatError, ParameterError
from saltation.io._common import existing, need
from saltation.io._hdf5 import opened
from saltation.model.checks import explain, integer

__all__ = ["BOX", "CLASSES", "DrivingSequence", "megapixel", "read_boxes", "read_histograms"]

SENSOR: Final = (1280, 720)
"""Width and height of the camera, and of the boxes."""
CLASSES: Final = ("pedestrian", "two wheeler", "car", "truck", "bus", "traffic sign", "traffic light")
"""By class_id."""
BOX: Final = np.dtype(
    [
        ("t", "<i8"),
        ("x", "<f4"),
        ("y", "<f4"),
        ("w", "<f4"),
        ("h", "<f4"),
        ("class_id", "<u4"),
        ("track_id", "<u4"),
        ("class_confidence", "<f4"),
    ]
)
"""A box: time in microseconds, the corner of the smallest coordinates, and what it is around."""

_OLD_NAMES: Final = {"ts": "t", "confidence": "class_confidence"}
_FOLDERS: Final = ("Gen 4 Histograms", "gen4_histograms", "megapixel")
_HOW = (
    'To get it: the archive "Gen 4 Histograms" of precomputed data from https://docs.prophesee.ai/stable/datasets.html'
    ", under Prophesee's licence; a minute takes 0.55 GB unpacked and uncompressed, and there are 14 hours or more. "
    'Unpack it in one of these folders, so that there are "Gen 4 Histograms/train", "val" and "test" with .h5 and '
    "_bbox.npy files."
)


@final
@dataclass(frozen=True, slots=True)
class DrivingSequence:
    """Files of a sequence of a minute or so.

    Attributes
    ----------
    name : str
        Of the files, without their ends.
    histograms : Path
        Events, as `read_histograms` reads them.
    boxes : Path
        Labels, as `read_boxes` reads them.
    """

    name: str
    histograms: Path
    boxes: Path


def megapixel(part: Literal["train", "val", "test"], root: str | Path | None = None) -> list[DrivingSequence]:
    """List the sequences of a part that have boxes.

    Four of the test part have none in the published archive; the benchmark leaves them out, and so does this.

    Parameters
    ----------
    part : {"train", "val", "test"}
        As the folders are named.
    root : path-like, optional
        The only folder to look into; else those of `saltation.data.search.roots`.

    Raises
    ------
    MissingDataError
        If the folder is nowhere; the message says how to get it.

    Examples
    --------
    >>> from saltation.data import megapixel
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     sequences = megapixel("test", root="/nowhere")
    ... except MissingDataError as error:
    ...     print("docs.prophesee.ai" in str(error))
    True
    """
    if part not in ("train", "val", "test"):
        raise ParameterError(explain("megapixel.part", "'train', 'val' or 'test'", repr(part)))
    folder = find("The 1-megapixel automotive set", [f"{name}/{part}" for name in _FOLDERS], _HOW, root)
    found = [(path, path.with_name(f"{path.stem}_bbox.npy")) for path in sorted(folder.glob("*.h5"))]
    return [DrivingSequence(path.stem, path, boxes) for path, boxes in found if boxes.is_file()]


def read_boxes(path: str | Path) -> npt.NDArray[Any]:
    """Read a file of boxes, sorted by time.

    Older files have ``ts`` and ``confidence`` for ``t`` and ``class_confidence``.

    Parameters
    ----------
    path : path-like
        A ``_bbox.npy`` file.

    Returns
    -------
    structured ndarray of `BOX`, [box]
        Boxes in pixels of the camera; a field that the file lacks is 0, and the confidence 1.

    Raises
    ------
    FileFormatError
        If the file is missing or malformed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from saltation.data.megapixel import BOX, read_boxes
    >>> path = Path(tempfile.mkdtemp()) / "drive_bbox.npy"
    >>> np.save(path, np.array([(600_000, 10, 20, 100, 50, 2, 7, 1.0)], dtype=BOX))
    >>> read_boxes(path)["w"]
    array([100.], dtype=float32)
    """
    place = existing(path)
    try:
        given = np.load(place, allow_pickle=False)
    except Exception as error:  # numpy raises what it likes on malformed bytes
        raise FileFormatError(f"{place} is damaged or is no .npy file ({type(error).__name__}: {error}).") from error
    if given.dtype.names is None or given.ndim != 1:
        raise FileFormatError(f"{place} must hold a structured array [box]; got dtype {given.dtype}.")
    fields = {_OLD_NAMES.get(name, name): name for name in given.dtype.names}
    needed = {"t", "x", "y", "w", "h", "class_id"}
    if not needed <= set(fields):
        raise FileFormatError(f"{place} must have the fields {sorted(needed)}; lacks {sorted(needed - set(fields))}.")
    boxes = np.zeros(len(given), BOX)
    boxes["class_confidence"] = 1.0
    for name in set(BOX.names or ()) & set(fields):
        boxes[name] = given[fields[name]]
    sizes = np.stack([boxes[name] for name in ("x", "y", "w", "h")])
    if not np.isfinite(sizes).all() or (sizes[2:] < 0.0).any() or (boxes["t"] < 0).any():
        raise FileFormatError(f"{place}: boxes must be finite, with t, w and h >= 0.")
    return boxes[np.argsort(boxes["t"], kind="stable")]


def read_histograms(path: str | Path, first: int = 0, frames: int | None = None) -> tuple[npt.NDArray[Any], float]:
    """Read frames of a file of precomputed features.

    Needs the extra ``io``. A whole file takes half a gigabyte: read parts of it.

    Parameters
    ----------
    path : path-like
        An ``.h5`` file.
    first : int
        The first frame.
    frames : int, optional
        How many; by default up to the last.

    Returns
    -------
    values : ndarray, [frame, channel, height, width]
        In the dtype of the file.
    interval : float
        Seconds of a frame.

    Raises
    ------
    FileFormatError
        If the file is missing or malformed, or has fewer frames.
    MissingDependencyError
        If h5py is not installed.
    """
    first = integer("read_histograms", "first", first)
    most = None if frames is None else integer("read_histograms", "frames", frames, minimum=1)
    h5py = need("h5py", "reading precomputed histograms")
    place = existing(path)
    with opened(h5py, place, "HDF5") as file:
        if "data" not in file or not isinstance(file["data"], h5py.Dataset) or file["data"].ndim != 4:
            raise FileFormatError(f"{place} has no dataset data [frame, channel, height, width].")
        data = file["data"]
        last = len(data) if most is None else first + most
        if not first < last <= len(data):
            raise FileFormatError(f"{place} has {len(data)} frames; got {first} to {last} asked for.")
        values = np.asarray(data[first:last])
        interval = float(data.attrs.get("delta_t", 50_000)) / 1e6
    return values, interval
