"""Continual learning with spiking networks: methods on streams of digits and MNIST, exactly and on emulated chips.

    python benchmarks/continual_spiking.py
    python benchmarks/continual_spiking.py --study split-digits --examples 60 --epochs 1 --trials 1 --seeds 1

Pictures in latency code, one hidden layer, the largest voltage of each readout as its logit.  Studies are run one after
another; a row that the results have is not run again, and a row is written as soon as it is there.

All methods of a study have as many trials to find their settings: on seed 100, trained on a part of the training
pictures and tested on others of them, the largest average accuracy counts.  Methods with a strength try it at two
learning rates, that of the best gradient descent and a third of it; they, replay, A-GEM and joint training descend
without momentum.  Rows with other seeds are tested on the test pictures.  On chips, trials are those of the exact study
and two more on a chip of their own, at the learning rate found and at a third of it; what is ``deployed`` was
trained exactly, and is then run on the chip.  ``cpu_seconds`` is of training and tests; ``train_seconds`` is by the
clock of the wall, which others that run on the machine make longer.
"""

import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import nn

import saltation.continual as cl
from saltation.bss2 import Backend as OnChip
from saltation.cli import installation
from saltation.data import Images, digits, mnist, split
from saltation.engine import Exact
from saltation.errors import ChipWarning, SaltationError
from saltation.experiments.bench.report import header, write_json
from saltation.experiments.continual.spiking import make_chip, make_spiking

RESULTS = Path(__file__).parent / "results" / "continual_spiking.json"
SCHEMA_VERSION = 1
TUNING, TUNING_SERIAL = 100, 100
READERS = {"digits": digits, "mnist": mnist}
ON_CHIP = ("sgd", "adam", "nte")

Settings = dict[str, float]
Row = dict[str, Any]


@dataclass(frozen=True)
class Study:
    """A stream and the network that learns it.

    `trials` a method, on `trial_tasks` tasks; `examples` and `tests` bound the pictures of each task.  Of a study on
    chips, `like` is the one whose exact trials it takes.
    """

    dataset: str
    stream: str
    epochs: int
    seeds: int
    trials: int
    examples: int | None = None
    tests: int | None = None
    tasks: int = 5
    trial_tasks: int = 5
    batch: int = 16
    hidden: int = 100
    like: str | None = None


STUDIES = {
    "split-digits": Study("digits", "split", epochs=4, seeds=5, trials=5),
    "permuted-digits": Study("digits", "permuted", epochs=3, seeds=5, trials=4),
    "split-digits-chip": Study("digits", "split", epochs=4, seeds=3, trials=2, like="split-digits"),
    "permuted-mnist": Study("mnist", "permuted", epochs=1, seeds=5, trials=4, examples=2000, tests=500, trial_tasks=2),
}

# ------------------------------------------------------------------------------------------------ methods
# From the middle outwards: a study with fewer trials leaves out the ends.
SGD, MOMENTUM = (1.0, 0.3, 2.0, 4.0, 0.1), (0.1, 0.03, 0.2, 0.4, 0.01)
ADAM, ENSEMBLE = (1e-2, 3e-3, 2e-2, 4e-2, 1e-3), (0.1, 0.05, 0.2, 0.4, 0.02)
TEMPERED = ((0.3, 0.3), (1.0, 0.3), (1.0, 0.1), (0.1, 0.3), (0.3, 0.1))  # rate, power
STRENGTHS = {"ewc": (0.1, 0.01, 1.0), "si": (0.01, 0.001, 0.1), "lwf": (1.0, 0.3, 3.0)}
CAPACITY = 200


def sgd(module: nn.Module, lr: float, momentum: float = 0.0) -> torch.optim.Optimizer:
    return torch.optim.SGD(module.parameters(), lr=lr, momentum=momentum)


def nte(module: nn.Module, lr: float, **more: Any) -> cl.Method:
    return cl.Ensemble(module, cl.NTE(cl.expert_parameters(module), lr=lr, **more))


# from module, settings and seed
METHODS: dict[str, Callable[[nn.Module, Settings, int], cl.Method]] = {
    "sgd": lambda m, s, seed: cl.Descent(m, sgd(m, s["lr"])),
    "momentum": lambda m, s, seed: cl.Descent(m, sgd(m, s["lr"], 0.9)),
    "adam": lambda m, s, seed: cl.Descent(m, torch.optim.Adam(m.parameters(), lr=s["lr"])),
    "nte": lambda m, s, seed: nte(m, s["lr"]),
    "nte tempered": lambda m, s, seed: nte(m, s["lr"], tempering=s["tempering"]),
    "scaled sgd": lambda m, s, seed: nte(m, s["lr"], renormalise=False),
    "ewc": lambda m, s, seed: cl.EWC(m, sgd(m, s["lr"]), strength=s["strength"], seed=seed),
    "si": lambda m, s, seed: cl.SI(m, sgd(m, s["lr"]), strength=s["strength"]),
    "lwf": lambda m, s, seed: cl.LwF(m, sgd(m, s["lr"]), strength=s["strength"]),
    "replay": lambda m, s, seed: cl.Replay(m, sgd(m, s["lr"]), capacity=CAPACITY, seed=seed),
    "agem": lambda m, s, seed: cl.AGEM(m, sgd(m, s["lr"]), capacity=CAPACITY, seed=seed),
    "joint": lambda m, s, seed: cl.Joint(m, sgd(m, s["lr"])),
}


def grid(method: str, best: Callable[[str], Settings | None]) -> list[Settings]:
    """The trials of a method; `best` gives the settings that another one found."""
    if method in STRENGTHS:
        lr = (best("sgd") or {"lr": SGD[0]})["lr"]
        middle, low, high = STRENGTHS[method]
        pairs = ((lr, middle), (lr, low), (lr, high), (lr / 3, high), (lr / 3, middle))
        return [{"lr": rate, "strength": strength} for rate, strength in pairs]
    if method == "nte tempered":
        return [{"lr": lr, "tempering": beta} for lr, beta in TEMPERED]
    rates = {"momentum": MOMENTUM, "adam": ADAM, "nte": ENSEMBLE, "scaled sgd": ENSEMBLE}.get(method, SGD)
    return [{"lr": lr} for lr in rates]


# -------------------------------------------------------------------------------------------------- tasks
def arrays_of(study: Study, tuning: bool) -> cl.Arrays:
    """Training and test pictures; in trials, two parts of the training pictures."""
    train, test = READERS[study.dataset]("train"), READERS[study.dataset]("test")
    if tuning:
        train, test = split(train, len(train) // 5)
    some, others = first(train, study.examples), first(test, study.tests)
    return cl.Arrays(some.values(), some.labels, others.values(), others.labels)


def first(images: Images, most: int | None) -> Images:
    return images if most is None else images[:most]


def stream_of(study: Study, tuning: bool, seed: int) -> cl.Stream:
    arrays = arrays_of(study, tuning)
    if study.stream == "permuted":
        return cl.permuted(arrays, study.trial_tasks if tuning else study.tasks, seed=seed)
    order = np.random.default_rng(seed).permutation(arrays.labels)
    return cl.split_classes(arrays, arrays.labels // study.tasks, order=[int(label) for label in order])


# --------------------------------------------------------------------------------------------------- rows
def learned(study: Study, method: str, settings: Settings, seed: int, backend: Any, tuning: bool) -> Row:
    """Train and test once."""
    stream = stream_of(study, tuning, seed)
    pixels = stream.tasks[0].part("test")[0].shape[1]
    module = make_spiking(pixels, stream.labels, study.hidden, seed, backend, dataset=study.dataset)
    before = [p.detach().clone() for p in module.parameters()]
    rule = METHODS[method](module, settings, seed)
    begin = time.process_time()
    try:
        found = cl.learn(rule, stream, epochs=study.epochs, batch=study.batch, seed=seed)
    except SaltationError as error:
        # a learning rate may be too large for a stream; that, too, is a result
        return {"failed": f"{type(error).__name__}: {str(error)[:200]}", "average_accuracy": None}
    optimiser: Any = rule._optimiser  # type: ignore[attr-defined]
    report = optimiser.report() if isinstance(optimiser, cl.NTE) else None
    flips = [int((a * p.detach() < 0).sum()) for a, p in zip(before, module.parameters(), strict=True)]
    return {
        "failed": None,
        **scores(found.accuracies),
        "untrained": found.untrained.tolist(),
        "last_losses": found.losses[:, -1].tolist(),
        "updates": found.updates.tolist(),
        "train_seconds": float(found.seconds.sum()),
        "cpu_seconds": time.process_time() - begin,
        "memory": found.memory,
        "optimiser_memory": bytes_of(optimiser),
        "weights": sum(p.numel() for p in before),
        "sign_changes": sum(flips),
        "clamped_share": None if report is None else report.clamped_share,
        "effective_experts": None if report is None else report.effective,
    }


def scores(accuracies: Any) -> Row:
    return {
        "average_accuracy": cl.average_accuracy(accuracies),
        "learning_accuracy": cl.learning_accuracy(accuracies),
        "forgetting_avalanche": cl.forgetting(accuracies, "avalanche"),
        "forgetting_chaudhry": cl.forgetting(accuracies, "chaudhry"),
        "first_task": float(accuracies[-1][0]),
        "accuracies": np.asarray(accuracies).tolist(),
    }


def bytes_of(optimiser: torch.optim.Optimizer) -> int:
    kept = [v for state in optimiser.state.values() for v in state.values() if isinstance(v, torch.Tensor)]
    return sum(v.numel() * v.element_size() for v in kept)


def deployed(study: Study, method: str, settings: Settings, seed: int, chip: OnChip) -> Row:
    """Train exactly, and run what came of it on a chip after each task; nothing is trained on the chip."""
    stream = stream_of(study, False, seed)
    pixels = stream.tasks[0].part("test")[0].shape[1]
    module, there = (
        make_spiking(pixels, stream.labels, study.hidden, seed, backend, dataset=study.dataset)
        for backend in (Exact(threads=1), chip)
    )
    rows: list[list[float]] = []

    @torch.no_grad()
    def test(i: int, exact: Any) -> None:
        there.load_state_dict(module.state_dict())
        rows.append([accuracy(there, stream, j) for j in range(len(stream))])

    found = cl.learn(
        METHODS[method](module, settings, seed), stream, epochs=study.epochs, batch=study.batch, seed=seed, after=test
    )
    return {"failed": None, **scores(np.array(rows)), "exact_average_accuracy": cl.average_accuracy(found.accuracies)}


def accuracy(module: nn.Module, stream: cl.Stream, task: int) -> float:
    x, y = stream.tasks[task].part("test")
    allowed = stream.allowed(task)
    logits = module(torch.from_numpy(x))
    labels = list(range(stream.labels) if allowed is None else allowed)
    return float(np.mean(np.array(labels)[logits[:, labels].argmax(dim=1).numpy()] == y))


# ------------------------------------------------------------------------------------------------ results
class Results:
    """Rows by their keys, written after each; not run again."""

    def __init__(self, out: Path, until: float) -> None:
        self.out, self.until = out, until
        self.record = json.loads(out.read_text()) if out.exists() else header("continual_spiking", installation())
        self.record["schema_version"] = SCHEMA_VERSION
        self.rows: list[Row] = self.record.setdefault("rows", [])

    def row(self, key: Mapping[str, Any], make: Callable[[], Row]) -> Row | None:
        """The row with this key; None where it is not there and time is up."""
        for row in self.rows:
            if all(row.get(name) == value for name, value in key.items()):
                return row
        if time.monotonic() > self.until:
            return None
        row = {**key, **make()}
        self.rows.append(row)
        write_json(self.out, self.record)
        shown = {
            name: row[name] for name in ("average_accuracy", "forgetting_chaudhry", "cpu_seconds") if row.get(name)
        }
        click.echo(f"{' '.join(map(str, key.values()))}  {shown} {row['failed'] or ''}")
        return row


def exact_rows(results: Results, name: str, study: Study) -> None:
    for method in METHODS:
        exact_best(results, name, study, method)
    for seed in range(study.seeds):
        for method in METHODS:
            if (settings := exact_best(results, name, study, method)) is not None:
                key = {**size_of(name, study), "method": method, "kind": "exact", "seed": seed, "settings": settings}
                results.row(key, lambda m=method, s=settings, k=seed: learned(study, m, s, k, Exact(threads=1), False))


def exact_best(results: Results, name: str, study: Study, method: str) -> Settings | None:
    """The best trial of a method on the exact backend; those that are not there are made."""
    rows: list[Row | None] = []
    for settings in grid(method, lambda other: exact_best(results, name, study, other))[: study.trials]:
        key = {**size_of(name, study), "method": method, "kind": "trial", "seed": TUNING, "settings": settings}
        rows.append(results.row(key, lambda s=settings: learned(study, method, s, TUNING, Exact(threads=1), True)))
    return best_of(rows)


def size_of(name: str, study: Study) -> Row:
    return {"study": name, "epochs": study.epochs, "examples": study.examples}


def best_of(rows: list[Row | None]) -> Settings | None:
    """Settings of the largest average accuracy; None where no trial came to its end, or one is missing."""
    done = [row for row in rows if row is not None and row["average_accuracy"] is not None]
    return max(done, key=lambda row: row["average_accuracy"])["settings"] if done and None not in rows else None


def chip_rows(results: Results, name: str, study: Study) -> None:
    exact = replace(STUDIES[str(study.like)], epochs=study.epochs, examples=study.examples)
    backends: dict[int, OnChip] = {}

    def on_chip(serial: int) -> OnChip:
        if serial not in backends:
            backends[serial] = make_chip(study.dataset, serial)
        backends[serial].chip.skip_to(0)  # the noise of a row does not depend on the rows before
        return backends[serial]

    chosen: dict[str, tuple[Settings, Settings]] = {}
    for method in ON_CHIP:
        found = exact_best(results, str(study.like), exact, method)
        if found is None:
            continue
        rows: list[Row | None] = []
        for factor in (1.0, 1 / 3)[: study.trials]:
            settings = {**found, "lr": found["lr"] * factor}
            key = {**size_of(name, study), "method": method, "kind": "trial", "serial": TUNING_SERIAL}
            key |= {"seed": TUNING, "settings": settings}
            rows.append(
                results.row(
                    key, lambda m=method, s=settings: learned(study, m, s, TUNING, on_chip(TUNING_SERIAL), True)
                )
            )
        if (there := best_of(rows)) is not None:
            chosen[method] = (found, there)
    for serial in range(1, study.seeds + 1):
        for method, (found, there) in chosen.items():
            key = {**size_of(name, study), "method": method, "serial": serial, "seed": serial}
            results.row(
                {**key, "kind": "in the loop", "settings": there},
                lambda m=method, s=there, k=serial: learned(study, m, s, k, on_chip(k), False),
            )
            results.row(
                {**key, "kind": "deployed", "settings": found},
                lambda m=method, s=found, k=serial: deployed(study, m, s, k, on_chip(k)),
            )


@click.command()
@click.option("--study", "studies", type=click.Choice(list(STUDIES)), multiple=True, help="All by default.")
@click.option("--examples", type=click.IntRange(1), help="So many training pictures at most.")
@click.option("--epochs", type=click.IntRange(1))
@click.option("--seeds", type=click.IntRange(1))
@click.option("--trials", type=click.IntRange(1), help="Of each method.")
@click.option("--minutes", type=click.FloatRange(0), default=1e6, help="No row is begun after so many minutes.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(
    studies: tuple[str, ...],
    examples: int | None,
    epochs: int | None,
    seeds: int | None,
    trials: int | None,
    minutes: float,
    out: Path,
) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ChipWarning)  # weights at the limit are cut, as they are on a chip
    results = Results(out, time.monotonic() + 60 * minutes)
    given = {"examples": examples, "epochs": epochs, "seeds": seeds, "trials": trials}
    for name in studies or STUDIES:
        study = replace(STUDIES[name], **{key: value for key, value in given.items() if value is not None})
        (exact_rows if study.like is None else chip_rows)(results, name, study)


if __name__ == "__main__":
    main()
