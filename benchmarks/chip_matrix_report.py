"""Tables of docs/chip_matrix.md, from what benchmarks/chip_matrix.py has recorded."""

from pathlib import Path
from typing import Any

import numpy as np
from pages import load_record, replace_block

PAGE = Path(__file__).parents[1] / "docs" / "chip_matrix.md"
SCHEMA_VERSION = 1


def write_page(path: Path) -> None:
    """Write all blocks of the page."""
    record = load_record(path, SCHEMA_VERSION)
    chips, when = record["chips"], f"{record['date'][:10]}, load {record['load_average']:.0f}, from `{path.name}`."
    replace_block(PAGE, "product", product(chips, when))
    replace_block(PAGE, "linearity", linearity(chips, record["weights"], when))
    replace_block(PAGE, "agreement", agreement(chips, when))
    replace_block(PAGE, "sends", sends(chips, when))
    replace_block(PAGE, "speed", speed(record["speed"], when))


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def product(chips: list[dict[str, Any]], when: str) -> str:
    head = ["chip", "mean, LSB", "all results", "between columns", "10 to 90 %", "noise", "noise of 75 % below"]
    rows = []
    for chip in chips:
        for sign, found in chip["published"].items():
            name = f"{chip['serial']}, weights {'+' if sign == '1' else '-'}21"
            rows.append([name, f"{found['mean']:.1f}", *(f"{found[k]:.2f}" for k in KEYS)])
    quantities = ("leak", "driver", "amplitude_exc", "amplitude_inh", "tau_mem", "tau_syn_exc", "tau_syn_inh")
    units = [1e6 if name.startswith("tau") else 1.0 for name in quantities]
    spread = []
    for name, unit in zip(quantities, units, strict=True):
        values = [[chip["calibration"][name][what] * unit for chip in chips] for what in ("median", "before", "after")]
        ends = np.mean([chip["calibration"][name]["at_ends"] for chip in chips])
        spread.append([f"`{name}`", *(f"{np.mean(each):.3g}" for each in values), f"{ends:.0f}"])
    near = min(chip["calibration"]["leak"]["within_16"] for chip in chips)
    seconds = [chip["seconds"]["calibrate"] for chip in chips[1:]]
    return "\n\n".join(
        [
            table(head, rows),
            "Standard deviations in LSB; published for the chip are 59 ± 2.7 LSB, less than 7 LSB of noise for 75 % of "
            "columns and less than 10 LSB between the 10th and the 90th percentile.",
            table(["quantity", "median", "spread, one code for all", "spread, calibrated", "codes at an end"], spread),
            f"LSB, and µs of time constants; mean over chips. Baselines of at least {100 * near:.0f} % of the columns "
            f"are within 16 LSB of the target. A calibration took {np.median(seconds):.0f} s. {when}",
        ]
    )


KEYS = ("all", "fixed", "band", "noise", "noise_of_75_percent")


def linearity(chips: list[dict[str, Any]], weights: list[int], when: str) -> str:
    read = np.array([chip["linearity"] for chip in chips])
    w = np.array(weights)
    near = np.abs(w) <= 21
    gain = (read[:, near] * w[near]).sum(axis=1) / (w[near] ** 2).sum()
    line = gain[:, None] * w
    rows = [
        [f"{weight}", f"{line[:, i].mean():.1f}", *(f"{each:.1f}" for each in read[:, i])]
        for i, weight in enumerate(weights)
    ]
    off = [np.abs(read - line)[np.abs(line) <= most].max() for most in (60.0, 80.0)]
    names = [f"chip {chip['serial']}" for chip in chips]
    return "\n\n".join(
        [
            table(["weight", "line", *names], rows),
            f"100 inputs of 15; the line is that of weights to 21. Results are within {off[0]:.1f} LSB of it to 60 "
            f"LSB and within {off[1]:.1f} LSB to 80; they end at {read.min():.0f} and {read.max():.0f} LSB. {when}",
        ]
    )


def agreement(chips: list[dict[str, Any]], when: str) -> str:
    head = ["matrix", "spread of results", "mean", "standard deviation", "of one gain alone", "noise, circuits", "fast"]
    rows = []
    for name in chips[0]["agreement"]:
        found = [chip["agreement"][name] for chip in chips]
        worst = max((each["mean"] for each in found), key=abs)
        rows.append(
            [
                name,
                f"{np.mean([each['spread'] for each in found]):.1f}",
                f"{worst:+.2f}",
                f"{max(each['std'] for each in found):.2f}",
                *(f"{np.mean([each[k] for each in found]):.2f}" for k in ("one_gain", "noise_circuits", "noise_fast")),
            ]
        )
    text = f"LSB; of the differences of means the worst of {len(chips)} chips, what chance explains taken off. {when}"
    return f"{table(head, rows)}\n\n{text}"


def sends(chips: list[dict[str, Any]], when: str) -> str:
    """What an event adds, by how often a vector is sent."""
    rows = [[times, *(f"{chip['sends'][times]:.5f}" for chip in chips)] for times in sorted(chips[0]["sends"], key=int)]
    head = ["`num_sends`", *(f"chip {chip['serial']}" for chip in chips)]
    return f"{table(head, rows)}\n\nLSB for an activation, a weight and a send, on circuits; 128 random inputs. {when}"


def speed(found: dict[str, Any], when: str) -> str:
    names = {
        "torch": "PyTorch, float32, the product alone",
        "fast": "`Fast`",
        "circuits": "`Circuits`",
    }
    rates = found["macs_per_second"]
    rows = [[text, *(f"{rates[clock][name] / 1e9:.3g}" for clock in ("wall", "core"))] for name, text in names.items()]
    ratio, vector = found["fast_to_torch"], found["seconds_per_vector_circuits"]
    text = (
        f"128 inputs, 256 outputs; {found['batch']} vectors, of circuits {found['batch_circuits']}; load "
        f"{found['load_average']:.0f}. `Fast` takes {ratio['core']:.1f} times the time of cores that the product alone "
        f"takes, and {ratio['wall']:.1f} times by the clock, which a busy machine makes of little worth. A vector on "
        f"circuits takes {1e3 * vector['core']:.1f} ms of a core. {when}"
    )
    return f"{table(['', '10^9 products a second', 'a second of a core'], rows)}\n\n{text}"
