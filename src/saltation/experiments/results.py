"""Result folders: what a run leaves behind, written so that an interrupted run loses nothing.

A folder holds ``config.json`` and whatever the experiment adds: JSON records, arrays, a checkpoint. Each file
is written beside its place and then moved there, so a reader sees the old file or the new one, never half of
one. Each carries the version of its format (`SCHEMA_VERSION`) and of the library that wrote it.
"""

import contextlib
import datetime
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from saltation._files import write_bytes
from saltation._version import __version__
from saltation.errors import FileFormatError, ParameterError
from saltation.experiments._tree import Tree, pack, unpack

__all__ = [
    "READABLE_SCHEMA_VERSIONS",
    "SCHEMA_VERSION",
    "Checkpoint",
    "ResultFolder",
    "default_path",
    "open_folder",
]

SCHEMA_VERSION = 1
READABLE_SCHEMA_VERSIONS = (1,)

_HEADER = "header.json"  # the name, inside an archive of arrays, of its JSON part


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that a training run needs to go on as if it had not been interrupted.

    Parameters
    ----------
    epoch : int
        Number of epochs done.
    arrays : mapping of str to array
        The trained parameters.
    optimiser, rng_state, extra : tree
        Nested dicts, lists and tuples of arrays, numbers and strings, as ``state_dict`` of a PyTorch
        optimiser or ``bit_generator.state`` of a NumPy generator give them. Tensors come back as NumPy
        arrays.
    """

    epoch: int
    arrays: Mapping[str, Any]
    optimiser: Tree = None
    rng_state: Tree = None
    extra: Tree = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """A folder with the results of one run.

    Parameters
    ----------
    path : path-like
        The folder; it is made when the first file is written.

    Examples
    --------
    >>> import tempfile
    >>> folder = ResultFolder(tempfile.mkdtemp())
    >>> _ = folder.write_json("history", [{"epoch": 1, "train_loss": 0.7}])
    >>> folder.read_json("history")
    [{'epoch': 1, 'train_loss': 0.7}]
    """

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))

    def write_json(self, name: str, data: Tree) -> Path:
        """Write `data` to ``<name>.json``; arrays and tuples become lists."""
        text = json.dumps(_envelope(data=pack(data)), indent=1, ensure_ascii=False, allow_nan=False)
        return self._write(f"{name}.json", (text + "\n").encode())

    def read_json(self, name: str) -> Tree:
        """Read what `write_json` wrote; FileFormatError if the file is missing, damaged or too new."""
        path = self.path / f"{name}.json"
        with _damage_is_a_format_error(path):
            header = json.loads(_read(path).decode())
            _check_schema(path, header)
            return unpack(header["data"])

    def write_bytes(self, name: str, content: bytes) -> Path:
        """Write `content` to the file `name`, for formats that others define: pictures, weights."""
        return self._write(name, content)

    def write_arrays(self, name: str, **arrays: Any) -> Path:
        """Write `arrays` to ``<name>.npz``."""
        return self._write_npz(name, _envelope(), {key: np.asarray(value) for key, value in arrays.items()})

    def read_arrays(self, name: str) -> dict[str, np.ndarray]:
        """Read what `write_arrays` wrote; FileFormatError if the file is missing, damaged or too new."""
        return self._read_npz(name, lambda header, arrays: arrays)

    def save_checkpoint(self, checkpoint: Checkpoint, name: str = "checkpoint") -> Path:
        """Write `checkpoint` to ``<name>.npz``, in place of an earlier one."""
        arrays: dict[str, np.ndarray] = {}
        state = pack(
            {
                "arrays": dict(checkpoint.arrays),
                "optimiser": checkpoint.optimiser,
                "rng_state": checkpoint.rng_state,
                "extra": checkpoint.extra,
            },
            arrays,
        )
        return self._write_npz(name, _envelope(epoch=int(checkpoint.epoch), state=state), arrays)

    def load_checkpoint(self, name: str = "checkpoint") -> Checkpoint:
        """Read what `save_checkpoint` wrote; FileFormatError if the file is missing, damaged or too new."""

        def build(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Checkpoint:
            return Checkpoint(epoch=int(header["epoch"]), **unpack(header["state"], arrays))

        return self._read_npz(name, build)

    def has_checkpoint(self, name: str = "checkpoint") -> bool:
        """Say whether there is a checkpoint to go on from."""
        return (self.path / f"{name}.npz").is_file()

    def _write_npz(self, name: str, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Path:
        # The archive's own list is not protected by a checksum, so the header has one too.
        text = json.dumps({**header, "members": list(arrays)}, allow_nan=False).encode()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_HEADER, text)
            for key, array in arrays.items():
                if array.dtype == object:
                    raise ParameterError(f"cannot store array '{key}': it holds Python objects, not numbers.")
                with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        return self._write(f"{name}.npz", buffer.getvalue())

    def _read_npz(self, name: str, build: Callable[[dict[str, Any], dict[str, np.ndarray]], Any]) -> Any:
        path = self.path / f"{name}.npz"
        with _damage_is_a_format_error(path), zipfile.ZipFile(io.BytesIO(_read(path))) as archive:
            header = json.loads(archive.read(_HEADER))
            _check_schema(path, header)
            arrays = {
                member.removesuffix(".npy"): np.lib.format.read_array(
                    io.BytesIO(archive.read(member)), allow_pickle=False
                )
                for member in archive.namelist()
                if member != _HEADER
            }
            if list(arrays) != header["members"]:
                raise ValueError("its list of arrays does not fit")
            return build(header, arrays)

    def _write(self, name: str, content: bytes) -> Path:
        return write_bytes(self.path / name, content)


def default_path(experiment: str, root: str | Path = "runs", now: datetime.datetime | None = None) -> Path:
    """Give a free path ``<root>/<experiment>-<date-time>``, in local time.

    Examples
    --------
    >>> default_path("yinyang", now=datetime.datetime(2026, 3, 1, 14, 5, 9)).as_posix()
    'runs/yinyang-20260301-140509'
    """
    now = now or datetime.datetime.now()
    first = path = Path(root) / f"{experiment}-{now:%Y%m%d-%H%M%S}"
    count = 1
    while path.exists():
        count += 1
        path = first.with_name(f"{first.name}-{count}")
    return path


def open_folder(
    path: str | Path | None,
    experiment: str,
    config: Mapping[str, Any],
    *,
    resume: bool = False,
    may_differ: Iterable[str] = (),
) -> ResultFolder:
    """Make the folder of a run, or take up that of an interrupted one, and write its ``config.json``.

    Parameters
    ----------
    path : path-like or None
        The folder; None makes a new one at `default_path`.
    experiment : str
        Name of the experiment.
    config : mapping
        All that decides the result. It is compared with that of the folder when resuming.
    resume : bool
        Go on in `path` if it holds a run; if there is none, start it. So a job that may be stopped at any
        time can always be started by the same command.
    may_differ : iterable of str
        Keys of `config` that a resumed run may change, such as the number of epochs.

    Raises
    ------
    ParameterError
        If the folder holds a run and `resume` is false, or holds a run of another configuration.
    """
    if path is None:
        if resume:
            raise ParameterError("resume: which run? Give its folder, for example --out runs/<name>.")
        path = default_path(experiment)
    folder = ResultFolder(Path(path))
    wanted = {"experiment": experiment, "config": unpack(pack(dict(config)))}
    if (folder.path / "config.json").exists():
        if not resume:
            raise ParameterError(
                f"{folder.path} already holds a run. Give --resume to go on with it, or another folder."
            )
        _check_same(folder.path, folder.read_json("config"), wanted, set(may_differ))
    elif folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise ParameterError(f"{folder.path} exists and is not the folder of a run: give another path.")
    folder.write_json("config", wanted)
    return folder


def _check_same(path: Path, stored: Tree, wanted: Tree, may_differ: set[str]) -> None:
    if not isinstance(stored, dict) or not isinstance(stored.get("config"), dict):
        raise FileFormatError(f"{path / 'config.json'} does not hold the configuration of a run.")
    if stored.get("experiment") != wanted["experiment"]:
        raise ParameterError(
            f"{path} holds a run of '{stored.get('experiment')}', not of '{wanted['experiment']}': give another folder."
        )
    old, new = stored["config"], wanted["config"]
    missing = object()
    lines = [
        f"  {key}: {_shown(old.get(key, missing), missing)} in the folder, {_shown(new.get(key, missing), missing)} now"
        for key in sorted(old.keys() | new.keys())
        # repr, since nan != nan and True == 1
        if key not in may_differ and repr(old.get(key, missing)) != repr(new.get(key, missing))
    ]
    if lines:
        raise ParameterError(
            f"cannot resume {path}: its configuration differs.\n"
            + "\n".join(lines)
            + "\nRun with the values of the folder, or start a new run in another folder."
        )


def _shown(value: Any, missing: object) -> str:
    return "not set" if value is missing else repr(value)


def _envelope(**content: Any) -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "saltation_version": __version__, **content}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        there = sorted(p.name for p in path.parent.glob("*") if p.is_file()) if path.parent.is_dir() else []
        listed = f"the folder has {', '.join(there)}" if there else "the folder is empty or missing"
        raise FileFormatError(f"{path} does not exist; {listed}.") from None


def _check_schema(path: Path, header: Any) -> None:
    version = header.get("schema_version") if isinstance(header, dict) else None
    if version in READABLE_SCHEMA_VERSIONS and not isinstance(version, bool):
        return
    readable = ", ".join(map(str, READABLE_SCHEMA_VERSIONS))
    if version is None:
        raise FileFormatError(f"{path} has no schema_version, so it is not a result file; readable are: {readable}.")
    raise FileFormatError(
        f"{path} has schema_version {version!r}; Saltation {__version__} reads {readable}. It was "
        f"written by Saltation {header.get('saltation_version', '(unknown)')}: use that or a later one."
    )


@contextlib.contextmanager
def _damage_is_a_format_error(path: Path):
    # RuntimeError: zipfile takes an archive with the wrong bit set for an encrypted one
    damage = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OverflowError, RuntimeError)
    damage += (ValueError, KeyError, TypeError, AttributeError)
    try:
        yield
    except FileFormatError:
        raise
    except damage as error:
        raise FileFormatError(
            f"{path} is damaged or was not written by Saltation ({type(error).__name__}: {error}). "
            "If a copy was cut short, copy it again; else remove the file and run again."
        ) from error
