"""Configurations and sections as arrays and lists, for files."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2.configuration import Configuration
from saltation.bss2.readout import Cadc, IdealProbe, Madc, Recording
from saltation.bss2.registers import REGISTERS
from saltation.bss2.section import ChipEvents, Section
from saltation.bss2.writing import Write

Arrays = dict[str, NDArray[Any]]


def sparse(folder: str, configuration: Configuration) -> Arrays:
    """What differs from the state after a reset."""
    default, arrays = Configuration(), {}
    for name in configuration.differences(default):
        places = np.flatnonzero(configuration[name] != default[name])
        arrays[f"{folder}/{name}/at"] = places.astype(np.int32)
        arrays[f"{folder}/{name}/value"] = configuration[name].reshape(-1)[places]
    return arrays


def dense(folder: str, arrays: Arrays) -> Configuration:
    """The configuration of which `sparse` made arrays."""
    result = Configuration()
    for key, places in arrays.items():
        if key.startswith(f"{folder}/") and key.endswith("/at"):
            name = key.split("/")[1]
            result.set(name, arrays[f"{folder}/{name}/value"], at=np.unravel_index(places, REGISTERS[name].shape))
    return result


def pack_sections(sections: Sequence[Section], arrays: Arrays) -> dict[str, Any]:
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


def unpack_sections(about: Mapping[str, Any], arrays: Arrays) -> tuple[Section, ...]:
    """The sections of which `pack_sections` made arrays and lists."""
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
