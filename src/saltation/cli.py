"""The command ``saltation``: list and run experiments, look at chips, time the engine, tell about the installation.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

import ast
import importlib
import importlib.util
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from saltation._version import __version__
from saltation.errors import SaltationError
from saltation.experiments import EXPERIMENTS
from saltation.experiments.chip.commandline import chip
from saltation.experiments.console import emit, progress
from saltation.experiments.installation import installation
from saltation.experiments.neurobench.commandline import command as neurobench


class _PlainMessage(click.ClickException):
    """A mistake that the message explains, so that a traceback would only hide it."""

    exit_code = 2


class _Main(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return click.Group.invoke(self, ctx)
        except (SaltationError, OSError) as error:
            if ctx.params.get("debug"):
                raise
            raise _PlainMessage(str(error)) from error


class _Experiments(click.Group):
    """A group with the experiments as commands, each imported when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(EXPERIMENTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in EXPERIMENTS:
            return None
        return importlib.import_module(EXPERIMENTS[cmd_name]).command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in EXPERIMENTS and not name.startswith("-"):
            listed = ", ".join(sorted(EXPERIMENTS)) or "none"
            raise click.UsageError(f"there is no experiment '{name}'. There are: {listed}.", ctx)
        return click.Group.resolve_command(self, ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # As in click, but from the docstrings' text: to ask the commands themselves would import them all.
        with formatter.section("Experiments"):
            formatter.write_dl([(name, summary(module)) for name, module in sorted(EXPERIMENTS.items())])


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="saltation")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Spiking neural networks in continuous time."""
    del debug  # read by _Main


cli.add_command(chip)


@cli.group("run", cls=_Experiments, no_args_is_help=True)
def run_() -> None:
    """Run an experiment; 'saltation run NAME --help' lists its options."""


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write one line of JSON.")
def list_(as_json: bool) -> None:
    """List the experiments."""
    emit({name: summary(module) for name, module in sorted(EXPERIMENTS.items())}, as_json=as_json)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Write one line of JSON.")
def info(as_json: bool) -> None:
    """Tell versions, processor, threads and where compiled code is cached: what a bug report needs."""
    emit(installation(), as_json=as_json)


@cli.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="Only the commonest networks, a few repeats: some seconds.")
@click.option("--repeats", type=click.IntRange(1), help="Calls that are timed.  [default: 30, or 5 if quick]")
@click.option("--threads", type=click.IntRange(1), help="Also with so many threads.  [default: all cores]")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write all figures to this file, as JSON.")
@click.option("--json", "as_json", is_flag=True, help="Write one line of JSON in place of the table.")
@click.pass_context
def bench(
    ctx: click.Context, quick: bool, repeats: int | None, threads: int | None, out: Path | None, as_json: bool
) -> None:
    """Time the simulator and its gradients on this machine; or what a command below measures.

    Small networks of every kind, one by one: how many microseconds it takes to run a sample, to compute its gradient,
    and to do a training step with PyTorch where that is installed. A plain kernel, as most people would write it,
    runs beside ours for comparison. Close other programs first.
    """
    if ctx.invoked_subcommand is not None:
        given = [name for name in ctx.params if ctx.get_parameter_source(name) != ParameterSource.DEFAULT]
        if given:
            options = " and ".join("--json" if name == "as_json" else f"--{name}" for name in given)
            raise click.UsageError(f"{options}: options of '{ctx.invoked_subcommand}' stand behind its name", ctx)
        return
    # Here and not above, so that --help does not wait for the compiler.
    from rich.console import Console

    from saltation.experiments.bench import report

    machine = installation()
    used = threads or machine["threads"]
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)  # now, not after minutes of measuring
    with progress(quiet=as_json) as bar:
        total = sum(1 for _ in report.plan(used, quick=quick)) + 1
        task = bar.add_task("starting", total=total, completed=-1)
        record = report.benchmark(
            machine,
            used,
            repeats or (5 if quick else 30),
            quick=quick,
            on_case=lambda what: bar.update(task, advance=1, description=what),
        )
        bar.update(task, completed=total, description="done")
    if out is not None:
        report.write_json(out, record)
    if as_json:
        emit(record, as_json=True)
        return
    Console(width=max(Console().width, 80)).print(report.table(record))
    click.echo(report.in_words(record))


bench.add_command(neurobench)


def main() -> None:
    """Start the command line; the entry point of the installed script."""
    cli(prog_name="saltation")


def summary(module: str) -> str:
    """Give the first line of the docstring of `module`, without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return "(not in this version)"
    docstring = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
