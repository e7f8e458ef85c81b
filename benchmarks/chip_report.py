"""Tables and figure of what the scripts `chip_*.py` measured, for docs/chip_results.md.

    python benchmarks/chip_report.py

Writes the blocks of the page; the words around them are kept.
"""

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pages import PERFORMANCE, load_record, replace_block

RESULTS = Path(__file__).parent / "results"
PAGE = PERFORMANCE.parent / "chip_results.md"
FIGURE = PERFORMANCE.parent / "images" / "chip_gradients.png"
SCHEMA_VERSION = 1
COLOURS = {"spikes": "#2060A0", "spikes and voltages": "#508040", "surrogate": "#C05020"}
WORDS = {
    "eventprop": "in the loop, EventProp from spikes alone",
    "default": "in the loop, EventProp, by the recipe of the exact backend",
    "surrogate": "in the loop, surrogate gradients at CADC readings",
    "deployed": "trained exactly without the chip, then run on it",
    "uncalibrated": "in the loop, one code for all circuits",
    "none": "in the loop, a chip without variation and noise",
    "noise": "in the loop, temporal noise alone",
    "variation": "in the loop, fixed-pattern variation alone",
}


def yinyang_table(record: dict[str, Any]) -> str:
    lines = [
        "| Yin-Yang, 5-120-3 | chips | epochs | test set, % | each chip, % | spikes | an epoch, s |",
        "|---|---|---|---|---|---|---|",
    ]
    kinds = sorted({run["kind"] for run in record["runs"]}, key=lambda kind: ([*WORDS, kind].index(kind), kind))
    for kind in kinds:
        runs = sorted((run for run in record["runs"] if run["kind"] == kind), key=lambda run: run["serial"])
        values = [100 * run["test_accuracy"] for run in runs]
        spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
        seconds = statistics.mean(run["train_seconds"] / run["epochs"] for run in runs)
        lines.append(
            f"| {WORDS.get(kind, f'in the loop, `{kind}` alone')} | {len(runs)} | {runs[0]['epochs']} | "
            f"**{statistics.mean(values):.1f}{spread}** | {', '.join(f'{value:.1f}' for value in values)} | "
            f"{statistics.mean(run['spikes_per_sample'] for run in runs):.0f} | {seconds:.1f} |"
        )
    machine, dates = record["runs"][0]["machine"], sorted(run["date"] for run in record["runs"])
    note = (
        f"{machine['cores']} cores, {machine['processor']}, {dates[0][:10]}, other work beside it, so that times are "
        "upper bounds; test accuracy after the last epoch, 1,000 points."
    )
    return "\n".join(lines) + f"\n\n{note} From `benchmarks/results/chip_yinyang.json`."


def gradients_table(record: dict[str, Any]) -> str:
    lines = [
        "| gradient | readings every | bits a sample | cosine to exact | differences | those of exact | longest |",
        "|---|---|---|---|---|---|---|",
    ]
    for (way, period), rows in grouped(record).items():

        def mean(name: str, rows: list[dict[str, Any]] = rows) -> str:
            values = [row[name] for row in rows]
            spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            return f"{statistics.mean(values):.2f}{spread}"

        every = "" if period is None else f"{1e6 * period:.1f} us"
        number = statistics.mean(row["bits_per_sample"] for row in rows)
        lines.append(
            f"| {way} | {every} | {number:,.0f} | {mean('cosine')} | **{mean('differences')}** | "
            f"{mean('differences_of_exact')} | "
            f"{max(row['longest_by_median'] for row in rows):.0f} |"
        )
    chips = len({row["serial"] for row in record["rows"]})
    note = (
        f"Mean and standard deviation over {chips} chips, batches of {record['batch']}; *differences*: correlation, "
        f"over {record['directions']} random directions, of predicted and found changes of the loss on the chip "
        f"without temporal noise; *those of exact*: the same for the gradient of the exact model; *longest*: the "
        "longest gradient of a sample, by the median one, on the worst chip. "
        f"{record['date'][:10]}, from `benchmarks/results/chip_gradients.json`."
    )
    return "\n".join(lines) + f"\n\n{note}\n\n![gradients by bits observed](images/chip_gradients.png)"


def calibration_table(record: dict[str, Any]) -> str:
    lines = ["| quantity | before | after | ratio | worst chip | bound |", "|---|---|---|---|---|---|"]
    for name, row in record["quantities"].items():
        bound = "" if row["bound"] is None else f"{row['bound']:.2f}"
        lines.append(
            f"| `{name}` | {row['before']:.3g} | {row['after']:.3g} | **{row['ratio']:.3f}** | "
            f"{row['worst_ratio']:.3f} | {bound} |"
        )
    note = (
        f"{len(record['chips'])} chips; a calibration took {record['median_seconds']:.1f} s (median, load "
        f"{record['load_average']:.1f} on {record['machine']['cores']} cores). {record['date'][:10]}, from "
        "`benchmarks/results/chip_calibration.json`."
    )
    return "\n".join(lines) + f"\n\n{note}"


def speed_table(record: dict[str, Any]) -> str:
    lines = ["| case | hardware time | time here |", "|---|---|---|"]
    for row in record["rows"]:
        seconds = row.get("core_seconds", row.get("wall_seconds"))
        unit = "s of one core" if "core_seconds" in row else "s"
        each = f", {1e3 * row['wall_seconds_per_sample']:.1f} ms a sample" if "wall_seconds" in row else ""
        lines.append(f"| {row['case']} | {1e3 * row['hardware_seconds']:g} ms | **{seconds:.3g}** {unit}{each} |")
    note = (
        f"The best of some repeats, {record['machine']['processor']}, {record['machine']['cores']} cores, load "
        f"{record['load_average']:.1f}, {record['date'][:10]}, from `benchmarks/results/chip_speed.json`."
    )
    names = list(record["profile"][0]["ms"])
    table = [f"| ms a sample, one core | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for row in record["profile"]:
        spent = [f"{row['ms'][name]:.2f}" for name in names]
        table.append(f"| {row['case']} | {' | '.join(spent)} |")
    return "\n".join([*lines, "", *table]) + f"\n\n{note}"


def grouped(record: dict[str, Any]) -> dict[tuple[str, float | None], list[dict[str, Any]]]:
    found: dict[tuple[str, float | None], list[dict[str, Any]]] = {}
    for row in record["rows"]:
        found.setdefault((row["way"], row["cadc_period"]), []).append(row)
    return found


def scales_table(record: dict[str, Any]) -> str:
    lines = [
        "| chip | spikes late, as asked | time measured | time and traces | voltages off, as asked | time and traces |",
        "|---|---|---|---|---|---|",
    ]
    for chip in dict.fromkeys(row["chip"] for row in record["rows"]):
        ways = {row["way"]: row for row in record["rows"] if row["chip"] == chip}
        late = [f"{1e6 * w['late_median']:.2f}, {1e6 * w['late_mean_absolute']:.2f}" for w in ways.values()]
        off = [f"{ways[way]['voltage_mean_absolute']:.2f}" for way in ("as asked", "time and traces")]
        lines.append(f"| {chip} | {' | '.join([*late, *off])} |")
    note = (
        f"{record['samples']} samples. Spikes: median and mean absolute difference of the first ones of the hidden "
        "layer, in us, from those of the exact model with the chip's rounded weights. Voltages: mean absolute "
        "difference of the readout's from those of the model at the observed spikes, whose standard deviation is about "
        "0.6. "
        f"{record['date'][:10]}, from `benchmarks/results/chip_scales.json`."
    )
    return "\n".join(lines) + f"\n\n{note}"


def mnist_table(record: dict[str, Any]) -> str:
    lines = [
        "| MNIST | run by | parts | epochs | pictures | test set, % | spikes | an epoch, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for run in sorted(record["runs"], key=lambda run: (run["net"], run["backend"] != "bss2")):
        by = f"chip {run['serial']}" if run["backend"] == "bss2" else "exactly"
        pictures = run["settings"]["train_limit"] or 60_000 - run["settings"]["held_out"]
        lines.append(
            f"| {run['net']} | {by} | {run['parts']} | {run['epochs']} | {pictures:,} | "
            f"**{100 * run['test_accuracy']:.2f}** | {run['spikes_per_sample']:.0f} | "
            f"{run['train_seconds'] / run['epochs']:.0f} |"
        )
    machine, dates = record["runs"][0]["machine"], sorted(run["date"] for run in record["runs"])
    note = (
        f"{machine['cores']} cores, {machine['processor']}, {dates[0][:10]}, other work beside it, so that times are "
        "upper bounds; test accuracy after the last epoch, 10,000 pictures. From `benchmarks/results/chip_mnist.json`."
    )
    return "\n".join(lines) + f"\n\n{note}"


def figure(record: dict[str, Any]) -> None:
    from matplotlib.figure import Figure

    picture = Figure(figsize=(6.0, 3.6), layout="constrained")
    axes = picture.subplots()
    for way, colour in COLOURS.items():
        points = [
            (statistics.mean(r["bits_per_sample"] for r in rows), [r["differences"] for r in rows])
            for (name, _), rows in grouped(record).items()
            if name == way
        ]
        for bits, values in points:
            axes.plot([bits] * len(values), values, "o", color=colour, alpha=0.5, markersize=4)
        means = [statistics.mean(values) for _, values in points]
        axes.plot([bits for bits, _ in points], means, "-", color=colour, label=way)
    axes.set_xscale("log")
    axes.set_xlabel("bits observed, a sample")
    axes.set_ylabel("agreement with differences on the chip")
    axes.set_ylim(top=1.0)
    axes.legend(frameon=False)
    picture.savefig(FIGURE, dpi=150)


BLOCKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "calibration": calibration_table,
    "speed": speed_table,
    "yinyang": yinyang_table,
    "gradients": gradients_table,
    "mnist": mnist_table,
    "scales": scales_table,
}
"""Blocks of the page by the file that they are made of, ``chip_<name>.json``."""


def block(name: str) -> str:
    """A block of the page, as what is recorded gives it."""
    return BLOCKS[name](load_record(RESULTS / f"chip_{name}.json", SCHEMA_VERSION))


@click.command()
def main() -> None:
    for name in BLOCKS:
        replace_block(PAGE, name, block(name))
    figure(load_record(RESULTS / "chip_gradients.json", SCHEMA_VERSION))


if __name__ == "__main__":
    main()
