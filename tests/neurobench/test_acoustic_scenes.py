"""Acoustic scenes: the folder as DCASE unpacks it, with short clips written here, and what a result carries."""

import json
import math
import wave

import numpy as np
import pytest

from saltation.data import SCENES, acoustic_scenes
from saltation.errors import FileFormatError, MissingDataError, ParameterError
from saltation.neurobench.tasks import SCENE_RULES, scene_result

NAME = "TAU-urban-acoustic-scenes-2020-mobile-development"


def clip(path, level, seconds=2.5, rate=44_100):
    """A 24-bit clip of one value, mono, as those of the data set."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 3, rate, 0, "NONE", ""))
        file.writeframes(round(level * 2**23).to_bytes(3, "little", signed=True) * round(seconds * rate))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("tau") / NAME
    clips = {
        "train": ["airport-lisbon-1-1-a.wav", "bus-lyon-2-7-a.wav", "bus-lyon-2-7-b.wav", "metro-lyon-3-3-a.wav"],
        "evaluate": ["park-milan-5-6-a.wav", "park-milan-5-6-s1.wav", "tram-oslo-7-7-a.wav"],
    }
    (root / "evaluation_setup").mkdir(parents=True)
    for part, names in clips.items():
        lines = ["filename\tscene_label", *(f"audio/{name}\t{name.split('-')[0]}" for name in names)]
        (root / "evaluation_setup" / f"fold1_{part}.csv").write_text("\n".join(lines) + "\n")
    # one clip of device a is in no list
    for i, name in enumerate([*clips["train"], *clips["evaluate"], "street_traffic-bari-9-9-a.wav"]):
        clip(root / "audio" / name, 0.1 * (i + 1))
    return root.parent


def test_parts(folder):
    train, test = acoustic_scenes("train", folder), acoustic_scenes("test", folder)
    assert [path.name for path in train.paths] == ["airport-lisbon-1-1-a.wav", "bus-lyon-2-7-a.wav"]
    assert [SCENES[label] for label in train.labels] == ["airport", "bus"]
    # what is listed for evaluation, and what is in neither list
    assert [path.name for path in test.paths] == ["street_traffic-bari-9-9-a.wav", "park-milan-5-6-a.wav"]
    assert test.labels.tolist() == [1, 3]


def test_slices_are_seconds_at_8_khz(folder):
    train = acoustic_scenes("train", folder)
    got = train.slices(0)
    assert got.shape == (3, 8_000)
    np.testing.assert_allclose(got[:2, 100:-100], 0.1, atol=2e-3)
    assert not got[2, 4_100:].any() and abs(got[2, 3_000] - 0.1) < 2e-3
    samples, labels = train.load()
    assert samples.shape == (6, 8_000) and labels.tolist() == [0, 0, 0, 2, 2, 2] and samples.dtype == np.float32
    np.testing.assert_allclose(samples[3:], train.slices(1), atol=1e-7)
    assert len(train.load(at_most=1)[0]) == 3


def test_what_is_missing(folder, tmp_path):
    with pytest.raises(MissingDataError, match=r"(?s)mobile-development/audio.*30 GB.*DOI|10\.5281"):
        acoustic_scenes("train", tmp_path)
    with pytest.raises(ParameterError, match="'train' or 'test'"):
        acoustic_scenes("validation", folder)
    root = tmp_path / NAME
    (root / "audio").mkdir(parents=True)
    with pytest.raises(MissingDataError, match=r"fold1_train\.csv is not there; it is in the meta archive"):
        acoustic_scenes("train", tmp_path)
    (root / "evaluation_setup").mkdir()
    for name in ("train", "evaluate"):
        (root / "evaluation_setup" / f"fold1_{name}.csv").write_text(
            "filename\tscene_label\naudio/bus-a-1-1-a.wav\tbus\n"
        )
    with pytest.raises(MissingDataError, match=r"1 clips of .* are listed and not there, bus-a-1-1-a\.wav"):
        acoustic_scenes("train", tmp_path)
    (root / "evaluation_setup" / "fold1_train.csv").write_text("audio/bus-a-1-1-a.wav,bus\n")
    with pytest.raises(FileFormatError, match="head filename"):
        acoustic_scenes("train", tmp_path)


def test_a_result_carries_the_rules():
    times = np.array([0.045, 0.047, 0.049, 0.043])
    result = scene_result(
        "a board",
        [0, 1, 2, 3],
        [0, 1, 2, 0],
        emulated=False,
        inference_seconds=times,
        preprocessing_seconds=2 * times,
        idle_power=0.010,
        active_power=0.030,
    )
    assert result.accuracy == 0.75 and result.samples == 4
    assert result.inference == pytest.approx((0.046, math.sqrt(20e-6 / 3) / 2))
    assert result.dynamic_power == pytest.approx(0.02) and result.dynamic_energy == pytest.approx(0.02 * 0.046)
    assert result.lacks == ("all 16,240 samples",)
    written = json.loads(json.dumps(result.to_dict()))
    assert written["rules"] == list(SCENE_RULES) and written["dynamic_energy"] == result.dynamic_energy
    assert any("41,360" in rule for rule in SCENE_RULES)


def test_an_emulation_has_no_times():
    result = scene_result("the emulated chip", [0, 1], [0, 1], emulated=True)
    assert "a physical system" in result.lacks and result.dynamic_power is None and result.dynamic_energy is None
    for more in ({"inference_seconds": [1.0, 1.0]}, {"idle_power": 0.1}):
        with pytest.raises(ParameterError, match="no result of it"):
            scene_result("the emulated chip", [0, 1], [0, 1], emulated=True, **more)
    with pytest.raises(ParameterError, match="two samples or more"):
        scene_result("a board", [0], [0], emulated=False, inference_seconds=[1.0])
    with pytest.raises(ParameterError, match=r"\[2\]"):
        scene_result("a board", [0, 1], [0, 1], emulated=False, inference_seconds=[1.0, 1.0, 1.0])
