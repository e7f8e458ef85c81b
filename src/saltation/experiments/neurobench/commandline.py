"""The command ``saltation bench neurobench``."""

import itertools
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from saltation.errors import FileFormatError, MissingDataError, ParameterError
from saltation.experiments.commands import EXIT_INTERRUPTED, tell
from saltation.experiments.console import emit, progress
from saltation.experiments.installation import installation
from saltation.experiments.neurobench import TASKS, task_of
from saltation.experiments.neurobench.task import BACKENDS, Options, Plan, Task
from saltation.experiments.results import SCHEMA_VERSION, ResultFolder, open_folder

__all__ = ["command"]

_WIDEST = 400  # columns of a terminal; a table that needs more is none
_TRAINED = ("hapt", "mnist", "spoken-digits", "yinyang")
"""Tasks whose networks are kept in folders, and can be given."""
_MAY_DIFFER = ("tasks", "seeds", "series", "backends", "serial", "in_the_loop", "models")


@click.command("neurobench", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--task",
    "tasks",
    multiple=True,
    type=click.Choice(sorted(TASKS)),
    help="Which; several times for several.  [default: all, or those of the models]",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of a trained network, which takes the place of those that would be trained: of 'saltation run "
    "yinyang' or 'mnist', or one in 'models' of an --out folder, also of hapt and spoken-digits.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Small models and few samples, to see that it works. The first time takes some minutes: it compiles.",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of models and series.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Train so many, from --seed on.")
@click.option(
    "--series",
    type=click.IntRange(1),
    help="Independent series of Mackey-Glass, and graphs of QUBO, 5 at most.  [default: 10 and 3; quick: 2]",
)
@click.option(
    "--backend",
    "backends",
    multiple=True,
    type=click.Choice(BACKENDS),
    help="On which networks of ours run, where they do; several times for several.  [default: all]",
)
@click.option("--serial", type=click.IntRange(0), help="Which chip.  [default: that of the training, or 1]")
@click.option("--in-the-loop", is_flag=True, help="Train networks in the loop of the chip too; some minutes each.")
@click.option(
    "--step",
    type=float,
    default=1e-3,
    show_default=True,
    help="In seconds: of grids, and for Dense and activation sparsity, which are not defined without one.",
)
@click.option("--threads", type=click.IntRange(1), help="Threads; the result does not depend on it.  [default: all]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the results; what it has is not measured again.  [default: runs/neurobench-<date-time>]",
)
@click.option("--json", "as_json", is_flag=True, help="Write one line of JSON and nothing else to stdout.")
def command(**given: Any) -> None:
    """Measure models by the definitions of NeuroBench: what they are worth, and what they cost.

    One table in the leaderboard's columns, a row for each model and backend, beside published baselines. The folder
    gets results.json, with the keys of the harness, table.csv, report.html, and the networks that were trained.
    """
    seeds = tuple(range(given["seed"], given["seed"] + given["seeds"]))
    options = Options(
        quick=given["quick"],
        seeds=seeds,
        series=given["series"],
        step=_checked(given["step"]),
        serial=given["serial"],
        backends=given["backends"] or BACKENDS,
        in_the_loop=given["in_the_loop"],
        models=given["models"],
        threads=given["threads"],
    )
    of_models = _of_models(options.models)
    _check_asked(given["tasks"], of_models)
    names = given["tasks"] or tuple(dict.fromkeys(of_models.values())) or tuple(sorted(TASKS))
    config = {
        "tasks": list(names),
        "quick": options.quick,
        "seeds": list(seeds),
        "series": options.series,
        "step": options.step,
        "serial": options.serial,
        "backends": list(options.backends),
        "in_the_loop": options.in_the_loop,
        "models": [str(path) for path in options.models],
    }
    folder = open_folder(given["out"], "neurobench", config, resume=given["out"] is not None, may_differ=_MAY_DIFFER)
    try:
        _run(names, options, folder, config, asked=bool(given["tasks"]), as_json=given["as_json"])
    except KeyboardInterrupt:
        again = f"saltation bench neurobench ... --out {shlex.quote(str(folder.path))}"
        tell(f"Interrupted. What is measured is kept. To go on, with the same options:\n  {again}")
        sys.exit(EXIT_INTERRUPTED)


def _checked(step: float) -> float:
    if not step > 0.0:
        raise ParameterError(f"--step must be positive, in seconds; got {step}; 1e-3 is a millisecond")
    return step


def _of_models(models: tuple[Path, ...]) -> dict[Path, str]:
    """Task of each folder of a network.

    Raises
    ------
    ParameterError
        If one is of no task.
    """
    names: dict[Path, str] = {}
    for path in models:
        stored = ResultFolder(path).read_json("config")
        if not isinstance(stored, dict):
            raise FileFormatError(f"{path / 'config.json'} does not hold the configuration of a run.")
        experiment = stored.get("experiment")
        if experiment not in _TRAINED:
            raise ParameterError(
                f"--model {path} must be a network of {', '.join(_TRAINED)}; got one of '{experiment}'"
            )
        names[path] = experiment
    return names


def _check_asked(tasks: tuple[str, ...], of_models: dict[Path, str]) -> None:
    for path, name in of_models.items():
        if tasks and name not in tasks:
            raise ParameterError(
                f"--model {path} is of {name}, which is not among --task {', '.join(tasks)}, and would not be "
                f"measured; leave --task out, or add --task {name}"
            )


def _plans(
    names: tuple[str, ...], options: Options, folder: ResultFolder, bar: Any, line: Any, *, asked: bool
) -> dict[str, tuple[Task, Plan]]:
    """Plans of all tasks; one whose data is missing is left out if nobody has asked for it by name."""
    found: dict[str, tuple[Task, Plan]] = {}
    for name in names:
        task = task_of(name)
        try:
            plan = task.plan(options, folder.path / "models", lambda text: bar.update(line, description=text))
        except MissingDataError as error:
            if asked:
                raise
            plan = Plan((), (f"{name}: {str(error).partition('. ')[0]}; --task {name} tells how to get it",))
        found[name] = task, plan
    return found


def _run(
    names: tuple[str, ...],
    options: Options,
    folder: ResultFolder,
    config: dict[str, Any],
    *,
    asked: bool,
    as_json: bool,
) -> None:
    # Here and not above, so that --help does not wait for the compiler.
    from rich.console import Console
    from rich.measure import Measurement

    from saltation.experiments.neurobench.measuring import measure_all, without_counts
    from saltation.experiments.neurobench.page import page
    from saltation.experiments.neurobench.table import chip_lines, table, to_csv

    with progress(quiet=as_json) as bar:
        line = bar.add_task("starting", total=None)
        plans = _plans(names, options, folder, bar, line, asked=asked)
        total = sum(len(plan.pieces) for _, plan in plans.values())
        bar.update(line, total=total, completed=-1)
        count = itertools.count(1)

        def on_piece(what: str) -> None:
            bar.update(line, advance=1, description=what)
            if not as_json and not sys.stderr.isatty():
                # a file or a pipe gets no bar before the end
                click.echo(f"{next(count)} of {total}: {what}", err=True)

        found = measure_all(
            folder,
            plans,
            installation(),
            config,
            on_piece=on_piece,
        )
        bar.update(line, completed=total, description="done")
    if not found["rows"]:
        raise ParameterError(f"nothing was measured: {'; '.join(found['notes']) or 'no model is left by the options'}")
    # all that the folder has, also of tasks that were asked for another time
    known = {row["task"] for row in found["rows"]}
    tasks = {name: task_of(name) for name in TASKS if name in known}
    folder.write_json("results", found)
    folder.write_bytes("table.csv", to_csv(found, tasks).encode())
    folder.write_bytes("report.html", page(found, tasks).encode())
    if as_json:
        emit({"schema_version": SCHEMA_VERSION, **without_counts(found), "out": str(folder.path)}, as_json=True)
        return
    laid_out = table(found, tasks)
    wide = Console(width=_WIDEST)
    needed = Measurement.get(wide, wide.options, laid_out).maximum
    Console(width=max(Console().width, needed)).print(laid_out)
    for text in [*chip_lines(found, tasks), *(f"Left out: {note}" for note in found["notes"])]:
        click.echo(text)
    if options.quick:
        click.echo("Quick: small models and few samples; the numbers say nothing.")
    click.echo(f"Results, and a report for the browser, are in {folder.path}")
