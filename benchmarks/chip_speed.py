"""Speed of the emulated chip: seconds of a core for 0.3 s of hardware time, a sample, a batch, and a full chip.

    python benchmarks/chip_speed.py

The first case is that of closed loops: 60 neurons, 5 million events a second from outside, each to one neuron or to
two.  The others run networks in the loop, forward and gradient, with the chip's readings.  The best of some repeats
counts, and the load of the machine is recorded.  Last, where the time of a network in the loop goes, on one core: the
loop over the circuits' events is the floor, the rest is what stands around it.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

import saltation as sal
from saltation.bss2 import Backend, Chip, ChipEvents, Section, emulation, place
from saltation.bss2.calibration import NeuronTarget, calibrate
from saltation.bss2.configuration import Configuration
from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json

RESULTS = Path(__file__).parent / "results" / "chip_speed.json"
SCHEMA_VERSION = 1
CONDITIONS = ("load_average", "date", "machine")
TIMES = {"tau_mem": 10e-3, "tau_syn": 10e-3}


def best(repeats: int, run: Callable[[], object]) -> float:
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def loop(fan_out: int, duration: float, rate: float, repeats: int) -> dict[str, Any]:
    """60 neurons under events at a rate, on one core."""
    n = 60
    net = sal.Network()
    net.add("in", sal.Input(n))
    net.add("hid", sal.LIF(n, **TIMES))
    weight = np.sum([np.roll(np.eye(n), i, axis=1) for i in range(fan_out)], axis=0)
    net.connect("in", "hid", weight=weight)
    placement, chip = place(net), Chip(1, threads=1)
    configuration = Configuration()
    calibrate(chip, NeuronTarget()).apply(configuration)
    placement.configure(configuration)
    placement.write_weights(configuration, ("in", "hid"), (weight * 12).astype(int))
    units, links, labels = placement.played["in"]
    order = np.argsort(units)
    rng = np.random.default_rng(0)
    size = int(rate * duration)
    drawn = rng.integers(0, n, size)
    at = np.sort(rng.uniform(0.0, duration, size))
    first = np.searchsorted(units[order], drawn)
    place_of = order[first]
    section = Section(duration, ChipEvents(at, labels[place_of], links[place_of]))
    seconds = best(repeats, lambda: chip.run(configuration, [section]))
    seen = chip.run(configuration, [section]).sections[0]
    return {
        "case": f"60 neurons, {rate / 1e6:g} MHz, each event to {fan_out}",
        "hardware_seconds": duration,
        "core_seconds": seconds,
        "core_seconds_per_0.3_s": seconds * 0.3 / duration,
        "spikes": int(seen.times.size),
        "lost": sum(seen.lost.values()),
    }


def network(sizes: tuple[int, int, int], batch: int) -> tuple[sal.Network, dict[str, sal.Spikes]]:
    """A network, and what it is played."""
    n_in, hidden, n_out = sizes
    rng = np.random.default_rng(0)
    net = sal.Network()
    net.add("in", sal.Input(n_in))
    net.add("hid", sal.LIF(hidden, tau_mem=10e-3, tau_syn=10e-3))
    net.add("out", sal.LI(n_out, tau_mem=10e-3, tau_syn=10e-3))
    net.connect("in", "hid", weight=rng.normal(3.0 / n_in, 3.0 / n_in, (n_in, hidden)))
    net.connect("hid", "out", weight=rng.normal(0.0, 3.0 / hidden, (hidden, n_out)))
    return net, {"in": sal.Spikes.from_latencies(rng.uniform(0.0, 30e-3, (batch, n_in)))}


def in_the_loop(sizes: tuple[int, int, int], batch: int, repeats: int) -> dict[str, Any]:
    """A network, forward and gradient, with readings of the outputs."""
    net, stimulus = network(sizes, batch)
    backend, bar = Backend(Chip(1)), np.ones((batch, sizes[2]))

    def step() -> None:
        run = sal.simulate(net, stimulus, 60e-3, backend=backend, record={"out": sal.MaxVoltage()})
        run.gradient(voltage={"out": bar}, time_constants=False)

    seconds = best(repeats, step)
    return {
        "case": f"{'-'.join(map(str, sizes))}, batch of {batch}, forward and gradient",
        "hardware_seconds": batch * 60e-6,
        "wall_seconds": seconds,
        "wall_seconds_per_sample": seconds / batch,
        "circuits": int(backend.placement(net).usage()["neuron circuits"][0]),
    }


def parts(sizes: tuple[int, int, int], batch: int, repeats: int) -> dict[str, Any]:
    """Where the time of a sample goes, on one core: milliseconds of it, of the repeat that took the least."""
    net, stimulus = network(sizes, batch)
    backend, bar = Backend(Chip(1, threads=1), threads=1), np.ones((batch, sizes[2]))
    spent = 0.0
    made = emulation.advance_chip

    def timed(numerically: bool) -> Callable[..., int]:
        inner = made(numerically)

        def run(*given: Any) -> int:
            nonlocal spent
            start = time.perf_counter()
            status = inner(*given)
            spent += time.perf_counter() - start
            return status

        return run

    found: list[dict[str, float]] = []
    emulation.advance_chip = timed
    try:
        for _ in range(repeats + 1):
            spent, start = 0.0, time.perf_counter()
            run = sal.simulate(net, stimulus, 60e-3, backend=backend, record={"out": sal.MaxVoltage()})
            forward = time.perf_counter()
            run.gradient(voltage={"out": bar}, time_constants=False)
            end, wall = time.perf_counter(), backend.executions[0].wall_time
            around = forward - start - sum(wall.values())
            found.append(
                {
                    "total": end - start,
                    "loop over the circuits' events": spent,
                    "around it, for each section": wall["run"] - spent,
                    "writing and compiling": wall["write"] + wall["compile"],
                    "translation, and the model at what was observed": around,
                    "gradient": end - forward,
                }
            )
    finally:
        emulation.advance_chip = made
    least = min(found[1:], key=lambda each: each["total"])
    return {
        "case": f"{'-'.join(map(str, sizes))}, batch of {batch}",
        "ms": {k: 1e3 * v / batch for k, v in least.items()},
    }


@click.command()
@click.option("--repeats", default=5, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
def main(repeats: int, out: Path) -> None:
    rows = [loop(fan_out, 0.3, 5e6, repeats) for fan_out in (1, 2)]
    rows += [in_the_loop((5, 120, 3), batch, repeats) for batch in (1, 16, 100)]
    rows.append(in_the_loop((256, 246, 10), 16, repeats))
    profile = [parts((5, 120, 3), 100, repeats), parts((256, 246, 10), 16, repeats)]
    for row in [*rows, *profile]:
        click.echo(row)
    conditions = {name: value for name, value in header("", installation()).items() if name in CONDITIONS}
    record = {"schema_version": SCHEMA_VERSION, "benchmark": "chip_speed", **conditions, "rows": rows}
    write_json(out, record | {"profile": profile})


if __name__ == "__main__":
    main()
