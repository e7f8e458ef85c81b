"""Mean average precision of boxes, as COCO defines it."""

import dataclasses
from collections.abc import Sequence
from typing import final

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import explain, float_array, freeze, integer_array

__all__ = ["Boxes", "mean_average_precision"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

THRESHOLDS = freeze(np.linspace(0.5, 0.95, 10))
"""Overlaps from which a box is found."""
RECALLS = freeze(np.linspace(0.0, 1.0, 101))
"""Recalls at which the precision is read."""
MOST = 100
"""Boxes of a class in an image that count, those with the highest scores."""


@final
@dataclasses.dataclass(frozen=True, slots=True, init=False, eq=False)
class Boxes:
    """Boxes in one image.

    Parameters
    ----------
    corners : array_like, [box, 4]
        x0, y0, x1, y1 with x1 > x0 and y1 > y0, in pixels.
    labels : array_like of int, [box]
        Class of each box.
    scores : array_like, [box], optional
        How sure the detector is; of boxes that are to be found there are none.

    Raises
    ------
    ParameterError
        If an array is not as described.

    Examples
    --------
    >>> from saltation.neurobench import Boxes
    >>> len(Boxes([[0, 0, 10, 10], [5, 5, 8, 9]], labels=[0, 1]))
    2
    """

    corners: Floats
    labels: Ints
    scores: Floats | None

    def __init__(self, corners: npt.ArrayLike, labels: npt.ArrayLike, scores: npt.ArrayLike | None = None) -> None:
        given = np.asarray(corners, np.float64)
        if not given.size:
            given = given.reshape(0, 4)
        boxes = float_array("Boxes", "corners", given, shapes=((None, 4),)).astype(np.float64)
        if len(boxes) and not ((boxes[:, 2:] > boxes[:, :2]).all()):
            bad = int((boxes[:, 2:] <= boxes[:, :2]).any(axis=1).argmax())
            must = "x0, y0, x1, y1 with x1 > x0 and y1 > y0"
            got = f"{boxes[bad].tolist()} at {bad}"
            raise ParameterError(explain("Boxes.corners", must, got, "boxes of corner and size need corner + size"))
        names = np.asarray(labels)
        if not names.size:
            names = names.astype(np.int64)  # an empty list has no type of its own
        whole = integer_array("Boxes", "labels", names, shapes=((len(boxes),),), minimum=0)
        rank = None if scores is None else float_array("Boxes", "scores", scores, shapes=((len(boxes),),))
        for name, value in (("corners", freeze(boxes)), ("labels", whole), ("scores", rank)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.labels)


def mean_average_precision(
    found: Sequence[Boxes], wanted: Sequence[Boxes], *, thresholds: npt.ArrayLike = THRESHOLDS
) -> float:
    """Mean average precision over classes and overlaps.

    ::

        mAP = mean over classes and thresholds of  mean over recalls r = 0, .01 .. 1 of  max precision at recall >= r

    In an image, boxes of a class are taken from the highest score down; each finds the box with which its overlap
    (intersection over union) is largest, among those that are not found yet, if it is at least the threshold; of equal
    overlaps it finds the last.  Classes without a box to be found are left out.  Which boxes a task ignores is not
    decided here: leave them out before.

    Parameters
    ----------
    found, wanted : sequence of Boxes, one for each image
        What was detected, with scores, and what is there.
    thresholds : array_like
        Overlaps; by default .5, .55 .. .95.

    Raises
    ------
    ParameterError
        If the numbers of images differ, scores are missing, there is no threshold, or nothing to be found.

    References
    ----------
    Lin et al., Microsoft COCO: common objects in context (2014), arXiv:1405.0312; Yik et al., NeuroBench,
    arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.neurobench import Boxes, mean_average_precision
    >>> there = [Boxes([[0, 0, 10, 10], [20, 20, 30, 30]], labels=[0, 0])]
    >>> seen = [Boxes([[0, 0, 10, 10], [50, 50, 60, 60]], labels=[0, 0], scores=[0.9, 0.8])]
    >>> round(mean_average_precision(seen, there), 4)  # one of two, at every threshold: precision 1 up to recall .5
    0.505
    """
    owner = "mean_average_precision"
    if len(found) != len(wanted):
        raise ParameterError(f"{owner}.found must be one Boxes for each of the {len(wanted)} images; got {len(found)}")
    if any(boxes.scores is None for boxes in found):
        raise ParameterError(f"{owner}.found must have scores, by which boxes are ranked; got none in an image")
    limits = float_array(owner, "thresholds", thresholds, shapes=((None,),), minimum=0.0, maximum=1.0, strict=True)
    if not limits.size:
        raise ParameterError(f"{owner}.thresholds must hold an overlap or more; got none")
    labels = np.unique(np.concatenate([np.zeros(0, np.int64), *(boxes.labels for boxes in wanted)]))
    if not labels.size:
        raise ParameterError(f"{owner}.wanted must hold a box or more; got none in {len(wanted)} images")
    precisions = [_average_precisions(found, wanted, int(label), limits.astype(np.float64)) for label in labels]
    return float(np.mean(precisions))


def _average_precisions(found: Sequence[Boxes], wanted: Sequence[Boxes], label: int, limits: Floats) -> Floats:
    """Average precision of one class at each threshold."""
    scores: list[Floats] = []
    hits: list[npt.NDArray[np.bool_]] = []
    there = 0
    for seen, truth in zip(found, wanted, strict=True):
        own = np.flatnonzero(seen.labels == label)
        rank = np.asarray(seen.scores, np.float64)[own]
        order = np.argsort(-rank, kind="stable")[:MOST]
        targets = truth.corners[truth.labels == label]
        there += len(targets)
        scores.append(rank[order])
        hits.append(_match(overlaps(seen.corners[own[order]], targets), limits))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hit = np.concatenate(hits, axis=1)[:, order]
    return np.array([_average_precision(each, there) for each in hit])


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of each box of `a` with each of `b`, [box of a, box of b]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=2)
    area_a, area_b = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b))
    return common / (area_a[:, None] + area_b[None, :] - common)


def _match(overlap: Floats, limits: Floats) -> npt.NDArray[np.bool_]:
    """Which detections, from the highest score down, find a box, at each threshold ``[threshold, detection]``."""
    hit = np.zeros((limits.size, overlap.shape[0]), np.bool_)
    for k, limit in enumerate(limits):
        free = np.ones(overlap.shape[1], np.bool_)
        for i, row in enumerate(overlap):
            if not free.any():
                break
            # of equal overlaps the last, as COCO has it
            best = free.size - 1 - int(np.where(free, row, -1.0)[::-1].argmax())
            if row[best] >= limit:
                hit[k, i], free[best] = True, False
    return hit


def _average_precision(hit: npt.NDArray[np.bool_], there: int) -> float:
    right = np.cumsum(hit)
    precision = right / np.arange(1, hit.size + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(right / there, RECALLS, side="left")
    return float(np.append(envelope, 0.0)[at].mean())
