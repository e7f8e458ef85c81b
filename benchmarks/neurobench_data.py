"""Floors on real data: linear models on HAPT-6 and spoken digits, nearest means in few-shot learning of digits.

    python benchmarks/neurobench_data.py measure
    python benchmarks/neurobench_data.py report

What a network has to be better than. Strengths of the penalty are chosen on the training part alone: on HAPT-6 with
people left out, on digits with recordings left out. ``report`` writes the table of docs/neurobench_data.md. Data sets
that are not here are left out, and said to be.
"""

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
from pages import load_record, replace_block

from saltation.cli import installation
from saltation.data import Sequences, features, hapt, level_crossing, spoken_digits, synthetic_reaching
from saltation.errors import MissingDataError
from saltation.experiments.bench.report import header, write_json
from saltation.neurobench import accuracy
from saltation.neurobench.tasks import Prototypes, digit_groups, few_shot, few_shot_sessions, reaching_task

RESULTS = Path(__file__).parent / "results" / "neurobench_data.json"
PAGE = Path(__file__).parents[1] / "docs" / "neurobench_data.md"
SCHEMA_VERSION = 1

STRENGTHS = (0.03, 0.3)
FRAMES = 32
SLICES = 8
THRESHOLD = 0.5
SEEDS = 20

Row = dict[str, Any]
Arrays = tuple[np.ndarray, np.ndarray]


def linear(train: Arrays, test: Arrays, groups: np.ndarray | None, seed: int = 0) -> Row:
    """Logistic regression on standardised features, its strength chosen within training."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = GroupKFold(3) if groups is not None else StratifiedKFold(3, shuffle=True, random_state=seed)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    search = GridSearchCV(model, {"logisticregression__C": list(STRENGTHS)}, cv=folds)
    search.fit(*train, groups=groups)
    return {
        "features": int(train[0].shape[1]),
        "strength": search.best_params_["logisticregression__C"],
        "within_training": float(search.best_score_),
        "accuracy": accuracy(search.predict(test[0]), test[1]),
    }


def majority(train: np.ndarray, test: np.ndarray) -> float:
    return accuracy(np.full(len(test), np.bincount(train).argmax()), test)


def hapt_rows() -> list[Row]:
    train, test = hapt("train"), hapt("test")
    rows: list[Row] = [
        {"data": "HAPT-6", "model": "majority class", "accuracy": majority(train.labels, test.labels), "features": 0}
    ]
    row = linear((features(train), train.labels), (features(test), test.labels), train.subjects)
    return [*rows, {"data": "HAPT-6", "model": "linear, simple features", **row}]


def digit_features(train: Sequences, test: Sequences) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Features of clips: frames as they are, means over slices of a clip, and counts of spikes in these slices."""
    both = train.standardised(test)
    found = {"first 32 frames": tuple(each.padded(FRAMES).reshape(len(each), -1) for each in both)}
    found["means of 8 slices"] = tuple(
        np.array([np.concatenate([part.mean(axis=0) for part in sliced(each.one(i))]) for i in range(len(each))])
        for each in both
    )
    found["spikes in 8 slices"] = tuple(spike_counts(each) for each in both)
    return found


def sliced(frames: np.ndarray) -> list[np.ndarray]:
    """Stretches of equal length, of one frame at least."""
    edges = np.linspace(0, len(frames), SLICES + 1)
    return [frames[int(a) : max(int(np.ceil(b)), int(a) + 1)] for a, b in pairwise(edges)]


def spike_counts(clips: Sequences) -> np.ndarray:
    """Spikes of each unit in each slice of a clip, by level crossing."""
    spikes = level_crossing([clips.one(i) for i in range(len(clips))], clips.interval, THRESHOLD)
    found = np.zeros((len(clips), SLICES, spikes.n_units or 0))
    for i, (times, units) in enumerate(spikes.to_lists()):
        length = clips.lengths[i] * clips.interval
        np.add.at(found[i], (np.minimum((times / length * SLICES).astype(int), SLICES - 1), units), 1.0)
    return np.sqrt(found).reshape(len(clips), -1)


def digit_rows() -> list[Row]:
    train, test = spoken_digits("train", seed=0), spoken_digits("test", seed=0)
    rows: list[Row] = []
    for name, (a, b) in digit_features(train, test).items():
        row = linear((a, train.labels), (b, test.labels), None)
        rows.append({"data": "spoken digits", "model": f"linear, {name}", **row})
    return rows


def few_shot_rows() -> list[Row]:
    """Nearest class means: 4 base digits, then three sessions of 2 with 5 shots; classes and shots are drawn."""
    found: dict[str, list[Any]] = {}
    everything: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        train, test = spoken_digits("train", seed), spoken_digits("test", seed)
        base, groups = digit_groups(seed)
        sessions = few_shot_sessions(train.labels, test.labels, base, groups, seed=seed)
        whole = few_shot_sessions(train.labels, test.labels, range(10), {}, seed=seed)
        for name, (a, b) in digit_features(train, test).items():
            given = (a, train.labels), (b, test.labels)
            found.setdefault(name, []).append(few_shot(Prototypes(), sessions, *given))
            everything.setdefault(name, []).append(few_shot(Prototypes(), whole, *given).base)
    rows: list[Row] = []
    for name, results in found.items():
        means = np.array([result.mean for result in results])
        rows.append(
            {
                "data": "spoken digits, few-shot",
                "model": f"nearest means, {name}",
                "seeds": SEEDS,
                "base": float(np.mean([result.base for result in results])),
                "after_each": np.mean([result.all_classes for result in results], axis=0).tolist(),
                "new_classes": np.mean([result.new_classes for result in results], axis=0).tolist(),
                "accuracy": float(means.mean()),
                "error": float(means.std(ddof=1) / SEEDS**0.5),
                "all_at_once": float(np.mean(everything[name])),
            }
        )
    return rows


def reaching_rows() -> list[Row]:
    """A linear map of the last 200 ms of bins on the synthetic stand-in: no result of the benchmark."""
    rows: list[Row] = []
    for channels in (96, 192):
        task = reaching_task(synthetic_reaching(channels, reaches=300, seed=channels))
        total = np.cumsum(np.concatenate([np.zeros((1, channels)), task.bins.astype(np.float64)]), axis=0)
        at = np.arange(1, len(total))
        inputs = np.column_stack([total[at] - total[np.maximum(at - 50, 0)], np.ones(len(at))])
        steps = task.steps("train")
        weights = np.linalg.lstsq(inputs[steps], task.velocity[steps], rcond=None)[0]
        result = task.score(inputs[task.steps("test")] @ weights)
        rows.append({"data": f"reaching, SYNTHETIC, {channels} channels", "model": "linear, 200 ms", "r2": result.r2})
    return rows


PARTS: dict[str, Callable[[], list[Row]]] = {
    "hapt": hapt_rows,
    "digits": digit_rows,
    "few-shot": few_shot_rows,
    "reaching": reaching_rows,
}


def summary(rows: list[Row]) -> str:
    """The tables of the page."""
    lines = ["| data | model | features | within training | test |", "|---|---|---|---|---|"]
    for row in rows:
        if "after_each" in row or "r2" in row:
            continue
        inner = f"{row['within_training']:.1%}" if "within_training" in row else "–"
        cells = [row["data"], row["model"], str(row["features"]), inner, f"{row['accuracy']:.1%}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| few-shot, spoken digits | base (4) | 6 | 8 | 10 digits | mean | all ten at once |"]
    lines.append("|---|---|---|---|---|---|---|")
    for row in rows:
        if "after_each" in row:
            shown = [f"{value:.1%}" for value in row["after_each"]]
            mean = f"{row['accuracy']:.1%} ± {row['error']:.1%}"
            lines.append(f"| {' | '.join([row['model'], *shown, mean, format(row['all_at_once'], '.1%')])} |")
    lines += ["", "| stand-in | model | R2 |", "|---|---|---|"]
    lines += [f"| {row['data']} | {row['model']} | {row['r2']:.3f} |" for row in rows if "r2" in row]
    return "\n".join(lines)


@click.command()
@click.argument("what", type=click.Choice(["measure", "report"]))
@click.option("--only", multiple=True, type=click.Choice(list(PARTS)), help="These parts; others stay as recorded.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(what: str, only: tuple[str, ...], out: Path) -> None:
    if what == "measure":
        done = json.loads(out.read_text(encoding="utf-8"))["parts"] if out.exists() else {}
        for name in only or PARTS:
            start = time.perf_counter()
            try:
                done[name] = PARTS[name]()
            except MissingDataError as error:
                click.echo(f"{name}: left out. {error}")
                continue
            click.echo(f"{name}: {time.perf_counter() - start:.0f} s")
            record = header("neurobench_data", installation()) | {"schema_version": SCHEMA_VERSION}
            write_json(out, record | {"parts": {name: done[name] for name in PARTS if name in done}})
    record = load_record(out, SCHEMA_VERSION)
    text = summary([row for rows in record["parts"].values() for row in rows])
    click.echo(text)
    if out == RESULTS and what == "report":
        machine = f"{record['machine']['processor']}, {record['machine']['cores']} cores, {record['date'][:10]}"
        replace_block(PAGE, "data-floors", f"{text}\n\n`benchmarks/results/neurobench_data.json`: {machine}.")


if __name__ == "__main__":
    main()
