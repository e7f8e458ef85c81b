"""docs/neurobench_qubo.md: its examples run in their order, and its tables are those of the results."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("networkx")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "neurobench_qubo.md").read_text(encoding="utf-8")
ROWS = json.loads((ROOT / "benchmarks" / "results" / "neurobench_qubo.json").read_text(encoding="utf-8"))["rows"]


def test_the_examples_run():
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    for i, block in enumerate(blocks):
        exec(compile(block, f"docs/neurobench_qubo.md ({i})", "exec"), names)
    assert len(blocks) == 2
    assert names["solution"].feasible and names["solution"].cost <= names["early"] <= 0
    assert names["small"].gap == 0.0 and names["circuits"] == (500, 512)


def test_the_rows_are_consistent():
    for row in ROWS:
        assert row["gap"] == pytest.approx((row["cost"] - row["target"]) / -row["target"]), row
        assert (row["time_is"] == "modelled hardware time") == (row["solver"] == "chip")
        if row["solver"] == "spiking":
            assert row["feasible"] and row["seconds"] <= row["limit"]


def test_the_table_has_the_gaps_of_the_rows():
    line = re.search(r"after 1 s;.*?\| 1000 \| 0\.05 \| (\d+) \| ([-\d.]+) \| ([-\d.]+) \|", PAGE, re.S)
    assert line is not None
    for solver, shown in zip(("spiking", "tabu"), line.groups()[1:], strict=True):
        gaps = [
            r["gap"] for r in ROWS if (r["solver"], r["nodes"], r["density"], r["limit"]) == (solver, 1000, 0.05, 1.0)
        ]
        assert len(gaps) == int(line.group(1))
        assert float(shown) == pytest.approx(100 * sum(gaps) / len(gaps), abs=0.051)
