"""Continual learning of MLPs: momentum, width, gradients at the seed point, equal accuracy on one task, and a table.

    python benchmarks/continual_mlp.py width --out width.json
    python benchmarks/continual_mlp.py table

Each run is added to the results when it is done, and one that is there is not run again; several processes may work at
different files, which ``python benchmarks/continual_report.py`` brings together.  In the studies ``tune-*`` tests are
on training pictures that were held out; ``table`` takes the learning rate and strength that were best there, by average
accuracy, out of six settings of each method, and of nine where it has a strength.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from saltation.cli import installation
from saltation.continual import Ensemble, average_accuracy, learn
from saltation.errors import GradientError
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.continual.networks import make_network
from saltation.experiments.continual.problems import make_stream
from saltation.experiments.continual.settings import METHODS, Settings, recipe, sub_seed
from saltation.experiments.continual.ways import make_method

RESULTS = Path(__file__).parent / "results" / "continual_mlp.json"
SCHEMA_VERSION = 1
SEEDS = range(1, 6)
TUNING_SEED = 100
HELD_OUT = 10_000

Run = tuple[Settings, int | None]

RATES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
STRENGTHS = {"ewc": (10.0, 100.0, 1000.0), "si": (0.03, 0.3, 3.0), "lwf": (0.3, 1.0, 3.0)}
TEMPERINGS = ((1.0, 0.01), (0.3, 0.01), (0.1, 0.01), (0.3, 0.03), (0.1, 0.1))
"""Powers of the likelihood and learning rates."""

STREAMS: dict[str, dict[str, Any]] = {
    "permuted-mnist": {"tasks": 5, "train_limit": 20_000},
    "permuted-fashion": {"tasks": 10, "train_limit": 10_000},
    "split-fashion": {"tasks": 5},
    "classes-fashion": {"tasks": 5},
}
"""Of the table; what is not the default of the settings."""


def width() -> Iterator[Run]:
    """Narrow and wide networks, with the paper's settings; one seed of the widest."""
    for hidden in (10, 32, 100, 316, 1000):
        for method, seed in itertools.product(("nte", "sgd", "adam"), SEEDS):
            yield replace(recipe(method), hidden=hidden, seed=seed), None
    for method in ("nte", "sgd", "adam"):
        yield replace(recipe(method), hidden=3162), None


def momentum() -> Iterator[Run]:
    """Momentum from 0 to 0.99: two streams of Fashion-MNIST beside MNIST; and reset between tasks."""
    for stream, hidden in (("permuted-mnist", 316), ("permuted-fashion", 100), ("split-fashion", 100)):
        for value, seed in itertools.product((0.0, 0.5, 0.7, 0.9, 0.95, 0.99), SEEDS):
            given = {"momentum": value, "hidden": hidden, "seed": seed, "stream": stream, **STREAMS[stream]}
            yield replace(recipe("sgd"), **given | ({"train_limit": None} if "mnist" in stream else {})), None
    for value, seed in itertools.product((0.9, 0.99), (1, 2, 3)):
        yield replace(recipe("sgd"), momentum=value, hidden=316, seed=seed, reset=True), None


def reseed() -> Iterator[Run]:
    """Gradients at a point that moves every so many updates, against current ones."""
    for every, seed in itertools.product((1, 3, 10, 20, 30, 50, 100, 300, None), (1, 2, 3)):
        yield replace(recipe("nte"), gradient_at="seed", reseed_every=every, seed=seed), None
    for seed in SEEDS:
        yield replace(recipe("nte"), seed=seed), None


def matched() -> Iterator[Run]:
    """Many learning rates: what is kept of the first task, against how well one task is learned."""
    rates = {
        "sgd": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
        "nte": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
        "scaled-sgd": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
        "adam": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
    }
    for method, chosen in rates.items():
        for lr, seed in itertools.product(chosen, (1, 2, 3)):
            yield replace(recipe(method), lr=lr, seed=seed), None


def tempering() -> Iterator[Run]:
    """Powers of the likelihood, at the same product of power and learning rate and at the same rate."""
    for (beta, lr), seed in itertools.product(TEMPERINGS, SEEDS):
        yield replace(recipe("nte"), tempering=beta, lr=lr, seed=seed), None


def tune(stream: str) -> Iterator[Run]:
    """Six settings of each method, nine where it has a strength, on pictures that were held out."""
    for method in METHODS:
        for changed in trials(method):
            given = {"stream": stream, "seed": TUNING_SEED, **STREAMS[stream], **changed}
            yield replace(recipe(method), **given), HELD_OUT


def trials(method: str) -> list[dict[str, float]]:
    if method in STRENGTHS:
        # two numbers to be chosen: more trials
        return [{"lr": lr, "strength": strength} for lr in (1e-2, 3e-2, 1e-1) for strength in STRENGTHS[method]]
    return [{"lr": lr / 30 if method == "adam" else lr} for lr in RATES]


def table(done: dict[str, dict[str, Any]]) -> Iterator[Run]:
    """Each method at its best settings, on all streams."""
    for stream, method in itertools.product(STREAMS, METHODS):
        found = [done[key(*run)] for run in tune(stream) if run[0].method == method and key(*run) in done]
        if len(found) < len(trials(method)):
            click.echo(f"{stream}, {method}: not tuned yet")
            continue
        best = max(found, key=lambda row: average_accuracy(np.array(row["accuracies"])))
        for seed in SEEDS:
            yield replace(Settings(**best["settings"]), seed=seed), None


STUDIES: dict[str, Callable[[], Iterator[Run]]] = {
    "width": width,
    "momentum": momentum,
    "reseed": reseed,
    "matched": matched,
    "tempering": tempering,
    **{f"tune-{stream}": (lambda stream=stream: tune(stream)) for stream in STREAMS},
}


def key(settings: Settings, held_out: int | None) -> str:
    """What tells one run from another."""
    return json.dumps([asdict(settings), held_out], sort_keys=True)


def changed(settings: Settings) -> dict[str, Any]:
    """Those settings that are not the default ones."""
    default = asdict(Settings())
    return {name: value for name, value in asdict(settings).items() if value != default[name]}


def run(settings: Settings, held_out: int | None) -> dict[str, Any]:
    given = {name: getattr(settings, name) for name in ("tasks", "degrees", "pixels", "train_limit", "test_limit")}
    stream = make_stream(settings.stream, seed=sub_seed(settings.seed, "stream"), held_out=held_out, **given)
    module, _ = make_network(settings, stream)
    method = make_method(settings, module)
    try:
        order = sub_seed(settings.seed, "order")
        learned = learn(method, stream, epochs=settings.epochs, batch=settings.batch, seed=order)
    except GradientError as error:
        # a setting with which training ends in numbers that are not finite: it counts as nothing learned
        nothing = [[0.0] * settings.tasks] * settings.tasks
        return {"settings": changed(settings), "held_out": held_out, "failed": str(error), "accuracies": nothing}
    return {
        "settings": changed(settings),
        "held_out": held_out,
        "parameters": sum(p.numel() for p in module.parameters()),
        "accuracies": np.round(learned.accuracies, 5).tolist(),
        "untrained": np.round(learned.untrained, 5).tolist(),
        "final_loss": float(learned.losses[-1, -1]) if np.isfinite(learned.losses[-1, -1]) else None,
        "updates": int(learned.updates.sum()),
        "seconds": round(float(learned.seconds.sum()), 2),
        "memory": learned.memory,
        "report": asdict(method.report()) if isinstance(method, Ensemble) else None,
    }


def load(out: Path) -> dict[str, dict[str, Any]]:
    """Rows that are there, by what tells them apart."""
    rows = json.loads(out.read_text())["rows"] if out.exists() else []
    return {key(Settings(**row["settings"]), row["held_out"]): row for row in rows}


def save(out: Path, done: dict[str, dict[str, Any]]) -> None:
    record = header("continual_mlp", installation()) | {"schema_version": SCHEMA_VERSION}
    write_json(out, record | {"rows": [done[name] for name in sorted(done)]})


@click.command()
@click.argument("studies", nargs=-1, required=True, type=click.Choice([*STUDIES, "table"]))
@click.option("--only", help="Of one method.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(studies: tuple[str, ...], only: str | None, threads: int, out: Path) -> None:
    torch.set_num_threads(threads)
    for study in studies:
        for settings, held_out in table(load(out)) if study == "table" else STUDIES[study]():
            if (only is None or settings.method == only) and key(settings, held_out) not in load(out):
                row = run(settings, held_out)
                save(out, load(out) | {key(settings, held_out): row})
                kept, first = row["accuracies"][-1][0], row["accuracies"][0][0]
                click.echo(
                    f"{study} {settings.method} {settings.hidden} {settings.lr:g} {first:.3f} {kept:.3f} "
                    f"{row.get('seconds', 0):.0f} s"
                )


if __name__ == "__main__":
    main()
