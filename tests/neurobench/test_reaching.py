"""Primate reaching: files in MATLAB's layout, bins and parts by the harness's steps, the synthetic population."""

import hashlib
import re

import numpy as np
import pytest

from saltation.data import ReachingRecording, reaching, read_reaching, synthetic_reaching, write_reaching
from saltation.data.search import ENVIRONMENT
from saltation.errors import FileFormatError, MissingDataError, ParameterError, UnknownNameError
from saltation.neurobench import r2
from saltation.neurobench.tasks import reaching_task

h5py = pytest.importorskip("h5py")

INTERVAL = 4e-3


def official(path, recording):
    """A file as MATLAB writes it: every axis turned round, cells as references, empty cells as their shape."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file["t"] = recording.times.reshape(1, -1)
        file["cursor_pos"] = np.ascontiguousarray(recording.cursor.T)
        file["target_pos"] = np.ascontiguousarray(recording.target.T)
        file["finger_pos"] = np.zeros((3, len(recording.times)))
        cells = np.empty((2, recording.channels), object)
        for channel, units in enumerate(recording.spikes):
            for unit, times in enumerate(units):
                cell = file.create_dataset(
                    f"#refs#/c{channel}u{unit}", data=times.reshape(1, -1) if len(times) else np.zeros(2, np.uint64)
                )
                cell.attrs["MATLAB_class"] = np.bytes_("double")
                if not len(times):
                    cell.attrs["MATLAB_empty"] = np.uint8(1)
                cells[unit, channel] = cell.ref
        data = file.create_dataset("spikes", cells.shape, dtype=h5py.ref_dtype)
        data[...] = cells
        data.attrs["MATLAB_class"] = np.bytes_("cell")
    return path


@pytest.fixture(scope="module")
def recording():
    made = synthetic_reaching(channels=5, reaches=23, seed=3)
    # one channel is silent, one has a unit without spikes, some spikes are before and after the samples
    spikes = list(made.spikes)
    spikes[1] = (np.empty(0), np.empty(0))
    spikes[2] = (np.empty(0), spikes[2][1])
    extra = np.array([made.times[0] - 7e-3, made.times[0] - 3e-3, made.times[-1] - 1e-3, made.times[-1] + 1.0])
    spikes[3] = (np.sort(np.concatenate([spikes[3][0], extra])), spikes[3][1])
    return ReachingRecording("indy_made_up", made.times, made.cursor, made.target, tuple(spikes), synthetic=False)


def same(one, other):
    for name in ("times", "cursor", "target"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.channels == other.channels
    for a, b in zip(one.spikes, other.spikes, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)


def test_official_files(tmp_path, recording):
    got = read_reaching(official(tmp_path / "indy_made_up.mat", recording))
    same(got, recording)
    assert (got.name, got.synthetic) == ("indy_made_up", False)


def test_round_trip_keeps_what_is_synthetic(tmp_path):
    made = synthetic_reaching(channels=3, reaches=4, seed=1)
    got = read_reaching(write_reaching(tmp_path / "some_name.mat", made))
    same(got, made)
    assert got.synthetic and made.name.startswith("synthetic")
    # and a file of ours is read as one of MATLAB's is
    with h5py.File(tmp_path / "some_name.mat") as file:
        assert file["spikes"].shape == (2, 3) and file["cursor_pos"].shape == (2, len(made.times))


def test_only_the_original_file_is_a_session(tmp_path, recording, monkeypatch):
    path = official(tmp_path / "indy_20160622_01.mat", recording)
    with pytest.raises(FileFormatError, match="its MD5 must be c33d5fff31320d709d23fe445561fb6e"):
        reaching("indy_20160622_01", tmp_path)
    from saltation.data.reaching import SESSIONS

    monkeypatch.setitem(SESSIONS, "indy_20160622_01", hashlib.md5(path.read_bytes()).hexdigest())
    same(reaching("indy_20160622_01", tmp_path), recording)
    folder = tmp_path / "all" / "primate_reaching"
    folder.mkdir(parents=True)
    path.rename(folder / path.name)
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "all"))
    same(reaching("indy_20160622_01"), recording)


def test_where_to_get_it(tmp_path):
    with pytest.raises(
        MissingDataError, match=r"(?s)loco_20170301_05\.mat from https://zenodo\.org.*synthetic_reaching"
    ):
        reaching("loco_20170301_05", tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean 'loco_20170301_05'"):
        reaching("loco_20170301_5", tmp_path)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: f.pop("t"), "has no dataset t"),
        (lambda f: (f.pop("cursor_pos"), f.update_shape("cursor_pos", (3, 4))), r"cursor_pos must be finite, of shape"),
        (lambda f: (f.pop("spikes"), f.update_shape("spikes", (2, 5))), "spikes must be references"),
        (lambda f: f["t"].__setitem__((0, 1), 0.0), "t must be increasing"),
    ],
)
def test_malformed(tmp_path, recording, change, message):
    path = official(tmp_path / "a.mat", recording)

    class File(h5py.File):
        def update_shape(self, name, shape):
            self[name] = np.zeros(shape)

    with File(path, "r+") as file:
        change(file)
    with pytest.raises(FileFormatError, match=message):
        read_reaching(path)


def harness(recording, train_share=0.5):
    """Bins, velocities and parts in the steps in which the harness makes them."""
    t = recording.times
    edges = np.arange(t[0] - INTERVAL, t[-1], INTERVAL)
    bins = np.zeros((recording.channels, len(edges) + 1), int)
    for channel, units in enumerate(recording.spikes):
        for times in units:
            counts, _ = np.histogram(times, edges)
            for k, count in enumerate(counts):
                if count:
                    bins[channel, k + 1] |= 1
    ends = [i for i in range(len(t) - 1) if (recording.target[i] != recording.target[i + 1]).any()] + [len(t)]
    starts = [0, *ends[:-1]]
    n_train = int(np.floor(train_share * len(ends)))
    n_validation = (len(ends) - n_train) // 2
    parts = {"train": [], "validation": [], "test": []}
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        which = "train" if i < n_train else "validation" if i < n_train + n_validation else "test"
        parts[which] += range(start, end)
    velocity = recording.cursor.copy()
    velocity[1:-1] = (recording.cursor[2:] - recording.cursor[:-2]) / 2
    velocity[0], velocity[-1] = recording.cursor[1] - recording.cursor[0], recording.cursor[-1] - recording.cursor[-2]
    return bins.T[: len(t)], velocity, parts


@pytest.mark.parametrize("train_share", [0.5, 0.8])
def test_the_task_is_that_of_the_harness(recording, train_share):
    task = reaching_task(recording, train_share)
    bins, velocity, parts = harness(recording, train_share)
    np.testing.assert_array_equal(task.bins[:-1], bins[:-1])
    # np.histogram closes its last bin on the right, where no spike is
    np.testing.assert_array_equal(task.bins, bins)
    assert task.bins.sum() > 200 and not task.bins[0].any() and task.bins.dtype == np.int8
    np.testing.assert_allclose(task.velocity, velocity, atol=1e-12)
    for part, steps in parts.items():
        assert list(range(len(recording.times)))[task.steps(part)] == steps


def test_events_are_in_their_bins(recording):
    task = reaching_task(recording)
    for part in ("train", "validation", "test"):
        spikes, steps = task.events(part), task.steps(part)
        n = steps.stop - steps.start
        found = np.zeros((n, recording.channels), np.int8)
        for t, unit in zip(spikes.times, spikes.units, strict=True):
            found[min(int((t + 1e-9) / INTERVAL), n - 1), unit] = 1
        np.testing.assert_array_equal(found, task.bins[steps])
        assert spikes.batch == 1 and spikes.n_units == recording.channels


def test_scores(recording):
    task = reaching_task(recording)
    wanted = task.velocity[task.steps("test")]
    prediction = wanted + np.random.default_rng(1).normal(size=wanted.shape)
    result = task.score(prediction)
    assert result.r2 == r2(prediction, wanted) and "recorded" in str(result) and not result.synthetic
    made = synthetic_reaching(channels=2, reaches=8, seed=1)
    other = reaching_task(made)
    result = other.score(other.velocity[other.steps("validation")], "validation")
    assert result.synthetic and "SYNTHETIC" in str(result) and result.r2 == 1.0
    with pytest.raises(ParameterError, match="'train', 'validation' or 'test'"):
        task.steps("val")


def test_tasks_that_cannot_be(recording):
    made = synthetic_reaching(channels=1, reaches=2, seed=1)
    with pytest.raises(ParameterError, match="got 2 in all"):
        reaching_task(made)
    slow = ReachingRecording("a", made.times * 2, made.cursor, made.target, made.spikes, synthetic=False)
    with pytest.raises(ParameterError, match="4 ms apart; got 8 ms"):
        reaching_task(slow)


def test_the_synthetic_population_is_tuned_as_it_says():
    made = synthetic_reaching(channels=40, reaches=120, seed=5)
    assert re.fullmatch(r"synthetic_40_120_5", made.name)
    velocity = np.gradient(made.cursor, axis=0) / INTERVAL
    moving = np.hypot(*velocity.T) > 20.0
    tuned = 0
    for units in made.spikes:
        counts = np.histogram(np.concatenate(units), np.append(made.times - INTERVAL, made.times[-1]))[0]
        rates = counts / INTERVAL
        assert 0.5 < rates[~moving].mean() < 25.0
        design = np.column_stack([np.ones(len(velocity)), velocity / 60.0])
        tuned += np.hypot(*np.linalg.lstsq(design, rates, rcond=None)[0][1:]) > 0.2 * rates.mean()
    assert tuned == 40
    # reaches begin and end at rest, on the grid of targets
    assert set(np.unique(made.target).tolist()) <= {15.0 * i for i in range(8)}
    jumps = np.flatnonzero((np.diff(made.target, axis=0) != 0).any(axis=1))
    np.testing.assert_allclose(made.cursor[jumps], made.target[jumps], atol=1e-9)
    assert np.abs(np.diff(made.cursor, axis=0)).max() < 3.0
    same(synthetic_reaching(channels=40, reaches=120, seed=5), made)


def test_another_thing_is_no_recording():
    with pytest.raises(ParameterError, match=r"recording must be a ReachingRecording; got an array .*synthetic"):
        reaching_task(np.zeros((5, 2)))
