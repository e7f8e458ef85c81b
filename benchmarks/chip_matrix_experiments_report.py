"""Tables and pictures of docs/chip_matrix_results.md, from what benchmarks/chip_matrix_experiments.py has recorded."""

from pathlib import Path
from typing import Any

from pages import load_record, replace_block

DOCS = Path(__file__).parents[1] / "docs"
PAGE, IMAGES = DOCS / "chip_matrix_results.md", DOCS / "images"
SCHEMA_VERSION = 1
STAGES = {
    "float": "float",
    "converted": "converted, without noise",
    "quantised": "quantised: trained on, without noise",
    "ideal": "ideal mode with noise",
    "deployed": "the same weights, deployed",
    "in the loop": "fine-tuned in the loop",
}


def write_page(path: Path) -> None:
    """Write the blocks of all experiments that are recorded."""
    for name, found in load_record(path, SCHEMA_VERSION)["runs"].items():
        parts = [accuracies(found), circuits(found), hardware(found), conditions(found, path)]
        replace_block(PAGE, name, "\n\n".join(part for part in parts if part))


def write_figures(path: Path) -> None:
    """Draw confusion matrices of the first chip, in the loop."""
    from matplotlib.figure import Figure

    from saltation.plot import confusion_matrix

    for name, found in load_record(path, SCHEMA_VERSION)["runs"].items():
        side = 2.6 + 0.45 * len(found["names"])
        picture = Figure(figsize=(side, side), layout="constrained")
        serial = str(found["serials"][0])
        confusion_matrix(found["confusion"][serial], found["names"], picture.subplots())
        picture.savefig(IMAGES / f"chip_matrix_{name.removesuffix('-mac')}.png", dpi=150)


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def accuracies(found: dict[str, Any]) -> str:
    """Rows of stages, columns of chips; what knows no chip is the same in all columns."""
    rows = []
    for stage, title in STAGES.items():
        own = {row["serial"]: row["accuracy"] for row in found["stages"] if row["stage"] == stage}
        values = [own.get(serial, own.get(None)) for serial in found["serials"]]
        rows.append([title, *("–" if value is None else f"{100 * value:.2f}" for value in values)])
    made = table(["test accuracy, %", *(f"chip {serial}" for serial in found["serials"])], rows)
    loop = [100 * row["accuracy"] for row in found["stages"] if row["stage"] == "in the loop"]
    floating, quantised = (
        next(100 * row["accuracy"] for row in found["stages"] if row["stage"] == stage)
        for stage in ("float", "quantised")
    )
    worst = min(loop)
    return (
        f"{made}\n\nIn the loop on {len(loop)} chips {worst:.2f} to {max(loop):.2f} %: the worst is "
        f"{quantised - worst:.2f} points below the quantised model and {floating - worst:.2f} below the float one."
    )


def circuits(found: dict[str, Any]) -> str:
    rows = [
        [
            str(each["serial"]),
            str(each["samples"]),
            str(each["right_circuits"]),
            str(each["right_fast"]),
            str(each["same_answers"]),
            str(each["same_answers_fast_again"]),
            f"{each['seconds_circuits']:.0f}",
            f"{each['seconds_fast']:.2f}",
        ]
        for each in found["circuits"]
    ]
    head = ["chip", "test samples", "right on circuits", "right by the fast model", "same answer", "same, fast twice"]
    return table([*head, "s, circuits", "s, fast"], rows) if rows else ""


def hardware(found: dict[str, Any]) -> str:
    estimate = found["hardware"]
    head = ["operation", "matrix", "vectors", "runs", "10^6 MAC", "in use, %", "events", "read-out", "weights", "host"]
    rows = []
    for row in estimate["operations"]:
        matrix = "" if row["inputs"] is None else f"{row['inputs']} x {row['outputs']}"
        used = "" if row["utilisation"] is None else f"{100 * row['utilisation']:.0f}"
        times = [f"{1e3 * row[part]:.1f}" for part in ("events", "readout", "reconfiguration", "host")]
        vectors = str(row["batch"]) if matrix else ""
        runs, macs = (str(row["runs"]), f"{row['macs'] / 1e6:.0f}") if matrix else ("", "")
        rows.append([row["operation"], matrix, vectors, runs, macs, used, *times])
    text = (
        f"Estimated milliseconds for {estimate['samples']:,} samples in one batch on chip {found['serials'][0]}; "
        f"in all {estimate['seconds']:.2f} s, {estimate['macs'] / 1e9:.3g}·10^9 MAC, "
        f"{estimate['macs'] / estimate['seconds'] / 1e6:.0f}·10^6 MAC/s, {100 * estimate['utilisation']:.0f} % of the "
        "synapses of all runs in use. No time was measured on a chip."
    )
    return f"{table(head, rows)}\n\n{text}"


def conditions(found: dict[str, Any], path: Path) -> str:
    loop = [row["seconds"] for row in found["stages"] if row["stage"] == "in the loop"]
    chips = "; ".join(f"chip {c['serial']} {c['gain']:.5f} and {c['noise_std']:.2f} LSB" for c in found["chips"])
    epochs = [
        sum(rows) / len(rows) for key, rows in found["training_seconds"].items() if key.startswith("loop") and rows
    ]
    pace = f", an epoch in the loop {min(epochs):.0f} to {max(epochs):.0f} s" if epochs else ""
    played = f"`num_sends` {', '.join(map(str, found['num_sends']))}, `wait_between_events`"
    return (
        f"{found['train_samples']:,} samples to train on, {found['test_samples']:,} to test on, "
        f"{found['parameters']:,} parameters, {played} {found['settings']['wait_between_events']}. Gain and noise "
        f"measured: {chips}. The whole test set by the fast model took {min(loop):.1f} to {max(loop):.1f} s{pace}. "
        f"{found['date'][:10]}, {found['machine']['cores']} cores, {found['machine']['processor']}, load "
        f"{found['load_average']:.0f}, from `{path.name}`."
    )
