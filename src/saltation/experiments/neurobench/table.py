"""The table that people read: in the leaderboard's columns on a terminal, as CSV, and as Markdown."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saltation.experiments.neurobench.rows import NUMBERS, Record, number_of
from saltation.experiments.neurobench.task import Task

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "COLUMNS",
    "MISSING",
    "chip_lines",
    "chip_of",
    "markdown",
    "of_task",
    "published_of",
    "score",
    "shown",
    "table",
    "to_csv",
]

MISSING = "n/a"
COLUMNS = (
    ("Footprint (bytes)", "Footprint", "count"),
    ("Model Exec. Rate (Hz)", "ModelExecutionRate", "rate"),
    ("Connection Sparsity", "ConnectionSparsity", "share"),
    ("Activation Sparsity", "ActivationSparsity", "share"),
    ("Dense", "SynapticOperations.Dense", "count"),
    ("Eff_MACs", "SynapticOperations.Effective_MACs", "count"),
    ("Eff_ACs", "SynapticOperations.Effective_ACs", "count"),
)
"""Those of the leaderboard: heading, key, and how it is written."""

_SCIENTIFIC = 1e7
_QUOTED = "published, not measured here"
_NAMES = {"ClassificationAccuracy": "accuracy", "SMAPE": "sMAPE", "CocoMap": "mAP"}


def shown(value: float | None, error: float | None = None, how: str = "count", between: str = " ± ") -> str:
    """Write a number, with its error where there is one that is not zero.

    Examples
    --------
    >>> from saltation.experiments.neurobench.table import shown
    >>> shown(35156.4), shown(0.965, 0.0021, "percent"), shown(None), shown(0.0)
    ('35,156', '96.50 ± 0.21 %', 'n/a', '0')
    """
    if value is None:
        return MISSING
    if how == "share" and error:
        how = "fine share"  # three digits would hide most errors
    if how == "percent":
        return f"{_plain(100 * value, how)}{_error(error, how, between, 100)} %"
    return f"{_plain(value, how)}{_error(error, how, between, 1)}"


def _error(error: float | None, how: str, between: str, factor: int) -> str:
    return f"{between}{_plain(factor * error, how)}" if error else ""


def _plain(value: float, how: str) -> str:
    if how in ("percent", "score"):
        return f"{value:.2f}"
    if how in ("share", "fine share"):
        return f"{value:.3f}" if how == "share" else f"{value:.4f}"
    if how == "rate":
        return f"{value:.3g}"
    if abs(value) >= _SCIENTIFIC:
        return f"{value:.2E}"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:,.1f}"


def score(row: Mapping[str, Any], task: Task | None = None, between: str = " ± ") -> str:
    """Write the correctness of a row, measured or published, with the name of its metric."""
    metric = row["metric"]
    quoted = "correctness" in row
    percent = metric.startswith("Accuracy") if task is None else task.percent
    value = row["correctness"] if quoted else row[metric]
    error = None if quoted else row["StandardError"][metric]
    return f"{_NAMES.get(metric, metric)} {shown(value, error, 'percent' if percent else 'score', between)}"


def of_task(found: Record, name: str) -> list[Record]:
    """Rows of a task that were measured."""
    return [row for row in found["rows"] if row["task"] == name]


def published_of(found: Record, task: Task) -> list[Record]:
    """Rows of a task that others have published."""
    return [row for row in found["published"] if row["task"] == task.published]


def table(found: Record, tasks: Mapping[str, Task]) -> "Table":
    """Lay out all rows for a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    title = "NeuroBench: a row for each model and backend"
    result = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    result.add_column("model", no_wrap=True)
    result.add_column("backend", no_wrap=True)
    result.add_column("n", justify="right")
    result.add_column("correctness", justify="right", no_wrap=True)
    for heading, *_ in COLUMNS:
        # whole numbers or none: one that is cut off at the end would be another
        result.add_column(heading.replace(" ", "\n"), justify="right", no_wrap=True)
    for name, task in tasks.items():
        result.add_section()
        result.add_row(f"[bold]{name}[/bold], per {task.per}")
        for row in of_task(found, name):
            numbers = _cells(row, "\n± ")
            result.add_row(
                f"{row['model']}\n  {row['training']}",
                row["backend"],
                str(len(row["repeats"])),
                score(row, task, "\n± "),
                *numbers,
            )
        for row in published_of(found, task):
            result.add_row(f"{row['model']}\n  {_QUOTED}", "", "", score(row, task), *_cells(row, ""), style="dim")
    return result


def _cells(row: Mapping[str, Any], between: str) -> list[str]:
    errors = row.get("StandardError", {})
    return [shown(number_of(row, key), number_of(errors, key), how, between) for _, key, how in COLUMNS]


def chip_of(row: Record) -> tuple[str, str, str] | None:
    """Microseconds on a chip and milliseconds of settling, both modelled, and physical events; None elsewhere."""
    seconds, errors = row["Modelled_Hardware_Time"], row["StandardError"]
    if seconds is None:
        return None
    error = errors["Modelled_Hardware_Time"]
    # an error of rounding is none
    time = shown(1e6 * seconds, None if error is None else round(1e6 * error, 6))
    settling = row["Modelled_Settling"]
    waited = shown(None if settling is None else 1e3 * settling)
    return time, waited, shown(row["Synapse_Events"], errors["Synapse_Events"])


def chip_lines(found: Record, tasks: Mapping[str, Task]) -> list[str]:
    """What is said of chips beside the table."""
    lines: list[str] = []
    for row in found["rows"]:
        if (of_chip := chip_of(row)) is not None:
            lines.append(
                f"{row['task']}, {row['model']} ({row['training']}), {row['backend']}: {of_chip[0]} us of a "
                f"{tasks[row['task']].per} on the chip (modelled), {of_chip[1]} ms of settling before (modelled), "
                f"{of_chip[2]} physical events of synapses."
            )
    return lines


def to_csv(found: Record, tasks: Mapping[str, Task]) -> str:
    """All rows with all numbers and their errors, measured and published.

    ``unit`` is that of the correctness, and ``per`` what the other numbers are of; they are in the units of the
    harness: bytes, Hz, shares between 0 and 1, and seconds.
    """
    names = [each for name in ("correctness", *NUMBERS) for each in (name, f"{name}.se")]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["task", "model", "training", "backend", "kind", "n", "metric", "unit", "per", *names, "source"])
    for name, task in tasks.items():
        for row in of_task(found, name):
            about = [name, *(row[key] for key in ("model", "training", "backend"))]
            given = [row["kind"] or MISSING, len(row["repeats"]), row["metric"], _unit(task), task.per]
            writer.writerow([*about, *given, *_numbers(row), "measured"])
        for row in published_of(found, task):
            about = [name, row["model"], MISSING, MISSING, MISSING, MISSING, row["metric"], _unit(task), task.per]
            writer.writerow([*about, *_numbers(row), f"{_QUOTED}: {row['source']}"])
    return lines.getvalue()


def _unit(task: Task) -> str:
    """Of the correctness in files, where 97 % is 0.97."""
    return "share of 1" if task.percent else "of the metric"


def _numbers(row: Mapping[str, Any]) -> Iterator[Any]:
    errors = row.get("StandardError", {})
    for name in (row["metric"], *NUMBERS):
        value = row.get("correctness") if name == row["metric"] and "correctness" in row else number_of(row, name)
        for each in (value, number_of(errors, name)):
            yield MISSING if each is None else each


def markdown(found: Record, tasks: Mapping[str, Task]) -> str:
    """All rows as a table of Markdown."""
    heads = ["task", "model", "trained", "backend", "n", "correctness", *(column[0] for column in COLUMNS)]
    lines = [_line(heads), "|" + "---|" * len(heads)]
    for name, task in tasks.items():
        for row in of_task(found, name):
            about = [name, row["model"], row["training"], row["backend"], str(len(row["repeats"]))]
            lines.append(_line([*about, score(row, task), *_cells(row, " ± ")]))
        for row in published_of(found, task):
            lines.append(_line([name, row["model"], _QUOTED, "", "", score(row, task), *_cells(row, "")]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
