"""A calibration as a table and as a record."""

from typing import Any

from saltation.bss2 import COBA, SPIKING2, Calibration, NeuronTarget
from saltation.bss2.calibration.result import DECIDED_BY
from saltation.model.summary import align

__all__ = ["TARGETS", "as_record", "in_words"]

TARGETS = {"default": NeuronTarget(), "spiking2": SPIKING2, "coba": COBA}
"""What a calibration can be asked for by name."""


def in_words(result: Calibration) -> str:
    """Lay out how well circuits agree, before and after; times in microseconds, the rest in LSB of the CADC."""
    rows: list[tuple[str, ...]] = [
        ("quantity", "unit", "median", "spread before", "after", "ratio", "failed", "codes at an end")
    ]
    for name, row in result.summary().items():
        unit = result.unit_of(name)
        scale, unit = (1e6, "us") if unit == "s" else (1.0, unit)
        spreads = [f"{scale * row[key]:.2f}" for key in ("median", "before", "after")]
        counts = [f"{row[key]:.0f}" for key in ("failed", "at_ends")]
        rows.append((name, unit, *spreads, f"{row['ratio']:.3f}", *counts))
    others = {name: n for name, n in result.at_ends().items() if name not in DECIDED_BY.values()}
    told = ", ".join(f"{name} {n}" for name, n in others.items())
    return "\n".join(
        [
            align(rows, set(range(2, 8))),
            "",
            "Spreads are standard deviations over the circuits. Other registers' codes at an end:",
            f"{told}.",
            f"Chip {result.serial}; {result.hardware_time:.3g} s on hardware.",
        ]
    )


def as_record(result: Calibration) -> dict[str, Any]:
    """The same for machines; times in seconds."""
    quantities = {
        # a ratio to no spread at all is not a number, which JSON does not have
        name: {key: None if value != value else value for key, value in row.items()}
        for name, row in result.summary().items()
    }
    return {
        "serial": result.serial,
        "hardware_time": result.hardware_time,
        "quantities": quantities,
        "at_ends": result.at_ends(),
    }
