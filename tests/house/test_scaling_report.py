"""The report of benchmarks/scaling.py: slopes of known laws, and a section that replaces itself and nothing else."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "scaling_report.py"
spec = importlib.util.spec_from_file_location("scaling_report", SCRIPT)
scaling_report = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scaling_report)


def test_exponents_are_those_of_the_upper_half():
    points = [
        {"neurons": n, "run_best": max(n, 100.0), "gradient_best": 3.0 * n**2, "peak_bytes": 5}
        for n in (1, 10, 100, 1000)
    ]
    slopes = scaling_report.exponents("neurons", points)
    assert slopes == pytest.approx({"run": 1.0, "gradient": 2.0, "memory": 0.0})


def test_a_section_replaces_the_one_that_is_there(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text("# Speed\n\nBefore.\n")
    scaling_report.write_section({}, page, "one")
    page.write_text(page.read_text() + "After.\n")
    scaling_report.write_section({}, page, "two")
    text = page.read_text()
    assert text.startswith("# Speed\n\nBefore.\n") and text.endswith("After.\n")
    assert "two" in text and "one" not in text and text.count(scaling_report.BEGIN) == 1
