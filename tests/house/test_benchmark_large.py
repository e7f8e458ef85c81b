"""Benchmarks of the large network and of learned delays: statistics of known rasters, choices, and their pages."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def script(name, folder=BENCHMARKS):
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    # they import each other by name, as scripts do
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


cuba = script("cuba", BENCHMARKS / "peers")
large_report = script("large_report")
delay_report = script("delay_learning_report")
delay_learning = script("delay_learning")


# ------------------------------------------------------------------------------------------- the network
def test_every_pair_is_connected_with_the_probability():
    network = cuba.make(3, neurons=500, probability=0.1)
    assert network.pre.size == network.post.size == pytest.approx(25_000, rel=0.05)
    assert np.unique(network.pre.astype(int) * 500 + network.post).size == network.pre.size
    assert np.all(np.diff(network.pre) >= 0) and network.excitatory == 400
    assert np.bincount(network.post, minlength=500).std() == pytest.approx((500 * 0.1 * 0.9) ** 0.5, rel=0.15)
    assert np.array_equal(network.post, cuba.make(3, 500, 0.1).post)
    assert not np.array_equal(network.v_init, cuba.make(4, 500, 0.1).v_init)


def test_a_network_is_read_as_it_was_written(tmp_path):
    network = cuba.make(1, neurons=50, probability=0.1)
    cuba.save(tmp_path / "net.npz", network)
    again = cuba.load(str(tmp_path / "net.npz"))
    assert all(np.array_equal(one, other) for one, other in zip(network, again, strict=True))


# ---------------------------------------------------------------------------------------------- statistics
def poisson(neurons, rate, seconds, seed=0):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rate * seconds, neurons)
    units = np.repeat(np.arange(neurons), counts)
    return rng.uniform(0.0, seconds, units.size), units


def test_independent_poisson_neurons():
    found = cuba.statistics(*poisson(400, 20.0, 20.2), 400, 20.2)
    assert found["rate"] == pytest.approx(20.0, rel=0.02)
    assert found["rate_std"] == pytest.approx(1.0, rel=0.15)
    assert found["cv"] == pytest.approx(1.0, abs=0.03)
    assert found["fano"] == pytest.approx(1.0, abs=0.1) and found["chi"] == pytest.approx(1.0, abs=0.1)
    assert found["silent"] == 0.0


def test_neurons_that_fire_together_and_one_that_does_not():
    beat = np.arange(0.3, 10.3, 0.1) + 1e-4
    times, units = np.tile(beat, 9), np.repeat(np.arange(9), beat.size)
    order = np.argsort(times, kind="stable")
    found = cuba.statistics(times[order], units[order], 10, 10.3)
    assert found["silent"] == pytest.approx(0.1) and found["cv"] == pytest.approx(0.0, abs=1e-9)
    # the nine spike in the same bins: the variance of their sum is 81 times one, that of independent ones 9 times
    assert found["chi"] == pytest.approx(9.0) and found["rate_max"] == pytest.approx(100 / 10.1)


def test_the_transient_does_not_count():
    times, units = np.array([0.01, 0.05, 0.1, 0.3]), np.zeros(4, int)
    assert cuba.statistics(times, units, 2, 1.2)["rate"] == pytest.approx(0.5)


def test_rasters_are_compared_until_they_differ():
    times, units = np.array([1.0, 2.0, 3.0]), np.array([4, 5, 6])
    shuffled = np.array([2, 0, 1])
    found = cuba.compare((times[shuffled], units[shuffled]), (times + 1e-12, units))
    assert found == {"spikes": [3, 3], "same": 3, "differ": None, "largest": pytest.approx(1e-12, rel=1e-3)}
    assert cuba.compare((times, units), (times, np.array([4, 7, 6])))["differ"] == 2.0
    assert cuba.compare((times, units), (np.array([1.0, 2.0, 3.1]), units))["same"] == 2
    longer = cuba.compare((times, units), (times[:2], units[:2]))
    assert longer["differ"] == 3.0 and longer["same"] == 2


# -------------------------------------------------------------------------------------------------- pages
def test_agreement_is_judged_network_by_network():
    networks = np.array([5.0, 9.0, 2.0])  # their spread is no excuse
    noise = np.array([0.01, -0.02, 0.01])
    found = {"a": [*networks], "b": [*(networks - 0.1)], "c": [*(networks + 0.1)], "saltation": [*(networks + 7.0)]}

    def with_ours(shift):
        return {**found, "saltation-delay": [*(networks + noise + shift)]}

    assert large_report.apart("saltation-delay", with_ours(0.0)).mean == pytest.approx(0.0, abs=1e-12)
    assert large_report.agrees(with_ours(0.0))
    # the others differ by 0.15 from each other
    assert large_report.agrees(with_ours(0.149))
    assert not large_report.agrees(with_ours(0.16)) and not large_report.agrees(with_ours(-0.16))


def run_of(spikes=200, **changes):
    statistics = {"seconds": 1.0, "rate": 5.0, "rate_std": 2.0, "rate_quartiles": [1.0, 4.0, 8.0], "rate_max": 30.0}
    statistics |= {"silent": 0.2, "cv": 0.5, "cv_std": 0.1, "fano": 7.0, "chi": 7.5}
    run = {"neurons": 10, "synapses": 100, "seconds": 1.0, "wall": 0.2, "wall_least": 0.19, "cpu": 0.2, "build": 1.0}
    return {**run, "spikes": spikes, "peak_mb": 90.0, "load_average": 0.5, "statistics": statistics, **changes}


def test_page_of_the_large_network():
    about = {"date": "2026-01-01", "machine": {"processor": "P", "cores": 2, "python": "3.11"}, "load_average": 0.1}
    summary = {"wall": 0.2, "wall_least": 0.1, "cpu": 0.2, "peak_mb": 9.0, "spikes": 10, "first_build": 1, "build": 1}
    two = [run_of(seed=1), run_of(seed=2)]
    record = {
        "labels": {
            "saltation": "Ours",
            "saltation-delay": "Delayed",
            "nest-precise": "Precise",
            "nest": "NEST",
            "brian2-cython": "Brian2",
        },
        "timing": {
            **about,
            "repeats": 5,
            "rounds": {"saltation": [run_of()], "nest": [run_of()], "brian2-cython": [run_of()]},
            "summary": {
                "saltation": summary,
                "nest": {**summary, "wall": 0.4},
                "brian2-cython": {"error": "a\nno g++"},
            },
        },
        "statistics": {
            **about,
            **{"seconds": 10.0, "seeds": 2, "bin": 5e-3, "transient": 0.2},
            "same": [{"spikes": [9, 9], "same": 9, "differ": None, "largest": 2e-14}],
            "runs": {"saltation-delay": two, "nest": two, "brian2-cython": [{"error": "no g++"}]},
        },
        "scaling": {
            **about,
            "sizes": [{**run_of(), "asked": 10, "reached": 10}, {"error": "x", "asked": 3, "reached": 4}],
        },
    }
    page = large_report.section(record)
    assert "| NEST | 0.400 | 0.100 | 2.00 |" in page and "failed: `no g++`" in page
    assert "| silent neurons, % | 20.0 ± 0.0 | 20.0 ± 0.0 | +0.0 ± 0.0 | yes |" in page
    assert "Delayed, and Precise, spike by spike: the same neurons" in page and "9 spikes with times" in page
    # 200 spikes at 10 synapses each in 0.2 s
    assert "| 10 | 100 | 0.20 | 200 | 100000 |" in page and "| 3 | 12 | failed |" in page


def delay_record():
    def run(kind, seed, accuracy):
        return {
            "kind": kind, "seed": seed, "parameters": 240, "test_accuracy": accuracy, "fresh_accuracy": accuracy,
            "spikes_per_sample": 15.0, "silent_fraction": 0.3, "train_seconds": 60.0,
            "machine": {"processor": "P"}, "date": "2026-01-01",
        }  # fmt: skip

    accuracies = {"none": (0.96, 0.97), "synaptic": (0.98, 0.98)}
    runs = [run(kind, seed, value) for kind, both in accuracies.items() for seed, value in enumerate(both)]
    settings = {kind: {"learning_rate": 0.01, "tau0": 3e-4, "delay_learning_rate": 1e-4} for kind in accuracies}
    about = {"epochs": 300, "candidates": delay_learning.CANDIDATES, "published": delay_learning.PUBLISHED}
    return {**about, "runs": runs, "settings": settings, "summary": delay_learning.summary(runs)}


def test_page_of_learned_delays():
    page = delay_report.section(delay_record())
    assert "| weights | 240 | 96.50 ± 0.71 | 96.50 ± 0.71 | 96.00 to 97.00 |  | 15 | 96.7 |" in page
    assert "| weights and synaptic delays | 240 | 98.00 ± 0.00 | 98.00 ± 0.00 | 98.00 to 98.00 | 1.50 (1.00) |" in page
    assert "`learning_rate` 0.01" in page


def test_the_validation_set_chooses_the_candidate():
    choice = [
        {"kind": "none", "candidate": number, "seed": seed, "validation_accuracy": 0.9 + 0.01 * (number == 2) * seed}
        for number in range(len(delay_learning.CANDIDATES["none"]))
        for seed in (1, 2)
    ]
    assert delay_learning.best({"choice": choice}, "none") == 2
    assert len({len(candidates) for candidates in delay_learning.CANDIDATES.values()}) == 1


def test_results_of_other_candidates_are_refused(tmp_path):
    path = tmp_path / "results.json"
    path.write_text('{"schema_version": 1, "benchmark": "delay_learning", "epochs": 5}')
    with pytest.raises(delay_learning.click.ClickException, match="other results"):
        delay_learning.load(path, 300, 60)
