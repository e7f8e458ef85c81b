"""The blocks of docs/continual_results.md on spiking networks, from what `continual_spiking.py` measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from continual_rows import markdown
from continual_spiking import STUDIES as STUDY
from pages import load_record

RESULTS = Path(__file__).parent / "results" / "continual_spiking.json"
SCHEMA_VERSION = 1
STUDIES = {
    "split-digits": "digits, two classes a task, the task known",
    "permuted-digits": "digits, pixels permuted",
    "permuted-mnist": "MNIST, pixels permuted, 2,000 pictures a task",
}
METHODS = {
    "sgd": "SGD",
    "momentum": "SGD, momentum 0.9",
    "adam": "Adam",
    "nte": "NTE",
    "nte tempered": "NTE, tempered",
    "scaled sgd": "SGD at a rate of \\|w\\|",
    "ewc": "EWC",
    "si": "SI",
    "lwf": "LwF",
    "replay": "replay, 200 examples",
    "agem": "A-GEM, 200 examples",
    "joint": "joint training",
}

Row = dict[str, Any]


def recorded() -> list[Row]:
    return list(load_record(RESULTS, SCHEMA_VERSION)["rows"])


def exact() -> str:
    """All methods on all streams, on the exact backend."""
    found = recorded()
    parts = [_table(found, study, what) for study, what in STUDIES.items()]
    return "\n\n".join(part for part in parts if part)


def chip() -> str:
    """In the loop on chips, beside what was trained exactly and then run on them."""
    lines = []
    for method in ("sgd", "adam", "nte"):
        for kind, name in (("in the loop", "in the loop"), ("deployed", "trained exactly, then run on the chip")):
            group = _rows(recorded(), "split-digits-chip", method, kind)
            if group:
                cells = (_spread(group, key) for key in ("average_accuracy", "forgetting_chaudhry"))
                each = ", ".join(f"{100 * row['average_accuracy']:.1f}" for row in group)
                lines.append((METHODS[method], name, *cells, each))
    return markdown(("method", "", "average, %", "forgetting, %", "chip by chip, %"), lines)


def _table(found: Sequence[Row], study: str, what: str) -> str:
    lines = []
    for method, name in METHODS.items():
        rows = _rows(found, study, method, "exact")
        group = _whole(rows)
        if group:
            name += f" ({len(rows) - len(group)} of {len(rows)} failed)" if len(group) < len(rows) else ""
            cells = [_spread(group, key) for key in ("average_accuracy", "learning_accuracy", "forgetting_chaudhry")]
            changes = np.mean([row["sign_changes"] for row in group])
            memory = f"{group[0]['memory'] / 1e3:.0f}"
            seconds = _spread(group, "cpu_seconds", 1.0)
            lines.append((name, _settings(group[0]["settings"]), *cells, f"{changes:,.0f}", memory, seconds))
    if not lines:
        return ""
    seeds = len({row["seed"] for row in _rows(found, study, "sgd", "exact")})
    heads = ("method", "settings", "average, %", "each after it, %", "forgetting, %", "signs changed", "kB kept")
    return f"**{study}**: {what}; {seeds} seeds.\n\n{markdown((*heads, 's of a core'), lines)}"


def _rows(found: Sequence[Row], study: str, method: str, kind: str) -> list[Row]:
    """Rows at the size of the study, and not of a quick look; failed ones too."""
    size = (STUDY[study].epochs, STUDY[study].examples)
    mine = [row for row in found if (row["study"], row["method"], row["kind"]) == (study, method, kind)]
    mine = [row for row in mine if (row["epochs"], row["examples"]) == size]
    return sorted(mine, key=lambda row: row["seed"])


def _whole(group: Sequence[Row]) -> list[Row]:
    return [row for row in group if not row["failed"]]


def _spread(group: Sequence[Row], key: str, scale: float = 100.0) -> str:
    values = [scale * row[key] for row in group]
    return f"{np.mean(values):.1f}" + (f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else "")


def _settings(given: Mapping[str, float]) -> str:
    return ", ".join(f"{value:.2g}" for value in given.values())
