"""The report: one page with everything in it, tables, pictures, rules of counting, how it was measured."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from saltation.experiments.neurobench.plot import Point, correctness_plot
from saltation.experiments.neurobench.rows import Record, number_of
from saltation.experiments.neurobench.table import COLUMNS, MISSING, chip_of, of_task, published_of, score, shown
from saltation.experiments.neurobench.task import Task

__all__ = ["page"]

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; font-size: 13px; margin: 1em 0 }
th, td { border-bottom: 1px solid #ddd; padding: 4px 8px; text-align: right; vertical-align: top }
th:first-child, td:first-child { text-align: left }
tr.quoted { color: #777; font-style: italic }
small { color: #777 }
figure { margin: 1em 0 } svg { max-width: 760px; width: 100% } svg text { font-size: 12px }
figcaption { color: #777; font-size: 13px }
"""
_HOW = (
    "A row is a model on a backend; numbers are means with standard errors over seeds, independent series or graphs, "
    "where there are several (n). An error that is not shown is zero, or n is 1. n/a is not defined, and not "
    "0. Published rows are quoted from their sources and were not measured here."
)
_CHIP = (
    "Rows of a chip are of an emulated one, calibrated as one would a real one where its name does not say otherwise. "
    "Time on the chip is modelled; settling, once after analog values are written, is not in that of a sample; the "
    "time of the emulator is no result and is not given. Physical events of synapses are apart from operations."
)


def page(found: Record, tasks: Mapping[str, Task]) -> str:
    """Make the report of results, which refers to nothing outside of itself.

    Parameters
    ----------
    found : dict
        As in ``results.json``.
    tasks : dict of str to Task
        Those that are shown, in order.

    Returns
    -------
    str
        HTML.
    """
    parts = ["<h1>NeuroBench</h1>", f"<p>{_HOW}</p>", _made(found)]
    for name, task in tasks.items():
        parts += [f"<h2>{escape(task.title)}</h2>", f"<p>{escape(task.about)} Numbers are per {task.per}.</p>"]
        mine, quoted = of_task(found, name), published_of(found, task)
        parts += [_table(mine, quoted, task), _picture(mine, quoted, task), _of_chips(mine)]
    shown_tasks = {task.published for task in tasks.values()}
    rest = [row for row in found["published"] if row["task"] not in shown_tasks]
    parts += ["<h2>Published baselines of other tasks</h2>", "<p>Quoted, not measured here.</p>", _others(rest)]
    parts += ["<h2>Rules of counting</h2>", _rules(found), "<h2>Sources of published rows</h2>"]
    parts.append(_list(dict.fromkeys(f"{row['task']}, {row['model']}: {row['source']}" for row in found["published"])))
    if found["notes"]:
        parts += ["<h2>Left out</h2>", _list(found["notes"])]
    body = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>NeuroBench</title>\n<style>{_STYLE}'
        f"</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _made(found: Record) -> str:
    machine = found["machine"]
    versions = ", ".join(f"{name} {machine[name]}" for name in ("saltation", "numpy", "torch") if machine.get(name))
    quick = " Quick: small models and few samples, whose numbers say nothing." if found["config"].get("quick") else ""
    where = f"{machine.get('processor')}, {machine.get('platform')}, Python {machine.get('python')}"
    step = found["config"].get("step")
    return (
        f"<p><small>{escape(found['date'])}; {escape(versions)}; {escape(where)}. Reference step of Dense and "
        f"activation sparsity, and step of grids: {escape(str(step))} s.{quick}</small></p>"
    )


def _table(mine: Sequence[Record], quoted: Sequence[Record], task: Task) -> str:
    heads = ["model", "backend", "n", "correctness", *(column[0] for column in COLUMNS), "Neuron updates"]
    lines = [_row(heads, "th")]
    for row in mine:
        about = [f"{escape(row['model'])}<br><small>{escape(row['training'])}</small>", escape(row["backend"])]
        updates = shown(row["Neuron_Updates"], row["StandardError"]["Neuron_Updates"])
        numbers = [*_numbers(row), updates]
        lines.append(_row([*about, str(len(row["repeats"])), escape(score(row, task)), *map(escape, numbers)]))
    lines += [_quoted(row, escape(row["model"]), task) for row in quoted]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _quoted(row: Record, name: str, task: Task | None) -> str:
    note = f"<br>{escape(row['note'])}" if row["note"] else ""
    about = [f"{name}<br><small>published, not measured here{note}</small>", "", ""]
    return _row([*about, escape(score(row, task)), *map(escape, _numbers(row)), MISSING], "td", "quoted")


def _others(rows: Sequence[Record]) -> str:
    heads = ["task, model", "", "", "correctness", *(column[0] for column in COLUMNS), "Neuron updates"]
    lines = [_row(heads, "th")]
    lines += [_quoted(row, f"{escape(row['task'])}: {escape(row['model'])}", None) for row in rows]
    return "<table>\n" + "\n".join(lines) + "\n</table>"


def _numbers(row: Record) -> list[str]:
    errors = row.get("StandardError", {})
    return [shown(number_of(row, key), number_of(errors, key), how) for _, key, how in COLUMNS]


def _row(cells: Sequence[str], tag: str = "td", kind: str = "") -> str:
    inside = "".join(f"<{tag}>{cell}</{tag}>" for cell in cells)
    return f'<tr class="{kind}">{inside}</tr>' if kind else f"<tr>{inside}</tr>"


def _picture(mine: Sequence[Record], quoted: Sequence[Record], task: Task) -> str:
    factor = 100.0 if task.percent else 1.0
    points: list[Point] = []
    for row in mine:
        value, error = row[row["metric"]], row["StandardError"][row["metric"]]
        label = f"{row['model']}, {row['backend']} ({row['training']})"
        points.append(Point(label, _operations(row), factor * value, None if error is None else factor * error, False))
    for row in quoted:
        points.append(Point(f"{row['model']}, published", _operations(row), factor * row["correctness"], None, True))
    better = "higher" if task.higher_is_better else "lower"
    unit = ", %" if task.percent else ""
    return correctness_plot(points, f"{task.metric}{unit}; {better} is better") if points else ""


def _operations(row: Record) -> float | None:
    """MACs and ACs together."""
    both = [number_of(row, f"SynapticOperations.{name}") for name in ("Effective_MACs", "Effective_ACs")]
    known = [each for each in both if each is not None]
    return sum(known) if len(known) == len(both) else None


def _of_chips(rows: Sequence[Record]) -> str:
    lines: list[str] = []
    for row in rows:
        if (of_chip := chip_of(row)) is not None:
            cells = [f"{row['model']} ({row['training']})", row["backend"], *of_chip]
            lines.append(_row([escape(cell) for cell in cells]))
    if not lines:
        return ""
    heads = ["model", "backend", "time of a sample on the chip, modelled (us)", "settling before, modelled (ms)"]
    heads.append("physical events of synapses")
    return f"<p>{_CHIP}</p>\n<table>\n" + "\n".join([_row(heads, "th"), *lines]) + "\n</table>"


def _rules(found: Record) -> str:
    """Each rule, and the kinds of models that are counted by it."""
    kinds: dict[str, dict[str, None]] = {}
    for each in found["measurements"]:
        counts: Mapping[str, Any] = each.get("Counts", {})
        for rule in counts.get("rules", ()):
            kinds.setdefault(rule, {})[counts["kind"]] = None
    return _list([f"{rule} ({', '.join(of)})" for rule, of in kinds.items()])


def _list(items) -> str:
    return "<ul>\n" + "\n".join(f"<li>{escape(item)}</li>" for item in items) + "\n</ul>"
