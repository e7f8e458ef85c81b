"""Chaotic function prediction: predictors on independent Mackey-Glass series, their sMAPE and their operations.

    python benchmarks/neurobench_mackey_glass.py tune
    python benchmarks/neurobench_mackey_glass.py table --series 20
    python benchmarks/neurobench_mackey_glass.py report

``tune`` tries settings of the spiking predictor and of the linear map on series of their own; ``table`` takes those
that were best there, with no more operations than a tenth of the LSTM's, and the published settings of the baselines.
``one-network`` is the table as it was first, on other series: one spiking network and not the best of four over the
known points.  One of its twenty left the attractor, which is why there are four.
Each series has another past. With ``--runs 30`` each is cut into the benchmark's overlapping runs, which are averaged
within a series: the error is over series alone. Each row is added to the results when it is done, and one that is there
is not made again; several processes may work at different files, brought together by ``report --add``.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
from pages import replace_block

from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json
from saltation.neurobench.tasks import (
    LSTM,
    Constant,
    EchoState,
    Linear,
    Predictor,
    Spiking,
    mackey_glass,
    pasts,
    window,
)

RESULTS = Path(__file__).parent / "results" / "neurobench_mackey_glass.json"
PAGE = Path(__file__).parents[1] / "docs" / "neurobench_tasks.md"
SCHEMA_VERSION = 1
PAST_SEEDS = {"tune": 1000, "one-network": 1, "table": 2}
"""Tuning never sees a series of the table."""
SETTLE = 10.0
TUNING_SERIES = 6
NETWORKS = 4
"""Of which the spiking predictor of the table is the best one over the known points; tuning trains one."""
RIVAL = "lstm 100"
LIMIT = 6_034
"""A tenth of the rival's operations for a point, as published."""

Row = dict[str, Any]

MODELS: dict[str, Callable[..., Predictor]] = {
    "constant": lambda seed: Constant(),
    "linear": lambda seed, **given: Linear(**given),
    "esn 186": lambda seed: EchoState(seed=seed),
    "lstm 40": lambda seed, **given: LSTM(40, seed=seed, **given),
    "lstm 100": lambda seed, **given: LSTM(100, seed=seed, **given),
    "spiking": lambda seed, **given: Spiking(seed=seed, **given),
}
TUNED = ("linear", "spiking")
PUBLISHED = {"lstm 100": "13.37", "lstm 40": "14.35 (script)", "esn 186": "14.79", "constant": "–"}

_SPIKING: list[dict[str, Any]] = [
    {"hidden": hidden, "weight_mean": mean, "iterations": 1000} for hidden in (60, 120, 200) for mean in (1.0, 3.0)
]
_SPIKING += [
    {"hidden": 120, "weight_mean": 3.0, "iterations": 1000, **changed}
    for changed in (
        {"lags": (0, 4, 5, 6, 7)},
        {"lags": (0, 3, 4, 5, 6, 7, 8)},
        {"ridge": 1e-10},
        {"ridge": 1e-12},
        {"iterations": 3000},
        {"duration": 100e-3},
        {"rate": 0.05},
    )
]
_SPIKING += [{"hidden": 200, "weight_mean": 1.0, "iterations": 3000}]
TRIALS: dict[str, list[dict[str, Any]]] = {
    "linear": [{"lags": lags, "ridge": ridge} for lags in (10, 25, 50) for ridge in (1e-6, 1e-8, 1e-10)],
    "spiking": [settings | {"networks": 1} for settings in _SPIKING],
}


def key(row: Row) -> str:
    """What tells one row from another."""
    return json.dumps([row[name] for name in ("study", "model", "settings", "series", "run")], sort_keys=True)


def load(out: Path) -> dict[str, Row]:
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"] if out.exists() else []
    return {key(row): row for row in rows}


def save(out: Path, done: dict[str, Row]) -> None:
    record = header("neurobench_mackey_glass", installation()) | {"schema_version": SCHEMA_VERSION}
    write_json(out, record | {"rows": [done[name] for name in sorted(done)]})


@cache
def values(study: str, series: int) -> np.ndarray:
    past = pasts(series + 1, PAST_SEEDS[study])[series]
    return mackey_glass(points=2588, past=past, settle=SETTLE)


def measure(wanted: Row) -> Row:
    """Train, predict and count."""
    task = window(values(wanted["study"], wanted["series"]), wanted["run"])
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in wanted["settings"].items()}
    predictor = MODELS[wanted["model"]](seed=1000 * wanted["series"] + wanted["run"], **given)
    start = time.perf_counter()
    predictor.fit(task.known)
    fitted = time.perf_counter()
    score = task.score(predictor.predict(task.future.size))
    predicted = time.perf_counter()
    costs = predictor.costs()
    done = wanted | {
        "smape": score,
        "fit_seconds": round(fitted - start, 2),
        "predict_seconds": round(predicted - fitted, 2),
        "count_seconds": round(time.perf_counter() - predicted, 2),
        "costs": None if costs is None else costs.row(),
        "parameters": 1 if costs is None else costs.static.parameters,
    }
    if isinstance(predictor, Spiking):
        done |= {"loss": min(predictor.losses), "first_loss": predictor.losses[0]}
    return done


def operations(row: Row) -> float:
    """Effective operations for a point, MACs and ACs alike."""
    return 0.0 if row["costs"] is None else row["costs"]["Eff_MACs"] + row["costs"]["Eff_ACs"]


def tune(done: dict[str, Row], series: int, runs: int, models: Sequence[str]) -> Iterator[Row]:
    for model in models:
        for settings in TRIALS.get(model, ()):
            for which in range(series):
                yield {"study": "tune", "model": model, "settings": settings, "series": which, "run": 0}


def best(done: dict[str, Row], model: str) -> dict[str, Any] | None:
    """Settings of the smallest mean on the tuning series, at a tenth of the operations of the LSTM at most."""
    found: dict[str, list[Row]] = {}
    for row in done.values():
        if row["study"] == "tune" and row["model"] == model:
            found.setdefault(json.dumps(row["settings"], sort_keys=True), []).append(row)
    whole = max((len(rows) for rows in found.values()), default=0)
    fitting = {
        name: float(np.mean([row["smape"] for row in rows]))
        for name, rows in found.items()
        if len(rows) == whole and max(map(operations, rows)) <= LIMIT
    }
    return json.loads(min(fitting, key=lambda name: fitting[name])) if fitting else None


def table(
    done: dict[str, Row], series: int, runs: int, models: Sequence[str], study: str = "table", networks: int = NETWORKS
) -> Iterator[Row]:
    chosen = {model: best(done, model) if model in TUNED else {} for model in models}
    for which in range(series):
        for run in range(runs):
            for model, settings in chosen.items():
                if settings is None:
                    raise click.ClickException(f"{model}: not tuned yet; run `tune` first")
                settings = settings | {"networks": networks} if model == "spiking" else settings
                yield {"study": study, "model": model, "settings": settings, "series": which, "run": run}


def one_network(done: dict[str, Row], series: int, runs: int, models: Sequence[str]) -> Iterator[Row]:
    return table(done, series, runs, models, "one-network", 1)


def alike(rows: list[Row]) -> list[Row]:
    """The rows, if each model has one setting, and all have the same series and runs: means of others say nothing."""
    shared = {(row["series"], row["run"]) for row in rows}
    for model in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == model]
        settings = {json.dumps(row["settings"], sort_keys=True) for row in own}
        if len(settings) > 1:
            raise click.ClickException(f"{model}: rows of {len(settings)} settings; remove those of an earlier choice")
        missing = shared - {(row["series"], row["run"]) for row in own}
        if missing:
            raise click.ClickException(f"{model}: {len(missing)} series or runs are not done yet, {min(missing)} first")
    return rows


def of_series(rows: list[Row], model: str) -> dict[int, float]:
    """Mean over the runs of each series."""
    found: dict[int, list[float]] = {}
    for row in rows:
        if row["model"] == model:
            found.setdefault(row["series"], []).append(row["smape"])
    return {which: float(np.mean(scores)) for which, scores in sorted(found.items())}


def summary(rows: list[Row], study: str = "table") -> str:
    """The table: mean and standard error over series, operations, and what each is worth beside the LSTM."""
    rows = alike([row for row in rows if row["study"] == study])
    rival = of_series(rows, RIVAL)
    heads = [
        "model",
        "series",
        "sMAPE",
        f"minus {RIVAL}",
        "better on",
        "footprint (B)",
        "Dense",
        "MACs",
        "ACs",
        "published",
    ]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for model in MODELS:
        scores = of_series(rows, model)
        if not scores:
            continue
        shared = [which for which in scores if which in rival]
        gaps = np.array([scores[which] - rival[which] for which in shared])
        own = [row["costs"] for row in rows if row["model"] == model and row["costs"]]
        # what computes nothing has no costs, which is not a cost of 0
        columns = ("Footprint (bytes)", "Dense", "Eff_MACs", "Eff_ACs")
        costs = [f"{np.mean([c[n] for c in own]):,.0f}" if own else "n/a" for n in columns]
        beside = "–" if model == RIVAL or not shared else error(gaps)
        wins = "–" if model == RIVAL or not shared else f"{int((gaps < 0).sum())} of {len(shared)}"
        cells = [model, str(len(scores)), error(np.array(list(scores.values()))), beside, wins, *costs]
        lines.append(f"| {' | '.join([*cells, PUBLISHED.get(model, '–')])} |")
    return "\n".join(lines)


def error(scores: np.ndarray) -> str:
    """Mean and standard error."""
    if scores.size < 2:
        return f"{scores.mean():.2f}"
    return f"{scores.mean():.2f} ± {scores.std(ddof=1) / scores.size**0.5:.2f}"


FIRST = (
    "Before, on twenty other series, one spiking network was trained, where the table has the best of four over the "
    "known points:"
)
STUDIES = {"tune": tune, "table": table, "one-network": one_network}


@click.command()
@click.argument("study", type=click.Choice([*STUDIES, "report"]))
@click.option("--series", type=click.IntRange(1), help=f"Number of series.  [default: {TUNING_SERIES} of tune, 20]")
@click.option("--runs", default=1, show_default=True, type=click.IntRange(1, 30), help="Runs of each series.")
@click.option("--only", multiple=True, type=click.Choice(list(MODELS)), help="Of these models.")
@click.option("--at-most", type=click.IntRange(1), help="Stop after so many new rows.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1), help="Of PyTorch.")
@click.option("--add", multiple=True, type=click.Path(path_type=Path, exists=True), help="Rows of other files.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(
    study: str,
    series: int | None,
    runs: int,
    only: tuple[str, ...],
    at_most: int | None,
    threads: int,
    add: tuple[Path, ...],
    out: Path,
) -> None:
    import torch

    torch.set_num_threads(threads)
    if study == "report":
        for path in add:
            save(out, load(out) | load(path))
        rows = list(load(out).values())
        text = "\n".join([summary(rows), "", FIRST, "", summary(rows, "one-network")])
        click.echo(text)
        if out == RESULTS:
            replace_block(PAGE, "mackey-glass", text)
        return
    made = 0
    count = series or (TUNING_SERIES if study == "tune" else 20)
    for wanted in STUDIES[study](load(out), count, runs, only or tuple(MODELS)):
        if key(wanted) in load(out):
            continue
        if made == at_most:
            break
        row = measure(wanted)
        save(out, load(out) | {key(row): row})
        made += 1
        spent = sum(row[name] for name in ("fit_seconds", "predict_seconds", "count_seconds"))
        click.echo(
            f"{study} {row['model']} {row['settings']} series {row['series']} run {row['run']}: "
            f"sMAPE {row['smape']:.2f}, {operations(row):,.0f} operations, {spent:.0f} s"
        )


if __name__ == "__main__":
    main()
