"""Tables and figures of docs/continual_results.md, from what `continual_mlp.py` and `continual_spiking.py` measured.

    python benchmarks/continual_report.py
    python benchmarks/continual_report.py --add width.json --add table.json

With ``--add``, rows of other files are taken into ``results/continual_mlp.json`` first.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import click
import continual_figures
import continual_spiking_report
import numpy as np
from continual_mlp import RESULTS, STREAMS, save
from continual_rows import Row, average, chosen, first, forgotten, kept, markdown, paired, read, spread
from pages import replace_block

PAGE = Path(__file__).parents[1] / "docs" / "continual_results.md"
IMAGES = PAGE.parent / "images"
MOMENTUM = {"permuted-mnist": 316, "permuted-fashion": 100, "split-fashion": 100}
"""Streams of the study of momentum, and widths of the networks."""

METHODS = {
    "sgd": "SGD",
    "momentum": "SGD, momentum 0.9",
    "adam": "Adam",
    "nte": "NTE",
    "nte-sum": "NTE, gradients summed",
    "scaled-sgd": "SGD at a rate of \\|w\\|",
    "ewc": "EWC",
    "si": "SI",
    "lwf": "LwF",
    "replay": "replay, 500 examples",
    "agem": "A-GEM, 500 examples",
    "joint": "joint training",
}


def final(rows: Sequence[Row]) -> list[Row]:
    """Runs that were tested with the test set."""
    return [row for row in rows if row["held_out"] is None]


def of_paper(rows: Sequence[Row], method: str, **wanted: object) -> list[Row]:
    """Runs with the paper's settings on permuted MNIST, but for what is wanted."""
    usual = {"stream": "permuted-mnist", "tasks": 5, "epochs": 2, "batch": 128, "train_limit": None, "tempering": 1.0}
    usual |= {"lr": 1e-3 if method == "adam" else 1e-2, "momentum": 0.0, "gradient_at": "current", "reset": False}
    return chosen(final(rows), **(usual | {"method": method} | wanted))


def momentum(rows: Sequence[Row]) -> str:
    parts = []
    for stream, hidden in MOMENTUM.items():
        mine = chosen(final(rows), stream=stream, hidden=hidden, method="sgd", lr=0.01, reset=False)
        values = sorted({row["settings"]["momentum"] for row in mine})
        lines = []
        for value in values:
            group = chosen(mine, momentum=value)
            cells = [spread(group, measure) for measure in (first, kept, average, forgotten)]
            lines.append((f"{value:g}", *cells, str(len(group))))
        heads = (
            "momentum",
            "first task after it, %",
            "first task after all, %",
            "average, %",
            "forgetting, %",
            "seeds",
        )
        parts.append(f"**{stream}**, hidden layers of {hidden}:\n\n{markdown(heads, lines)}")
    reset = [
        f"{value:g}: {spread(of_paper(rows, 'sgd', hidden=316, momentum=value, reset=True), kept)}"
        for value in (0.9, 0.99)
    ]
    parts.append(
        f"Where momentum is forgotten between tasks, the first task after all has, in %, at {'; '.join(reset)}."
    )
    continual_figures.momentum(final(rows), MOMENTUM, IMAGES / "continual_momentum.png")
    return "\n\n".join(parts)


def width(rows: Sequence[Row]) -> str:
    lines, all_of_them = [], []
    for hidden in (10, 32, 100, 316, 1000, 3162):
        groups = {
            method: of_paper(rows, method, hidden=hidden, max_delta=0.1 if method == "nte" else None)
            for method in ("nte", "sgd", "adam")
        }
        all_of_them += [row for group in groups.values() for row in group]
        size = next((row["parameters"] for group in groups.values() for row in group), None)
        if size is not None:
            cells = [spread(group, measure) for measure in (kept, first) for group in groups.values()]
            seeds = "/".join(str(len(group)) for group in groups.values())
            lines.append((f"{hidden:,}", f"{size:,}", *cells, seeds))
    continual_figures.width(all_of_them, IMAGES / "continual_width.png")
    heads = ["hidden", "parameters", *(f"{m} {w}" for w in ("after all", "after it") for m in ("NTE", "SGD", "Adam"))]
    return markdown([*heads, "seeds"], lines)


def reseed(rows: Sequence[Row]) -> str:
    moving = of_paper(rows, "nte", hidden=100, gradient_at="seed", max_delta=0.1)
    current = of_paper(rows, "nte", hidden=100, max_delta=0.1)
    order = sorted({row["settings"]["reseed_every"] for row in moving}, key=lambda every: every or np.inf)
    lines = []
    for every in order:
        group = [row for row in moving if row["settings"]["reseed_every"] == every]
        lines.append((str(every or "never"), spread(group, first), spread(group, kept), spread(group, average)))
    lines.append(("current", spread(current, first), spread(current, kept), spread(current, average)))
    continual_figures.reseeding(moving, current, IMAGES / "continual_reseeding.png")
    return markdown(("updates between moves", "first task after it, %", "after all, %", "average, %"), lines)


def interpolated(rows: Sequence[Row], at: float) -> float:
    """What is kept of the first task at a rate where one task is learned as well as wanted, of one seed."""
    ordered = sorted(rows, key=lambda row: row["settings"]["lr"])
    learned, left = [first(row) for row in ordered], [kept(row) for row in ordered]
    for i in range(1, len(ordered)):
        if learned[i - 1] <= at <= learned[i]:
            share = (at - learned[i - 1]) / (learned[i] - learned[i - 1])
            return left[i - 1] + share * (left[i] - left[i - 1])
    return float("nan")


def matched(rows: Sequence[Row]) -> str:
    usual = {"stream": "permuted-mnist", "hidden": 100, "train_limit": None, "momentum": 0.0, "tempering": 1.0}
    mine = chosen(final(rows), gradient_at="current", **usual)
    curves = {method: chosen(mine, method=method) for method in ("nte", "scaled-sgd", "sgd", "adam")}
    seeds = sorted({row["settings"]["seed"] for row in curves["scaled-sgd"]})
    lines = []
    for level in (0.85, 0.88, 0.90, 0.92, 0.94, 0.95):
        found = {
            method: np.array([interpolated(chosen(curve, seed=seed), level) for seed in seeds])
            for method, curve in curves.items()
        }
        lines.append((f"{100 * level:g}", *(_mean(values) for values in found.values())))
    heads = ("first task after it, %", *(METHODS[method] for method in curves))
    continual_figures.against_first(mine, IMAGES / "continual_matched.png")
    return markdown(heads, lines)


def _mean(values: np.ndarray) -> str:
    good = 100 * values[np.isfinite(values)]
    if len(good) < max(2, len(values) - 1):
        return "not reached"
    return f"{good.mean():.1f} ± {good.std(ddof=1):.1f}"


def tempering(rows: Sequence[Row]) -> str:
    lines = []
    for beta, lr in ((1.0, 0.01), (0.3, 0.01), (0.1, 0.01), (0.01, 0.01), (0.3, 0.01 / 0.3), (0.1, 0.1), (0.01, 1.0)):
        group = [row for row in of_paper(rows, "nte", hidden=100, tempering=beta, lr=lr) if row["report"]]
        if group:
            effective = spread(group, lambda row: row["report"]["effective"], scale=1.0, digits=0)
            clamped = sum(row["report"]["clamped"] for row in group) / len(group)
            cells = [spread(group, measure) for measure in (first, kept)]
            lines.append((f"{beta:g}", f"{lr:.3g}", *cells, effective, f"{clamped:,.0f}"))
    heads = ("tempering", "lr", "first task after it, %", "after all, %", "effective experts", "factors clamped")
    return markdown(heads, lines)


def table(rows: Sequence[Row]) -> str:
    parts, shown = [], {}
    for stream, changed in STREAMS.items():
        mine = [
            row
            for row in chosen(final(rows), stream=stream, hidden=100, **changed)
            if row["settings"]["lr"] in _tuned(rows, stream, row["settings"]["method"])
        ]
        lines = []
        for method, name in METHODS.items():
            group = [row for row in chosen(mine, method=method) if _is_tuned(rows, stream, row)]
            if group:
                cells = [spread(group, measure) for measure in (average, first, kept, forgotten)]
                settings = group[0]["settings"]
                at = f"{settings['lr']:.3g}" + (f", {settings['strength']:g}" if method in ("ewc", "si", "lwf") else "")
                memory = f"{group[0]['memory'] / 1e6:.2f}"
                lines.append((name, at, *cells, memory, spread(group, lambda row: row["seconds"], 1.0, 0)))
        shown[stream] = [row for row in mine if _is_tuned(rows, stream, row)]
        heads = ("method", "lr, strength", "average, %", "first task after it, %", "after all, %", "forgetting, %")
        parts.append(
            f"**{stream}**, {changed['tasks']} tasks:\n\n{markdown((*heads, 'MB kept', 'training, s'), lines)}"
        )
    continual_figures.methods(shown, average, IMAGES / "continual_methods.png")
    return "\n\n".join(parts)


def _best(rows: Sequence[Row], stream: str, method: str) -> Row | None:
    mine = chosen(rows, stream=stream, method=method, **STREAMS[stream])
    tried = [row for row in mine if row["held_out"] is not None]
    return max(tried, key=average, default=None)


def _tuned(rows: Sequence[Row], stream: str, method: str) -> tuple[float, ...]:
    best = _best(rows, stream, method)
    return () if best is None else (best["settings"]["lr"],)


def _is_tuned(rows: Sequence[Row], stream: str, row: Row) -> bool:
    best = _best(rows, stream, row["settings"]["method"])
    other = ("seed",)
    return best is not None and all(
        value == row["settings"][name] for name, value in best["settings"].items() if name not in other
    )


def tests(rows: Sequence[Row]) -> str:
    """What nte.md asks of behaviour, each with its difference, standard error and p."""
    lines = []

    def line(what: str, a: list[Row], b: list[Row], measure: Callable[[Row], float], unit: str = " points") -> None:
        scale = 100.0 if unit == " points" else 1.0
        if len(a) > 1 and len(b) > 1:
            mean, error, p = paired(a, b, measure)
            lines.append((what, f"{scale * mean:+.1f} ± {scale * error:.1f}{unit}", f"{p:.1e}"))

    still, moving = (of_paper(rows, "sgd", hidden=316, momentum=value) for value in (0.0, 0.9))
    line("B1: kept without momentum, against 0.9", still, moving, kept)
    line("B1: first task learned with 0.9, against none", moving, still, first)
    for method in ("sgd", "nte", "adam"):
        limit = 0.1 if method == "nte" else None
        wide, narrow = (of_paper(rows, method, hidden=hidden, max_delta=limit) for hidden in (1000, 32))
        line(f"B2: {METHODS[method]}, kept with hidden layers of 1,000, against 32", wide, narrow, kept)
    current = of_paper(rows, "nte", hidden=100, max_delta=0.1)
    for every in (10, 50, 100):
        moved = of_paper(rows, "nte", hidden=100, gradient_at="seed", reseed_every=every, max_delta=0.1)
        line(f"B3: first task learned with a point moved every {every} updates, against current", moved, current, first)
    tempered = of_paper(rows, "nte", hidden=100, tempering=0.1)
    line(
        "B4: effective experts with tempering 0.1, against 1",
        tempered,
        current,
        lambda row: row["report"]["effective"],
        "",
    )
    return markdown(("", "difference, standard error", "p of a paired t test"), lines)


BLOCKS: dict[str, Callable[[Sequence[Row]], str]] = {
    "momentum": momentum,
    "width": width,
    "reseed": reseed,
    "matched": matched,
    "tempering": tempering,
    "table": table,
    "tests": tests,
    "spiking": lambda _: continual_spiking_report.exact(),
    "chip": lambda _: continual_spiking_report.chip(),
}


@click.command()
@click.option("--add", multiple=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(add: tuple[Path, ...]) -> None:
    if add:
        from continual_mlp import load

        done = load(RESULTS)
        for path in add:
            done |= load(path)
        save(RESULTS, done)
    rows = read(RESULTS)
    for name, block in BLOCKS.items():
        replace_block(PAGE, name, block(rows))


if __name__ == "__main__":
    main()
