"""What an update of the neural tangent ensemble costs beside gradient descent.

    python benchmarks/continual_cost.py

A dense network, one thread of PyTorch, and of JAX under jit; per-example products over the batch, their sum, and SGD on
the same batch; of PyTorch products by outer products, and with gradients that are formed.  The best of some repeats
counts.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# before the first use of JAX, which has no other way to one thread
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")

import click
import jax
import jax.numpy as jnp
import optax
import torch
from torch import nn

from saltation.cli import installation
from saltation.continual import NTE, expert_parameters, nte, per_example, per_example_gradients
from saltation.experiments.bench.report import header, write_json

RESULTS = Path(__file__).parent / "results" / "continual_cost.json"
SCHEMA_VERSION = 2
SIZES, LABELS, BATCH = 784, 10, 128


def best(repeats: int, run: Callable[[], object]) -> float:
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def row(front_end: str, hidden: int, found: dict[str, float]) -> dict[str, Any]:
    seconds = {f"{way}_seconds": value for way, value in found.items()}
    return {"front_end": front_end, "hidden": hidden, "batch": BATCH, **seconds}


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
    return row("torch", hidden, found)


def measure_jax(hidden: int, repeats: int) -> dict[str, Any]:
    keys = jax.random.split(jax.random.key(0), 5)
    shapes = [(SIZES, hidden), (hidden, hidden), (hidden, LABELS)]
    params = [
        (jax.random.normal(key, shape) / shape[0] ** 0.5, jnp.full(shape[1], 0.01))
        for key, shape in zip(keys, shapes, strict=False)
    ]
    x, y = jax.random.uniform(keys[3], (BATCH, SIZES)), jax.random.randint(keys[4], (BATCH,), 0, LABELS)

    def loss(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        for weight, bias in params[:-1]:
            x = jax.nn.relu(x @ weight + bias)
        weight, bias = params[-1]
        return -jax.nn.log_softmax(x @ weight + bias)[y]

    def total(params: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        return jax.vmap(loss, in_axes=(None, 0, 0))(params, x, y).sum()

    ways = {
        "sgd": (optax.sgd(0.01 / BATCH), jax.grad(total)),
        "sum": (nte(1e-3, batch="sum"), jax.grad(total)),
        "product": (nte(1e-3), per_example(loss)),
    }
    found: dict[str, float] = {}
    for way, (rule, gradients) in ways.items():
        state = rule.init(params)

        @jax.jit
        def step(params: Any, state: Any, rule: Any = rule, gradients: Any = gradients) -> Any:
            updates, state = rule.update(gradients(params, x, y), state, params)
            return optax.apply_updates(params, updates), state

        found[way] = best(repeats, lambda step=step, state=state: jax.block_until_ready(step(params, state)))
    return row("jax", hidden, found)


@click.command()
@click.option("--repeats", default=20, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(repeats: int, out: Path) -> None:
    torch.set_num_threads(1)
    rows = [each(hidden, repeats) for each in (measure, measure_jax) for hidden in (100, 256)]
    for row in rows:
        click.echo(row)
    write_json(out, header("continual_cost", installation()) | {"schema_version": SCHEMA_VERSION, "rows": rows})


if __name__ == "__main__":
    main()
