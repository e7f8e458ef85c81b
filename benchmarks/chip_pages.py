"""Pictures and the tables of constants of docs/chip.md.

python benchmarks/chip_pages.py
"""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from pages import replace_block

import saltation as sal
from saltation.bss2 import SPIKING2, Chip, Configuration, Noise, Physics, Variation, calibrate, place
from saltation.experiments.chip.networks import network_of

DOCS = Path(__file__).parents[1] / "docs"
PAGE, IMAGES = DOCS / "chip.md", DOCS / "images"
TABLES = (
    ("What codes mean: `Physics`", Physics()),
    ("Mismatch, standard deviations: `Variation`", Variation()),
    ("Noise: `Noise`", Noise()),
)


def constants() -> str:
    """Tables of all constants, each with its unit and its source."""
    parts: list[str] = []
    for title, table in TABLES:
        rows = [f"| `{name}` | {value:g} | {unit} | {source} |" for name, value, unit, source in table.table()]
        parts += [f"### {title}", "\n".join(["| name | value | unit | source |", "|---|---|---|---|", *rows])]
    return "\n\n".join(parts)


def draw() -> None:
    """Write the pictures."""
    matplotlib.use("Agg")
    IMAGES.mkdir(exist_ok=True)
    save(sal.plot.chip_map(place(network_of("256-246-10"))), "chip_map_mnist")
    network, rows = network_of("5-120-3"), 2
    placement, configuration = place(network, rows=rows), Configuration()
    placement.configure(configuration)
    rng = np.random.default_rng(1)
    for key, projection in network.projections.items():
        weights = rng.normal(0.0, 40.0, projection.shape)
        placement.write_weights(configuration, key, np.clip(np.rint(weights), -63 * rows, 63 * rows).astype(int))
    save(sal.plot.chip_map(configuration, placement=placement), "chip_map_yinyang")
    save(sal.plot.calibration(calibrate(Chip(serial=1), SPIKING2))[0], "chip_calibration")


def save(ax: Any, name: str) -> None:
    ax.figure.savefig(IMAGES / f"{name}.png", dpi=150)


def main() -> None:
    replace_block(PAGE, "constants", constants())
    draw()


if __name__ == "__main__":
    main()
