"""Detection of objects with an event camera as the benchmark has it: which boxes count, and the score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from saltation.data.megapixel import CLASSES, SENSOR
from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, integer, is_array
from saltation.neurobench.metrics import Boxes, mean_average_precision
from saltation.neurobench.metrics.detection import overlaps

__all__ = ["WANTED", "LabelledFrame", "driving_score", "labelled_frames"]

WANTED: Final = ("pedestrian", "two wheeler", "car")
"""The classes that are to be found, as labels 0, 1 and 2."""
NETWORK: Final = (640, 360)
"""Width and height of what a network sees, and of the boxes that are compared."""
SKIPPED: Final = 500_000
"""Microseconds at the beginning that are not scored: nothing that stands still has been seen yet."""
DIAGONAL: Final = 60.0
"""Pixels of a network's picture that a box must have from corner to corner; a third of that on each side."""
WIDEST: Final = 0.8
"""Of the picture's width."""


@final
@dataclass(frozen=True, slots=True)
class LabelledFrame:
    """A frame that is scored.

    Attributes
    ----------
    frame : int
        Its number: it is of the events from ``frame interval`` on.
    boxes : Boxes
        What is to be found, in pixels of the network's picture; none where only other classes were labelled.
    """

    frame: int
    boxes: Boxes


def labelled_frames(
    boxes: npt.NDArray[Any], *, interval: int = 50_000, sensor: tuple[int, int] = SENSOR
) -> list[LabelledFrame]:
    """What is to be found in each frame that has labels.

    ::

        frame k            has the boxes with  k interval < t <= (k + 1) interval
        is scored          if it has a label of any class, and  k interval >= 0.5 s
        boxes are          cut to the camera's picture, left out if 2 pixels or less remain, halved to 640 x 360
        a box counts       if it is of the three classes, its diagonal >= 60, its sides >= 20, its width <= 512
        of boxes in one    frame that overlap by more than half, the latest counts

    Which boxes overlap is seen before their size is: labels come more often than frames, and of an object there are
    several in one. Boxes of the first half second without events in them are no matter, since they are not scored.

    Parameters
    ----------
    boxes : structured ndarray, [box]
        From `saltation.data.read_boxes`.
    interval : int
        Microseconds of a frame.
    sensor : (int, int)
        Width and height that boxes are given in.

    Raises
    ------
    ParameterError
        If these are no boxes, or a class is unknown.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640; Perot et al., arXiv:2009.13436.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.data.megapixel import BOX
    >>> from saltation.neurobench.tasks import labelled_frames
    >>> car, sign = (620_000, 10, 20, 200, 100, 2, 7, 1.0), (680_000, 10, 20, 200, 100, 5, 8, 1.0)
    >>> [(each.frame, each.boxes.corners.tolist()) for each in labelled_frames(np.array([car, sign], dtype=BOX))]
    [(12, [[5.0, 10.0, 105.0, 60.0]]), (13, [])]
    """
    interval = integer("labelled_frames", "interval", interval, minimum=1)
    if not is_array(boxes) or not {"t", "x", "y", "w", "h", "class_id"} <= set(boxes.dtype.names or ()):
        must = "a structured array with t, x, y, w, h and class_id"
        raise ParameterError(explain("labelled_frames.boxes", must, describe(boxes), "read them by read_boxes"))
    if len(boxes) and boxes["class_id"].max() >= len(CLASSES):
        must = f"below {len(CLASSES)}: {', '.join(CLASSES)}"
        raise ParameterError(explain("labelled_frames.boxes class_id", must, f"{boxes['class_id'].max()}"))
    frame = (boxes["t"].astype(np.int64) + interval - 1) // interval - 1
    found: list[LabelledFrame] = []
    for k in np.unique(frame).tolist():
        if k * interval >= SKIPPED:
            found.append(LabelledFrame(k, _of_frame(boxes[frame == k], sensor)))
    return found


def driving_score(
    found: Sequence[Sequence[Boxes]], wanted: Sequence[Sequence[LabelledFrame]], thresholds: npt.ArrayLike | None = None
) -> float:
    """COCO's mean average precision over sequences, on the frames that are scored.

    Parameters
    ----------
    found : sequence of sequences of Boxes
        What was detected in each frame of each sequence, all frames, with scores, in pixels of 640 x 360.
    wanted : sequence of sequences of LabelledFrame
        From `labelled_frames`, for each sequence.
    thresholds : array_like, optional
        Overlaps; by default .5, .55 .. .95.

    Raises
    ------
    ParameterError
        If there are other numbers of sequences, or fewer frames than are scored.

    Examples
    --------
    >>> from saltation.neurobench import Boxes
    >>> from saltation.neurobench.tasks import LabelledFrame, driving_score
    >>> there = [LabelledFrame(1, Boxes([[0, 0, 80, 60]], labels=[2]))]
    >>> nothing = Boxes([], labels=[], scores=[])
    >>> driving_score([[nothing, Boxes([[0, 0, 80, 60]], labels=[2], scores=[0.9])]], [there])
    1.0
    """
    if len(found) != len(wanted):
        raise ParameterError(
            explain("driving_score.found", f"one for each of {len(wanted)} sequences", f"{len(found)}")
        )
    seen: list[Boxes] = []
    there: list[Boxes] = []
    for i, (detected, labelled) in enumerate(zip(found, wanted, strict=True)):
        for each in labelled:
            if each.frame >= len(detected):
                must = f"of all frames; frame {each.frame} of sequence {i} is scored"
                raise ParameterError(explain("driving_score.found", must, f"{len(detected)} frames"))
            seen.append(detected[each.frame])
            there.append(each.boxes)
    if thresholds is None:
        return mean_average_precision(seen, there)
    return mean_average_precision(seen, there, thresholds=thresholds)


def _of_frame(boxes: npt.NDArray[Any], sensor: tuple[int, int]) -> Boxes:
    """Boxes of one frame that count."""
    limit = np.array([*sensor, *sensor], np.float64)
    low = np.stack([boxes["x"], boxes["y"]], axis=1).astype(np.float64)
    high = low + np.stack([boxes["w"], boxes["h"]], axis=1)
    corners = np.clip(np.concatenate([low, high], axis=1), 0.0, limit)
    labels = np.array([WANTED.index(name) if name in WANTED else -1 for name in CLASSES])[boxes["class_id"]]
    keep = ((corners[:, 2:] - corners[:, :2]) > 2.0).all(axis=1) & (labels >= 0)
    corners, labels, times = corners[keep], labels[keep], boxes["t"][keep]
    latest = _without_older(corners, times)
    corners, labels = corners[latest], labels[latest]
    corners = corners * (np.array([*NETWORK, *NETWORK]) / limit)
    size = corners[:, 2:] - corners[:, :2]
    keep = np.hypot(*size.T) >= DIAGONAL if len(size) else np.zeros(0, np.bool_)
    keep &= (size >= DIAGONAL / 3.0).all(axis=1) & (size[:, 0] <= WIDEST * NETWORK[0])
    return Boxes(corners[keep], labels[keep])


def _without_older(corners: npt.NDArray[np.float64], times: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Indices of boxes that no later one overlaps by more than half; pixels are counted, as by the data set's tools."""
    if not len(corners):
        return np.empty(0, np.int64)
    counted = corners + np.array([0.0, 0.0, 1.0, 1.0])
    overlap = overlaps(counted, counted)
    left = np.argsort(times, kind="stable")[::-1]
    kept: list[int] = []
    while len(left):
        kept.append(int(left[0]))
        left = left[1:][overlap[left[0], left[1:]] <= 0.5]
    return np.sort(np.array(kept, np.int64))
