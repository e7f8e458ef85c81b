"""The commands of ``saltation chip``; nothing heavy is imported before one of them runs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from saltation.experiments.console import emit, progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["chip"]

EXIT_DOES_NOT_FIT = 2

_SERIAL = click.option("--serial", type=click.IntRange(0), default=1, show_default=True, help="Which chip.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Write one line of JSON and nothing else to stdout.")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(no_args_is_help=True)
def chip() -> None:
    """Look at an emulated BrainScaleS-2 chip, calibrate it, place networks on it."""


@chip.command()
@click.argument("net")
@click.option("--rows", type=click.IntRange(1), default=1, show_default=True, help="Parallel rows of a synapse.")
@click.option("--time-unit", help="Of a NIR file that does not say: s, ms, us or ns.")
@click.option("--map", "picture", type=_FILE, help="Draw where everything is, to this PNG.")
@_JSON
def place(net: str, rows: int, time_unit: str | None, picture: Path | None, as_json: bool) -> None:
    """Tell what a network takes of the chip; exit with 2 if it does not fit, and tell in how many parts it runs then.

    NET is a NIR file, or the sizes of layers such as 256-246-10: an input, LIF layers and an LI readout.
    """
    from saltation.experiments.chip import placing
    from saltation.experiments.chip.networks import network_of

    outcome = placing.placed(network_of(net, time_unit), rows)
    if as_json:
        emit(placing.as_record(outcome), as_json=True)
    else:
        click.echo(placing.in_words(outcome), err=outcome.placement is None)
    if outcome.placement is None:
        sys.exit(EXIT_DOES_NOT_FIT)
    if picture is not None:
        from saltation.plot import chip_map

        figure = _figure(7.4, 8.2)
        chip_map(outcome.placement, figure.subplots())
        _save(figure, picture)


@chip.command()
@_SERIAL
@click.option("--configuration", type=_FILE, help="What is written on it, as Configuration.save wrote it.")
def describe(serial: int, configuration: Path | None) -> None:
    """Tell what a chip has, and what of it a configuration uses."""
    from saltation.bss2 import Chip, Configuration

    written = None if configuration is None else Configuration.load(configuration)
    click.echo(Chip(serial=serial).describe(written))


@chip.command()
@_SERIAL
@click.option(
    "--target",
    type=click.Choice(["default", "spiking2", "coba"]),
    default="default",
    show_default=True,
    help="What circuits shall be: calix's default, hxtorch's nightly calibration, or PyNN's conductance-based cell.",
)
@click.option("--out", type=_FILE, help="Keep it in this file, for Calibration.load.")
@click.option("--plot", "picture", type=_FILE, help="Draw histograms before and after, to this PNG.")
@_JSON
def calibrate(serial: int, target: str, out: Path | None, picture: Path | None, as_json: bool) -> None:
    """Calibrate a chip and tell how well its circuits then agree.

    Calibrations are kept in the folder that $SALTATION_CALIBRATIONS names, and are taken from there; without it --out
    alone keeps one.
    """
    from saltation.bss2 import Chip
    from saltation.bss2 import calibrate as calibrated
    from saltation.experiments.chip import calibrating

    with progress(quiet=as_json) as bar:
        task = bar.add_task("compiling what is not in the cache", total=None)

        def show(name: str, done: int, total: int) -> None:
            bar.update(task, description=name, completed=done, total=total)

        result = calibrated(Chip(serial=serial), calibrating.TARGETS[target], on_step=show)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        result.save(out)
    if picture is not None:
        from saltation.plot import calibration

        figure = _figure(10.4, 2.2 * (rows := -(-len(result.report) // 4)))
        places = figure.subplots(rows, 4).reshape(-1)
        calibration(result, places[: len(result.report)])
        _save(figure, picture)
    if as_json:
        emit(calibrating.as_record(result), as_json=True)
    else:
        click.echo(calibrating.in_words(result))


def _figure(width: float, height: float) -> "Figure":
    from saltation.experiments.output import new_figure

    return new_figure(width, height)


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=150)
