"""All measurements of a plan, each written as soon as it is there, and made once only in a folder."""

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from saltation.errors import FileFormatError
from saltation.experiments._tree import pack
from saltation.experiments.neurobench.published import published
from saltation.experiments.neurobench.rows import Record, rows_of
from saltation.experiments.neurobench.task import Measured, Piece, Plan, Task
from saltation.experiments.results import ResultFolder

__all__ = ["key_of", "measure_all", "measurements_in", "results", "without_counts"]

_VERSIONS = ("saltation", "numpy", "torch")


def key_of(task: str, piece: Piece) -> str:
    """What tells one measurement from another: all that decides its result."""
    settings = pack(dict(piece.settings))
    return _key([task, piece.model, piece.training, piece.backend, piece.repeat, settings])


def _key(parts: Sequence[Any]) -> str:
    return json.dumps(parts, sort_keys=True)


def measurements_in(folder: ResultFolder) -> dict[str, Record]:
    """Those that a folder has, by their keys.

    Raises
    ------
    FileFormatError
        If its ``results.json`` is not one of this command.
    """
    path = folder.path / "results.json"
    if not path.exists():
        return {}
    stored = folder.read_json("results")
    try:
        names = ("task", "model", "training", "backend", "repeat", "settings")
        return {_key([each[name] for name in names]): each for each in stored["measurements"]}
    except (KeyError, TypeError) as error:
        raise FileFormatError(
            f"{path} does not hold results of 'saltation bench neurobench' ({error}): give another folder."
        ) from error


def measure_all(
    folder: ResultFolder,
    tasks: Mapping[str, tuple[Task, Plan]],
    machine: Mapping[str, Any],
    config: Mapping[str, Any],
    on_piece: Callable[[str], object] = lambda what: None,
) -> Record:
    """Make what is not there yet, and give all results of the folder.

    Parameters
    ----------
    folder : ResultFolder
        Its ``results.json`` is written after each measurement, and read first.
    tasks : dict of str to (Task, Plan)
        What is to be measured, in order.
    machine : dict of str
        Versions and machine, for the results.
    config : dict of str
        Of the folder, for the results.
    on_piece : callable
        Hears of each measurement before it is made, done or not.

    Returns
    -------
    dict
        As in ``results.json``.
    """
    done = measurements_in(folder)
    notes = [note for _, plan in tasks.values() for note in plan.notes]
    found = results(done, machine, config, notes)
    for name, (task, plan) in tasks.items():
        for piece in plan.pieces:
            on_piece(f"{name}: {piece.model}, {piece.backend}, {piece.repeat}")
            key = key_of(name, piece)
            if key in done:
                continue
            done[key] = _record(name, task, piece, piece.measure(), machine)
            found = results(done, machine, config, notes)
            folder.write_json("results", found)
    return found


def results(
    done: Mapping[str, Record], machine: Mapping[str, Any], config: Mapping[str, Any], notes: Sequence[str]
) -> Record:
    """All that there is to say of measurements: rows, what was published, where and when."""
    measurements = list(done.values())
    return {
        "benchmark": "neurobench",
        "date": _now(),
        "machine": dict(machine),
        "config": dict(config),
        "notes": list(notes),
        "rows": rows_of(measurements),
        "published": published(),
        "measurements": measurements,
    }


def without_counts(found: Record) -> Record:
    """Results without the measurements that the rows are means of, and their counts."""
    return {name: value for name, value in found.items() if name != "measurements"}


def _record(name: str, task: Task, piece: Piece, measured: Measured, machine: Mapping[str, Any]) -> Record:
    costs = {} if measured.complexity is None else measured.complexity.to_dict()
    # of batches: their numbers are in those of the whole
    costs.get("Counts", {}).pop("parts", None)
    record = {
        "task": name,
        "model": piece.model,
        "training": piece.training,
        "backend": piece.backend,
        "repeat": piece.repeat,
        "settings": dict(piece.settings),
        "metric": task.metric,
        task.metric: measured.correctness,
        **costs,
        **measured.more,
        "date": _now(),
        "versions": {package: machine.get(package) for package in _VERSIONS},
    }
    return pack(record)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
