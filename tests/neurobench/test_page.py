"""docs/neurobench.md: its examples run in their order, its names exist, and its numbers are those of the files."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

from saltation import neurobench

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "neurobench.md").read_text(encoding="utf-8")
OF_RUNS = ("ActivationSparsity", "MembraneUpdates")
AGREEMENT = json.loads((ROOT / "benchmarks" / "results" / "neurobench_agreement.json").read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("ignore")  # of the package, where it is installed
def test_the_examples_run():
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    for i, block in enumerate(blocks):
        exec(compile(block, f"docs/neurobench.md ({i})", "exec"), names)
    assert len(blocks) == 3
    exact, grid = names["exact"], names["grid"]
    assert exact.dense == grid.dense == 50 * (25 * 60 + 60 * 3)
    assert exact.total("effective_acs") > 8 * 25 * 60 and abs(exact.effective_acs / grid.effective_acs - 1) < 0.05
    assert names["costs"].dense == 16 * 20 + 64 * 3 and names["events"].effective_acs > 20 * 12
    if names["found"] is not None:
        assert names["found"].differences == {}


def test_the_names_of_the_page_exist():
    named = set(re.findall(r"`([A-Za-z_0-9]+)`", PAGE))
    ours = set(dir(neurobench)) & named
    assert {"SaltationModel", "run_benchmark", "count_torch", "over_time", "mean_average_precision", "Boxes"} <= ours


def test_the_table_of_traps_is_that_of_the_file():
    cases = AGREEMENT["cases"]
    assert all(case["saltation_right"] for case in cases)
    assert [case["neurobench_right"] for case in cases] == [not case["trap"] for case in cases]
    assert sum(not case["trap"] for case in cases) == 11 and AGREEMENT["versions"]["neurobench"] == "2.3.0"
    table = PAGE.partition("| case |")[2].partition("\n\n")[0]
    for case in cases:
        if case["trap"]:
            numbers = ", ".join(short(value) for value in case["loops"].values())
            assert numbers in table, (case["name"], numbers)
            if isinstance(case["neurobench"], dict) and min(case["neurobench"].values()) >= 0:
                theirs = [short(value) for value in case["neurobench"].values()]
                assert ", ".join(theirs) in table or theirs[1] in table, (case["name"], theirs)


def test_the_other_columns_agree_but_where_the_page_says_so():
    compared = [(case["name"], case["columns"]) for case in AGREEMENT["cases"] if not case["trap"]]
    assert all(set(columns) == {"Footprint", "ConnectionSparsity", *OF_RUNS} for _, columns in compared)
    assert all(each["saltation_right"] for _, columns in compared for each in columns.values())
    wrong = [(name, key) for name, columns in compared for key in columns if not columns[key]["neurobench_right"]]
    assert [key for _, key in wrong] == ["ActivationSparsity"] * 3 and "cell" in wrong[1][0] and "cell" in wrong[2][0]
    residual = dict(compared)[wrong[0][0]]["ActivationSparsity"]
    assert f"{residual['loops']:.4f}".lstrip("0") in PAGE and residual["neurobench"] == 0.0
    spiking = [columns for _, columns in compared if columns["MembraneUpdates"]["loops"] is not None]
    assert len(spiking) == 3 and all(columns["MembraneUpdates"]["neurobench"] > 100 for columns in spiking)


def short(value):
    return f"{value:,.1f}".removesuffix(".0")


def test_published_columns_are_those_that_are_tested():
    tested = (ROOT / "tests" / "neurobench" / "test_published.py").read_text(encoding="utf-8").replace("_", "")
    table = PAGE.partition("| model |")[2].partition("\n\n")[0]
    numbers = re.findall(r"\d[\d,]{4,}", table)
    missing = [number for number in numbers if number.replace(",", "") not in tested]
    # of gestures the test has the published number of 150 steps
    assert missing == ["5,941,376"] and 5_941_376 * 150 == 891_206_400


def test_all_names_are_there_without_the_package_of_the_benchmark():
    lacking = {"SaltationModel", "run_benchmark"}
    assert lacking <= set(dir(neurobench)) and not lacking & set(neurobench.__all__)
    names: dict = {}
    exec("from saltation.neurobench import *", names)
    assert set(neurobench.__all__) <= set(names)
