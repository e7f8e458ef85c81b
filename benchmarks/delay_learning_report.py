"""Table of what `delay_learning.py` measured, for docs/performance.md.

    python benchmarks/delay_learning_report.py

Writes the block ``delay learning`` of the page; the words around it are kept.
"""

from pathlib import Path
from typing import Any

import click
from pages import PERFORMANCE, load_record, replace_block

RESULTS = Path(__file__).parent / "results" / "delay_learning.json"
SCHEMA_VERSION = 1
LABELS = {"none": "weights", "axonal": "weights and axonal delays", "synaptic": "weights and synaptic delays"}
INTRODUCTION = """\
Yin-Yang with 30 hidden neurons (four coordinates and a bias, 3 outputs), all spikes, exact gradients; delays of both
projections learned with the weights, from up to 1 ms on and never below 0. Settings were chosen by the validation set
from equally many candidates without delays and with them, on other seeds and fewer epochs; no choice has seen the test
set. Accuracies are those after the last epoch."""
NOTE = """\
The last column has DelGrad's networks (4-30-3, at most one spike a neuron, 300 epochs; Göltz et al., Nature
Communications 16, 2025, DOI 10.1038/s41467-025-63120-y): one seed each, from the spike times its authors stored."""


def percent(entry: dict[str, Any]) -> str:
    """Mean and standard deviation over seeds, in percent."""
    spread = "" if entry["std"] is None else f" ± {100 * entry['std']:.2f}"
    return f"{100 * entry['mean']:.2f}{spread}"


def table(record: dict[str, Any]) -> str:
    heads = (
        "learned",
        "numbers",
        "test set, %",
        "100,000 fresh points, %",
        "worst to best seed",
        "gain, points: mean (least)",
        "spikes a sample",
        "DelGrad, %",
    )
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---|' * (len(heads) - 1)}"]
    for kind, label in LABELS.items():
        entry = record["summary"].get(kind)
        if entry is None:
            continue
        numbers = next(run["parameters"] for run in record["runs"] if run["kind"] == kind)
        fresh, gain = entry["fresh_accuracy"], entry["fresh_accuracy_gain"]
        gained = "" if kind == "none" or gain is None else f"{100 * gain['mean']:.2f} ({100 * gain['min']:.2f})"
        lines.append(
            f"| {label} | {numbers} | {percent(entry['test_accuracy'])} | {percent(fresh)} | "
            f"{100 * fresh['min']:.2f} to {100 * fresh['max']:.2f} | {gained} | "
            f"{entry['spikes_per_sample']['mean']:.0f} | {100 * record['published'][kind]:.1f} |"
        )
    return "\n".join(lines)


def chosen(record: dict[str, Any]) -> str:
    """What the validation set decided, in words."""
    parts = []
    for kind, candidates in record["candidates"].items():
        names = candidates[0]
        values = ", ".join(f"`{name}` {record['settings'][kind][name]:g}" for name in names)
        parts.append(f"{LABELS[kind]}: {values} (of {len(candidates)})")
    return "Chosen: " + "; ".join(parts) + "."


def conditions(record: dict[str, Any]) -> str:
    runs = record["runs"]
    seeds = {entry["seeds"] for entry in record["summary"].values()}
    several = str(max(seeds)) if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    minutes = {kind: entry["train_seconds"]["mean"] / 60 for kind, entry in record["summary"].items()}
    shown = ", ".join(f"{LABELS[kind]} {value:.1f}" for kind, value in minutes.items())
    return (
        f"{several} seeds, {record['epochs']} epochs; {runs[-1]['machine']['processor']}, {runs[-1]['date'][:10]}; "
        f"minutes of training a seed on a machine busy with other work: {shown}. Gains are on fresh points, by seed. "
        "`python benchmarks/delay_learning.py`."
    )


def section(record: dict[str, Any]) -> str:
    parts = ["## Learned delays", INTRODUCTION, table(record), NOTE, chosen(record), conditions(record)]
    return "\n\n".join(parts)


@click.command()
@click.option("--results", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=RESULTS)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=PERFORMANCE)
def main(results: Path, page: Path) -> None:
    replace_block(page, "delay learning", section(load_record(results, SCHEMA_VERSION)))


if __name__ == "__main__":
    main()
