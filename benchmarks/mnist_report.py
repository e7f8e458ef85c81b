"""Table and figure of `mnist.py`, from all results that are there.

python benchmarks/mnist_report.py
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from pages import PERFORMANCE, replace_block

RESULTS = Path(__file__).parent / "results"
FIGURE = PERFORMANCE.parent / "images" / "mnist.png"
TITLES = {"mnist": "MNIST", "fashion": "Fashion-MNIST", "digits": "digits 8 x 8"}

INTRODUCTION = """\
A pixel is one input spike, the brighter the earlier, within 20 ms; the readout's largest voltage decides. Exact
gradients, float64, Adam. Test accuracies are those after the last epoch, of the official test set where there is one;
all choices were made by pictures held out of the training set. Mean and sample standard deviation over seeds. *Epoch*
is the time of an epoch with its validation, median over epochs: that of the processor, all threads together, and what
the clock showed, which depends on what else the machine did (load). Memory is the peak of the process.""".splitlines()


def records() -> list[dict[str, Any]]:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    mine = [record for record in found if record.get("benchmark") == "mnist" and record["runs"]]
    return sorted(
        mine, key=lambda record: [list(TITLES).index(record["settings"]["dataset"]), record["settings"]["net"]]
    )


def spread(entry: dict[str, float], scale: float = 1.0, digits: int = 2) -> str:
    mean = f"{scale * entry['mean']:.{digits}f}"
    return mean if entry["std"] is None else f"{mean} ± {scale * entry['std']:.{digits}f}"


def net(settings: dict[str, Any]) -> str:
    pixels = 64 if settings["dataset"] == "digits" else 784
    if settings["net"] == "dense":
        return f"{pixels}-{settings['hidden']}-10"
    side = settings["kernel"]
    return f"{settings['channels']} maps of {side} x {side}, stride {settings['stride']}, then 10"


def row(record: dict[str, Any]) -> str:
    settings, summary = record["settings"], record["summary"]
    loads = [note["load_average"] for run in record["runs"] for note in run["clock"]]
    threads = sorted({str(run["threads"] or "all") for run in record["runs"]})
    cells = [
        TITLES[settings["dataset"]],
        net(settings),
        str(settings["epochs"]),
        str(summary["seeds"]),
        f"**{spread(summary['test_accuracy'], 100.0)} %**",
        f"{spread(summary['validation_accuracy'], 100.0)} %",
        f"{summary['spikes_per_sample']['mean']:.0f}",
        f"{summary['processor_seconds_an_epoch']['mean']:.1f} s",
        f"{summary['seconds_an_epoch']['mean']:.0f} s (load {np.median(loads):.0f}, threads: {', '.join(threads)})",
        f"{summary['peak_bytes']['max'] / 1e6:.0f} MB",
    ]
    return f"| {' | '.join(cells)} |"


def section(found: list[dict[str, Any]]) -> str:
    header = found[0]["runs"][0]["header"]
    dates = sorted(run["header"]["date"][:10] for record in found for run in record["runs"])
    columns = [
        "data",
        "net",
        "epochs",
        "seeds",
        "test",
        "validation",
        "hidden spikes",
        "epoch: processor",
        "clock",
        "memory",
    ]
    return "\n".join(
        [
            "## MNIST and its like",
            "",
            *INTRODUCTION,
            f"{header['machine']['processor']}, {header['machine']['cores']} cores, {dates[-1]}; "
            "`python benchmarks/mnist.py`.",
            "",
            f"| {' | '.join(columns)} |",
            "|" + "---|" * len(columns),
            *map(row, found),
            "",
            "![Validation accuracy after each epoch](images/mnist.png)",
        ]
    )


def draw(found: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib import ticker

    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    for place, record in enumerate(found):
        settings = record["settings"]
        for number, run in enumerate(record["runs"]):
            error = 100.0 - 100.0 * np.array(run["by_epoch"]["validation_accuracy"])
            label = f"{TITLES[settings['dataset']]}, {net(settings)}" if not number else None
            axes.plot(np.arange(1, len(error) + 1), error, color=f"C{place}", linewidth=1.2, label=label)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())
    axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation error (%), a line for each seed")
    axes.grid(alpha=0.3, which="both")
    axes.legend(fontsize="small", frameon=False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    found = records()
    if not found:
        raise SystemExit(f"{RESULTS} has no results of mnist.py: run that first")
    draw(found, FIGURE)
    replace_block(PERFORMANCE, "mnist", section(found))


if __name__ == "__main__":
    main()
