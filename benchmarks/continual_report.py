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
from continual_mlp import RESULTS, STREAMS, TEMPERINGS, save
from continual_rows import Row, average, chosen, first, forgotten, kept, markdown, paired, read, spread
from pages import replace_block

PAGE = Path(__file__).parents[1] / "docs" / "continual_results.md"
IMAGES = PAGE.parent / "images"
MOMENTUM = {"permuted-mnist": 316, "permuted-fashion": 100, "split-fashion": 100}
"""Streams of the study of momentum, and widths of the networks."""

WIDTHS = (32, 1000)
"""Widths between which B2 asks for a gain."""

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


def whole(rows: Sequence[Row]) -> list[Row]:
    """Runs that did not end in numbers that are not finite; tables tell how many did."""
    return [row for row in rows if not row.get("failed")]


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
    continual_figures.momentum(whole(final(rows)), MOMENTUM, IMAGES / "continual_momentum.png")
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
    continual_figures.width(whole(all_of_them), IMAGES / "continual_width.png")
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
    continual_figures.reseeding(whole(moving), whole(current), IMAGES / "continual_reseeding.png")
    return markdown(("updates between moves", "first task after it, %", "after all, %", "average, %"), lines)


def interpolated(rows: Sequence[Row], at: float) -> float:
    """What is kept of the first task at a rate where one task is learned as well as wanted, of one seed."""
    ordered = sorted(rows, key=lambda row: row["settings"]["lr"])
    learned, left = [first(row) for row in ordered], [kept(row) for row in ordered]
    if ordered and min(learned) > at:
        return float("inf")
    for i in range(1, len(ordered)):
        if learned[i - 1] <= at <= learned[i]:
            share = (at - learned[i - 1]) / (learned[i] - learned[i - 1])
            return left[i - 1] + share * (left[i] - left[i - 1])
    return float("nan")


def _curves(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Runs at many learning rates, of the seeds that all methods have."""
    usual = {"stream": "permuted-mnist", "hidden": 100, "train_limit": None, "momentum": 0.0, "tempering": 1.0}
    mine = chosen(final(rows), gradient_at="current", **usual)
    curves = {method: chosen(mine, method=method) for method in ("nte", "scaled-sgd", "sgd", "adam")}
    seeds = {row["settings"]["seed"] for row in curves["scaled-sgd"]}
    return {name: [row for row in curve if row["settings"]["seed"] in seeds] for name, curve in curves.items()}


def matched(rows: Sequence[Row]) -> str:
    curves = _curves(rows)
    seeds = sorted({row["settings"]["seed"] for row in curves["scaled-sgd"]})
    lines = []
    for level in (0.85, 0.88, 0.90, 0.92, 0.94, 0.95):
        found = {
            method: np.array([interpolated(chosen(curve, seed=seed), level) for seed in seeds])
            for method, curve in curves.items()
        }
        lines.append((f"{100 * level:g}", *(_mean(values) for values in found.values())))
    heads = ("first task after it, %", *(METHODS[method] for method in curves))
    continual_figures.against_first(
        [row for curve in curves.values() for row in curve], IMAGES / "continual_matched.png"
    )
    return markdown(heads, lines)


def _mean(values: np.ndarray) -> str:
    good = 100 * values[np.isfinite(values)]
    if len(good) < len(values) or not len(good):
        return "better at all rates" if np.isinf(values).all() else "not reached by all"
    return f"{good.mean():.1f} ± {good.std(ddof=1):.1f}"


def tempering(rows: Sequence[Row]) -> str:
    lines = []
    for beta, lr in TEMPERINGS:
        group = of_paper(rows, "nte", hidden=100, tempering=beta, lr=lr, max_delta=0.1)
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
        lines, shown[stream] = [], []
        for method, name in METHODS.items():
            best, edge = _best(rows, stream, method)
            group = [row for row in final(rows) if best is not None and _same(row, best)]
            if group:
                cells = [spread(group, measure) for measure in (average, first, kept, forgotten)]
                good = whole(group)[0]
                settings = good["settings"]
                at = f"{settings['lr']:.3g}" + (f", {settings['strength']:g}" if method in ("ewc", "si", "lwf") else "")
                memory = f"{good['memory'] / 1e6:.2f}"
                seconds = spread(group, lambda row: row["seconds"], 1.0, 0)
                lines.append((name, at + edge, *cells, f"{good['updates']:,}", memory, seconds))
                shown[stream] += whole(group)
        heads = ("method", "lr, strength", "average, %", "first task after it, %", "after all, %", "forgetting, %")
        more = ("updates", "MB kept", "training, s")
        parts.append(f"**{stream}**, {changed['tasks']} tasks:\n\n{markdown((*heads, *more), lines)}")
    continual_figures.methods(shown, average, IMAGES / "continual_methods.png")
    return "\n\n".join(parts)


def _best(rows: Sequence[Row], stream: str, method: str) -> tuple[Row | None, str]:
    """The best trial of a method, and a mark where its learning rate is the least or the largest that was tried."""
    mine = chosen(rows, stream=stream, method=method, **STREAMS[stream])
    tried = [row for row in mine if row["held_out"] is not None]
    best = max(tried, key=average, default=None)
    rates = sorted(row["settings"]["lr"] for row in tried)
    edge = best is not None and best["settings"]["lr"] in (rates[0], rates[-1])
    return best, " †" if edge else ""


def _same(row: Row, best: Row) -> bool:
    return all(value == row["settings"][name] for name, value in best["settings"].items() if name != "seed")


def tests(rows: Sequence[Row]) -> str:
    """What is expected of behaviour, each with a difference of runs with the same seeds, and whether it holds."""
    lines = []

    def line(what: str, a: list[Row], b: list[Row], measure: Callable[[Row], float], least: float) -> None:
        """`a` is to be more than `b` by more than `least`."""
        if len(a) < 2 or len(b) < 2:
            return
        mean, error, p = paired(a, b, measure)
        share = measure is not _effective
        scale, unit = (100.0, " points") if share else (1.0, "")
        found = f"{scale * mean:+.1f} ± {scale * error:.1f}{unit}"
        lines.append((what, f"more than {scale * least:g}{unit}", found, f"{p:.1e}", _verdict(mean > least, p)))

    still, moving = (of_paper(rows, "sgd", hidden=316, momentum=value) for value in (0.0, 0.9))
    line("B1: kept without momentum, less that with 0.9", still, moving, kept, 0.1)
    line("B1: first task learned with 0.9, less that without", moving, still, first, 0.0)
    ends = {
        method: [of_paper(rows, method, hidden=hidden, max_delta=0.1 if method == "nte" else None) for hidden in WIDTHS]
        for method in ("sgd", "nte", "adam")
    }
    for method in ("sgd", "nte", "adam"):
        line(f"B2: {METHODS[method]}, kept at a width of 1,000, less that at 32", *ends[method][::-1], kept, 0.0)
    for method in ("sgd", "nte"):
        if all(len(group) > 1 for group in (*ends[method], *ends["adam"])):
            halved = _gains(*ends[method], *ends["adam"])
            lines.append((f"B2: half of what {METHODS[method]} gains by that, less what Adam gains", *halved))
    current = of_paper(rows, "nte", hidden=100, max_delta=0.1)
    for every, least in ((10, 0.0), (50, 0.3), (100, 0.3)):
        moved = of_paper(rows, "nte", hidden=100, gradient_at="seed", reseed_every=every, max_delta=0.1)
        line(
            f"B3: first task learned with current gradients, less that with a point moved every {every} updates",
            current,
            moved,
            first,
            least,
        )
    for lr, how in ((0.01, "the same learning rate"), (0.1, "the same product of both")):
        tempered = of_paper(rows, "nte", hidden=100, tempering=0.1, lr=lr, max_delta=0.1)
        line(f"B4: effective experts with tempering 0.1, less those with 1, at {how}", tempered, current, _effective, 0)
    for other in ("sgd", "scaled-sgd", "adam"):
        lines += _at_equal(rows, other, 0.92)
    return markdown(("", "expected", "found, standard error", "p, paired t test", "holds"), lines)


def _at_equal(rows: Sequence[Row], other: str, level: float) -> list[tuple[str, ...]]:
    """What NTE keeps more than another, where both have learned the first task equally well, seed by seed."""
    from scipy.stats import ttest_1samp

    curves = _curves(rows)
    seeds = sorted({row["settings"]["seed"] for row in curves["scaled-sgd"]})
    differences = [
        interpolated(chosen(curves["nte"], seed=seed), level) - interpolated(chosen(curves[other], seed=seed), level)
        for seed in seeds
    ]
    values = 100 * np.array(differences)
    if len(values) < 2 or not np.isfinite(values).all():
        return []
    error = values.std(ddof=1) / len(values) ** 0.5
    what = f"B5: kept by NTE, less by {METHODS[other]}, where both learn the first task to {100 * level:g} %"
    p = ttest_1samp(values, 0.0).pvalue
    return [(what, "to be told", f"{values.mean():+.1f} ± {error:.1f} points", f"{p:.1e}", "")]


def _verdict(found: bool, p: float) -> str:
    return "no" if not found else "yes" if p < 0.05 else "not shown"


def _effective(row: Row) -> float:
    return float(row["report"]["effective"])


def _gains(narrow: list[Row], wide: list[Row], adam_narrow: list[Row], adam_wide: list[Row]) -> tuple[str, ...]:
    """Half of one gain, less another, seed by seed."""
    from scipy.stats import ttest_1samp

    groups = [{row["settings"]["seed"]: kept(row) for row in rows} for rows in (narrow, wide, adam_narrow, adam_wide)]
    seeds = sorted(set.intersection(*(set(group) for group in groups)))
    a, b, c, d = (np.array([group[seed] for seed in seeds]) for group in groups)
    values = 100 * (0.5 * (b - a) - (d - c))
    error = np.std(values, ddof=1) / len(values) ** 0.5
    p = ttest_1samp(values, 0.0).pvalue
    found = f"{values.mean():+.1f} ± {error:.1f} points"
    return "more than 0 points", found, f"{p:.1e}", _verdict(values.mean() > 0, p)


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
