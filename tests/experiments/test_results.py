"""Result folders: what is written is read back, nothing is ever half written, and damage is told."""

import datetime
import json
import math
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from saltation.errors import FileFormatError, ParameterError
from saltation.experiments import results
from saltation.experiments.results import Checkpoint, ResultFolder, default_path, open_folder

OLD = Path(__file__).parents[1] / "data" / "results_schema_1"


@pytest.fixture
def folder(tmp_path):
    return ResultFolder(tmp_path / "run")


@pytest.fixture
def checkpoint():
    rng = np.random.default_rng(1)
    rng.normal(size=3)
    return Checkpoint(
        epoch=7,
        arrays={"hidden": rng.normal(size=(3, 2)), "out": np.arange(4, dtype=np.float32)},
        optimiser={
            "state": {0: {"step": np.array(5.0), "m": np.ones(3)}},
            "groups": [{"betas": (0.9, 0.999)}],
        },
        rng_state=rng.bit_generator.state,
        extra={"best": math.inf, "legacy": np.random.RandomState(3).get_state()},
    )


def assert_same(a, b):
    assert type(a) is type(b) or (isinstance(a, np.generic) and not isinstance(b, np.ndarray))
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    else:
        assert a == b


# ------------------------------------------------------------------------------------------- round trips


def test_json(folder):
    path = folder.write_json("history", [{"epoch": np.int64(1), "loss": math.nan, "shape": (2, 3), "µ": None}])
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["schema_version"] == results.SCHEMA_VERSION and content["saltation_version"]
    (record,) = folder.read_json("history")
    assert math.isnan(record.pop("loss"))
    assert record == {"epoch": 1, "shape": [2, 3], "µ": None}


def test_arrays(folder):
    written = {
        "w": np.random.default_rng(0).normal(size=(4, 5)),
        "n": np.arange(3),
        "empty": np.empty((0, 2)),
    }
    path = folder.write_arrays("spikes", **written)
    assert_same(folder.read_arrays("spikes"), written)
    np.testing.assert_array_equal(np.load(path)["w"], written["w"])  # plain NumPy reads it too


def test_checkpoint(folder, checkpoint):
    assert not folder.has_checkpoint()
    folder.save_checkpoint(checkpoint)
    assert folder.has_checkpoint()
    loaded = folder.load_checkpoint()
    for name in ("epoch", "arrays", "optimiser", "rng_state", "extra"):
        assert_same(getattr(checkpoint, name), getattr(loaded, name))


def test_a_restored_generator_goes_on_where_it_was(folder, checkpoint):
    folder.save_checkpoint(checkpoint)
    loaded = folder.load_checkpoint()
    generators = np.random.default_rng(0), np.random.default_rng(0)
    for generator, state in zip(generators, (checkpoint.rng_state, loaded.rng_state), strict=True):
        generator.bit_generator.state = state
    assert generators[0].random() == generators[1].random()
    np.random.RandomState().set_state(loaded.extra["legacy"])


@pytest.mark.parametrize("value", [object(), {"a": [1, {2}]}, np.array([None])])
def test_what_has_no_form_is_refused(folder, value):
    with pytest.raises(ParameterError, match="cannot store"):
        folder.save_checkpoint(Checkpoint(1, {}, extra={"deep": value}))
    assert not folder.has_checkpoint()


def test_the_refusal_says_where(folder):
    with pytest.raises(ParameterError, match=r"cannot store a\.1\.b of type set"):
        folder.write_json("x", {"a": [1, {"b": {2}}]})


# ------------------------------------------------------------------------------------------------ damage


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_an_interrupted_write_leaves_the_old_file(folder, checkpoint, monkeypatch, moment):
    folder.save_checkpoint(checkpoint)

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, moment, interrupt)
    with pytest.raises(KeyboardInterrupt):
        folder.save_checkpoint(Checkpoint(8, {}))
    assert folder.load_checkpoint().epoch == 7
    assert [p.name for p in folder.path.iterdir()] == ["checkpoint.npz"]


@pytest.mark.parametrize("part", [0, 10, 0.3, 0.9, -1])
def test_truncated_files(folder, checkpoint, part):
    for path, read in (
        (folder.save_checkpoint(checkpoint), folder.load_checkpoint),
        (folder.write_arrays("a", x=np.arange(100)), lambda: folder.read_arrays("a")),
        (folder.write_json("j", {"x": 1}), lambda: folder.read_json("j")),
    ):
        content = path.read_bytes().rstrip()
        path.write_bytes(content[: int(part * len(content)) if isinstance(part, float) else part])
        with pytest.raises(FileFormatError, match="damaged"):
            read()


def test_a_flipped_byte_is_found_or_harmless(folder):
    array = np.arange(6.0)
    path = folder.write_arrays("a", x=array)
    content = path.read_bytes()
    found = 0
    for position in range(len(content)):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :])
        try:
            read = folder.read_arrays("a")
        except FileFormatError:
            found += 1
        else:  # a time stamp or the like
            assert list(read) == ["x"]
            np.testing.assert_array_equal(read["x"], array)
    assert found > len(content) / 2


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"schema_version": 1}', '{"schema_version": true}', "\xff"])
def test_json_of_something_else(folder, text):
    path = folder.write_json("j", 0)
    path.write_text(text, encoding="latin-1")
    with pytest.raises(FileFormatError):
        folder.read_json("j")


def test_a_pickle_is_not_opened(folder):
    path = folder.write_arrays("a", x=np.arange(3))
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(FileFormatError):
        folder.read_arrays("a")
    with pytest.raises(ParameterError, match="Python objects"):
        folder.write_arrays("a", x=[object()])


def test_a_missing_file_is_told_with_those_there_are(folder):
    folder.write_json("history", [])
    with pytest.raises(FileFormatError, match=r"does not exist; the folder has history\.json"):
        folder.load_checkpoint()
    with pytest.raises(FileFormatError, match="empty or missing"):
        ResultFolder(folder.path / "nowhere").read_json("config")


def test_a_later_schema_is_refused_with_those_that_are_readable(folder, checkpoint, monkeypatch):
    monkeypatch.setattr(results, "SCHEMA_VERSION", 99)
    folder.write_json("config", {})
    folder.save_checkpoint(checkpoint)
    for read in (lambda: folder.read_json("config"), folder.load_checkpoint):
        with pytest.raises(FileFormatError, match=r"schema_version 99; Saltation .* reads 1\. It was written by"):
            read()


def test_files_of_schema_1_are_read():
    """The folder was written by Saltation 0.1.0 and is never rewritten."""
    old = ResultFolder(OLD)
    assert old.read_json("config") == {
        "experiment": "yinyang",
        "config": {"hidden": 120, "lr": 0.005, "seed": 0},
    }
    np.testing.assert_array_equal(old.read_arrays("spikes")["times"], [0.001, 0.0025])
    checkpoint = old.load_checkpoint()
    assert checkpoint.epoch == 3
    np.testing.assert_array_equal(checkpoint.arrays["in-hid"], np.arange(6.0).reshape(2, 3))
    assert checkpoint.optimiser["state"][0]["step"] == 12
    assert checkpoint.optimiser["param_groups"] == [{"betas": (0.9, 0.999)}]
    assert checkpoint.rng_state["bit_generator"] == "PCG64"
    assert checkpoint.extra == {"best": math.inf}


# ----------------------------------------------------------------------------------------------- folders


def test_default_path_is_free(tmp_path):
    now = datetime.datetime(2026, 3, 1, 14, 5, 9)
    for name in ("yinyang-20260301-140509", "yinyang-20260301-140509-2", "yinyang-20260301-140509-3"):
        path = default_path("yinyang", tmp_path, now)
        assert path == tmp_path / name
        path.mkdir()


def test_open_folder_makes_one_in_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = open_folder(None, "yinyang", {"lr": 0.1})
    assert folder.path.parent.name == "runs" and folder.path.name.startswith("yinyang-")
    assert folder.read_json("config") == {"experiment": "yinyang", "config": {"lr": 0.1}}


def test_a_run_is_not_overwritten(tmp_path):
    open_folder(tmp_path, "yinyang", {})
    with pytest.raises(ParameterError, match="--resume"):
        open_folder(tmp_path, "yinyang", {})


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    for resume in (False, True):
        with pytest.raises(ParameterError, match="not the folder of a run"):
            open_folder(tmp_path, "yinyang", {}, resume=resume)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_resume(tmp_path):
    config = {"layers": (4, 120, 3), "lr": 5e-3, "best": math.nan, "epochs": 10}
    open_folder(tmp_path / "a", "yinyang", config, resume=True)  # nothing there yet: it starts
    open_folder(tmp_path / "a", "yinyang", config, resume=True)
    open_folder(tmp_path / "a", "yinyang", config | {"epochs": 20}, resume=True, may_differ=["epochs"])
    assert ResultFolder(tmp_path / "a").read_json("config")["config"]["epochs"] == 20


def test_resume_says_what_differs(tmp_path):
    open_folder(tmp_path, "yinyang", {"lr": 0.1, "seed": 0, "old": 1})
    with pytest.raises(ParameterError) as caught:
        open_folder(tmp_path, "yinyang", {"lr": 0.2, "seed": 0, "new": "x"}, resume=True)
    message = str(caught.value)
    assert "lr: 0.1 in the folder, 0.2 now" in message
    assert "old: 1 in the folder, not set now" in message
    assert "new: not set in the folder, 'x' now" in message
    assert "seed" not in message
    with pytest.raises(ParameterError, match="a run of 'yinyang', not of 'mnist'"):
        open_folder(tmp_path, "mnist", {"lr": 0.1}, resume=True)
    with pytest.raises(ParameterError, match="which run"):
        open_folder(None, "yinyang", {}, resume=True)


def test_resume_of_a_damaged_folder(tmp_path):
    shutil.copytree(OLD, tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text('{"schema_version": 1, "data": []}')
    with pytest.raises(FileFormatError, match="does not hold the configuration"):
        open_folder(tmp_path / "run", "yinyang", {}, resume=True)
