"""Detection on the 1-megapixel set: files in Prophesee's formats, the benchmark's filters by a loop, and the score."""

import numpy as np
import pytest

from saltation.data import megapixel, read_boxes, read_histograms
from saltation.data.megapixel import BOX, CLASSES
from saltation.errors import FileFormatError, MissingDataError, ParameterError
from saltation.neurobench import Boxes, mean_average_precision
from saltation.neurobench.tasks import driving_score, labelled_frames

WANTED = ("pedestrian", "two wheeler", "car")


def drive(n=400, seed=1):
    """Boxes of all kinds at all times, some of them beyond the picture."""
    rng = np.random.default_rng(seed)
    boxes = np.zeros(n, BOX)
    boxes["t"] = np.sort(rng.integers(0, 1_200_000 // 16_667, n) * 16_667)
    boxes["t"][-5:] = 1_200_000  # on the edge of two frames
    boxes["x"], boxes["y"] = rng.uniform(-100, 1250, n), rng.uniform(-50, 700, n)
    boxes["w"], boxes["h"] = rng.uniform(1, 400, n), rng.uniform(1, 300, n)
    boxes["w"][::40] = 1200.0
    boxes["class_id"], boxes["track_id"] = rng.integers(0, 7, n), rng.integers(0, 9, n)
    boxes["class_confidence"] = 1.0
    return boxes


def iou(a, b):
    """Of boxes in whole pixels, both edges counted."""
    w = min(a[2], b[2]) - max(a[0], b[0]) + 1
    h = min(a[3], b[3]) - max(a[1], b[1]) + 1
    common = max(w, 0) * max(h, 0)
    area_a, area_b = ((c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b))
    return common / (area_a + area_b - common)


def by_loop(boxes):
    """The benchmark's filters, box by box."""
    frames = {}
    for i, box in enumerate(boxes):
        for k in range(int(box["t"]) // 50_000 + 1):
            if k * 50_000 < box["t"] <= (k + 1) * 50_000 and k * 50_000 >= 500_000:
                frames.setdefault(k, []).append(i)
    found = {}
    for k, members in frames.items():
        left = []
        for i in members:
            box = boxes[i]
            x0, y0 = max(float(box["x"]), 0.0), max(float(box["y"]), 0.0)
            x1, y1 = min(float(box["x"]) + float(box["w"]), 1280.0), min(float(box["y"]) + float(box["h"]), 720.0)
            if CLASSES[box["class_id"]] in WANTED and x1 - x0 > 2 and y1 - y0 > 2:
                left.append(((x0, y0, x1, y1), WANTED.index(CLASSES[box["class_id"]]), int(box["t"]), i))
        kept = []
        for one in sorted(left, key=lambda each: (each[2], each[3]), reverse=True):
            if all(iou(one[0], other[0]) <= 0.5 for other in kept):
                kept.append(one)
        found[k] = set()
        for corners, label, *_ in kept:
            small = [c / 2 for c in corners]
            w, h = small[2] - small[0], small[3] - small[1]
            if (w * w + h * h) ** 0.5 >= 60 and w >= 20 and h >= 20 and w <= 512:
                found[k].add((*(round(c, 3) for c in small), label))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_frames_are_those_of_a_loop(seed):
    boxes = drive(seed=seed)
    wanted = by_loop(boxes)
    got = {
        each.frame: {
            (*(round(c, 3) for c in corners), label)
            for corners, label in zip(each.boxes.corners.tolist(), each.boxes.labels.tolist(), strict=True)
        }
        for each in labelled_frames(boxes)
    }
    assert got == wanted
    assert sum(map(len, wanted.values())) > 20 and 23 in wanted and min(wanted) == 10


def test_of_several_looks_at_one_object_the_last_counts():
    moving = np.zeros(3, BOX)
    moving["t"], moving["class_id"] = [610_000, 630_000, 650_000], 2
    moving["x"], moving["w"], moving["h"] = [100, 110, 120], 200, 200
    (frame,) = labelled_frames(moving)
    assert (frame.frame, frame.boxes.corners.tolist()) == (12, [[60.0, 0.0, 160.0, 100.0]])


def test_unknown_classes_are_refused():
    box = np.zeros(1, BOX)
    box["class_id"] = 9
    with pytest.raises(ParameterError, match="below 7: pedestrian"):
        labelled_frames(box)
    assert labelled_frames(np.zeros(0, BOX)) == []


# ------------------------------------------------------------------------------------------- files
def test_boxes_of_new_and_old_files(tmp_path):
    boxes = drive(20)
    np.save(tmp_path / "new_bbox.npy", boxes[::-1])
    assert sorted(read_boxes(tmp_path / "new_bbox.npy").tolist()) == sorted(boxes.tolist())
    assert (np.diff(read_boxes(tmp_path / "new_bbox.npy")["t"]) >= 0).all()
    old = np.zeros(20, [("ts", "<u8"), *((name, "<f4") for name in "xywh"), ("class_id", "u1"), ("confidence", "<f4")])
    for name in ("x", "y", "w", "h", "class_id"):
        old[name] = boxes[name]
    old["ts"], old["confidence"] = boxes["t"], 0.5
    np.save(tmp_path / "old_bbox.npy", old)
    got = read_boxes(tmp_path / "old_bbox.npy")
    np.testing.assert_array_equal(got["t"], boxes["t"])
    assert got.dtype == BOX and set(got["class_confidence"].tolist()) == {0.5}


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros((3, 5)), "structured array"),
        (np.zeros(3, [("t", "<u8"), ("x", "<f4")]), "must have the fields"),
        (np.full(2, np.nan, [(n, "<f4") for n in ("t", "x", "y", "w", "h", "class_id")]), "damaged|finite|invalid"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_malformed_boxes(tmp_path, array, message):
    np.save(tmp_path / "a_bbox.npy", array)
    with pytest.raises(FileFormatError, match=message):
        read_boxes(tmp_path / "a_bbox.npy")


def test_boxes_that_are_none(tmp_path):
    (tmp_path / "a_bbox.npy").write_bytes(b"\x93NUMPY and then nothing")
    with pytest.raises(FileFormatError, match="damaged"):
        read_boxes(tmp_path / "a_bbox.npy")
    with pytest.raises(FileFormatError, match="does not exist"):
        read_boxes(tmp_path / "b_bbox.npy")


def test_histograms(tmp_path):
    h5py = pytest.importorskip("h5py")
    values = np.random.default_rng(1).integers(0, 6, (30, 2, 9, 16)).astype(np.uint8)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=values, compression="gzip", chunks=(1, 2, 9, 16))
        data.attrs["delta_t"] = 50_000
    got, interval = read_histograms(path, 10, 5)
    np.testing.assert_array_equal(got, values[10:15])
    assert interval == 0.05
    np.testing.assert_array_equal(read_histograms(path)[0], values)
    with pytest.raises(FileFormatError, match="30 frames; got 28 to 33"):
        read_histograms(path, 28, 5)
    with h5py.File(path, "w") as file:
        file["data"] = values[0]
    with pytest.raises(FileFormatError, match=r"no dataset data \[frame"):
        read_histograms(path)


def test_the_folder(tmp_path):
    folder = tmp_path / "Gen 4 Histograms" / "test"
    folder.mkdir(parents=True)
    for name in ("a", "b", "without"):
        (folder / f"{name}.h5").write_bytes(b"")
    for name in ("a", "b"):
        np.save(folder / f"{name}_bbox.npy", drive(3))
    got = megapixel("test", tmp_path)
    assert [each.name for each in got] == ["a", "b"] and got[1].boxes == folder / "b_bbox.npy"
    with pytest.raises(MissingDataError, match=r"(?s)Gen 4 Histograms/val.*docs\.prophesee\.ai"):
        megapixel("val", tmp_path)
    with pytest.raises(ParameterError, match="'train', 'val' or 'test'"):
        megapixel("testing", tmp_path)


# ------------------------------------------------------------------------------------------- the score
def test_the_score_is_that_of_the_scored_frames():
    wanted = [labelled_frames(drive(seed=seed)) for seed in (1, 2)]
    rng = np.random.default_rng(3)
    found = []
    for labelled in wanted:
        frames = [Boxes([[0, 0, 300, 200]], labels=[1], scores=[1.0]) for _ in range(30)]  # wrong, where nothing counts
        for each in labelled:
            corners = each.boxes.corners + rng.normal(size=each.boxes.corners.shape) * 3.0
            frames[each.frame] = Boxes(corners, each.boxes.labels, rng.random(len(each.boxes)))
        found.append(frames)
    score = driving_score(found, wanted)
    flat = [(found[i][each.frame], each.boxes) for i, labelled in enumerate(wanted) for each in labelled]
    assert score == mean_average_precision([a for a, _ in flat], [b for _, b in flat]) and 0.4 < score < 1.0
    assert driving_score(found, wanted, thresholds=[0.5]) > score
    exact = [
        [
            Boxes(there[k].corners, there[k].labels, np.ones(len(there[k]))) if k in there else Boxes([], [], [])
            for k in range(30)
        ]
        for there in ({each.frame: each.boxes for each in labelled} for labelled in wanted)
    ]
    assert driving_score(exact, wanted) == 1.0
    with pytest.raises(ParameterError, match="got 12 frames"):
        driving_score([frames[:12] for frames in found], wanted)
    with pytest.raises(ParameterError, match="one for each of 2 sequences"):
        driving_score(found[:1], wanted)


@pytest.mark.parametrize("given", [np.zeros((5, 4)), [1, 2]])
def test_what_holds_no_boxes_is_refused(given):
    with pytest.raises(ParameterError, match=r"labelled_frames\.boxes must be a structured array .*read_boxes"):
        labelled_frames(given)
