"""Reports of the benchmarks: slopes of known laws, and a block of a page that replaces itself and nothing else."""

import importlib.util
from pathlib import Path

import pytest


def script(name):
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


scaling_report = script("scaling_report")
pages = script("pages")


def test_exponents_are_those_of_the_upper_half():
    points = [
        {"neurons": n, "run_best": max(n, 100.0), "gradient_best": 3.0 * n**2, "peak_bytes": 5}
        for n in (1, 10, 100, 1000)
    ]
    slopes = scaling_report.exponents("neurons", points)
    assert slopes == pytest.approx({"run": 1.0, "gradient": 2.0, "memory": 0.0})


def test_a_block_replaces_the_one_that_is_there(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text("# Speed\n\nBefore.\n")
    pages.replace_block(page, "speed", "one")
    page.write_text(page.read_text() + "After.\n")
    pages.replace_block(page, "speed", "two")
    text = page.read_text()
    assert text.startswith("# Speed\n\nBefore.\n") and text.endswith("After.\n")
    assert "two" in text and "one" not in text and text.count("<!-- speed:begin -->") == 1


@pytest.mark.parametrize("name", ["calibration", "speed", "yinyang", "gradients", "mnist", "scales"])
def test_tables_of_the_chip_are_what_is_recorded(name, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(pages.__file__).parent))
    chip_report = importlib.import_module("chip_report")
    assert name in chip_report.BLOCKS
    page = chip_report.PAGE.read_text(encoding="utf-8")
    between = page.split(f"<!-- {name}:begin -->")[1].split(f"<!-- {name}:end -->")[0]
    assert between.strip() == chip_report.block(name).strip()
    assert len(chip_report.BLOCKS) == 6


@pytest.mark.parametrize(
    "name", ["momentum", "width", "reseed", "matched", "tempering", "table", "tests", "spiking", "chip"]
)
def test_tables_of_continual_learning_are_what_is_recorded(name, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("scipy")
    monkeypatch.syspath_prepend(str(Path(pages.__file__).parent))
    report = importlib.import_module("continual_report")
    monkeypatch.setattr(report, "IMAGES", tmp_path)
    page = report.PAGE.read_text(encoding="utf-8")
    between = page.split(f"<!-- {name}:begin -->")[1].split(f"<!-- {name}:end -->")[0]
    assert between.strip() == report.BLOCKS[name](report.read(report.RESULTS)).strip()
    assert len(report.BLOCKS) == 9


def test_the_table_of_neurobench_is_what_is_recorded(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(pages.__file__).parent))
    table = importlib.import_module("neurobench_table")
    page = table.PAGE.read_text(encoding="utf-8")
    between = page.split("<!-- neurobench-table:begin -->")[1].split("<!-- neurobench-table:end -->")[0]
    found = table.load_record(table.RESULTS, table.SCHEMA_VERSION)
    assert between.strip() == table.report(found).strip()
    assert {row["task"] for row in found["rows"]} == set(table.NAMES)
    assert {row["backend"] for row in found["rows"]} == {"exact", "grid", "chip 1"}
    # rows are the means of the measurements that are recorded with them
    assert table.rows_of(found["measurements"]) == [{**row, "kind": None} for row in found["rows"]]
