"""The file of an experiment: one NPZ with all that its run needs, for the run to be made again bit for bit.

It holds the chip (serial number, physics, variation, noise), what was written on it and what its memory held before the
run, the configuration, every section with its events, recordings and writes, the tickets, the network that was placed,
the calibration, and by which versions it was made.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from saltation._files import write_bytes
from saltation.bss2.calibration import Calibration
from saltation.bss2.chip import ChipState
from saltation.bss2.experiment.packing import Arrays, dense, pack_sections, sparse, unpack_sections
from saltation.bss2.experiment.placed import Placed
from saltation.bss2.experiment.record import Record
from saltation.bss2.experiment.tickets import Asked, Ticket
from saltation.bss2.physics import Physics
from saltation.bss2.registers import ANALOG, REGISTERS
from saltation.bss2.tables import Table
from saltation.bss2.variation import Noise, Variation
from saltation.errors import FileFormatError, PlacementError
from saltation.model import ProjectionKey

# 2: as that of a configuration
SCHEMA_VERSION = 2
_FORMAT = "saltation.bss2.Experiment"


@final
@dataclass(frozen=True, eq=False)
class Block:
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
    parts : tuple of Block
    placed : Placed or None
    calibration : Calibration or None
    cut : dict of projection to (int, int)
        How many weights were cut, of how many.
    """

    parts: tuple[Block, ...]
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
    arrays |= sparse("before", record.before.configuration) | sparse("configuration", record.configuration)
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
        **pack_sections(record.sections, arrays),
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
    before = ChipState(dense("before", arrays), codes, int(about["runs"]))
    tables = Physics(**about["physics"]), Variation(**about["variation"]), Noise(**about["noise"])
    sections = unpack_sections(about, arrays)
    configuration = dense("configuration", arrays)
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
        parts.append(Block(first, count, batched, tuple(tickets)))
    calibration = Calibration.from_bytes(arrays["calibration"].tobytes()) if "calibration" in arrays else None
    cut = {key if isinstance(key, str) else (key[0], key[1]): (n, of) for key, n, of in about["cut"]}
    return Description(tuple(parts), placed, calibration, cut)


def _tickets(description: Description) -> list[Ticket[Any]]:
    return [ticket for part in description.parts for ticket in part.tickets]


def _numbers(table: Table) -> dict[str, float]:
    return {name: value for name, value, _, _ in table.table()}
