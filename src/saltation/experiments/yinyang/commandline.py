"""The command ``saltation run yinyang``."""

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
from saltation.experiments.results import SCHEMA_VERSION, ResultFolder, open_folder
from saltation.experiments.yinyang.settings import BACKENDS, DELAYS, GRADIENTS, RECIPES, Settings

__all__ = ["command"]

FRESH = 100_000
_FRESH_ON_CHIP = 5_000
_SETTINGS = (
    "epochs",
    "seed",
    "hidden",
    "train_points",
    "batch",
    "learning_rate",
    "decay",
    "delays",
    "delay_learning_rate",
    "backend",
    "dt",
    "gradient",
    *CHIP_OPTIONS,
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--recipe",
    type=click.Choice(sorted(RECIPES)),
    default="default",
    show_default=True,
    help="default: 50 epochs, about a minute; published: that of Wunderlich and Pehle (2021), 100 epochs; voltage: the "
    "highest output voltage is the answer; chip: for a chip in the loop, 30 epochs.",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs to train.  [default: those of the recipe]")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of weights and order.")
@click.option("--hidden", type=click.IntRange(1), default=200, show_default=True, help="Hidden neurons.")
@click.option("--train-points", type=click.IntRange(1), default=5000, show_default=True, help="Training points.")
@click.option("--batch", type=click.IntRange(1), help="Samples for one step.  [default: that of the recipe]")
@click.option("--learning-rate", type=float, help="In the first epoch.  [default: that of the recipe]")
@click.option(
    "--decay",
    type=float,
    help="Of the learning rate, each epoch, where its schedule is exponential.  [default: that of the recipe]",
)
@click.option(
    "--delays",
    type=click.Choice(DELAYS),
    default="none",
    show_default=True,
    help="Learn delays too: one for each neuron that sends, or one for each synapse.",
)
@click.option(
    "--delay-learning-rate",
    type=float,
    help="Of delays, in the first epoch, in seconds a step.  [default: that of the recipe]",
)
@click.option(
    "--frontend",
    type=click.Choice(["numpy", "torch", "jax"]),
    default="numpy",
    show_default=True,
    help="What the loss and the optimiser run in: the same formulas, with other rounding.",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="exact",
    show_default=True,
    help="Event by event; step by step with surrogate gradients; or on an emulated BrainScaleS-2 chip in the loop. "
    "With surrogate gradients the recipe is voltage, with a chip chip.",
)
@chip_options(rows=4)
@click.option("--dt", type=float, help="Step of the grid in seconds.  [default: that of the recipe]")
@click.option(
    "--gradient",
    type=click.Choice(GRADIENTS),
    help="Of the grid or the chip: with surrogates, or by EventProp at the spikes found.  [default: surrogate on the "
    "grid, eventprop on the chip]",
)
@click.option("--threads", type=click.IntRange(1), help="Threads; the result does not depend on it.  [default: all]")
@click.option(
    "--no-fresh", is_flag=True, help=f"Leave out the accuracy on {FRESH:,} fresh points, {_FRESH_ON_CHIP:,} on a chip."
)
@folder_options("yinyang")
@click.pass_context
def command(ctx: click.Context, **options: Any) -> None:
    """Train a spiking network on the Yin-Yang data set.

    Three classes of points in a disc; a point is four input spikes and one for the bias, its class the output neuron
    that spikes first. The test set is looked at once, after the last epoch.
    """
    given = {
        name: value for name, value in options.items() if ctx.get_parameter_source(name) != ParameterSource.DEFAULT
    }
    settings, recipe, frontend = _configuration(options, given)
    folder = open_folder(
        options["out"],
        "yinyang",
        {"recipe": recipe, "frontend": frontend, **settings.to_config()},
        resume=options["resume"],
        # a cosine depends on its length, so that a longer one would not go on where a shorter one has ended
        may_differ=("epochs",) if settings.schedule == "exponential" else (),
    )
    try:
        _run(settings, recipe, frontend, folder, options)
    except KeyboardInterrupt:
        tell(interrupted(folder, "yinyang", settings.epochs))
        sys.exit(EXIT_INTERRUPTED)


def _configuration(options: dict[str, Any], given: dict[str, Any]) -> tuple[Settings, str, str]:
    """Settings, recipe and front end: those of the folder where one is resumed, and what is given."""
    recipe, frontend = options["recipe"], options["frontend"]
    default = "surrogate" if options["backend"] == "grid" else "eventprop"
    if "recipe" not in given and (options["gradient"] or default) == "surrogate":
        recipe = "voltage"
    elif "recipe" not in given and options["backend"] == "bss2":
        recipe = "chip"
    base = RECIPES[recipe]
    out = options["out"]
    if options["resume"] and out is not None and (out / "config.json").exists():
        stored = stored_config(ResultFolder(out), "yinyang", {"recipe", "frontend"})
        recipe, frontend = given.get("recipe", stored.pop("recipe")), given.get("frontend", stored.pop("frontend"))
        stored.pop("operating_point", None)  # of what the settings are
        # Another recipe is for open_folder to refuse, with the list of what differs.
        base = RECIPES[recipe] if "recipe" in given else Settings.from_dict(stored)
    changed = {name: given[name] for name in _SETTINGS if given.get(name) is not None}
    settings = dataclasses.replace(base, **changed)
    if "decay" in given and settings.schedule != "exponential":
        raise ParameterError(
            f"--decay belongs to the exponential schedule; the recipe {recipe!r} has the {settings.schedule} one. "
            "Leave it out, or take --recipe published"
        )
    require_frontend(frontend)
    in_steps = settings.backend != "exact"
    refuse_idle(given, ("dt", "gradient"), in_steps, "the grid and the chip", "--backend grid or bss2")
    stepped = settings.backend == "grid" or settings.surrogate_gradients
    refuse_idle(given, ("dt",), stepped, "the grid", "--backend grid, or --gradient surrogate")
    refuse_idle(given, CHIP_OPTIONS, settings.backend == "bss2", "a chip", "--backend bss2")
    if settings.backend == "bss2":
        check_imperfections(settings.imperfections)
    learned = "--delays axonal or synaptic"
    refuse_idle(given, ("delay_learning_rate",), settings.delays != "none", "delays that are learned", learned)
    if settings.backend != "exact":
        # for the folder to say which
        settings = dataclasses.replace(settings, gradient=settings.chosen_gradient)
    return settings, recipe, frontend


def _run(settings: Settings, recipe: str, frontend: str, folder: ResultFolder, options: dict[str, Any]) -> None:
    # Here and not above, so that --help does not wait for the compiler.
    from saltation.experiments.output import has_matplotlib, write_weights
    from saltation.experiments.training import Progress
    from saltation.experiments.yinyang.evaluation import evaluate, evaluate_fresh
    from saltation.experiments.yinyang.output import write_figures
    from saltation.experiments.yinyang.task import SEEDS, labelled
    from saltation.experiments.yinyang.training import train

    threads, quiet = options["threads"], options["as_json"]
    with progress(quiet=quiet) as bar:
        task = bar.add_task("compiling what is not in the cache", total=settings.epochs)

        def show(now: Progress) -> None:
            bar.update(task, completed=now.epoch, description=f"epoch {now.epoch + 1}")
            if now.history:
                last = now.history[-1]
                text = f"loss {last['train_loss']:.4f}, validation accuracy {100 * last['validation_accuracy']:.1f} %"
                bar.update(task, completed=now.epoch, description=text)

        done = train(settings, folder, frontend=frontend, threads=threads, on_epoch=show)
        test_set = labelled(settings.held_out_points, SEEDS["test"], settings)
        test = evaluate(settings, done.weights, test_set, threads)
        fresh = None
        n_fresh = _FRESH_ON_CHIP if settings.backend == "bss2" else FRESH
        if not options["no_fresh"]:
            points = bar.add_task(f"{n_fresh:,} fresh points", total=n_fresh)
            fresh = evaluate_fresh(settings, done.weights, n_fresh, threads, lambda n: bar.advance(points, n))
    folder.write_json("history", done.history)
    write_weights(folder, done.weights)
    result = {
        "experiment": "yinyang",
        "schema_version": SCHEMA_VERSION,
        "recipe": recipe,
        "frontend": frontend,
        "backend": settings.backend,
        "readout": settings.readout,
        "seed": settings.seed,
        "epochs": done.epoch,
        "hidden": settings.hidden,
        "delays": settings.delays,
        "parameters": sum(weight.size for weight in done.weights.values()),
        "test_accuracy": test.accuracy,
        "validation_accuracy": done.history[-1]["validation_accuracy"],
        "fresh_accuracy": None if fresh is None else fresh.accuracy,
        "fresh_points": None if fresh is None else fresh.samples,
        "prepare_seconds": round(done.prepare_seconds, 3),
        "train_seconds": round(done.train_seconds, 3),
        "spikes_per_sample": test.spikes_per_sample,
        "silent_fraction": test.silent_fraction,
        "out": str(folder.path),
    }
    folder.write_json("results", {**result, "test": dataclasses.asdict(test), "threads": threads})
    if not options["no_figures"]:
        if has_matplotlib():
            write_figures(folder, settings, done.weights, done.history, test_set, threads)
        elif not quiet:
            tell('No figures: matplotlib is not installed (pip install "saltation[plot]").')
    if quiet:
        emit(result, as_json=True)
    else:
        click.echo(_in_words(result, test.samples))


def _in_words(result: dict[str, Any], samples: int) -> str:
    right = round(result["test_accuracy"] * samples)
    wins = "spikes first" if result["readout"] == "first_spike" else "gets the highest voltage"
    lines = [
        f"Test accuracy {100 * result['test_accuracy']:.1f} %: the neuron of the right class {wins} for {right} "
        f"of {samples} points.",
        f"Trained for {result['epochs']} epochs in {result['train_seconds']:.0f} s (seed {result['seed']}, "
        f"{result['parameters']:,} trained numbers), after {result['prepare_seconds']:.0f} s of preparation: "
        f"{'compilation and calibration' if result['backend'] == 'bss2' else 'compilation'}.",
        f"A point takes {result['spikes_per_sample']:.1f} spikes of hidden and output neurons; "
        f"{100 * result['silent_fraction']:.0f} % of the output neurons stay silent.",
        f"Results are in {result['out']}",
    ]
    if result["fresh_accuracy"] is not None:
        lines.insert(1, f"On {result['fresh_points']:,} fresh points: {100 * result['fresh_accuracy']:.2f} %.")
    return "\n".join(lines)
