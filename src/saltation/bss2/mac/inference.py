"""`InferenceTracer`: a sequence of operations, kept in a file, to be run again as one."""

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation._files import write_bytes
from saltation.bss2.mac import operations
from saltation.bss2.mac.connection import Units, system_of
from saltation.errors import FileFormatError, ParameterError, SimulationError

SCHEMA_VERSION = 1
_OPERATIONS = ("mac", "add", "argmax", "relu", "converting_relu")
_NUMBERS = {
    "mac": ("num_sends", "wait_between_events"),
    "add": ("alpha",),
    "argmax": ("dim", "keepdim"),
    "relu": (),
    "converting_relu": ("shift",),
}
_ARRAYS = {"mac": "weights", "add": "other"}


@final
@dataclass(frozen=True, eq=False)
class Step:
    """An operation with all but its input: numbers by name, and of ``mac`` and ``add`` the array."""

    name: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    array: NDArray[Any] | None = None


@dataclass
class _Recording:
    steps: list[Step] = field(default_factory=list)
    last: NDArray[Any] | None = None


_ACTIVE: list[_Recording] = []


@final
class InferenceTracer:
    """Keep the operations between `start` and `stop` in a file, from which `inference_trace` runs them.

    Each operation has to take what the one before it gave: what is done in between would be lost. As a context manager
    it starts and stops; where its block raises, it ends without a file.

    Parameters
    ----------
    filename : path-like
        Where they are kept.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> from saltation.bss2.mac import Ideal, MockParameter, mac, relu
    >>> from saltation.bss2.mac.inference import InferenceTracer, inference_trace, record
    >>> tracer = InferenceTracer(Path(tempfile.mkdtemp()) / "trace.npz")
    >>> tracer.start()
    >>> with record("relu", np.arange(-2, 3)) as result:
    ...     result.append(relu(np.arange(-2, 3)))
    >>> tracer.stop()
    ['relu']
    >>> inference_trace(np.arange(-5, 2), tracer.filename, unit=Ideal())
    array([0, 0, 0, 0, 0, 0, 1], dtype=int8)
    """

    def __init__(self, filename: str | Path) -> None:
        self.filename = Path(filename)
        self._recording: _Recording | None = None

    def start(self) -> None:
        """Begin; what was recorded before is forgotten."""
        self._leave()
        self._recording = _Recording()
        _ACTIVE.append(self._recording)

    def stop(self) -> list[str]:
        """End, write the file, and give the names of the operations.

        Raises
        ------
        SimulationError
            If it was not started.
        """
        recording = self._recording
        if recording is None:
            raise SimulationError("InferenceTracer.stop: it was not started, or has been stopped; call start() first")
        self._leave()
        write_bytes(self.filename, _packed(recording.steps))
        return [step.name for step in recording.steps]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, back: TracebackType | None
    ) -> None:
        if kind is not None:
            self._leave()
        elif self._recording is not None:
            self.stop()

    def _leave(self) -> None:
        _ACTIVE[:] = [each for each in _ACTIVE if each is not self._recording]
        self._recording = None


def inference_trace(input: npt.ArrayLike, filename: str | Path, *, unit: Units | None = None) -> NDArray[Any]:
    """Run the operations of a file, one after another.

    Parameters
    ----------
    input : array_like
        For the first of them.
    filename : path-like
        What an `InferenceTracer` wrote.
    unit : optional
        Where; by default what is connected.

    Returns
    -------
    ndarray

    Raises
    ------
    ParameterError
        If there are no operations in the file.
    FileFormatError
        If it is no such file.
    """
    system, steps = system_of(unit), _unpacked(Path(filename))
    if not steps:
        raise ParameterError(f"inference_trace: {filename} has no operations; start() comes before what is traced")
    value = np.asarray(input)
    for step in steps:
        arrays = () if step.array is None else (step.array,)
        where = {"unit": system} if step.name == "mac" else {}
        value = np.asarray(getattr(operations, step.name)(value, *arrays, **step.numbers, **where))
    return value


def recording() -> bool:
    """Whether a tracer takes down what runs now."""
    return bool(_ACTIVE)


class record:
    """Take down an operation that runs in its ``with`` block, and puts its result into the list that it gets."""

    def __init__(self, name: str, x: NDArray[Any], array: NDArray[Any] | None = None, **numbers: Any) -> None:
        for each in _ACTIVE:
            if each.last is not None and not np.array_equal(each.last, x):
                raise SimulationError(
                    f"InferenceTracer: the input of {name}, of shape {x.shape}, is not what the operation before gave, "
                    f"of shape {each.last.shape}; what was done in between cannot be traced: stop() before it"
                )
        self._step = Step(name, numbers, None if array is None else array.copy())
        self._result: list[NDArray[Any]] = []

    def __enter__(self) -> list[NDArray[Any]]:
        return self._result

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            for each in _ACTIVE:
                each.steps.append(self._step)
                each.last = self._result[-1].copy()


# ------------------------------------------------------------------------------------------------ private
def _packed(steps: list[Step]) -> bytes:
    header = {
        "schema_version": SCHEMA_VERSION,
        "operations": [{"name": step.name, "numbers": dict(step.numbers)} for step in steps],
    }
    arrays = {f"array_{n}": step.array for n, step in enumerate(steps) if step.array is not None}
    arrays["header"] = np.array(json.dumps(header))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _unpacked(path: Path) -> list[Step]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            if header["schema_version"] != SCHEMA_VERSION:
                raise FileFormatError(
                    f"{path} has schema_version {header['schema_version']!r}; readable is {SCHEMA_VERSION}"
                )
            return [_step(file, n, each) for n, each in enumerate(header["operations"])]
    except FileNotFoundError:
        raise FileFormatError(f"{path} does not exist; InferenceTracer.stop() writes it") from None
    except FileFormatError:
        raise
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise FileFormatError(
            f"{path} is damaged, or was not written by InferenceTracer ({type(error).__name__}: {error})"
        ) from error


def _step(file: Mapping[str, NDArray[Any]], n: int, entry: Mapping[str, Any]) -> Step:
    name, numbers = entry["name"], dict(entry["numbers"])
    if name not in _OPERATIONS or set(numbers) - set(_NUMBERS[name]):
        raise ValueError(f"unknown operation {name!r} with {sorted(numbers)}")
    return Step(name, numbers, file[f"array_{n}"] if name in _ARRAYS else None)
