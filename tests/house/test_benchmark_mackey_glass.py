"""The study of chaotic function prediction: what is chosen, and means and errors over series."""

import importlib.util
import sys
from pathlib import Path

import click
import pytest

pytest.importorskip("torch")

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def study():
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location("neurobench_mackey_glass", FOLDER / "neurobench_mackey_glass.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(FOLDER))


def row(study, model, settings, series, run, smape, acs=100.0):
    costs = {"Footprint (bytes)": 8, "Dense": 10.0, "Eff_MACs": 0.0, "Eff_ACs": acs}
    names = {"study": study, "model": model, "settings": settings, "series": series, "run": run}
    return names | {"smape": smape, "costs": costs}


def test_the_best_settings_are_those_within_the_limit_on_all_tuning_series(study):
    rows = [row("tune", "spiking", {"hidden": n}, k, 0, s) for n, s in ((10, 9.0), (20, 7.0)) for k in (0, 1)]
    rows += [row("tune", "spiking", {"hidden": 900}, k, 0, 1.0, acs=6_035.0) for k in (0, 1)]
    rows += [row("tune", "spiking", {"hidden": 30}, 0, 0, 1.0)]  # not tried on all
    rows += [row("table", "spiking", {"hidden": 40}, k, 0, 1.0) for k in (0, 1)]
    done = {study.key(each): each for each in rows}
    assert study.best(done, "spiking") == {"hidden": 20} and study.best(done, "linear") is None
    with pytest.raises(click.ClickException, match="not tuned yet"):
        list(study.table(done, 1, 1, tuple(study.MODELS)))


def test_errors_are_over_series_and_differences_are_paired(study):
    rows = []
    for series, (a, b) in enumerate(((10.0, 14.0), (12.0, 13.0), (11.0, 18.0))):
        for run, shift in enumerate((-1.0, 1.0)):  # runs of a series are averaged first
            rows.append(row("table", "spiking", {}, series, run, a + shift))
            rows.append(row("table", "lstm 100", {}, series, run, b + shift))
    rows.append(row("tune", "spiking", {}, 0, 0, 99.0))
    spiking = next(line for line in study.summary(rows).splitlines() if line.startswith("| spiking"))
    # 10, 12, 11: 1 / sqrt(3); -4, -1, -7: 3 / sqrt(3)
    assert "| 3 | 11.00 ± 0.58 | -4.00 ± 1.73 | 3 of 3 |" in spiking


def test_the_spiking_predictor_of_the_table_is_the_best_of_several(study):
    done = {study.key(each): each for each in [row("tune", "spiking", {"hidden": 5, "networks": 1}, 0, 0, 9.0)]}
    (wanted,) = study.table(done, 1, 1, ("spiking",))
    assert wanted["settings"] == {"hidden": 5, "networks": study.NETWORKS}
    (first,) = study.one_network(done, 1, 1, ("spiking",))
    assert first["settings"] == {"hidden": 5, "networks": 1}


def test_means_over_different_series_or_settings_are_refused(study):
    rows = [row("table", model, {}, series, 0, 10.0) for model in ("spiking", "lstm 100") for series in range(3)]
    study.summary(rows)
    with pytest.raises(click.ClickException, match=r"lstm 100: 1 series or runs are not done yet"):
        study.summary(rows[:-1])
    with pytest.raises(click.ClickException, match="rows of 2 settings"):
        study.summary([*rows, row("table", "spiking", {"hidden": 3}, 0, 0, 8.0)])


def test_series_of_the_table_are_not_those_of_tuning_and_do_not_depend_on_their_number(study):
    assert study.pasts(3, study.PAST_SEEDS["table"])[1] == study.pasts(2, study.PAST_SEEDS["table"])[1]
    sets = [set(study.pasts(100, seed)) for seed in study.PAST_SEEDS.values()]
    assert len(set.union(*sets)) == 100 * len(study.PAST_SEEDS)
    wanted = list(study.tune({}, 2, 1, tuple(study.MODELS)))
    assert len({study.key(each) for each in wanted}) == len(wanted) == 2 * sum(map(len, study.TRIALS.values()))
