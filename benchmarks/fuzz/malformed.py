"""What `fuzz_readers.py` tries: for each reader a valid input, ways to damage its bytes, ways to break its rules."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import neo
import numpy as np
from malformed_nir import nir_target

import saltation as sal
from saltation.io import LabelledSpikes

Rng = np.random.Generator
UNITS = 8
LARGE = (0, 1, 2, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)


class Target(NamedTuple):
    """A reader, and what to give it."""

    original: Any
    read: Callable[[Any], Any]
    damage: Callable[[Rng], tuple[str, Any]] | None
    invalid: Callable[[Rng], tuple[str, Any]]
    validate: Callable[[Any], None]


# --------------------------------------------------------------------------------------------------- any bytes
def damaged(rng: Rng, content: bytes) -> tuple[str, bytes]:
    """Change the bytes of a file in one way or a few; the result differs from the content."""
    data = bytearray(content)
    names = []
    for _ in range(rng.integers(1, 4)):
        name = str(rng.choice(list(DAMAGES)))
        data = DAMAGES[name](rng, data)
        names.append(name)
    if bytes(data) == content:
        return "cut", bytes(data[:-1])
    return ", ".join(names), bytes(data)


def _span(rng: Rng, data: bytearray) -> tuple[int, int]:
    begin = int(rng.integers(0, len(data) + 1))
    return begin, min(len(data), begin + int(rng.geometric(0.1)))


def _cut(rng: Rng, data: bytearray) -> bytearray:
    return data[: int(rng.integers(0, len(data) + 1))]


def _bits(rng: Rng, data: bytearray) -> bytearray:
    for _ in range(rng.integers(1, 9) if data else 0):
        data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return data


def _bytes(rng: Rng, data: bytearray) -> bytearray:
    for _ in range(rng.integers(1, 9) if data else 0):
        # digits and separators too, which a text can hold
        data[int(rng.integers(len(data)))] = int(rng.choice([rng.integers(256), *b"0123456789.,-+e\n nai"]))
    return data


def _fill(rng: Rng, data: bytearray) -> bytearray:
    begin, end = _span(rng, data)
    data[begin:end] = bytes([int(rng.choice([0, 1, 0x7F, 0x80, 0xFF]))]) * (end - begin)
    return data


def _remove(rng: Rng, data: bytearray) -> bytearray:
    begin, end = _span(rng, data)
    del data[begin:end]
    return data


def _insert(rng: Rng, data: bytearray) -> bytearray:
    begin, _ = _span(rng, data)
    data[begin:begin] = rng.bytes(int(rng.geometric(0.1)))
    return data


def _double(rng: Rng, data: bytearray) -> bytearray:
    begin, end = _span(rng, data)
    data[end:end] = data[begin:end]
    return data


def _move(rng: Rng, data: bytearray) -> bytearray:
    begin, end = _span(rng, data)
    piece = data[begin:end]
    del data[begin:end]
    at = int(rng.integers(0, len(data) + 1))
    data[at:at] = piece
    return data


def _number(rng: Rng, data: bytearray) -> bytearray:
    """Put a number that is often too large where a count or an address may stand."""
    if len(data) >= 8:
        at = int(rng.integers(0, len(data) - 7))
        value = LARGE[int(rng.integers(len(LARGE)))]
        data[at : at + 8] = value.to_bytes(8, "little")
    return data


DAMAGES = {
    "cut": _cut,
    "bits": _bits,
    "bytes": _bytes,
    "fill": _fill,
    "remove": _remove,
    "insert": _insert,
    "double": _double,
    "move": _move,
    "number": _number,
}


# -------------------------------------------------------------------------------------------------- broken rules
def valid_spikes(rng: Rng) -> sal.Spikes:
    """A few samples with at least two events of different times in the first."""
    samples = []
    for events in (int(rng.integers(2, 9)), int(rng.integers(0, 9)), int(rng.integers(1, 4))):
        times = np.sort(rng.integers(0, 10**6, events)) / 1e6
        if events > 1 and times[0] == times[-1]:
            times[-1] += 1e-6
        samples.append((times, rng.integers(0, UNITS, events)))
    return sal.Spikes.from_lists(samples, n_units=UNITS)


def broken_columns(rng: Rng, spikes: sal.Spikes) -> tuple[str, dict[str, np.ndarray]]:
    """Arrays of spikes that break one rule."""
    arrays = {"times": spikes.times.copy(), "units": spikes.units.copy(), "offsets": spikes.offsets.copy()}
    event = int(rng.integers(spikes.n_events))
    first = int(spikes.offsets[1])
    name = str(rng.choice(["nan", "inf", "negative", "unsorted", "unit above", "unit below"]))
    if name == "nan":
        arrays["times"][event] = np.nan
    elif name == "inf":
        arrays["times"][event] = rng.choice([np.inf, -np.inf])
    elif name == "negative":
        arrays["times"][event] = -rng.choice([1e-12, 1e-3, 1.0, 1e300])
    elif name == "unsorted":
        arrays["times"][[0, first - 1]] = arrays["times"][[first - 1, 0]]
    elif name == "unit above":
        arrays["units"][event] = rng.choice([UNITS, UNITS + 1, 255, 2**15, 2**31 - 1])
    else:
        arrays["units"][event] = -rng.choice([1, 2, 2**15, 2**31])
    return name, arrays


def validate_spikes(spikes: sal.Spikes) -> None:
    assert sal.Spikes(spikes.times, spikes.units, spikes.offsets, spikes.n_units) == spikes
    assert spikes.times.dtype == np.float64 and spikes.units.dtype == np.int32 and spikes.offsets.dtype == np.int64


# --------------------------------------------------------------------------------------------------------- csv
def csv_target(folder: Path) -> Target:
    spikes = valid_spikes(np.random.default_rng(0))
    path = folder / "spikes.csv"
    content = sal.io.write_csv(path, spikes).read_bytes()

    def invalid(rng: Rng) -> tuple[str, bytes]:
        base = valid_spikes(rng)
        kind = rng.integers(3)
        if kind == 0:
            name, arrays = broken_columns(rng, base)
            return name, _csv(arrays)
        lines = _csv({"times": base.times, "units": base.units, "offsets": base.offsets}).decode().split("\n")[:-1]
        row = int(rng.integers(1, len(lines)))
        if kind == 1:
            cells = lines[row].split(",")
            at = int(rng.integers(3))
            cells[at] = str(
                rng.choice(["", "x", "1_0", "0x1", "--1", "1e", "nan", "inf", "1e999", "1;2", "None", '"1"'])
            )
            lines[row] = ",".join(cells)
            return f"cell {cells[at]}", ("\n".join(lines) + "\n").encode()
        name = str(rng.choice(["no end", "short row", "long row", "header", "no header", "order", "zeros", "utf-16"]))
        if name == "short row":
            lines[row] = lines[row].rpartition(",")[0]
        elif name == "long row":
            lines[row] += ",0"
        elif name == "header":
            lines[0] = str(rng.choice(["sample,time_s", "time_s,time_ms,unit", "a,b,c", "sample,time_s,unit,unit", ""]))
        elif name == "no header":
            del lines[0]
        elif name == "order":
            lines[1:] = lines[:0:-1]
        text = ("\n".join(lines) + ("" if name == "no end" else "\n")).encode()
        if name == "zeros":
            return name, text.replace(b",", b"\0", 1)
        return name, text.decode().encode("utf-16") if name == "utf-16" else text

    def read(given: bytes) -> sal.Spikes:
        path.write_bytes(given)
        return sal.io.read_csv(path, n_units=UNITS)

    return Target(spikes, read, lambda rng: damaged(rng, content), invalid, validate_spikes)


def _csv(arrays: dict[str, np.ndarray]) -> bytes:
    samples = np.repeat(np.arange(len(arrays["offsets"]) - 1), np.diff(arrays["offsets"]))
    rows = zip(samples.tolist(), arrays["times"].tolist(), arrays["units"].tolist(), strict=True)
    return ("sample,time_s,unit\n" + "".join(f"{s},{t!r},{u}\n" for s, t, u in rows)).encode()


# --------------------------------------------------------------------------------------------------------- npz
def npz_target(folder: Path) -> Target:
    spikes = valid_spikes(np.random.default_rng(0))
    path = folder / "spikes.npz"
    content = sal.io.write_npz(path, spikes).read_bytes()
    # the same without compression and its checksums taken along, so that damage reaches the arrays too
    plain = io.BytesIO()
    np.savez(plain, times=spikes.times, units=spikes.units, offsets=spikes.offsets, time_unit=1.0, n_units=UNITS)

    def damage(rng: Rng) -> tuple[str, bytes]:
        if rng.integers(3):
            return damaged(rng, content if rng.integers(2) else plain.getvalue())
        return inside_of(rng)

    def inside_of(rng: Rng) -> tuple[str, bytes]:
        """Damage one array within an archive that is whole."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(plain) as archive, zipfile.ZipFile(buffer, "w") as new:
            chosen = str(rng.choice(archive.namelist()))
            name = ""
            for member in archive.namelist():
                data = archive.read(member)
                if member == chosen:
                    name, data = damaged(rng, data)
                new.writestr(member, data)
        return f"{chosen}: {name}", buffer.getvalue()

    def invalid(rng: Rng) -> tuple[str, bytes]:
        base = valid_spikes(rng)
        arrays: dict[str, Any] = {"times": base.times, "units": base.units, "offsets": base.offsets}
        arrays |= {"time_unit": 1.0, "n_units": UNITS}
        if rng.integers(2):
            name, broken = broken_columns(rng, base)
            return name, _npz(arrays | broken)
        name = str(rng.choice(list(arrays)))
        way = int(rng.integers(4))
        if way == 0 and name in ("times", "units"):
            del arrays[name]
            return f"no {name}", _npz(arrays)
        if way == 1:
            arrays[name + str(rng.choice(["s", "_", " ", "2"]))] = arrays.pop(name)
            return f"misspelt {name}", _npz(arrays)
        if way == 2 and name in ("times", "units", "offsets"):
            arrays[name] = arrays[name][:-1] if rng.integers(2) else np.append(arrays[name], arrays[name][-1] + 1)
            return f"length of {name}", _npz(arrays)
        kinds = [str, complex, object, "M8[s]", "V8", bool]
        kinds += [np.float32] if name in ("units", "offsets", "n_units") else []
        given = np.asarray(arrays[name])
        kind: Any = kinds[int(rng.integers(len(kinds)))]
        arrays[name] = np.zeros(given.shape, "V8") if kind == "V8" else given.astype(kind)
        return f"{name} as {kind}", _npz(arrays)

    def read(given: bytes) -> sal.Spikes:
        path.write_bytes(given)
        return sal.io.read_npz(path)

    return Target(spikes, read, damage, invalid, validate_spikes)


def _npz(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


# --------------------------------------------------------------------------------------------------------- shd
def shd_target(folder: Path) -> Target:
    path = folder / "data.h5"
    spikes = valid_spikes(np.random.default_rng(0))
    data = LabelledSpikes(spikes, [0, 1, 1], [3, 4, 5], ("null", "eins"))
    content = sal.io.write_shd(path, data).read_bytes()

    def invalid(rng: Rng) -> tuple[str, bytes]:
        base = valid_spikes(rng)
        arrays = {"times": base.times, "units": base.units, "offsets": base.offsets}
        labels: Any = np.array([0, 1, 1], np.uint16)
        kinds: dict[str, Any] = {"times": np.float64, "units": np.int64}
        name = str(rng.choice(["columns", "columns", "columns", "labels", "kinds", "lengths", "missing", "layout"]))
        missing = ""
        drop = {"times": 0, "units": 0}
        if name == "columns":
            name, arrays = broken_columns(rng, base)
        elif name == "labels":
            options = [[0, 1], [0, 1, 1, 1], [0.0, 1.0, 1.0], [0, -1, 1], [0, 1, 2], [[0, 1, 1]], [b"a", b"b", b"c"], 1]
            labels = options[int(rng.integers(len(options)))]
        elif name == "kinds":
            kinds |= [{"times": np.int64}, {"units": np.float32}, {"times": np.uint8}][int(rng.integers(3))]
        elif name == "lengths":
            drop[str(rng.choice(["times", "units"]))] = 1
        elif name == "missing":
            missing = str(rng.choice(["spikes/times", "spikes/units", "labels"]))
        with h5py.File(path, "w") as file:
            for column in ("times", "units"):
                rows = np.split(arrays[column], arrays["offsets"][1:-1])
                if name == "layout" and column == "units":
                    file["spikes/units"] = arrays[column]
                    continue
                set_ = file.create_dataset(
                    f"spikes/{column}", (len(rows),), dtype=h5py.vlen_dtype(np.dtype(kinds[column]))
                )
                for i, row in enumerate(rows):
                    set_[i] = row[: len(row) - drop[column] if i == 0 else len(row)].astype(kinds[column])
            file["labels"] = labels
            file["extra/keys"] = np.array([b"null", b"eins"])
            if missing:
                del file[missing]
        return f"{name} {missing}", path.read_bytes()

    def read(given: bytes) -> LabelledSpikes:
        path.write_bytes(given)
        return sal.io.read_shd(path, n_units=UNITS)

    def validate(found: LabelledSpikes) -> None:
        validate_spikes(found.spikes)
        assert LabelledSpikes(found.spikes, found.labels, found.speakers, found.classes) == found

    return Target(data, read, lambda rng: damaged(rng, content), invalid, validate)


# -------------------------------------------------------------------------------------------------- in memory
def tonic_target(folder: Path) -> Target:
    del folder
    size = (2, 2, 2)

    def invalid(rng: Rng) -> tuple[str, Any]:
        base = valid_spikes(rng)
        samples = sal.io.to_tonic(base, time_unit="us", sensor_size=size)
        name = str(rng.choice(["coordinate", "time", "order", "fields", "kinds", "shape", "type"]))
        first = samples[0]
        event = int(rng.integers(len(first)))
        if name == "coordinate":
            first[str(rng.choice(["x", "y", "p"]))][event] = rng.choice([2, 3, 255, 2**31, -1, -(2**40)])
        elif name == "time":
            given = first.astype([(n, float if n == "t" else int) for n in first.dtype.names])
            given["t"][event] = rng.choice([np.nan, np.inf, -np.inf, -1.0])
            samples[0] = given
        elif name == "order":
            samples[0] = first[::-1]
        elif name == "fields":
            lost = str(rng.choice(["x", "y", "t", "p", "none"]))
            kept = [n for n in first.dtype.names if n != lost] + (["more"] if lost == "none" else [])
            samples[0] = np.zeros(3, [(n, int) for n in kept])
        elif name == "kinds":
            chosen, kind = str(rng.choice(["x", "y", "p"])), rng.choice(["f8", "U4", "c16", "M8[s]", "2i4"])
            samples[0] = np.zeros(3, [(n, str(kind) if n == chosen else "i8") for n in first.dtype.names])
        elif name == "shape":
            samples[0] = first.reshape(1, -1)
        else:
            samples = [None, 3, "events", {}, [None], [first.tolist()], [np.zeros((3, 4))]][int(rng.integers(7))]
        return name, samples

    def read(given: Any) -> sal.Spikes:
        return sal.io.from_tonic(given, time_unit="us", sensor_size=size)

    return Target(None, read, None, invalid, validate_spikes)


def neo_target(folder: Path) -> Target:
    del folder

    def invalid(rng: Rng) -> tuple[str, Any]:
        base = valid_spikes(rng)
        samples: Any = sal.io.to_neo(base, t_stop=10.0, time_unit="ms")
        name = str(rng.choice(["value", "order", "numbers", "type"]))
        busy = [train for sample in samples for train in sample if len(train) > 0]
        train = busy[int(rng.integers(len(busy)))]
        if name == "value":
            train.magnitude[int(rng.integers(len(train)))] = rng.choice([np.nan, np.inf, -np.inf, -1e-9, -5.0])
        elif name == "order":
            samples[0][0] = neo.SpikeTrain([2.0, 1.0], units="ms", t_stop=10.0)
        elif name == "numbers":
            samples[int(rng.integers(3))].pop()
        else:
            options = [
                None,
                3,
                "trains",
                {},
                train,
                [None],
                [3.0],
                [[None] * UNITS],
                [[train.magnitude] * UNITS],
                [train, 3],
            ]
            samples = options[int(rng.integers(len(options)))]
        return name, samples

    return Target(None, sal.io.from_neo, None, invalid, validate_spikes)


TARGETS: dict[str, Callable[[Path], Target]] = {
    "csv": csv_target,
    "npz": npz_target,
    "shd": shd_target,
    "nir": lambda folder: Target(*nir_target(folder, damaged)),
    "tonic": tonic_target,
    "neo": neo_target,
}
