"""MNIST, HAPT-6 and Yin-Yang on the matrix mode of emulated chips: docs/chip_matrix_results.md.

    python benchmarks/chip_matrix_experiments.py --experiment mnist-mac --serial 1 --serial 2 --serial 3
    python benchmarks/chip_matrix_experiments.py --report    # the page alone, from what is recorded

Recipes are those of ``saltation run``.  What is trained is kept in ``--work``, from where a run that is not done goes
on.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click
from chip_matrix_experiments_report import SCHEMA_VERSION, write_figures, write_page

from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.matrix.output import in_words
from saltation.experiments.matrix.settings import EXPERIMENTS_OF_MATRICES, recipe
from saltation.experiments.matrix.stages import run
from saltation.experiments.results import open_folder

RESULTS = Path(__file__).parent / "results" / "chip_matrix_experiments.json"
WORK = Path("runs") / "chip_matrix"
CONDITIONS = ("load_average", "date", "machine")


@click.command()
@click.option("--experiment", type=click.Choice(EXPERIMENTS_OF_MATRICES), multiple=True)
@click.option("--serial", type=click.IntRange(0), multiple=True, default=(1, 2, 3), show_default=True)
@click.option("--circuits", type=click.IntRange(0), help="Test samples on circuits.  [default: the recipe's]")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
@click.option("--work", type=click.Path(path_type=Path, file_okay=False), default=WORK, show_default=True)
@click.option("--report", is_flag=True, help="Write the page alone, from what is recorded.")
def main(
    experiment: tuple[str, ...], serial: tuple[int, ...], circuits: int | None, out: Path, work: Path, report: bool
) -> None:
    for name in () if report else experiment or EXPERIMENTS_OF_MATRICES:
        changed: dict[str, Any] = {"serials": serial} | ({} if circuits is None else {"circuits": circuits})
        settings = dataclasses.replace(recipe(name), **changed)
        folder = open_folder(work / name, name, settings.to_config(), resume=True, may_differ=("circuits",))
        outcome = run(settings, folder)
        click.echo(in_words(outcome.result))
        record = json.loads(out.read_text()) if out.exists() else {"schema_version": SCHEMA_VERSION, "runs": {}}
        conditions = {key: value for key, value in header("", installation()).items() if key in CONDITIONS}
        result = {key: value for key, value in outcome.result.items() if key not in ("out", "schema_version")}
        confusion = {key: value.tolist() for key, value in result.pop("confusion").items()}
        record["benchmark"] = "chip_matrix_experiments"
        record["runs"][name] = {
            **conditions,
            **result,
            "confusion": confusion,
            "settings": settings.to_config(),
            "training_seconds": {key: [one["seconds"] for one in rows] for key, rows in outcome.histories.items()},
        }
        write_json(out, record)
    write_page(out)
    write_figures(out)


if __name__ == "__main__":
    main()
