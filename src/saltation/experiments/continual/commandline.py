"""The command ``saltation run continual``."""

import dataclasses
import math
import shlex
import sys
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from saltation.experiments.commands import (
    CHIP_OPTIONS,
    EXIT_INTERRUPTED,
    check_imperfections,
    chip_options,
    folder_options,
    interrupted,
    refuse_idle,
    require_packages,
    stored_config,
    tell,
)
from saltation.experiments.console import emit, progress
from saltation.experiments.continual.comparing import VARIED, runs_of
from saltation.experiments.continual.problems import READERS, STREAMS, check_stream
from saltation.experiments.continual.settings import BACKENDS, METHODS, NETWORKS, USED_BY, Settings, recipe
from saltation.experiments.recipe import from_values
from saltation.experiments.results import SCHEMA_VERSION, ResultFolder, open_folder

__all__ = ["command"]

_SETTINGS = tuple(field.name for field in dataclasses.fields(Settings))


class _Several(click.ParamType):
    """Numbers with commas between them."""

    name = "n[,n...]"

    def __init__(self, one: Callable[[str], Any]) -> None:
        self._one = one

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        try:
            values = tuple(self._one(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} must be numbers, with commas between them.", param, ctx)
        if len(set(values)) < len(values):
            self.fail(f"{value!r} has a value twice.", param, ctx)
        return values


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--stream",
    type=click.Choice(STREAMS),
    default="permuted-mnist",
    show_default=True,
    metavar="KIND-DATASET",
    help="permuted-, rotated-, split- (the task is known), domain- (labels numbered anew) or classes- (all labels "
    "compete), of mnist, fashion or digits.",
)
@click.option("--tasks", type=click.IntRange(1), help="How many; 2 or 5 where classes are divided.  [default: 5]")
@click.option("--degrees", type=float, help="Angle of the last task of a rotated stream.  [default: 180]")
@click.option("--method", type=click.Choice(METHODS), default="nte", show_default=True, help="How to learn.")
@click.option(
    "--network",
    type=click.Choice(NETWORKS),
    default="mlp",
    show_default=True,
    help="Rectified linear units or spiking neurons.",
)
@click.option("--hidden", type=_Several(int), help="Width of hidden layers; several: all are run.  [default: 100]")
@click.option("--layers", type=click.IntRange(1), help="Hidden layers of an MLP.  [default: 2]")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of each task.  [default: 2; spiking: 4]")
@click.option("--batch", type=click.IntRange(1), help="Examples of an update.  [default: 128; spiking: 16]")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of tasks, weights and order.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Run so many, from --seed on.")
@click.option("--lr", type=float, help="Learning rate; of nte the strength of the likelihood.  [default: the recipe's]")
@click.option(
    "--momentum",
    type=_Several(float),
    help="Of gradient descent; several: all are run.  [default: 0; of the method momentum 0.9]",
)
@click.option("--reset", is_flag=True, default=None, help="Forget momentum at the beginning of each task.")
@click.option("--tempering", type=float, help="Of nte: power of the likelihood.  [default: 1]")
@click.option(
    "--max-delta", type=float, help="Of nte: upper limit of |delta|; inf for none.  [default: 0.1, of an MLP]"
)
@click.option(
    "--gradient-at",
    type=click.Choice(["current", "seed"]),
    help="Of nte: at the present parameters, or at those of the beginning.  [default: current]",
)
@click.option("--reseed-every", type=click.IntRange(1), help="Of gradients at the seed: move it after so many updates.")
@click.option("--strength", type=float, help="Of the penalty of ewc, si and lwf.  [default: the recipe's]")
@click.option("--examples", type=click.IntRange(1), help="That replay and agem keep, and ewc looks at.  [default: 500]")
@click.option("--pixels", type=click.IntRange(1), help="Make pictures smaller, so many pixels high and wide.")
@click.option("--train-limit", type=click.IntRange(1), help="Train on so many pictures only, for a quick look.")
@click.option("--test-limit", type=click.IntRange(1), help="Test on so many pictures only.")
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="exact",
    show_default=True,
    help="Of a spiking network: event by event, or on an emulated BrainScaleS-2 chip in the loop.",
)
@chip_options(rows=1)
@click.option("--threads", type=click.IntRange(1), help="Of PyTorch; sums round differently.  [default: PyTorch's]")
@folder_options("continual")
@click.pass_context
def command(ctx: click.Context, **options: Any) -> None:
    """Train a network on one task after another, and test it on all of them after each.

    The rule of the neural tangent ensemble (nte), what approximates it (nte-sum, scaled-sgd), gradient descent (sgd,
    momentum, adam), methods against forgetting (ewc, si, lwf, replay, agem), and training on all tasks so far (joint).
    Where momentum, width or seed have several values, all combinations are run, each in a folder of its own.
    """
    given = {
        name: value for name, value in options.items() if ctx.get_parameter_source(name) != ParameterSource.DEFAULT
    }
    settings, varied = _configuration(options, given)
    if options["resume"] and options["out"] is not None and not (options["out"] / "config.json").exists():
        tell(f"Nothing to resume in {options['out']}: a new run of {settings.method} on {settings.stream} begins.")
    READERS[check_stream(settings.stream, settings.tasks)[1]]("test")  # misses the data now, before a folder is made
    config = {**dataclasses.asdict(settings), "varied": varied}
    folder = open_folder(options["out"], "continual", config, resume=options["resume"])
    try:
        if varied:
            _run_all(settings, varied, folder, options)
        else:
            _run(settings, folder, options)
    except KeyboardInterrupt:
        tell(_interrupted(settings, varied, folder))
        sys.exit(EXIT_INTERRUPTED)


def _configuration(options: dict[str, Any], given: dict[str, Any]) -> tuple[Settings, dict[str, list[Any]]]:
    """Settings, and what has several values: of the folder where one is resumed, and what is given."""
    require_packages("saltation run continual", ("torch",), "torch")
    base, varied = recipe(options["method"], options["network"]), {}
    out = options["out"]
    if options["resume"] and out is not None and (out / "config.json").exists():
        stored = stored_config(ResultFolder(out), "continual", {"stream", "method", "varied"})
        varied = dict(stored.pop("varied"))
        base = from_values(Settings, stored)
    changed = {name: given[name] for name in _SETTINGS if given.get(name) is not None}
    for name in VARIED:
        values = changed.get(name)
        if name == "seed" and "seeds" in given:
            first = given.get("seed", base.seed)
            values = tuple(range(first, first + given["seeds"]))
        if isinstance(values, tuple):
            changed[name] = values[0]
            varied.pop(name, None)
            if len(values) > 1:
                varied[name] = list(values)
    if changed.get("max_delta") == math.inf:
        changed["max_delta"] = None
    settings = dataclasses.replace(base, **changed)
    runs_of(settings, varied)  # refuses values that are not allowed
    _refuse_idle(settings, given)
    return settings, {name: varied[name] for name in VARIED if name in varied}


def _refuse_idle(settings: Settings, given: dict[str, Any]) -> None:
    """Refuse options that would change nothing."""
    for name, methods in USED_BY.items():
        refuse_idle(given, (name,), settings.method in methods, f"the methods {', '.join(methods)}", "one of them")
    spiking = settings.network == "spiking"
    refuse_idle(given, ("reseed_every",), settings.gradient_at == "seed", "gradients at a seed", "--gradient-at seed")
    refuse_idle(given, ("degrees",), settings.stream.startswith("rotated"), "rotated streams", "one of them")
    refuse_idle(given, ("layers",), not spiking, "an MLP", "--network mlp")
    refuse_idle(given, ("backend",), spiking, "spiking networks", "--network spiking")
    refuse_idle(given, CHIP_OPTIONS, settings.backend == "bss2", "a chip", "--backend bss2")
    if settings.backend == "bss2":
        check_imperfections(settings.imperfections)


def _interrupted(settings: Settings, varied: dict[str, list[Any]], folder: ResultFolder) -> str:
    if not varied:
        return interrupted(folder, "continual", settings.tasks, "task")
    runs = runs_of(settings, varied)
    done = sum((folder.path / name / "results.json").exists() for name in runs)
    again = f"saltation run continual --resume --out {shlex.quote(str(folder.path))}"
    return f"Interrupted; {done} of {len(runs)} runs are done. To go on:\n  {again}"


def _run(settings: Settings, folder: ResultFolder, options: dict[str, Any]) -> None:
    # Here and not above, so that --help does not wait for PyTorch.
    from saltation.experiments.continual.output import in_words

    with progress(quiet=options["as_json"]) as bar:
        result = _one(settings, folder, options, bar)
    if options["as_json"]:
        emit(result, as_json=True)
    else:
        click.echo(in_words(result))


def _run_all(settings: Settings, varied: dict[str, list[Any]], folder: ResultFolder, options: dict[str, Any]) -> None:
    from saltation.experiments.continual.comparing import in_words, summary, write_figures

    runs, results = runs_of(settings, varied), []
    with progress(quiet=options["as_json"]) as bar:
        overall = bar.add_task("runs", total=len(runs))
        for name, each in runs.items():
            config = {**dataclasses.asdict(each), "varied": {}}
            own = open_folder(folder.path / name, "continual", config, resume=True)
            finished = (own.path / "results.json").exists()
            results.append(own.read_json("results") if finished else _one(each, own, options, bar))
            bar.advance(overall)
    rows = summary(results)
    described = {name: getattr(settings, name) for name in ("stream", "method", "network", "backend", "tasks")}
    head = {"experiment": "continual", "schema_version": SCHEMA_VERSION, **described, "varied": varied}
    out = {"summary": rows, "out": str(folder.path)}
    folder.write_json("results", {**head, **out, "runs": results})
    if _draws(options):
        write_figures(folder, results)
    if options["as_json"]:
        emit({**head, **out}, as_json=True)
    else:
        click.echo(in_words(rows, str(folder.path)))


def _one(settings: Settings, folder: ResultFolder, options: dict[str, Any], bar: Any) -> dict[str, Any]:
    """Train, write, draw; give the result."""
    import torch

    from saltation.experiments.continual.output import write_figures, write_results
    from saltation.experiments.continual.training import train
    from saltation.experiments.training import Progress

    before = torch.get_num_threads()
    threads = options["threads"] or before
    line = bar.add_task("reading data", total=settings.tasks * settings.epochs)

    def on_epoch(task: int, epoch: int) -> None:
        done = (task - 1) * settings.epochs + epoch
        bar.update(line, completed=done, description=f"task {task}, epoch {epoch}")

    def on_task(now: Progress) -> None:
        text = "training"
        if now.history:
            seen = now.history[-1]["accuracies"][: now.epoch]
            text = f"accuracy after {now.epoch} tasks {100 * sum(seen) / len(seen):.2f} %"
        bar.update(line, completed=now.epoch * settings.epochs, description=text)

    torch.set_num_threads(threads)
    try:
        done = train(settings, folder, on_task=on_task, on_epoch=on_epoch)
    finally:
        torch.set_num_threads(before)
    if _draws(options):
        write_figures(folder, done)
    result = write_results(folder, settings, done, threads)  # last: a run that has it is done
    return result


def _draws(options: dict[str, Any]) -> bool:
    """Whether figures are wanted and can be drawn."""
    from saltation.experiments.output import has_matplotlib

    if options["no_figures"]:
        return False
    if not has_matplotlib() and not options["as_json"]:
        tell('No figures: matplotlib is not installed (pip install "saltation[plot]").')
    return has_matplotlib()
