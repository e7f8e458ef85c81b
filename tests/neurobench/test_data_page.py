"""docs/neurobench_data.md: its examples run, and every name in it exists; and the study that fills its tables."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import saltation.data
from saltation.data import Sequences
from saltation.neurobench import tasks

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "neurobench_data.md").read_text(encoding="utf-8")


def test_the_examples_run(capsys):
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    for i, block in enumerate(blocks):
        exec(compile(block, f"docs/neurobench_data.md ({i})", "exec"), names)
    assert len(blocks) == 3
    assert 0.9 < names["result"].mean <= 1.0 and set(names["result"].names) == {"base", "eo", "it"}
    assert "SYNTHETIC" in capsys.readouterr().out


def test_the_names_of_the_page_exist():
    table = PAGE[: PAGE.index("## Few-shot")]
    named = set(re.findall(r"`([a-z_]+|SCENE_RULES)`", table)) - {"data", "io"}
    assert len(named) >= 18
    for name in named:
        assert name in saltation.data.__all__ or name in tasks.__all__, name


@pytest.fixture(scope="module")
def study():
    folder = ROOT / "benchmarks"
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("neurobench_data", folder / "neurobench_data.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(folder))


def test_slices_and_spikes_of_clips(study):
    rng = np.random.default_rng(1)
    lengths = np.array([3, 8, 21])
    clips = Sequences(
        rng.normal(size=(32, 2)), np.concatenate([[0], np.cumsum(lengths)]), np.zeros(3, np.int64), ("a",), 25e-3
    )
    for i, n in enumerate(lengths):
        parts = study.sliced(clips.one(i))
        assert len(parts) == 8 and min(map(len, parts)) >= 1
        if n == 8:
            np.testing.assert_array_equal(np.concatenate(parts), clips.one(i))
    counts = study.spike_counts(clips).reshape(3, 8, 4) ** 2
    spikes = saltation.data.level_crossing([clips.one(i) for i in range(3)], 25e-3, study.THRESHOLD)
    np.testing.assert_allclose(counts.sum(axis=1), spikes.counts())


def test_the_summary_has_a_row_for_each(study):
    rows = [
        {"data": "d", "model": "m", "features": 3, "accuracy": 0.5, "within_training": 0.25},
        {"data": "f", "model": "n", "after_each": [0.9, 0.8], "accuracy": 0.85, "error": 0.01, "all_at_once": 0.7},
        {"data": "r", "model": "l", "r2": 0.81},
    ]
    lines = study.summary(rows).splitlines()
    for line in ("| d | m | 3 | 25.0% | 50.0% |", "| n | 90.0% | 80.0% | 85.0% ± 1.0% | 70.0% |", "| r | l | 0.810 |"):
        assert line in lines
