"""Sound files of each width, and the keywords in their folders, with clips written here."""

import math
import struct
import sys
import types
import wave

import numpy as np
import pytest

from saltation.data import keyword_sessions, keywords, read_audio
from saltation.data.audio import fitted, resampled
from saltation.data.keywords import BASE_LANGUAGES, SESSION_LANGUAGES
from saltation.errors import FileFormatError, MissingDataError, MissingDependencyError, ParameterError


def write(path, samples, width, rate=16_000, channels=1):
    """Integers as WAV has them: one by one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        if width == 1:
            file.writeframes(b"".join(struct.pack("B", value + 128) for value in samples))
        else:
            file.writeframes(b"".join(value.to_bytes(width, "little", signed=True) for value in samples))
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav_of_each_width(tmp_path, width):
    top = 2 ** (8 * width - 1)
    samples = [0, 1, -1, top - 1, -top, top // 2, -top // 4]
    signal, rate = read_audio(write(tmp_path / "a.wav", samples, width, rate=44_100))
    np.testing.assert_array_equal(signal, [value / top for value in samples])
    assert rate == 44_100


def test_channels_are_averaged(tmp_path):
    signal, _ = read_audio(write(tmp_path / "a.wav", [100, 300, -100, 100], 2, channels=2))
    np.testing.assert_array_equal(signal * 32768, [200, 0])


def test_a_sound_file_that_is_not_there(tmp_path):
    with pytest.raises(MissingDataError, match=r"none\.wav is not there.*check its path"):
        read_audio(tmp_path / "none.wav")


def test_other_kinds_need_soundfile(tmp_path, monkeypatch):
    path = tmp_path / "a.opus"
    path.write_bytes(b"OggS and so on")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingDependencyError, match=r"saltation\[audio\]"):
        read_audio(path)

    def read(given, dtype, always_2d):
        assert (given, dtype, always_2d) == (path, "float64", True)
        return np.array([[0.5, 0.0]]), 48_000

    fake = types.ModuleType("soundfile")
    fake.read = read
    monkeypatch.setitem(sys.modules, "soundfile", fake)
    signal, rate = read_audio(path)
    assert (signal.tolist(), rate) == ([0.25], 48_000)

    def damaged(*given, **more):
        raise RuntimeError("no such format")

    fake.read = damaged
    with pytest.raises(FileFormatError, match="no such format"):
        read_audio(path)


def test_a_file_that_was_cut_short(tmp_path):
    path = write(tmp_path / "a.wav", list(range(100)), 2)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(FileFormatError, match="cut short"):
        read_audio(path)


def test_resampled_keeps_a_tone_and_takes_away_what_is_too_high():
    t = np.arange(44_100) / 44_100
    low, high = (np.sin(2 * math.pi * f * t) for f in (440.0, 9_000.0))
    got = resampled(low + high, 44_100, 8_000)
    wanted = np.sin(2 * math.pi * 440.0 * np.arange(8_000) / 8_000)
    assert np.abs(got - wanted)[200:-200].max() < 0.02
    assert resampled(low, 8_000, 8_000) is low


def test_fitted():
    assert fitted(np.array([1.0, 2.0, 3.0]), 2).tolist() == [1.0, 2.0]
    assert fitted(np.array([1.0]), 3).tolist() == [1.0, 0.0, 0.0]


# ------------------------------------------------------------------------------------------- the folders
@pytest.fixture
def folder(tmp_path):
    """One word in each base language, one in each other: 3, 1 and 1 clips of the former, 200 of the latter."""
    root = tmp_path / "MSWC"
    root.mkdir()
    for name, n in (("train", 3), ("val", 1), ("test", 1)):
        lines = ["LINK,WORD,LANGUAGE"]
        for language in BASE_LANGUAGES:
            lines += [f"{name}_{i}.opus,word-{language},{language}" for i in range(n)]
        (root / f"base_{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for language in SESSION_LANGUAGES:
        (root / language).mkdir()
        lines = [f"{i}.wav,слово-{language},{language}" for i in range(200)]
        (root / language / "evaluation.csv").write_text("\n".join(["LINK,WORD,LANGUAGE", *lines]), encoding="utf-8")
    return tmp_path


def test_parts(folder):
    train, support, query = (keywords(part, folder) for part in ("train", "support", "query"))
    assert train.names == query.names and len(train.names) == 15
    assert (len(train), len(support), len(query)) == (15, 1000, 1000)
    assert train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
    assert train.paths[4] == folder / "MSWC" / "fr" / "clips" / "train_1.opus"
    # the first hundred may be learned from
    assert {path.stem for path in support.paths} == {str(i) for i in range(100)}
    assert not set(support.paths) & set(query.paths)
    assert support.names[support.labels[100]] == "слово-eo"
    assert [len(keywords(part, folder)) for part in ("validation", "test")] == [5, 5]


def test_sessions_are_languages(folder):
    known = keywords("train", folder).joined(keywords("support", folder))
    base, groups = keyword_sessions(known)
    assert base == [0, 1, 2, 3, 4]
    assert groups == {language: [5 + i] for i, language in enumerate(SESSION_LANGUAGES)}
    assert known[known.labels == 5].languages == ("fa",) * 100


def test_waveforms_are_one_second(folder):
    query = keywords("query", folder)
    write(query.paths[0], [16384] * 800, 2, rate=8_000)
    got = query.waveform(0, rate=8_000)
    assert got.shape == (8_000,) and (got[:800] == 0.5).all() and not got[800:].any()
    with pytest.raises(MissingDataError, match="in the list of clips and not there"):
        query.waveform(1)


def test_wav_beside_opus(folder):
    train = keywords("train", folder)
    write(train.paths[0].with_suffix(".wav"), [1], 2)
    assert keywords("train", folder).paths[0].suffix == ".wav"
    assert keywords("train", folder).paths[1].suffix == ".opus"


def test_what_is_missing_or_malformed(folder, tmp_path):
    with pytest.raises(
        MissingDataError, match=r"(?s)MSWC/base_train\.csv.*651 MB.*huggingface\.co/datasets/NeuroBench"
    ):
        keywords("train", tmp_path / "other")
    with pytest.raises(ParameterError, match="'train', 'validation', 'test', 'support' or 'query'"):
        keywords("evaluation", folder)
    listing = folder / "MSWC" / "base_test.csv"
    listing.write_text("a.opus,unheard,en\n")
    with pytest.raises(FileFormatError, match="unheard"):
        keywords("test", folder)
    listing.write_text("a.opus;word-en;en\n")
    with pytest.raises(FileFormatError, match="line 1 must be file,word,language"):
        keywords("test", folder)
    (folder / "MSWC" / "ru" / "evaluation.csv").unlink()
    with pytest.raises(MissingDataError, match=r"ru/evaluation\.csv is not there"):
        keywords("query", folder)
