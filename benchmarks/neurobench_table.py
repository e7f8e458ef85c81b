"""The joint table of docs/neurobench.md: Yin-Yang, MNIST, HAPT-6 and spoken digits on all backends.

    python benchmarks/neurobench_table.py --folder runs/table
    python benchmarks/neurobench_table.py --folder runs/table --report-only

Runs `saltation bench neurobench` in a folder, which goes on where it was: three seeds, but only the first where a
network is trained in the loop, and of MNIST on the chip, which takes longest.  Records rows and measurements without
the counts of each layer, and writes the page.  About a quarter of an hour of a core.
"""

from pathlib import Path
from typing import Any

import click
from pages import load_record, replace_block

from saltation.cli import cli
from saltation.experiments.bench.report import SCHEMA_VERSION, header, write_json
from saltation.experiments.neurobench import task_of
from saltation.experiments.neurobench.rows import rows_of
from saltation.experiments.neurobench.table import chip_of, markdown
from saltation.experiments.results import ResultFolder

RESULTS = Path(__file__).parent / "results" / "neurobench_table.json"
PAGE = Path(__file__).parents[1] / "docs" / "neurobench.md"
NAMES = ("yinyang", "mnist", "hapt", "spoken-digits")
CALLS = (
    "--task yinyang --seeds 3",
    "--task yinyang --seeds 1 --in-the-loop",
    "--task mnist --seeds 3 --backend exact --backend grid",
    "--task mnist --seeds 1",
    "--task hapt --task spoken-digits --seeds 3",
    "--task hapt --task spoken-digits --seeds 1 --in-the-loop",
)


def record(folder: Path) -> dict[str, Any]:
    """What is kept of the results of a folder."""
    found = ResultFolder(folder).read_json("results")
    counts = [each.pop("Counts") for each in found["measurements"]]
    assert rows_of(found["measurements"]) == [{**row, "kind": None} for row in found["rows"]]
    rules = {each["kind"]: each["rules"] for each in counts}
    head = header("neurobench_table", found["machine"]) | {"date": found["date"], "load_average": None}
    kept = {name: found[name] for name in ("config", "rows", "measurements")}
    return head | kept | {"rules": rules, "published": []}


def report(found: dict[str, Any]) -> str:
    """The table, what chips add to it, and where it was made."""
    heads = [
        "task",
        "model",
        "trained",
        "backend",
        "µs of a sample, modelled",
        "settling before (ms)",
        "physical events",
    ]
    lines = [markdown(found, {name: task_of(name) for name in NAMES}), ""]
    lines += [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for row in found["rows"]:
        if (of_chip := chip_of(row)) is not None:
            about = [row[name] for name in ("task", "model", "training", "backend")]
            lines.append(f"| {' | '.join([*about, *of_chip])} |")
    machine = found["machine"]
    step = found["config"]["step"]
    lines += [
        "",
        f"Step of the grid, and reference step of Dense and activation sparsity: {1e3 * step:g} ms. "
        f"`python benchmarks/neurobench_table.py`; {machine['processor']}, saltation {machine['saltation']}, numpy "
        f"{machine['numpy']}, {found['date'][:10]}.",
    ]
    return "\n".join(lines)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Of the command.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1))
@click.option("--report-only", is_flag=True, help="Of what is recorded.")
def main(folder: Path, threads: int, report_only: bool) -> None:
    if not report_only:
        for call in CALLS:
            more = ["--threads", str(threads), "--out", str(folder)]
            cli(["bench", "neurobench", *call.split(), *more], standalone_mode=False)
        write_json(RESULTS, record(folder))
    replace_block(PAGE, "neurobench-table", report(load_record(RESULTS, SCHEMA_VERSION)))


if __name__ == "__main__":
    main()
