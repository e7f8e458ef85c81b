"""Chaotic function prediction in the table: predictors on independent series, each from a past of its own."""

import dataclasses
import importlib.util
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from saltation.experiments.neurobench.task import Measured, Options, Piece, Plan, Task
from saltation.neurobench import tasks

__all__ = ["TASK"]

_SERIES: Final = 10
_QUICK_SERIES: Final = 2
_SETTLE: Final = 10.0
_POINTS: Final = 1501
_TRAINING: Final = "on 750 points"

Make = Callable[[int], tasks.Predictor]


def _models(quick: bool) -> list[tuple[str, str, dict[str, Any], Make]]:
    """Name, where it runs, settings, and how it is made from a seed."""
    lstm = {"units": 100, "epochs": 5 if quick else 200}
    spiking = tasks.SpikingSettings(hidden=20, iterations=20) if quick else tasks.SpikingSettings()
    settings = {name: value for name, value in dataclasses.asdict(spiking).items() if name != "seed"}
    found: list[tuple[str, str, dict[str, Any], Make]] = [
        ("constant", "NumPy", {}, lambda seed: tasks.Constant()),
        ("linear, 50 points", "NumPy", {"lags": 50}, lambda seed: tasks.Linear(lags=50)),
        (f"spiking, {spiking.hidden} hidden", "exact", settings, lambda seed: tasks.Spiking(spiking, seed=seed)),
    ]
    if _has_torch():
        found[2:2] = [
            ("ESN, 186 units", "PyTorch", {}, lambda seed: tasks.EchoState(seed=seed)),
            ("LSTM, 100 units", "PyTorch", lstm, lambda seed: tasks.LSTM(seed=seed, **lstm)),
        ]
    return found


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def _plan(options: Options, folder: Path, tell: Callable[[str], object]) -> Plan:
    count = options.series or (_QUICK_SERIES if options.quick else _SERIES)
    past = options.seeds[0]
    pieces = [
        Piece(name, _TRAINING, backend, f"series {which} of seed {past}", given, partial(_measure, make, past, which))
        for which in range(count)
        for name, backend, given, make in _models(options.quick)
        if backend != "exact" or "exact" in options.backends
    ]
    notes = () if _has_torch() else ('mackey-glass: ESN and LSTM need PyTorch: pip install "saltation[torch]"',)
    if options.backends != ("exact",):
        notes = (*notes, "mackey-glass: the spiking network runs on the exact backend alone")
    return Plan(tuple(pieces), notes)


@lru_cache(maxsize=1)
def _window(past: int, which: int) -> tasks.Window:
    values = tasks.mackey_glass(points=_POINTS, past=tasks.pasts(which + 1, past)[which], settle=_SETTLE)
    return tasks.window(values)


def _measure(make: Make, past: int, which: int) -> Measured:
    window = _window(past, which)
    predictor = make(1000 * which)
    predictor.fit(window.known)
    predicted: npt.NDArray[np.float64] = predictor.predict(window.future.size)
    return Measured(window.score(predicted), predictor.costs(), {})


TASK: Final = Task(
    title="Chaotic function prediction (Mackey-Glass, tau 17)",
    metric="SMAPE",
    higher_is_better=False,
    percent=False,
    about="Ten Lyapunov times, 750 points, to learn from, and the next 750 predicted from predictions alone. Each "
    "series has a past of its own and is settled for ten Lyapunov times; the error is over series, which are "
    "independent. Published values are of the benchmark's own series, as a mean over 30 runs that overlap: another "
    "stretch of the same attractor, quoted and not compared.",
    published="Mackey-Glass",
    plan=_plan,
    per="point",
)
