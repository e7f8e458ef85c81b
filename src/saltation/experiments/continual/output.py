"""What a run leaves in its folder, and says of itself."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from saltation.experiments.continual.cost import beside_descent
from saltation.experiments.continual.scoring import scores
from saltation.experiments.continual.settings import Settings
from saltation.experiments.continual.training import Outcome
from saltation.experiments.output import new_figure, save_figures, write_weights
from saltation.experiments.results import SCHEMA_VERSION, ResultFolder

__all__ = ["in_words", "write_figures", "write_results"]

_HARDLY = 0.1
"""Gain of accuracy below which a task counts as hardly learned."""

_DESCRIBED = ("stream", "method", "network", "backend", "hidden", "tasks", "epochs", "seed", "lr", "momentum")


def write_results(folder: ResultFolder, settings: Settings, done: Outcome, threads: int) -> dict[str, Any]:
    """Write ``results.json``, ``history.json`` and the weights; give what the command prints."""
    learned = done.learned
    result = {
        "experiment": "continual",
        "schema_version": SCHEMA_VERSION,
        **{name: getattr(settings, name) for name in _DESCRIBED},
        "scenario": done.stream.scenario,
        "parameters": done.parameters,
        "cut_to_max_delta": done.cut,
        **scores(learned),
        "untrained_accuracy": float(learned.untrained.mean()),
        "nte": done.history[-1]["nte"],
        "cost": beside_descent(settings, done.stream),
        "out": str(folder.path),
    }
    details = {name: value.tolist() for name, value in asdict(learned).items() if name != "memory"}
    details["names"] = [task.name for task in done.stream.tasks]
    folder.write_json("history", done.history)
    write_weights(folder, done.weights)
    folder.write_json("results", {**result, "learned": details, "threads": threads})
    return result


def write_figures(folder: ResultFolder, done: Outcome) -> list[Path]:
    """Draw ``accuracy_matrix.png``, ``accuracy_over_time.png`` and ``losses.png``."""
    from saltation.experiments.continual.drawing import accuracy_matrix, accuracy_over_time, losses

    learned, n = done.learned, len(done.stream)
    figures = {
        "accuracy_matrix": new_figure(1.6 + 0.62 * n, 1.2 + 0.5 * n),
        "accuracy_over_time": new_figure(5.2, 3.2),
        "losses": new_figure(5.2, 3.2),
    }
    accuracy_matrix(learned.accuracies, figures["accuracy_matrix"].subplots())
    accuracy_over_time(learned.accuracies, learned.untrained, figures["accuracy_over_time"].subplots())
    losses(learned.losses, figures["losses"].subplots())
    return save_figures(folder, figures)


def in_words(result: dict[str, Any]) -> str:
    """Say what came out, in some lines."""
    first, lost = result["first_task"], result["forgetting"]
    lines = [
        f"Average accuracy {100 * result['average_accuracy']:.2f} % after {result['tasks']} tasks; on each right after "
        f"it {100 * result['learning_accuracy']:.2f} %, before training {100 * result['untrained_accuracy']:.2f} %.",
    ]
    if result["learning_accuracy"] < result["untrained_accuracy"] + _HARDLY:
        lines.append("Tasks were hardly learned, so that forgetting tells nothing: more epochs, or a larger --lr.")
    if lost is not None:
        each = ", ".join(f"{100 * value:.2f} ({name})" for name, value in lost.items())
        lines += [
            f"On the first task {100 * first['first']:.2f} % after it, {100 * first['last']:.2f} % after the last.",
            f"Forgetting in percentage points, by whose definition: {each}.",
        ]
    seconds, updates = result["train_seconds"], result["updates"]
    lines += [
        f"{updates} updates in {seconds:.1f} s, {1e3 * seconds / updates:.2f} ms each (seed {result['seed']}, "
        f"{result['parameters']:,} parameters); {result['memory_bytes']:,} bytes kept between tasks.",
    ]
    if result["nte"] is not None:
        nte = result["nte"]
        lines.append(
            f"Of {nte['experts']:,} experts {nte['effective']:,.0f} count; {nte['clamped']:,} factors clamped, "
            f"{nte['limited']:,} experts at their limit, {nte['dead']:,} dead."
        )
    if result["cut_to_max_delta"]:
        lines.append(
            f"{result['cut_to_max_delta']:,} initial values were beyond --max-delta and cut to it; inf leaves them."
        )
    if result["cost"] is not None:
        cost = result["cost"]
        lines.append(
            f"Alone, an update takes {1e3 * cost['update_seconds']:.2f} ms, one of gradient descent "
            f"{1e3 * cost['descent_seconds']:.2f} ms: {cost['ratio']:.1f} times as long."
        )
    return "\n".join([*lines, f"Results are in {result['out']}"])
