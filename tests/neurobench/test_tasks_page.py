"""docs/neurobench_tasks.md: its examples run in their order, and every class that it names exists."""

import re
from pathlib import Path

import pytest

from saltation.neurobench import tasks

PAGE = (Path(__file__).parents[2] / "docs" / "neurobench_tasks.md").read_text(encoding="utf-8")


def test_the_examples_run():
    pytest.importorskip("torch")
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    for i, block in enumerate(blocks):
        exec(compile(block, f"docs/neurobench_tasks.md ({i})", "exec"), names)
    assert len(blocks) == 3
    assert len(names["scores"]) == 3 and max(names["scores"]) < 40.0
    assert names["costs"].dense == 6 * 20 + 20 + 6


def test_the_classes_of_the_page_exist():
    named = set(re.findall(r"`([A-Za-z_]+)`", PAGE))
    assert {"Constant", "Linear", "EchoState", "LSTM", "Spiking", "SERIES"} <= named & set(tasks.__all__)


def test_what_computes_nothing_has_no_costs():
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| constant")]
    assert len(rows) == 2 and all(row[5:9] == ["n/a"] * 4 for row in rows)
