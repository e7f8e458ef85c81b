"""Metrics of correctness against their formulas in loops, and the harness' own where it is known."""

import numpy as np
import pytest

from saltation.errors import ParameterError
from saltation.neurobench import Boxes, accuracy, mean_average_precision, mse, r2, smape


def test_numbers_by_loops():
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=(50, 2)), rng.normal(size=(50, 2))
    y[3], p[3] = 0.0, 0.0
    pairs = list(zip(p.ravel().tolist(), y.ravel().tolist(), strict=True))
    assert np.isclose(mse(p, y), sum((a - b) ** 2 for a, b in pairs) / 100)
    parts = [0.0 if a == b == 0.0 else abs(a - b) / (abs(a) + abs(b)) for a, b in pairs]
    assert np.isclose(smape(p, y), 200 * sum(parts) / 100)
    score = []
    for k in range(2):
        mean = sum(y[:, k]) / 50
        score.append(1 - sum((y[:, k] - p[:, k]) ** 2) / sum((v - mean) ** 2 for v in y[:, k]))
    assert np.isclose(r2(p, y), sum(score) / 2)
    assert np.isclose(r2(p[:, :1], y[:, :1]), score[0]) and r2(y, y) == 1.0


def test_perfect_zeros_are_right_and_a_diverged_model_is_not():
    assert smape([0.0, 0.0], [0.0, 0.0]) == 0.0  # 0 / 0 and 200 in the harness
    assert smape([np.nan, 1.0], [1.0, 1.0]) == 200.0 and smape([np.inf], [1.0]) == 200.0


def test_all_samples_at_once_and_not_a_mean_of_batches():
    labels = np.zeros(10, int)
    predictions = np.array([0] * 8 + [1, 1])
    assert accuracy(predictions, labels) == 0.8
    # batches of eight and two: a mean over batches would be a half
    assert np.mean([accuracy(predictions[:8], labels[:8]), accuracy(predictions[8:], labels[8:])]) == 0.5


@pytest.mark.parametrize(
    "call",
    [
        lambda: mse(np.zeros((4, 1)), np.zeros(4)),  # would be broadcast to 4 x 4
        lambda: r2(np.zeros(3), np.zeros(3)),
        lambda: r2([np.nan, 0.0], [0.0, 1.0]),
        lambda: smape([], []),
        lambda: mse([0.0], [np.inf]),
        lambda: accuracy([0.0, 1.0], [0, 1]),
        lambda: accuracy([], []),
        lambda: Boxes([[0, 0, 0, 1]], [0]),
        lambda: mean_average_precision([Boxes([[0, 0, 1, 1]], [0])], [Boxes([[0, 0, 1, 1]], [0])]),
        lambda: mean_average_precision([Boxes([], [], [])], [Boxes([], [])]),
        lambda: mean_average_precision([], [Boxes([[0, 0, 1, 1]], [0])]),
    ],
)
def test_what_has_no_answer_is_refused(call):
    with pytest.raises(ParameterError):
        call()


def _slow_precision(found, wanted, label, limit):
    """Average precision of a class by going through all images and recalls, in loops."""
    ranked, there = [], 0
    for image, (seen, truth) in enumerate(zip(found, wanted, strict=True)):
        there += sum(1 for other in truth.labels if other == label)
        own = [k for k in range(len(seen)) if seen.labels[k] == label]
        own.sort(key=lambda k: -seen.scores[k])
        free = {j for j in range(len(truth)) if truth.labels[j] == label}
        for k in own:
            best, found_one = limit, None
            for j in sorted(free):
                a, b = seen.corners[k], truth.corners[j]
                w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                common = max(w, 0) * max(h, 0)
                iou = common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common)
                if iou > best or (iou == best and found_one is None):
                    best, found_one = iou, j
            free.discard(found_one)
            ranked.append((-seen.scores[k], image, found_one is not None))
    ranked.sort(key=lambda each: each[:2])
    points, hits = [], 0
    for n, (_, _, hit) in enumerate(ranked, 1):
        hits += hit
        points.append((hits / there, hits / n))
    total = 0.0
    for r in np.linspace(0, 1, 101):
        total += max((precision for recall, precision in points if recall >= r), default=0.0)
    return total / 101


def test_mean_average_precision_by_loops():
    rng = np.random.default_rng(1)
    found, wanted = [], []
    for _ in range(12):
        n = int(rng.integers(0, 5))
        low = rng.uniform(0, 60, (n, 2))
        corners = np.concatenate([low, low + rng.uniform(10, 40, (n, 2))], axis=1)
        labels = rng.integers(0, 3, n)
        wanted.append(Boxes(corners, labels))
        extra = rng.uniform(0, 60, (2, 2))
        moved = np.concatenate([corners + rng.normal(0, 2, (n, 4)), np.concatenate([extra, extra + 20], axis=1)])
        found.append(Boxes(moved, np.concatenate([labels, rng.integers(0, 3, 2)]), rng.uniform(0, 1, n + 2)))
    slow = np.mean([_slow_precision(found, wanted, c, t) for c in range(3) for t in np.linspace(0.5, 0.95, 10)])
    assert 0.1 < slow < 0.9
    assert np.isclose(mean_average_precision(found, wanted), slow, rtol=1e-12)
    exact = [Boxes(each.corners, each.labels, np.ones(len(each))) for each in wanted]
    assert mean_average_precision(exact, wanted) == 1.0


def test_of_equal_overlaps_the_last_is_found():
    there = [Boxes([[0, 0, 10, 10], [4, 0, 14, 10]], labels=[0, 0])]
    seen = [Boxes([[2, 0, 12, 10], [-1, 0, 9, 10]], labels=[0, 0], scores=[0.9, 0.8])]
    # by hand, at ten thresholds: the first overlaps both by 2/3, and takes the last; the second overlaps the first box
    # by 9/11: up to .65 both are found, from .7 to .8 the second alone, after a wrong one
    both, second = 1.0, 51 * 0.5 / 101
    assert np.isclose(mean_average_precision(seen, there), (4 * both + 3 * second) / 10)


def test_boxes_and_thresholds_that_are_not_there():
    there, seen = [Boxes([[0, 0, 10, 10]], [0])], [Boxes([[0, 0, 10, 10]], [0], [0.5])]
    with pytest.raises(ParameterError, match="thresholds must hold an overlap or more"):
        mean_average_precision(seen, there, thresholds=[])
    with pytest.raises(ParameterError, match=r"Boxes.labels must be"):
        Boxes([], labels=[0, 1, 2])
    assert len(Boxes([], [])) == len(Boxes([], [], [])) == 0
    assert mean_average_precision([Boxes([], [], [])], there) == 0.0


def test_numbers_at_the_ends_of_their_range():
    assert smape([1e308, 1.0], [-1e308, 3.0]) == (200.0 + 100.0) / 2
    assert smape([1.5e308], [0.5e308]) == 100.0
    assert r2([0.0, 1e-200], [0.0, 2e-200]) == r2([0.0, 1.0], [0.0, 2.0]) == r2([0.0, 1e200], [0.0, 2e200])


def test_classes_in_rows_and_masks_are_refused():
    rows = np.eye(3, dtype=int)
    with pytest.raises(ParameterError, match="argmax over the classes"):
        accuracy(rows, rows[[0, 2, 1]])
    assert accuracy([[0, 1], [1, 1]], [[0, 1], [1, 0]]) == 0.75
    masked = np.ma.masked_array([1.0, 99.0], [False, True])
    for metric in (mse, smape, r2):
        with pytest.raises(ParameterError, match="without a mask"):
            metric(masked, [1.0, 2.0])
    with pytest.raises(ParameterError, match="without a mask"):
        accuracy([1, 0], np.ma.masked_array([1, 0], [False, True]))
