"""Table and figure of what `learning_curves.py` measured, for docs/performance.md.

    python benchmarks/learning_curves_report.py

Writes the block ``learning curves`` of the page; the words around it are kept.
"""

from pathlib import Path
from typing import Any

import click
import numpy as np
from pages import PERFORMANCE, load_record, replace_block

RESULTS = Path(__file__).parent / "results" / "learning_curves.json"
FIGURE = PERFORMANCE.parent / "images" / "learning_curves.png"
SCHEMA_VERSION = 2
COLOURS = {"exact": "#2060A0", "surrogate": "#C05020", "eventprop on a grid": "#508040"}
INTRODUCTION = """\
Yin-Yang, 5-200-3, leaky integrators as outputs, the highest voltage decides; same network, same initial weights,
same order of samples, Adam, batches of 16, a cosine schedule. *Exact* goes event by event, with EventProp;
*surrogate* on a grid of 1 ms, with SuperSpike and backpropagation through time; *eventprop on a grid* takes the
spikes of that grid and evaluates EventProp at them. The learning rate of each was chosen from the same three by the
validation set, on other seeds."""
NOTE = """\
*Without the grid*: the test set again, run event by event. Operations are those of a forward pass: additions of a
weight to a current, and updates of a neuron's state (event by event one for each arrival at each neuron; on the
grid one for each step and neuron). Time is that of the whole training, validation included, on one core."""


def spread(entry: dict[str, Any], scale: float = 1.0, digits: int = 2) -> str:
    return f"{scale * entry['mean']:.{digits}f} ± {scale * entry['std']:.{digits}f}"


def table(record: dict[str, Any]) -> str:
    heads = (
        "gradient",
        "learning rate",
        "test set, %",
        "worst to best seed",
        "without the grid, %",
        "hidden spikes",
        "synaptic operations",
        "neuron updates",
        "training, s",
    )
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---|' * (len(heads) - 1)}"]
    for way, entry in record["summary"].items():
        test = entry["test_accuracy"]
        cells = (
            way,
            f"{record['settings'][way]['learning_rate']:g}",
            f"**{spread(test, 100)}**",
            f"{100 * test['min']:.1f} to {100 * test['max']:.1f}",
            "" if way == "exact" else spread(entry["exact_test_accuracy"], 100),
            f"{entry['spikes_per_sample']['mean']:.0f}",
            f"{entry['synaptic_operations']['mean']:,.0f}",
            f"{entry['neuron_updates']['mean']:,.0f}",
            f"{entry['train_seconds']['mean']:.0f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def choices(record: dict[str, Any]) -> str:
    """What the validation set saw of each candidate, in words."""
    parts = []
    for way, candidates in record["candidates"].items():
        values = []
        for number, candidate in enumerate(candidates):
            mine = [c for c in record["choice"] if c["way"] == way and c["candidate"] == number]
            mean = 100 * np.mean([each["validation_accuracy"] for each in mine])
            values.append(f"{candidate['learning_rate']:g} {mean:.1f}")
        parts.append(f"{way}: {', '.join(values)}")
    return "Validation accuracies of the learning rates, %: " + "; ".join(parts) + "."


def figure(record: dict[str, Any]) -> None:
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(9.0, 3.4), layout="constrained")
    left, right = drawing.subplots(1, 2)
    for way, colour in COLOURS.items():
        runs = [run["curves"] for run in record["runs"] if run["way"] == way]
        for axes, name, scale in ((left, "validation_accuracy", 100.0), (right, "spikes_per_sample", 1.0)):
            curves = scale * np.array([run[name] for run in runs])
            epochs = np.arange(1, curves.shape[1] + 1)
            axes.fill_between(epochs, curves.min(axis=0), curves.max(axis=0), color=colour, alpha=0.15, linewidth=0)
            axes.plot(epochs, curves.mean(axis=0), color=colour, label=way)
    left.set(xlabel="epoch", ylabel="validation accuracy (%)", ylim=(80, 100))
    right.set(xlabel="epoch", ylabel="hidden spikes a sample", ylim=(0, None))
    left.legend(frameon=False, title="mean, and range over seeds")
    drawing.savefig(FIGURE, dpi=150)


def conditions(record: dict[str, Any]) -> str:
    run = record["runs"][-1]
    seeds = sorted({each["seed"] for each in record["runs"]})
    return (
        f"Seeds {seeds[0]} to {seeds[-1]}, {record['epochs']} epochs; mean and sample standard deviation. "
        f"{run['machine']['processor']}, {run['date'][:10]}, load {run['load_average']:.1f}. "
        "`python benchmarks/learning_curves.py`."
    )


@click.command()
@click.option("--results", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=RESULTS)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=PERFORMANCE)
def main(results: Path, page: Path) -> None:
    record = load_record(results, SCHEMA_VERSION)
    picture = "![Learning curves of the three gradients](images/learning_curves.png)"
    parts = ["## Exact against surrogate gradients", INTRODUCTION, table(record), NOTE, choices(record)]
    replace_block(page, "learning curves", "\n\n".join([*parts, conditions(record), picture]))
    if page == PERFORMANCE:
        figure(record)


if __name__ == "__main__":
    main()
