"""What the readers share: damage that becomes one kind of error, and events that become `Spikes`."""

import contextlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.errors import FileFormatError, MissingDependencyError, ParameterError
from saltation.model import Spikes, events

AnyArray = npt.NDArray[Any]


def need(module: str, what: str) -> Any:
    """Import an optional dependency, or name the command that installs it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f'{what} needs {module}, which is not installed: pip install "saltation[io]"'
        ) from error


def existing(path: str | Path) -> Path:
    """Check that there is a file at a path."""
    place = Path(path)
    if place.is_dir():
        raise FileFormatError(f"{place} is a folder: give the file in it.")
    if not place.exists():
        there = sorted(p.name for p in place.parent.iterdir() if p.is_file())[:20] if place.parent.is_dir() else []
        listed = f"its folder has {', '.join(there)}" if there else "its folder is empty or missing"
        raise FileFormatError(f"{place} does not exist; {listed}.")
    return place


@contextlib.contextmanager
def parsing(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a parser raises on malformed bytes into a FileFormatError.

    Parsers of others raise what they like: OSError, KeyError, struct.error, RecursionError, MemoryError. So the block
    holds the parser's calls alone, where nothing of ours could hide a mistake of its own behind this.
    """
    try:
        yield
    except FileFormatError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{path} is damaged or is no {kind} file ({type(error).__name__}: {error}). "
            "If a copy was cut short, copy it again."
        ) from error


def numbers(where: str, array: object, kinds: str, must: str) -> AnyArray:
    """Check that a stored array is one-dimensional and of a kind of dtype."""
    values = np.asarray(array)
    if values.ndim != 1 or values.dtype.kind not in kinds:
        raise FileFormatError(f"{where} must be {must}; got shape {values.shape}, dtype {values.dtype}.")
    return values


def spikes_from(
    where: str, times: AnyArray, units: AnyArray, offsets: AnyArray, n_units: int | None, *, sort: bool
) -> Spikes:
    """Build `Spikes` from what a file holds, checked from the ground up; FileFormatError if it is not allowed.

    `n_units` has been checked by the caller, if it was an argument.
    """
    try:
        if sort:
            checked = events.checked_offsets("Spikes.offsets", offsets, len(times))
            if len(units) == len(times):  # else the constructor says what is wrong
                order = np.lexsort((times, events.samples_of(checked)))
                times, units = times[order], units[order]
        return Spikes(times, units, offsets, n_units)
    except ParameterError as error:
        text = str(error).replace("Spikes.from_lists(..., sort=True) sorts", "sort=True sorts")
        raise FileFormatError(f"{where}: {text}") from error


def checked_spikes(owner: str, spikes: object) -> Spikes:
    """Check that what is to be written are `Spikes`."""
    if not isinstance(spikes, Spikes):
        raise ParameterError(f"{owner}.spikes must be Spikes; got {type(spikes).__name__}.")
    return spikes
