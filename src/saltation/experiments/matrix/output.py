"""What a run leaves in its folder, and what it says."""

from pathlib import Path
from typing import Any

from saltation.experiments.matrix.stages import Outcome
from saltation.experiments.output import learning, new_figure, save_figures
from saltation.experiments.results import ResultFolder
from saltation.model.summary import align

__all__ = ["in_words", "write_figures"]


def write_figures(folder: ResultFolder, outcome: Outcome) -> list[Path]:
    """Draw ``confusion.png`` and ``times.png`` of the first chip, and ``learning-<training>.png`` of each training."""
    from saltation.plot import confusion_matrix, matrix_times

    result = outcome.result
    serial = str(result["serials"][0])
    names = result["names"]
    confusion = new_figure(3.0 + 0.5 * len(names), 2.6 + 0.5 * len(names))
    confusion_matrix(result["confusion"][serial], names, confusion.subplots())
    times = new_figure(1.6 + 0.9 * len(outcome.trace.operations), 3.4)
    matrix_times(outcome.trace, times.subplots())
    figures = {"confusion": confusion, "times": times}
    for name, history in outcome.histories.items():
        if history:
            figures[f"learning-{name}"] = learning(history)
    return save_figures(folder, figures)


def in_words(result: dict[str, Any]) -> str:
    """Lay out accuracies, what runs on circuits, and what a chip would take."""
    rows: list[tuple[str, ...]] = [("", "chip", "right", "of", "accuracy")]
    for row in result["stages"]:
        chip = "" if row["serial"] is None else str(row["serial"])
        samples = result["test_samples"]
        rows.append((row["stage"], chip, str(row["right"]), str(samples), f"{100 * row['accuracy']:.2f} %"))
    lines = [align(rows, {1, 2, 3, 4}), ""]
    for each in result["circuits"]:
        lines.append(
            f"On the circuits of chip {each['serial']}, {each['right_circuits']} of {each['samples']} test samples are "
            f"right, by its fast model {each['right_fast']}; {each['same_answers']} answers are the same, and "
            f"{each['same_answers_fast_again']} in two runs of the fast model."
        )
    found = result["hardware"]
    lines += [
        "",
        f"{found['samples']} samples in one batch: {found['macs']:.3g} MAC in {found['runs']} runs of a chip, "
        f"{100 * found['utilisation']:.0f} % of its synapses in use, {found['seconds']:.3g} s by its figures; no time "
        "was measured on one.",
        f"Results are in {result['out']}",
    ]
    return "\n".join(lines)
