"""Parts of the demonstrations on a chip that need no chip: expectations, fits, patterns of spikes."""

import json
import math

import numpy as np
import pytest

from saltation.experiments.demonstrations.adex.classify import (
    ADAPTING,
    INITIAL,
    OTHER,
    REGULAR,
    SILENT,
    TONIC,
    TRANSIENT,
    classify,
)
from saltation.experiments.demonstrations.checks import Outcome, check, table
from saltation.experiments.demonstrations.fits import line, median

STEP = 600e-6


def train(*intervals, first=10.0):
    return 1e-6 * np.cumsum([first, *intervals])


@pytest.mark.parametrize(
    ("times", "pattern"),
    [
        ([], SILENT),
        (train(), TRANSIENT),
        (train(4, 5, 6), TRANSIENT),
        (train(4, 300), OTHER),
        (train(4, 5, 6, 7), OTHER),  # five spikes are too many for a transient, and too few for the rest
        (train(*[40] * 12), TONIC),
        (train(*[40, 44, 36] * 4), TONIC),
        (train(*[40] * 6), OTHER),
        (train(10, 14, 20, 29, 41, 60, 80, 85, 84), ADAPTING),
        (train(10, 12, 14, 15, 16, 16), OTHER),
        (train(85, 84, 80, 60, 41, 29, 20, 14, 10), OTHER),  # becomes faster
        (train(3, 4, 60, 61, 62, 60), INITIAL),
        (train(3, 60, 61, 62, 60), OTHER),  # two spikes are no burst at the begin
        (train(3, 4, 60, 61), OTHER),
        (train(3, 4, 60, 61, 200, 60), OTHER),
        (train(3, 4, 60, 3, 4, 62, 3), REGULAR),
        (train(3, 4, 60, 3, 4, 62), REGULAR),  # the last burst is cut
        (train(3, 4, 60, 3, 4), OTHER),  # two bursts
        (train(3, 4, 60, 62, 3, 4, 61, 3), OTHER),  # a single spike among bursts
        (train(60, 3, 60, 3, 60, 3), OTHER),  # begins with a single spike
    ],
)
def test_patterns_are_told_by_intervals(times, pattern):
    assert classify(times, STEP) == pattern
    # it does not depend on the unit of time
    assert classify(1e3 * np.asarray(times), 1e3 * STEP) == pattern


def test_late_spikes_are_not_transient():
    assert classify([0.3 * STEP], STEP) == OTHER and classify([0.2 * STEP], STEP) == TRANSIENT


def test_an_expectation_that_could_not_be_measured_does_not_hold():
    for got, held in ((1.0, True), (0.99, False), (2.0, True), (2.01, False), (math.nan, False), (math.inf, False)):
        assert check("x", got, "1", low=1.0, high=2.0).held is held
    assert check("x", -1e9, "1", high=0.0).held and not check("x", math.nan, "1", high=0.0).held
    assert check("x", 1.0, "1", high=2.0).expected == "at most 2"
    assert check("x", 1.0, "1", low=0.25, high=2.0).expected == "0.25 to 2"


def test_what_is_stored_of_an_expectation_is_json():
    stored = [check("x", got, "us", low=1.0, source="s").to_dict() for got in (2.0, math.nan)]
    assert json.loads(json.dumps(stored, allow_nan=False)) == stored
    assert stored[0] == {"what": "x", "unit": "us", "low": 1.0, "high": None, "got": 2.0, "held": True, "source": "s"}
    assert stored[1]["got"] is None and not stored[1]["held"]


def test_one_that_does_not_hold_is_enough():
    good, bad = check("good", 1.0, "1", low=0.0), check("bad", -1.0, "1", low=0.0)
    assert Outcome((good, good), {}, dict).held and not Outcome((good, bad), {}, dict).held
    from rich.console import Console

    console = Console(width=100)
    with console.capture() as captured:
        console.print(table((good, check("none", math.nan, "us", high=1.0))))
    lines = captured.get().splitlines()
    assert any("good" in each and "yes" in each for each in lines)
    assert any("none" in each and "at most 1" in each and "NO" in each for each in lines)


def test_lines_leave_out_what_was_not_measured():
    fitted = line([0, 1, 2, 3, 4], [1, 3, np.nan, 7, np.inf])
    assert fitted.slope == pytest.approx(2.0) and fitted.offset == pytest.approx(1.0)
    assert fitted.worst == pytest.approx(0.0, abs=1e-12) and fitted.r2 == pytest.approx(1.0)
    assert all(math.isnan(value) for value in line([0, 1, 2], [1, np.nan, 2]))
    x = np.arange(10.0)
    off = line(x, x + np.where(x == 4, 0.5, 0.0))
    slope, offset = np.linalg.lstsq(np.stack([x, np.ones(10)], 1), x + np.where(x == 4, 0.5, 0.0), rcond=None)[0]
    assert off.slope == pytest.approx(slope) and off.offset == pytest.approx(offset) and 0.4 < off.worst < 0.5
    assert median([3.0, np.nan, 1.0]) == 2.0 and math.isnan(median([]))
