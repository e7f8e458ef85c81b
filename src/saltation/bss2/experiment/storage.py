"""The file of an experiment: one NPZ with all that its run needs, for the run to be made again bit for bit.

It holds the chip (serial number, physics, variation, noise), what was written on it and what its memory held before the
run, the configuration, every section with its events, recordings and writes, the tickets, the network that was placed,
the calibration, and by which versions it was made.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation._files import write_bytes
from saltation.bss2.calibration import Calibration
from saltation.bss2.chip import ChipState
from saltation.bss2.configuration import Configuration
from saltation.bss2.experiment.placed import Placed
from saltation.bss2.experiment.record import Record
from saltation.bss2.experiment.tickets import Asked, Ticket
from saltation.bss2.physics import Physics
from saltation.bss2.readout import Cadc, IdealProbe, Madc, Recording
from saltation.bss2.registers import ANALOG, REGISTERS
from saltation.bss2.section import ChipEvents, Section
from saltation.bss2.tables import Table
from saltation.bss2.variation import Noise, Variation
from saltation.bss2.writing import Write
from saltation.errors import FileFormatError, PlacementError
from saltation.model import ProjectionKey

SCHEMA_VERSION = 1
_FORMAT = "saltation.bss2.Experiment"

Arrays = dict[str, NDArray[Any]]


@final
@dataclass(frozen=True, eq=False)
class Part:
    """A section, or the sections of a batch, and the tickets for them.

    Attributes
    ----------
    first, count : int
        Which sections of the run.
    batched : bool
    tickets : tuple of Ticket
    """

    first: int
    count: int
    batched: bool
    tickets: tuple[Ticket[Any], ...]


@final
@dataclass(frozen=True, eq=False)
class Description:
    """What an experiment knows beyond its `Record`.

    Attributes
    ----------
    parts : tuple of Part
    placed : Placed or None
    calibration : Calibration or None
    cut : dict of projection to (int, int)
        How many weights were cut, of how many.
    """

    parts: tuple[Part, ...]
    placed: Placed | None
    calibration: Calibration | None
    cut: Mapping[ProjectionKey, tuple[int, int]]


@final
@dataclass(frozen=True, eq=False)
class Stored:
    """What a file holds.

    Attributes
    ----------
    record : Record
    description : Description
    digest : str or None
        Of what the run gave, where it has been made.
    origin : dict of str to str
        By what it was made.
    unplaced : str
        Why the network that was placed cannot be used by name, where that is so.
    """

    record: Record
    description: Description
    digest: str | None
    origin: Mapping[str, str]
    unplaced: str = ""


def write(path: str | Path, stored: Stored) -> Path:
    """Write a file, whole or not at all."""
    record, description = stored.record, stored.description
    arrays: Arrays = {f"codes/{name}": values for name, values in record.before.codes.items()}
    arrays |= _sparse("before", record.before.configuration) | _sparse("configuration", record.configuration)
    if description.calibration is not None:
        arrays["calibration"] = np.frombuffer(description.calibration.to_bytes(), np.uint8)
    for i, ticket in enumerate(_tickets(description)):
        arrays[f"ticket/{i}"] = ticket.asked.circuits
    about = {
        "format": _FORMAT,
        "schema_version": SCHEMA_VERSION,
        "origin": dict(stored.origin),
        "serial": record.serial,
        **{name: _numbers(getattr(record, name)) for name in ("physics", "variation", "noise")},
        "runs": record.before.runs,
        "seed": record.seed,
        "settling": record.settling,
        "digest": stored.digest,
        "parts": [
            [part.first, part.count, part.batched, [[t.asked.kind, t.name, t.asked.recording] for t in part.tickets]]
            for part in description.parts
        ],
        "placed": None if description.placed is None else description.placed.to_dict(),
        "cut": [[list(key) if isinstance(key, tuple) else key, *n] for key, n in description.cut.items()],
        **_pack_sections(record.sections, arrays),
    }
    arrays["about"] = np.frombuffer(json.dumps(about, allow_nan=False).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return write_bytes(path, buffer.getvalue())


def read(path: str | Path) -> Stored:
    """Read a file.

    Raises
    ------
    FileFormatError
        If it is damaged, something else, or of another version of the format.
    """
    content = Path(path).read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(bytes(arrays["about"]).decode())
        _check_format(about, path)
        placed, unplaced = _placed(about["placed"])
        description = _description(about, arrays, placed)
        return Stored(_record(about, arrays), description, about["digest"], about["origin"], unplaced)
    except FileFormatError:
        raise
    except Exception as error:  # of JSON, NumPy and our own checks: a damaged file can be anything
        raise FileFormatError(
            f"{path} is damaged, or not a file of Experiment.save: {type(error).__name__}: {error}"
        ) from error


def _check_format(about: Any, path: str | Path) -> None:
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise FileFormatError(f"{path} does not hold an experiment; Experiment.save writes them")
    if about.get("schema_version") != SCHEMA_VERSION:
        raise FileFormatError(
            f"{path} has the schema version {about.get('schema_version')!r}; this version of Saltation reads "
            f"{SCHEMA_VERSION}; it was written by {about.get('origin', {}).get('saltation', 'an unknown version')}"
        )


def _record(about: Mapping[str, Any], arrays: Arrays) -> Record:
    codes = {name: arrays[f"codes/{name}"] for name in ANALOG}
    for name, values in codes.items():
        if values.shape != REGISTERS[name].shape or values.dtype != np.float64 or not np.isfinite(values).all():
            raise ValueError(f"codes of {name} must be numbers of the shape {REGISTERS[name].shape}")
        values.flags.writeable = False
    before = ChipState(_dense("before", arrays), codes, int(about["runs"]))
    tables = Physics(**about["physics"]), Variation(**about["variation"]), Noise(**about["noise"])
    sections = _unpack_sections(about, arrays)
    configuration = _dense("configuration", arrays)
    return Record(int(about["serial"]), *tables, before, configuration, sections, about["seed"], about["settling"])


def _placed(stored: Mapping[str, Any] | None) -> tuple[Placed | None, str]:
    """The network, placed again; or why it is not: its run does not need it."""
    try:
        return (None if stored is None else Placed.from_dict(stored)), ""
    except PlacementError as error:
        return None, str(error)


def _description(about: Mapping[str, Any], arrays: Arrays, placed: Placed | None) -> Description:
    parts, i = [], 0
    for first, count, batched, listed in about["parts"]:
        tickets: list[Ticket[Any]] = []
        for kind, name, recording in listed:
            tickets.append(Ticket(Asked(kind, name, arrays[f"ticket/{i}"], recording), batched))
            i += 1
        parts.append(Part(first, count, batched, tuple(tickets)))
    calibration = Calibration.from_bytes(arrays["calibration"].tobytes()) if "calibration" in arrays else None
    cut = {key if isinstance(key, str) else (key[0], key[1]): (n, of) for key, n, of in about["cut"]}
    return Description(tuple(parts), placed, calibration, cut)


def _tickets(description: Description) -> list[Ticket[Any]]:
    return [ticket for part in description.parts for ticket in part.tickets]


def _numbers(table: Table) -> dict[str, float]:
    return {name: value for name, value, _, _ in table.table()}


def _sparse(folder: str, configuration: Configuration) -> Arrays:
    """What differs from the state after a reset."""
    default, arrays = Configuration(), {}
    for name in configuration.differences(default):
        places = np.flatnonzero(configuration[name] != default[name])
        arrays[f"{folder}/{name}/at"] = places.astype(np.int32)
        arrays[f"{folder}/{name}/value"] = configuration[name].reshape(-1)[places]
    return arrays


def _dense(folder: str, arrays: Arrays) -> Configuration:
    result = Configuration()
    for key, places in arrays.items():
        if key.startswith(f"{folder}/") and key.endswith("/at"):
            name = key.split("/")[1]
            result.set(name, arrays[f"{folder}/{name}/value"], at=np.unravel_index(places, REGISTERS[name].shape))
    return result


def _pack_sections(sections: Sequence[Section], arrays: Arrays) -> dict[str, Any]:
    """Sections as arrays, and as lists of what they share: recordings and writes of a batch are there once."""
    events = [section.events for section in sections]
    for name in ("times", "labels", "links"):
        arrays[f"events/{name}"] = np.concatenate([np.asarray(getattr(each, name)) for each in events])
    arrays["events/count"] = np.array([each.n_events for each in events])
    recordings: dict[int, tuple[int, Recording]] = {}
    writes: dict[int, tuple[int, Sequence[Write]]] = {}
    listed = []
    for section in sections:
        for each in section.recordings:
            recordings.setdefault(id(each), (len(recordings), each))
        if section.writes:
            writes.setdefault(id(section.writes), (len(writes), section.writes))
        own = [recordings[id(each)][0] for each in section.recordings]
        listed.append([section.duration, own, writes[id(section.writes)][0] if section.writes else None])
    for i, (_, own) in enumerate(writes.values()):
        for k, each in enumerate(own):
            arrays[f"write/{i}/{k}/at"], arrays[f"write/{i}/{k}/value"] = each.places, np.asarray(each.values)
    return {
        "sections": listed,
        "recordings": [_packed(each) for _, each in recordings.values()],
        "writes": [[[each.time, each.register] for each in own] for _, own in writes.values()],
    }


def _unpack_sections(about: Mapping[str, Any], arrays: Arrays) -> tuple[Section, ...]:
    recordings = [_unpacked(each) for each in about["recordings"]]
    writes: list[tuple[Write, ...]] = []
    for i, own in enumerate(about["writes"]):
        made = []
        for k, (time, register) in enumerate(own):
            at = np.unravel_index(arrays[f"write/{i}/{k}/at"], REGISTERS[register].shape)
            made.append(Write(time, register, arrays[f"write/{i}/{k}/value"], at))
        writes.append(tuple(made))
    columns = [arrays[f"events/{name}"] for name in ("times", "labels", "links")]
    ends = np.cumsum([0, *arrays["events/count"].tolist()]).tolist()
    if any(column.shape != (ends[-1],) for column in columns) or len(ends) != len(about["sections"]) + 1:
        raise ValueError("numbers of events and of sections do not agree")
    sections = []
    for i, (duration, own, written) in enumerate(about["sections"]):
        events = ChipEvents(*(column[ends[i] : ends[i + 1]] for column in columns))
        recorded = tuple(recordings[k] for k in own)
        sections.append(Section(duration, events, recorded, () if written is None else writes[written]))
    return tuple(sections)


def _packed(recording: Recording) -> dict[str, Any]:
    kind, circuits = type(recording).__name__, recording.chosen.tolist()
    if isinstance(recording, IdealProbe):
        return {"kind": kind, "circuits": circuits, "at": np.asarray(recording.at, float).tolist()}
    names = ("start", "samples", "period", "placement") if isinstance(recording, Cadc) else ("start", "samples")
    return {"kind": kind, "circuits": circuits, **{name: getattr(recording, name) for name in names}}


def _unpacked(stored: Mapping[str, Any]) -> Recording:
    kinds: dict[str, type[Recording]] = {kind.__name__: kind for kind in (Cadc, Madc, IdealProbe)}
    return kinds[stored["kind"]](**{name: value for name, value in stored.items() if name != "kind"})
