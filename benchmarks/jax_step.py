"""A training step under JAX beside one under PyTorch, and how long the first step of a program takes.

    taskset -c 1 python benchmarks/jax_step.py

Yin-Yang, 5-120-3, batch 150, float64, one thread: run, loss of first spikes, gradient, Adam, by the case "ratio 2" of
``saltation bench``.  The steps are timed in turns, so that a change of load meets both alike; medians, in microseconds
a sample.
The first step is that of a new process, from its start: with an empty cache of kernels, and with a full one.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

RESULTS = Path(__file__).parent / "results" / "jax_step.json"
CASE = "ratio 2"
FIRST = "first"


def jax_step(case_name: str) -> Callable[[Any], Any]:
    """A compiled step, as ``saltation bench`` does it with PyTorch."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import optax

    import saltation as sal
    from saltation.experiments.bench.cases import CASES, DURATION, network, stimulus

    case = CASES[case_name]
    net, stim = network(case), stimulus(case)
    backend = sal.Exact(threads=1)
    # the weights do not move, so that all fits that fits now
    room = sal.jax.capacities(net, {"in": stim}, DURATION, margin=1.2, backend=backend)
    init, apply = sal.jax.build(net, capacity=room, duration=DURATION, backend=backend)
    labels = jnp.asarray(np.random.default_rng(2).integers(0, case.outputs, stim.batch))
    given = {"in": sal.jax.Spikes.from_numpy(stim)}
    # a rate too small to change what is timed
    optimiser = optax.adam(1e-12)

    def loss(params: Any, given: Any) -> Any:
        first = apply(params, given).first_spike("out")
        return sal.jax.ttfs_cross_entropy(first, labels, tau0=0.5e-3, tau1=6.4e-3, alpha=3e-3)

    @jax.jit
    def update(state: Any, given: Any) -> Any:
        params, memory = state
        value, gradient = jax.value_and_grad(loss)(params, given)
        change, memory = optimiser.update(gradient, memory)
        return (optax.apply_updates(params, change), memory), value

    params = init()
    state: Any = (params, optimiser.init(params))

    def step(_: Any) -> float:
        nonlocal state
        state, value = update(state, given)
        return float(value)

    return step


def torch_step(case_name: str) -> Callable[[Any], Any]:
    import torch

    from saltation.experiments.bench.cases import CASES, network, stimulus
    from saltation.experiments.bench.measure import training_step

    torch.set_num_threads(1)
    case = CASES[case_name]
    stim = stimulus(case)
    labels = np.random.default_rng(2).integers(0, case.outputs, stim.batch)
    step = training_step(network(case), stim, labels, 1)
    return lambda _: step(_).item()


def first_steps(case_name: str) -> dict[str, float]:
    """Seconds from the start of a process to the end of its first step: kernels to be compiled, and kernels there."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for what in ("cold", "warm"):
            variables = {**os.environ, "SALTATION_CACHE_DIR": folder}
            # as where it is installed, which leaves bytecode
            variables.pop("PYTHONDONTWRITEBYTECODE", None)
            start = time.perf_counter()
            command = [sys.executable, __file__, "--only", FIRST, "--case", case_name]
            subprocess.run(command, env=variables, check=True, capture_output=True)
            found[what] = time.perf_counter() - start
    return found


@click.command()
@click.option("--case", "case_name", default=CASE, show_default=True)
@click.option("--repeats", default=200, show_default=True)
@click.option("--only", type=click.Choice(["turns", FIRST]), help="The steps in turns, or a single step.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(case_name: str, repeats: int, only: str | None, out: Path) -> None:
    if only == FIRST:
        jax_step(case_name)(None)
        return
    from saltation.cli import installation
    from saltation.experiments.bench.cases import BATCH
    from saltation.experiments.bench.measure import alternate
    from saltation.experiments.bench.report import header, write_json
    from saltation.jax.gate import may_use_ffi

    steps = {"torch": torch_step(case_name), "jax": jax_step(case_name)}
    values = {name: step(None) for name, step in steps.items()}
    if abs(values["torch"] - values["jax"]) > 1e-11 * abs(values["torch"]):
        raise click.ClickException(f"the losses differ: {values}")
    _, seconds = alternate(steps, repeats)
    micro = {name: 1e6 * statistics.median(times) / BATCH for name, times in seconds.items()}
    ratios = [b / a for a, b in zip(seconds["torch"], seconds["jax"], strict=True)]
    record: dict[str, Any] = {
        **header("jax_step", installation()),
        "case": case_name,
        "batch": BATCH,
        "custom_calls": may_use_ffi(),
        "us_per_sample": micro,
        "us_per_sample_best": {name: 1e6 * min(times) / BATCH for name, times in seconds.items()},
        "ratio": statistics.median(ratios),
    }
    click.echo(
        f"torch {micro['torch']:.1f}, jax {micro['jax']:.1f} us a sample; jax / torch {record['ratio']:.2f} "
        f"(best {min(seconds['jax']) / min(seconds['torch']):.2f})"
    )
    if only is None:
        record["first_step_seconds"] = first_steps(case_name)
        click.echo(f"first step of a process: {json.dumps(record['first_step_seconds'])} s")
    write_json(out, record)


if __name__ == "__main__":
    main()
