"""Primate reaching: spikes of the motor cortex and the cursor they move, from the official MATLAB 7.3 (HDF5) files.

::

    spikes      [unit, channel] of references to spike times in seconds; the first unit holds what was not sorted
    t           [1, n]  times in seconds, 250 in a second
    cursor_pos  [2, n]  x and y of the cursor in mm
    target_pos  [2, n]  x and y of the target, which jumps when it is reached

MATLAB writes axes in the other order, so that its ``n x 2`` is ``2 x n`` here, and an empty cell as its shape, with an
attribute that says so.

References
----------
J. E. O'Doherty, M. M. B. Cardoso, J. G. Makin, P. N. Sabes, Nonhuman primate reaching with multichannel sensorimotor
cortex electrophysiology, DOI 10.5281/zenodo.583331.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from saltation._files import replacing
from saltation.data.search import find, read_checked
from saltation.errors import FileFormatError, UnknownNameError
from saltation.io._common import existing, need
from saltation.io._hdf5 import opened
from saltation.model.checks import suggest

__all__ = ["SESSIONS", "ReachingRecording", "reaching", "read_reaching", "write_reaching"]

Floats = npt.NDArray[np.float64]

INTERVAL: Final = 4e-3
"""Seconds from a sample to the next."""
SESSIONS: Final = {
    "indy_20160622_01": "c33d5fff31320d709d23fe445561fb6e",
    "indy_20160630_01": "197413a5339630ea926cbd22b8b43338",
    "indy_20170131_02": "2790b1c869564afaa7772dbf9e42d784",
    "loco_20170210_03": "4cae63b58c4cb9c8abd44929216c703b",
    "loco_20170215_02": "739b70762d838f3a1f358733c426bb02",
    "loco_20170301_05": "47342da09f9c950050c9213c3df38ea3",
}
"""The six sessions of the benchmark, of two monkeys, with the MD5 of their files."""

_TITLE = "Primate reaching"
_HOW = (
    "To get it: {name}.mat from https://zenodo.org/records/583331 (DOI 10.5281/zenodo.583331), where its size is; put "
    "it into primate_reaching/ in one of these folders. Without it, synthetic_reaching() makes a recording of the same "
    "form, which is no data of a brain and is marked as synthetic wherever it goes."
)


@final
@dataclass(frozen=True, slots=True, eq=False)
class ReachingRecording:
    """A session: what neurons did, and where the cursor was.

    Attributes
    ----------
    name : str
        Of the session; that of a synthetic one begins with "synthetic".
    times : ndarray, [n]
        In seconds.
    cursor, target : ndarray, [n, 2]
        Positions in mm.
    spikes : tuple of tuple of ndarray
        Spike times in seconds, sorted, of each unit of each channel.
    synthetic : bool
        Whether it was made by `synthetic_reaching`.
    """

    name: str
    times: Floats
    cursor: Floats
    target: Floats
    spikes: tuple[tuple[Floats, ...], ...]
    synthetic: bool

    @property
    def channels(self) -> int:
        """Number of electrodes: 96 of one monkey, 192 of the other."""
        return len(self.spikes)


def reaching(session: str, root: str | Path | None = None) -> ReachingRecording:
    """Read a session of the benchmark.

    Needs the extra ``io``.

    Parameters
    ----------
    session : str
        One of `SESSIONS`.
    root : path-like, optional
        The only folder to look into; else those of `saltation.data.search.roots`.

    Raises
    ------
    MissingDataError
        If the file is nowhere; the message says how to get it.
    FileFormatError
        If it is damaged, or not the original one; `read_reaching` reads others.
    ParameterError
        If there is no such session.

    Examples
    --------
    >>> from saltation.data import reaching
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     recording = reaching("indy_20160622_01", root="/nowhere")
    ... except MissingDataError as error:
    ...     print("zenodo.583331" in str(error))
    True
    """
    if session not in SESSIONS:
        raise UnknownNameError(f"reaching.session {session!r} is none of the benchmark's; {suggest(session, SESSIONS)}")
    how = _HOW.format(name=session)
    names = [f"{folder}/{session}.mat" for folder in ("primate_reaching", "PrimateReachingDataset")]
    path = find(f"{_TITLE}, session {session},", names, how, root)
    read_checked(path, f"{_TITLE}, {session}", SESSIONS[session], how)
    return read_reaching(path)


def read_reaching(path: str | Path) -> ReachingRecording:
    """Read any file of this form; for those of the benchmark, `reaching` checks that it is the original one.

    Raises
    ------
    FileFormatError
        If the file is missing or malformed.
    MissingDependencyError
        If h5py is not installed.
    """
    h5py = need("h5py", "reading MATLAB 7.3 files")
    place = existing(path)
    with opened(h5py, place, "MATLAB 7.3") as file:
        for name in ("spikes", "t", "cursor_pos", "target_pos"):
            if name not in file or not isinstance(file[name], h5py.Dataset):
                raise FileFormatError(f"{place} has no dataset {name}; at its top are {', '.join(file) or 'none'}.")
        times = np.asarray(file["t"][()], np.float64).ravel()
        cursor, target = (_positions(place, file, name, len(times)) for name in ("cursor_pos", "target_pos"))
        cells = file["spikes"]
        if cells.ndim != 2 or h5py.check_ref_dtype(cells.dtype) is not h5py.Reference:
            raise FileFormatError(f"{place}: spikes must be references [unit, channel]; got dtype {cells.dtype}.")
        references = cells[()]
        spikes = tuple(
            tuple(_spike_times(place, file[references[unit, channel]]) for unit in range(references.shape[0]))
            for channel in range(references.shape[1])
        )
        synthetic = bool(file.attrs.get("synthetic", False))
    if len(times) < 2 or not np.isfinite(times).all() or (np.diff(times) <= 0.0).any():
        raise FileFormatError(f"{place}: t must be increasing; got {len(times)} values that are not.")
    return ReachingRecording(place.stem, times, cursor, target, spikes, synthetic)


def write_reaching(path: str | Path, recording: ReachingRecording) -> Path:
    """Write a recording with the keys and the layout of the official files.

    Whether it is synthetic is written too, as an attribute of the file. Needs the extra ``io``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from saltation.data import read_reaching, synthetic_reaching, write_reaching
    >>> recording = synthetic_reaching(channels=2, reaches=3, seed=1)
    >>> read_reaching(write_reaching(Path(tempfile.mkdtemp()) / "synthetic.mat", recording)).synthetic
    True
    """
    h5py = need("h5py", "writing MATLAB 7.3 files")
    units = max((len(several) for several in recording.spikes), default=0)
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["synthetic"] = recording.synthetic
        file["t"] = recording.times[None, :]
        file["cursor_pos"], file["target_pos"] = recording.cursor.T, recording.target.T
        cells = file.create_dataset("spikes", (units, recording.channels), dtype=h5py.ref_dtype)
        for channel, several in enumerate(recording.spikes):
            for unit in range(units):
                times = several[unit] if unit < len(several) else np.empty(0)
                name = f"#refs#/{channel}_{unit}"
                if len(times):
                    file[name] = times[None, :]
                else:
                    file[name] = np.zeros(2, np.uint64)
                    file[name].attrs["MATLAB_empty"] = np.uint8(1)
                cells[unit, channel] = file[name].ref
    return Path(path)


def _positions(place: Path, file: Any, name: str, n: int) -> Floats:
    found = np.asarray(file[name][()], np.float64)
    if found.shape != (2, n) or not np.isfinite(found).all():
        raise FileFormatError(f"{place}: {name} must be finite, of shape (2, {n}) as t; got shape {found.shape}.")
    return np.ascontiguousarray(found.T)


def _spike_times(place: Path, cell: Any) -> Floats:
    """Times of a cell; MATLAB writes an empty one as the two numbers of its shape."""
    if cell.attrs.get("MATLAB_empty", 0):
        return np.empty(0)
    found = np.asarray(cell[()], np.float64).ravel()
    if not np.isfinite(found).all():
        raise FileFormatError(f"{place}: spike times must be finite; those of {cell.name} are not.")
    return np.sort(found)
