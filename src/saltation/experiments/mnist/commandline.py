"""The command ``saltation run mnist``."""

import dataclasses
import sys
from typing import Any

import click
from click.core import ParameterSource

from saltation.errors import ParameterError
from saltation.experiments.commands import (
    CHIP_OPTIONS,
    EXIT_INTERRUPTED,
    check_imperfections,
    chip_options,
    folder_options,
    interrupted,
    refuse_idle,
    require_frontend,
    stored_config,
    tell,
)
from saltation.experiments.console import emit, progress
from saltation.experiments.mnist.settings import BACKENDS, DATASETS, NETS, Settings, recipe
from saltation.experiments.results import SCHEMA_VERSION, ResultFolder, open_folder

__all__ = ["command"]

_SETTINGS = ("epochs", "seed", "hidden", "batch", "learning_rate", "train_limit", "pixels", "backend", *CHIP_OPTIONS)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--dataset",
    type=click.Choice(DATASETS),
    default="mnist",
    show_default=True,
    help="digits: 1,797 small pictures that come with scikit-learn, some seconds.",
)
@click.option(
    "--net",
    type=click.Choice(NETS),
    default="dense",
    show_default=True,
    help="The hidden layer: dense or convolutional.",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs to train.  [default: those of the recipe]")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of weights, order and dropout.")
@click.option("--hidden", type=click.IntRange(1), help="Hidden neurons of the dense net.  [default: 350; digits: 100]")
@click.option("--batch", type=click.IntRange(1), help="Samples for one step.  [default: that of the recipe]")
@click.option("--learning-rate", type=float, help="In the first epoch.  [default: that of the recipe]")
@click.option("--train-limit", type=click.IntRange(1), help="Train on so many pictures only, for a quick look.")
@click.option("--pixels", type=click.IntRange(1), help="Make pictures smaller, so many pixels high and wide.")
@click.option(
    "--frontend",
    type=click.Choice(["numpy", "torch"]),
    default="numpy",
    show_default=True,
    help="What the loss and the optimiser run in: the same formulas, with other rounding.",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="exact",
    show_default=True,
    help="Event by event, or on an emulated BrainScaleS-2 chip in the loop; --pixels 16 --hidden 246 fills one.",
)
@chip_options(rows=1)
@click.option("--threads", type=click.IntRange(1), help="Threads; the result does not depend on it.  [default: all]")
@folder_options("mnist")
@click.pass_context
def command(ctx: click.Context, **options: Any) -> None:
    """Train a spiking network on MNIST, Fashion-MNIST or digits.

    Pixels become spikes, the brighter the earlier; the class is that of the readout neuron whose voltage reaches
    highest. Some training pictures are held out for validation; the test set is looked at once, after the last epoch.
    """
    given = {
        name: value for name, value in options.items() if ctx.get_parameter_source(name) != ParameterSource.DEFAULT
    }
    settings, frontend = _configuration(options, given)
    _find_data(settings)
    folder = open_folder(
        options["out"],
        "mnist",
        {"frontend": frontend, **settings.to_config()},
        resume=options["resume"],
        # a cosine depends on its length, so that a longer one would not go on where a shorter one has ended
        may_differ=("epochs",) if settings.schedule == "exponential" else (),
    )
    try:
        _run(settings, frontend, folder, options)
    except KeyboardInterrupt:
        tell(interrupted(folder, "mnist", settings.epochs))
        sys.exit(EXIT_INTERRUPTED)


def _configuration(options: dict[str, Any], given: dict[str, Any]) -> tuple[Settings, str]:
    """Settings and front end: those of the folder where one is resumed, and what is given."""
    dataset, net, frontend = options["dataset"], options["net"], options["frontend"]
    base = recipe(dataset, net, options["backend"])
    out = options["out"]
    if options["resume"] and out is not None and (out / "config.json").exists():
        stored = stored_config(ResultFolder(out), "mnist", {"frontend", "dataset"})
        frontend = given.get("frontend", stored.pop("frontend"))
        stored.pop("operating_point", None)  # of what the settings are
        base = Settings.from_dict(stored)
        # another data set or net is for open_folder to refuse, with the list of what differs
        base = dataclasses.replace(base, **{name: given[name] for name in ("dataset", "net") if name in given})
    require_frontend(frontend)
    changed = {name: given[name] for name in _SETTINGS if given.get(name) is not None}
    if "hidden" in changed and base.net == "conv":
        raise ParameterError("--hidden belongs to the dense net; the convolutional one has as many as its maps give")
    settings = dataclasses.replace(base, **changed)
    refuse_idle(given, CHIP_OPTIONS, settings.backend == "bss2", "a chip", "--backend bss2")
    if settings.backend == "bss2":
        check_imperfections(settings.imperfections)
    return settings, frontend


def _find_data(settings: Settings) -> None:
    """Miss the data now, before a folder is made."""
    from saltation.experiments.mnist.task import READERS

    READERS[settings.dataset]("test")


def _run(settings: Settings, frontend: str, folder: ResultFolder, options: dict[str, Any]) -> None:
    # Here and not above, so that --help does not wait for the compiler.
    from saltation.experiments.mnist.evaluation import evaluate
    from saltation.experiments.mnist.output import write_figures
    from saltation.experiments.mnist.task import load_test
    from saltation.experiments.mnist.training import train
    from saltation.experiments.output import has_matplotlib, write_weights
    from saltation.experiments.training import Progress

    threads, quiet = options["threads"], options["as_json"]
    with progress(quiet=quiet) as bar:
        task = bar.add_task("reading data, compiling what is not in the cache", total=settings.epochs)

        def show(now: Progress) -> None:
            bar.update(task, completed=now.epoch, description=f"epoch {now.epoch + 1}")
            if now.history:
                last = now.history[-1]
                text = f"loss {last['train_loss']:.4f}, validation accuracy {100 * last['validation_accuracy']:.2f} %"
                bar.update(task, completed=now.epoch, description=text)

        done = train(settings, folder, frontend=frontend, threads=threads, on_epoch=show)
        images, test_set = load_test(settings)
        test = evaluate(settings, done.weights, test_set, threads)
    folder.write_json("history", done.history)
    write_weights(folder, done.weights)
    result = {
        "experiment": "mnist",
        "schema_version": SCHEMA_VERSION,
        "dataset": settings.dataset,
        "net": settings.net,
        "frontend": frontend,
        "backend": settings.backend,
        "seed": settings.seed,
        "epochs": done.epoch,
        "parameters": sum(weight.size for weight in done.weights.values()),
        "test_accuracy": test.accuracy,
        "validation_accuracy": done.history[-1]["validation_accuracy"],
        "train_seconds": round(done.train_seconds, 3),
        "spikes_per_sample": test.spikes_per_sample,
        "out": str(folder.path),
    }
    folder.write_json("results", {**result, "test": dataclasses.asdict(test), "threads": threads})
    if not options["no_figures"]:
        if has_matplotlib():
            write_figures(folder, settings, done.weights, done.history, (images, test_set), threads)
        elif not quiet:
            tell('No figures: matplotlib is not installed (pip install "saltation[plot]").')
    if quiet:
        emit(result, as_json=True)
    else:
        click.echo(_in_words(result, test.samples))


def _in_words(result: dict[str, Any], samples: int) -> str:
    right = round(result["test_accuracy"] * samples)
    seconds = result["train_seconds"]
    return "\n".join(
        [
            f"Test accuracy {100 * result['test_accuracy']:.2f} %: the readout of the right class reaches highest for "
            f"{right} of {samples} pictures.",
            f"Trained for {result['epochs']} epochs in {seconds:.0f} s, {seconds / result['epochs']:.1f} s each (seed "
            f"{result['seed']}, {result['parameters']:,} weights).",
            f"A picture takes {result['spikes_per_sample']:.0f} hidden spikes.",
            f"Results are in {result['out']}",
        ]
    )
