"""Tables of what `large.py` measured, for docs/performance.md.

    python benchmarks/large_report.py

Writes the block ``large`` of the page; the words around it are kept.
"""

import math
import statistics
from pathlib import Path
from typing import Any, NamedTuple

import click
from pages import PERFORMANCE, load_record, replace_block

RESULTS = Path(__file__).parent / "results" / "large.json"
SCHEMA_VERSION = 1
OURS = "saltation"
LIKE = "saltation-delay"  # with the delay that the others have, and so what is compared
STATISTICS = {
    "rate": ("mean rate, Hz", ".2f"),
    "rate_std": ("rates of neurons: standard deviation, Hz", ".2f"),
    "rate_median": ("their median, Hz", ".2f"),
    "rate_iqr": ("their interquartile range, Hz", ".2f"),
    "silent": ("silent neurons, %", ".1f"),
    "cv": ("CV of intervals", ".3f"),
    "fano": ("Fano factor of all spikes", ".1f"),
    "chi": ("synchrony (1: independent)", ".1f"),
}
STANDARD_ERRORS = 2.0
INTRODUCTION = """\
4,000 leaky integrate-and-fire neurons, about 320,000 synapses, two synaptic time constants, a leak potential above the
threshold and a refractory time of 5 ms (Vogels and Abbott 2005; benchmark 2 of Brette et al. 2007, DOI
10.1007/s10827-007-0038-6, in the current-based form of Brian's example `CUBA`). Saltation runs it event by event and
without delays; Brian2 and NEST on a grid, where a spike acts one step later; NEST's `iaf_psc_exp_ps` finds spikes off
the grid and has that delay too. All read the same networks and initial voltages, record all spikes, and run on one
core."""
AGREEMENT = """\
Mean and standard deviation over networks. A delay, however short, makes the network a little more synchronous; so what
is compared with the others is Saltation with the delay that they have: the mean over networks, which are the same for
all, of its difference from the mean of the others, with its standard error (from such differences of all simulators).
It *agrees* if it is no larger than two standard errors, or than what it is for one of the others compared in the same
way."""


class Mean(NamedTuple):
    """Of one statistic over networks."""

    mean: float
    std: float
    n: int


def values(run: dict[str, Any]) -> dict[str, float]:
    """The statistics of a run as they are shown."""
    found = run["statistics"]
    low, middle, high = found["rate_quartiles"]
    return {
        "rate": found["rate"],
        "rate_std": found["rate_std"],
        "rate_median": middle,
        "rate_iqr": high - low,
        "silent": 100.0 * found["silent"],
        "cv": found["cv"],
        "fano": found["fano"],
        "chi": found["chi"],
    }


def over_networks(runs: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Each statistic of all networks, in the order of their seeds; nothing where a run failed."""
    if any("error" in run for run in runs):
        return {}
    each = [values(run) for run in sorted(runs, key=lambda run: run["seed"])]
    return {name: [one[name] for one in each] for name in STATISTICS}


def spread(found: list[float]) -> Mean:
    return Mean(statistics.fmean(found), statistics.stdev(found) if len(found) > 1 else 0.0, len(found))


def apart(name: str, found: dict[str, list[float]]) -> Mean:
    """Difference of a simulator from the mean of the others, network by network."""
    others = [each for other, each in found.items() if other not in (name, OURS)]
    means = [statistics.fmean(of_network) for of_network in zip(*others, strict=True)]
    return spread([mine - mean for mine, mean in zip(found[name], means, strict=True)])


def chance(found: dict[str, list[float]]) -> float:
    """Standard error of such a difference; from those of all simulators, since a few networks tell little."""
    each = [apart(name, found) for name in found if name != OURS]
    return math.sqrt(statistics.fmean(one.std**2 for one in each) / each[0].n)


def agrees(found: dict[str, list[float]]) -> bool:
    """Whether our difference from the others is that of chance, or no larger than theirs."""
    # theirs from each other: ours would put a doubtful one among them
    peers = {name: each for name, each in found.items() if name not in (OURS, LIKE)}
    largest = max(abs(apart(name, peers).mean) for name in peers) if len(peers) > 1 else 0.0
    return abs(apart(LIKE, found).mean) <= max(largest, STANDARD_ERRORS * chance(found))


def timing(record: dict[str, Any]) -> str:
    part = record["timing"]
    ours = part["summary"].get(OURS, {}).get("wall")
    heads = ("", "s a biological second", "least", "beside ours", "build, s: first, later", "peak memory, MB", "spikes")
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---|' * (len(heads) - 1)}"]
    for name, entry in sorted(part["summary"].items(), key=lambda item: item[1].get("wall", math.inf)):
        label = record["labels"][name]
        label = f"**{label}**" if name == OURS else label
        if "error" in entry:
            lines.append(f"| {label} | failed: `{entry['error'].splitlines()[-1]}` | | | | | |")
            continue
        ratio = "" if ours is None else f"{entry['wall'] / ours:.2f}"
        lines.append(
            f"| {label} | {entry['wall']:.3f} | {entry['wall_least']:.3f} | {ratio} | {entry['first_build']:.1f}, "
            f"{entry['build']:.1f} | {entry['peak_mb']:.0f} | {entry['spikes']:.0f} |"
        )
    loads = [run["load_average"] for runs in part["rounds"].values() for run in runs]
    rounds = len(next(iter(part["rounds"].values())))
    lines += [
        "",
        f"Medians of {part['repeats']} runs after one, and of {rounds} round(s); the loop alone, without building. "
        f"{where(part)}; load average {min(loads):.1f} to {max(loads):.1f} meanwhile, about 1 of it our own. "
        "*Build* is imports, code and network, and what is compiled for them; the memory is that of the process, for "
        "the standalone target of its program alone.",
    ]
    return "\n".join(lines)


def where(part: dict[str, Any]) -> str:
    machine = part["machine"]
    return f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}, {part['date'][:10]}"


def compared(record: dict[str, Any]) -> str:
    part = record["statistics"]
    found = {name: over_networks(runs) for name, runs in part["runs"].items()}
    found = {name: each for name, each in found.items() if each}
    names = sorted(found, key=lambda name: not name.startswith(OURS))
    compare = LIKE in found and len(set(found) - {OURS, LIKE}) > 0
    heads = [
        "",
        *(record["labels"][name] for name in names),
        *(["ours, with the delay, - others", "agrees"] if compare else []),
    ]
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---|' * (len(heads) - 1)}"]
    for statistic, (label, form) in STATISTICS.items():
        of_statistic = {name: each[statistic] for name, each in found.items()}
        cells = [plus_minus(spread(of_statistic[name]), form) for name in names]
        if compare:
            cells.append(f"{apart(LIKE, of_statistic).mean:+{form}} ± {chance(of_statistic):{form}}")
            cells.append("yes" if agrees(of_statistic) else "**no**")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    lines += ["", *spike_by_spike(record, part)]
    seconds, least = part["seconds"], part["transient"]
    lines += [
        "",
        f"{AGREEMENT} {part['seeds']} networks, {seconds:g} s each of which the first {least:g} s are left out; the "
        f"Fano factor is that of the number of all spikes in bins of {1e3 * part['bin']:g} ms, and synchrony its "
        "variance over that of independent neurons.",
    ]
    return "\n".join(lines)


def spike_by_spike(record: dict[str, Any], part: dict[str, Any]) -> list[str]:
    """What became of comparing the two simulators without a grid."""
    same = part.get("same", [])
    if not same:
        return []
    largest = max(entry["largest"] for entry in same)
    spikes = sum(entry["same"] for entry in same)
    text = f"{record['labels'][LIKE]}, and {record['labels']['nest-precise']}, spike by spike: "
    apart = [entry["differ"] for entry in same if entry["differ"] is not None]
    if apart:
        whole = f"{len(same) - len(apart)} of {len(same)} networks have the same spikes throughout, the others until "
        text += f"{whole} {min(apart):.2f} s or longer; "
    else:
        text += f"the same neurons in the same order in all {len(same)} networks; "
    return [f"{text}{spikes:,} spikes with times that differ by at most {largest:.0e} s.", ""]


def plus_minus(value: Mean, form: str) -> str:
    return f"{value.mean:{form}} ± {value.std:{form}}"


def scaling(record: dict[str, Any]) -> str:
    part = record["scaling"]
    heads = ("neurons", "synapses", "s a biological second", "spikes", "ns an arrival", "peak memory, MB", "build, s")
    lines = [f"| {' | '.join(heads)} |", f"|---|{'---|' * (len(heads) - 1)}"]
    for entry in part["sizes"]:
        if "error" in entry:
            lines.append(f"| {entry['asked']:,} | {entry['asked'] * entry['reached']:,} | failed | | | | |")
            continue
        arrivals = entry["spikes"] * entry["synapses"] / entry["neurons"]
        lines.append(
            f"| {entry['neurons']:,} | {entry['synapses']:,} | {entry['wall']:.2f} | {entry['spikes']:,} | "
            f"{1e9 * entry['wall'] * entry['seconds'] / arrivals:.0f} | {entry['peak_mb']:,.0f} | "
            f"{entry['build']:.1f} |"
        )
    lines += [
        "",
        "Saltation alone, the same network with more neurons and with more synapses of each, whose weights are smaller "
        f"in proportion; one run of one biological second on one core. {where(part)}. An arrival is one spike at one "
        "synapse. The memory is the peak of the whole process, with the connections as they were read.",
    ]
    return "\n".join(lines)


def section(record: dict[str, Any]) -> str:
    parts = ["## A large recurrent network", INTRODUCTION]
    builders = {"timing": timing, "statistics": compared, "scaling": scaling}
    for name, title in (("timing", "Time"), ("statistics", "Spikes"), ("scaling", "More neurons and synapses")):
        if name in record:
            parts += [f"### {title}", builders[name](record)]
    parts.append("`python benchmarks/large.py`; single numbers and versions are in `benchmarks/results/large.json`.")
    return "\n\n".join(parts)


@click.command()
@click.option("--results", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=RESULTS)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False, exists=True), default=PERFORMANCE)
def main(results: Path, page: Path) -> None:
    replace_block(page, "large", section(load_record(results, SCHEMA_VERSION)))


if __name__ == "__main__":
    main()
