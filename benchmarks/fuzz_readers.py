"""Malformed inputs, at random, for every reader of ``saltation.io``: nothing crashes, nothing invalid is taken.

    python benchmarks/fuzz_readers.py                       # 100,000 and more, on all cores
    python benchmarks/fuzz_readers.py --inputs 2000 --reader shd --seed 7

Two kinds, in turns.  *Damage* changes the bytes of a valid file: cuts, bits, bytes, pieces moved, doubled, or filled.
It has to be refused by an exception of Saltation, or give something that passes all checks of its constructor again;
what is then other than before is a change that the format cannot tell, such as another digit.  *Invalid* inputs break a
rule (times that are negative, no numbers or not in order, units out of range, arrays of the wrong type, length or name,
parameters out of their range) and have to be refused, always.

A process of its own reads some thousand inputs with a limit of memory, and of time for each: what ends it is seen.
The inputs follow from the seed and their number.
"""

import concurrent.futures
import faulthandler
import json
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import click
import numpy as np

from saltation.cli import installation
from saltation.experiments.bench.report import header, write_json

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))

RESULTS = Path(__file__).parent / "results" / "fuzz_readers.json"
CHUNK = 2500
MEMORY = 6 << 30
SECONDS = 20  # for one input, on a machine that is busy
READERS = ("csv", "npz", "shd", "nir", "tonic", "neo")
# of a hundred: opening an HDF5 file, or making Neo's objects, takes many times what the others do
SHARES = {"csv": 28, "npz": 28, "shd": 20, "nir": 10, "tonic": 10, "neo": 4}


def read_chunk(reader: str, seed: int, first: int, count: int, at: Path) -> dict[str, Any]:
    """Try some inputs in this process; what is no exception of Saltation ends up in ``failures``.

    The number of the input that is being read stands in the file `at`.
    """
    import malformed

    from saltation.errors import SaltationError

    outcomes: Counter[str] = Counter()
    failures: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        target = malformed.TARGETS[reader](Path(folder))
        for number in range(first, first + count):
            rng = np.random.default_rng([seed, READERS.index(reader), number])
            kind = "damage" if number % 2 == 0 and target.damage is not None else "invalid"
            name, given = (target.damage if kind == "damage" else target.invalid)(rng)
            at.write_text(f"{number} {name}", encoding="utf-8")
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            try:
                result = target.read(given)
            except SaltationError as error:
                outcomes[f"{kind}: refused"] += 1
                outcomes[f"refused by {type(error).__name__}"] += 1
                continue
            except BaseException:
                failures.append({"number": number, "input": name, "error": traceback.format_exc()[-2000:]})
                continue
            if kind == "invalid":
                failures.append({"number": number, "input": name, "error": f"accepted as {result!r}"[:2000]})
                continue
            try:
                target.validate(result)
            except BaseException:
                failures.append({"number": number, "input": name, "error": traceback.format_exc()[-2000:]})
                continue
            outcomes[f"{kind}: {'unchanged' if result == target.original else 'another valid content'}"] += 1
    return {"outcomes": dict(outcomes), "failures": failures}


def in_a_process(reader: str, seed: int, first: int, count: int) -> dict[str, Any]:
    """Try some inputs in a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder) / "at"
        command = [sys.executable, __file__, "--chunk", f"{reader},{seed},{first},{count},{at}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)
        number, _, name = at.read_text(encoding="utf-8").partition(" ") if at.exists() else ("-1", "", "")
    error = f"the process ended with {done.returncode}: {done.stderr[-2000:]}"
    return {"outcomes": {}, "failures": [{"number": int(number), "input": name, "error": error}]}


@click.command()
@click.option("--inputs", default=110_000, show_default=True, help="In all; slow readers get fewer.")
@click.option("--reader", "chosen", type=click.Choice(READERS), multiple=True, help="Repeat for several.  [all]")
@click.option("--seed", default=1, show_default=True)
@click.option("--processes", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, show_default=True)
@click.option("--chunk", hidden=True, help="Try these inputs in this process, and print what came of it.")
def main(inputs: int, chosen: tuple[str, ...], seed: int, processes: int, out: Path, chunk: str | None) -> None:
    if chunk is not None:
        faulthandler.enable()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        reader, *numbers, at = chunk.split(",")
        click.echo(json.dumps(read_chunk(reader, *map(int, numbers), Path(at))))
        faulthandler.cancel_dump_traceback_later()
        return
    readers = chosen or READERS
    share = sum(SHARES[reader] for reader in readers)
    counts = {reader: -(-inputs * SHARES[reader] // share) for reader in readers}
    jobs = [
        (reader, seed, first, min(CHUNK, count - first))
        for reader, count in counts.items()
        for first in range(0, count, CHUNK)
    ]
    start = time.perf_counter()
    results: dict[str, dict[str, Any]] = {
        reader: {"inputs": 0, "outcomes": Counter(), "failures": []} for reader in readers
    }
    with concurrent.futures.ThreadPoolExecutor(processes) as pool:
        for job, result in zip(jobs, pool.map(lambda job: in_a_process(*job), jobs), strict=True):
            entry = results[job[0]]
            entry["inputs"] += job[3]
            entry["outcomes"].update(result["outcomes"])
            entry["failures"] += result["failures"]
            click.echo(f"{job[0]} {job[2] + job[3]} of {counts[job[0]]}, {len(entry['failures'])} failures", err=True)
    for reader, entry in results.items():
        click.echo(
            f"{reader:6s} {entry['inputs']:7d} inputs, {len(entry['failures'])} failures, {dict(entry['outcomes'])}"
        )
        for failure in entry["failures"][:5]:
            click.echo(f"    {failure['number']} {failure['input']}: {failure['error'][-600:]}")
    total = sum(entry["inputs"] for entry in results.values())
    failures = sum(len(entry["failures"]) for entry in results.values())
    click.echo(f"{total} malformed inputs in {time.perf_counter() - start:.0f} s, {failures} failures")
    record = {**header("fuzz_readers", installation()), "seed": seed, "inputs": total, "failures": failures}
    write_json(out, record | {"readers": results})
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
