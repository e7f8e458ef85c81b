"""What an update of the neural tangent ensemble costs beside gradient descent.

    python benchmarks/continual_cost.py

A dense network, one thread of PyTorch; per-example products over the batch, by outer products and with gradients that
are formed, their sum, and SGD on the same batch.  The best of some repeats counts.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

from saltation.cli import installation
from saltation.continual import NTE, expert_parameters, per_example_gradients
from saltation.experiments.bench.report import header, write_json

RESULTS = Path(__file__).parent / "results" / "continual_cost.json"
SCHEMA_VERSION = 1
SIZES, LABELS, BATCH = 784, 10, 128


def best(repeats: int, run: Callable[[], object]) -> float:
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def measure(hidden: int, repeats: int) -> dict[str, Any]:
    torch.manual_seed(0)
    x, y = torch.rand(BATCH, SIZES), torch.randint(0, LABELS, (BATCH,))
    found: dict[str, float] = {}
    for way in ("sgd", "sum", "product", "formed"):
        layers = [nn.Linear(SIZES, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, LABELS)]
        module = nn.Sequential(*layers)
        descent = torch.optim.SGD(module.parameters(), lr=0.01)
        ensemble = NTE(expert_parameters(module), lr=1e-3, batch="sum" if way == "sum" else "product")

        def step(
            module: nn.Module = module,
            descent: torch.optim.Optimizer = descent,
            ensemble: NTE = ensemble,
            way: str = way,
        ) -> None:
            if way in ("product", "formed"):
                per_example_gradients(module, x, y, dense=way == "formed")
                ensemble.step()
                return
            module.zero_grad()
            nn.functional.cross_entropy(module(x), y, reduction="mean" if way == "sgd" else "sum").backward()
            (descent if way == "sgd" else ensemble).step()

        found[way] = best(repeats, step)
    return {"hidden": hidden, "batch": BATCH, **{f"{way}_seconds": seconds for way, seconds in found.items()}}


@click.command()
@click.option("--repeats", default=20, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(repeats: int, out: Path) -> None:
    torch.set_num_threads(1)
    rows = [measure(hidden, repeats) for hidden in (100, 256)]
    for row in rows:
        click.echo(row)
    write_json(out, header("continual_cost", installation()) | {"schema_version": SCHEMA_VERSION, "rows": rows})


if __name__ == "__main__":
    main()
