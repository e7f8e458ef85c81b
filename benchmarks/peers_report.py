"""Table and picture of what `peers.py` measured, for docs/performance.md.

    python benchmarks/peers_report.py

Writes the block ``peers`` of the page; the words around it are kept.
"""

import json
from pathlib import Path
from typing import Any

import click
import matplotlib
from pages import PERFORMANCE, replace_block

from saltation.plot._axes import BLUE, INK, YELLOW, tidy

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "peers.json"
PICTURE = ROOT / "docs" / "images" / "peers.png"
SCHEMA_VERSION = 1
COLOURS = {"exact": BLUE, "time-stepped": YELLOW}


def measured(peer: dict[str, Any], cores: str) -> dict[str, Any] | None:
    """Medians of a peer on so many cores, None where it did not run."""
    result = peer["cores"].get(cores, {})
    return result if "us_per_sample" in result else None


def ordered(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Peers, exact ones first, then by time on the fewest cores; failed ones last."""
    first = fewest(record)

    def key(peer: dict[str, Any]) -> tuple[int, float]:
        result = measured(peer, first)
        return list(COLOURS).index(peer["kind"]), result["us_per_sample"] if result else float("inf")

    return sorted(record["peers"].values(), key=key)


def fewest(record: dict[str, Any]) -> str:
    return str(min(record["options"]["cores"]))


def table(record: dict[str, Any]) -> str:
    cores = [str(each) for each in sorted(record["options"]["cores"])]
    heads = [f"µs a sample, {each} core{'' if each == '1' else 's'}" for each in cores]
    heads = [
        "",
        "gradient",
        *heads,
        "start-up, s: first, later",
        "peak memory, MB: first, later",
        "hidden spikes a sample",
    ]
    lines = [f"| {' | '.join(heads)} |", f"|---|---|{'---|' * (len(heads) - 2)}"]
    for peer in ordered(record):
        results = [measured(peer, each) for each in cores]
        times = [time_of(result, each) for result, each in zip(results, cores, strict=True)]
        shown = next((each for each in results if each), None)
        label = peer["label"] if shown is None or shown["learns"] else f"{peer['label']} (loss did not fall)"
        if peer["label"].startswith("Saltation"):
            label, times = f"**{label}**", [f"**{each}**" for each in times]
        rest = ["", "", ""]
        if shown:
            rest = [
                both(shown, "startup_seconds", ".1f"),
                both(shown, "peak_memory_mb", ".0f"),
                f"{shown['hidden_spikes']:.0f}",
            ]
        lines.append(f"| {' | '.join([label, peer['kind'], *times, *rest])} |")
    return "\n".join(lines)


def time_of(result: dict[str, Any] | None, cores: str) -> str:
    """Microseconds a sample; on one core also those of the processor, where it was evidently shared with others."""
    if result is None:
        return "failed"
    wall, cpu = result["us_per_sample"], result["cpu_us_per_sample"]
    return f"{wall:.0f} ({cpu:.0f} of processor time)" if cores == "1" and wall > 1.1 * cpu else f"{wall:.0f}"


def both(result: dict[str, Any], name: str, form: str) -> str:
    """A number of the first round and the median of the later ones."""
    values = (result.get(f"first_{name}"), result[name])
    return ", ".join("not known" if each is None else format(each, form) for each in values)


def failures(record: dict[str, Any]) -> list[str]:
    """What failed, once for each peer and number of cores, with the last line of the error."""
    return [
        f"- {peer['label']}, {cores} core(s): `{result['error'].splitlines()[-1]}`"
        for peer in record["peers"].values()
        for cores, result in peer["cores"].items()
        if "error" in result
    ]


def conditions(record: dict[str, Any]) -> str:
    machine, options = record["machine"], record["options"]
    loads = [each["load_average"] for peer in record["peers"].values() for each in peer["rounds"]]
    loads = [each for each in loads if each is not None]
    busy = f"; load average {min(loads):.1f} to {max(loads):.1f} meanwhile, about 1 of it our own" if loads else ""
    return (
        f"{record['date'][:10]}, {machine['processor']}, {machine['cores']} cores, Python {machine['python']}{busy}. "
        f"Median of {options['epochs']} epochs after {options['warm_up']}, and of {record['rounds_done']} round(s)."
    )


def section(record: dict[str, Any]) -> str:
    parts = [conditions(record), table(record), "![Time of a training step for each framework](images/peers.png)"]
    failed = failures(record)
    if failed:
        parts.append("What failed:\n\n" + "\n".join(failed))
    return "\n\n".join(parts)


def draw(record: dict[str, Any], picture: Path) -> None:
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    cores = fewest(record)
    peers = [peer for peer in ordered(record) if measured(peer, cores)]
    peers.sort(key=lambda peer: -peer["cores"][cores]["us_per_sample"])
    times = [peer["cores"][cores]["us_per_sample"] for peer in peers]
    figure, ax = plt.subplots(figsize=(8.0, 0.36 * len(peers) + 1.0), layout="constrained")
    bars = ax.barh([peer["label"] for peer in peers], times, color=[COLOURS[peer["kind"]] for peer in peers])
    ax.bar_label(bars, [f"{each:.0f}" for each in times], padding=4, color=INK)
    for tick, peer in zip(ax.get_yticklabels(), peers, strict=True):
        tick.set_fontweight("bold" if peer["label"].startswith("Saltation") else "normal")
    ax.set_xscale("log")
    ax.set_xlim(min(times) / 2, max(times) * 2)
    ax.set_xlabel(f"µs for a sample of a training step, {cores} core{'' if cores == '1' else 's'}")
    ax.legend(handles=[Patch(color=colour, label=kind) for kind, colour in COLOURS.items()], frameon=False)
    tidy(ax, grid="x")
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=150, metadata={"Software": None})


@click.command()
@click.option("--results", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=RESULTS)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=PERFORMANCE)
@click.option("--picture", type=click.Path(path_type=Path, dir_okay=False), default=PICTURE)
def main(results: Path, page: Path, picture: Path) -> None:
    record = json.loads(results.read_text(encoding="utf-8"))
    if record["schema_version"] != SCHEMA_VERSION:
        raise click.ClickException(
            f"{results} has schema version {record['schema_version']}; known is {SCHEMA_VERSION}"
        )
    draw(record, picture)
    replace_block(page, "peers", section(record))


if __name__ == "__main__":
    main()
