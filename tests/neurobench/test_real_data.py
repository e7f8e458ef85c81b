"""The published numbers of data sets, where their files are; else the skip says what was not looked at."""

import numpy as np
import pytest

from saltation.data import acoustic_scenes, gestures, keyword_sessions, keywords, megapixel, nehar, reaching, read_boxes
from saltation.errors import MissingDataError
from saltation.neurobench.tasks import labelled_frames, reaching_task


def there(read, *given, **more):
    try:
        return read(*given, **more)
    except MissingDataError as error:
        pytest.skip(f"not tested on real data: {str(error).splitlines()[0]}")


@pytest.mark.parametrize("session, channels", [("indy_20160622_01", 96), ("loco_20170210_03", 192)])
def test_reaching(session, channels):
    task = reaching_task(there(reaching, session))
    assert task.bins.shape == (len(task.velocity), channels) and not task.recording.synthetic
    shares = np.diff([0, *task.bounds]) / task.bounds[-1]
    np.testing.assert_allclose(shares, [0.5, 0.25, 0.25], atol=0.1)


def test_keywords():
    known = there(keywords, "train").joined(keywords("support"))
    asked = keywords("test").joined(keywords("query"))
    base, groups = keyword_sessions(known)
    assert (len(base), len(groups), {len(group) for group in groups.values()}) == (100, 10, {10})
    assert np.bincount(known.labels).tolist() == [500] * 100 + [100] * 100
    assert np.bincount(asked.labels).tolist() == [100] * 200


def test_acoustic_scenes():
    assert (len(there(acoustic_scenes, "train")), len(acoustic_scenes("test"))) == (4_136, 1_624)
    assert acoustic_scenes("test").slices(0).shape == (10, 8_000)


def test_megapixel():
    (sequence, *_) = there(megapixel, "test")
    frames = labelled_frames(read_boxes(sequence.boxes))
    assert all(each.frame >= 10 for each in frames)


def test_gestures():
    data = there(gestures, "test", at_most=3)
    assert len(data) == 3 and data.spikes.n_events > 3_000


def test_nehar():
    parts = [there(nehar, part) for part in ("train", "validation", "test")]
    assert {part.values.shape[1:] for part in parts} == {(40, 6)}
    assert set(np.concatenate([part.labels for part in parts]).tolist()) == set(range(7))
