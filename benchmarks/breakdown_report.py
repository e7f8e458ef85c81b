"""The breakdown in the docs: ``python benchmarks/breakdown_report.py``, after ``breakdown.py`` and ``float32.py``.

Writes the block ``breakdown`` of docs/performance.md.
"""

import json
from pathlib import Path
from typing import Any

from pages import PERFORMANCE, replace_block

FOLDER = Path(__file__).parent / "results"
KERNELS = ("make_events", "wide", "narrow", "queue", "wide_adjoint", "narrow_adjoint", "queue_adjoint", "in all")


def read(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def cases(profile: Any) -> list[str]:
    lines = [row(["µs a sample", *KERNELS]), "|---|" + "---|" * len(KERNELS)]
    for name, times in profile["cases"].items():
        lines.append(row([name, *(number(times.get(kernel)) for kernel in KERNELS)]))
    return lines


def floors(profile: Any) -> list[str]:
    lines: list[str] = []
    first, second = profile["floor"].values()
    names = list(profile["floor"])
    lines += [
        row(["what has to be done", "ns each", *(f"{name}: how often, µs" for name in names)]),
        "|---|---|---|---|",
    ]
    for a, b in zip(first, second, strict=True):
        shown = [f"{x['count']:,.0f}, {1e-3 * x['count'] * x['ns']:.2f}" for x in (a, b)]
        lines.append(row([a["what"], f"{a['ns']:.2f}", *shown]))
    sums = [sum(1e-3 * x["count"] * x["ns"] for x in parts) for parts in (first, second)]
    lines.append(row(["**the floor**", "", *(f"**{total:.1f}**" for total in sums)]))
    kernels = [sum(v for k, v in profile["cases"][name].items() if k != "in all") for name in names]
    lines.append(row(["the kernels", "", *(number(total) for total in kernels)]))
    lines.append(
        row(["the whole call, with Python", "", *(number(profile["cases"][name]["in all"]) for name in names)])
    )
    return lines


def steps(history: Any) -> list[str]:
    names = list(history["steps"][0]["cases"])
    lines = [row(["µs a sample, run and gradient: kernels (in all)", *names]), "|---|" + "---|" * len(names)]
    for step in history["steps"]:
        cells = []
        for name in names:
            times = step["cases"][name]
            kernels = sum(v for k, v in times.items() if k != "in all")
            cells.append(f"{number(kernels)} ({number(times['in all'])})")
        lines.append(row([step["label"], *cells]))
    return lines


def main() -> None:
    profile, history, single = read("breakdown"), read("breakdown_history"), read("float32")
    machine = f"{profile['machine']['processor']}, {profile['date'][:10]}, load {profile['load_average']:.1f}"
    ns, wrong = single["ns a neuron"], single["relative errors of float32"]
    lines = [
        "## Where the time goes",
        "",
        "Yin-Yang's 5-120-3 and MNIST's 784-350-10, batch 150, float64, one thread; a run and its gradient for the",
        "weights. `wide` is the hidden layer, `narrow` the output, `queue` a recurrent layer; `in all` is the whole",
        "call, with Python.",
        f"{machine}; `python benchmarks/breakdown.py`.",
        "",
        *cases(profile),
        "",
        "The floor beside it: what cannot be left out, counted, and timed by itself in the loops that the kernels use.",
        "",
        *floors(profile),
        "",
        "Before and after each change, the same script on each version, on the same machine and day; other work ran on",
        "the second core during the first five, which shows in single numbers:",
        "",
        *steps(history),
        "",
        "### Float32",
        "",
        f"The bound and the flow of a gap take {ns['gap']['float64']:.2f} ns a neuron in float64 and "
        f"{ns['gap']['float32']:.2f} in float32,",
        "and that is all that gains: the smallest part of a run, most of which is single spikes and Python.",
        f"Spike times lose nine digits: a relative error of {wrong['times, median']:.0e} in the middle and "
        f"{wrong['times, largest']:.0e}",
        f"at worst, in slopes of {wrong['slopes, largest']:.0e} where a spike grazes its threshold. So there is no",
        "float32 kernel: weights and gradients may be float32, what is computed is float64.",
        "`python benchmarks/float32.py`.",
    ]
    replace_block(PERFORMANCE, "breakdown", "\n".join(lines))


if __name__ == "__main__":
    main()
