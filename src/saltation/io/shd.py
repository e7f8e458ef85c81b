"""The HDF5 layout of the Spiking Heidelberg Digits (SHD) and of Spiking Speech Commands (SSC)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from saltation._files import replacing
from saltation.errors import FileFormatError, ParameterError
from saltation.io._common import AnyArray, existing, need, numbers, parsing, spikes_from
from saltation.io._hdf5 import opened
from saltation.io.recordings import LabelledSpikes
from saltation.io.units import TimeUnit, seconds, to_seconds
from saltation.model import events
from saltation.model.checks import describe, explain

CHANNELS: Final = 700
"""Number of channels of the cochlea model of SHD and SSC."""


def read_shd(
    path: str | Path, *, n_units: int = CHANNELS, time_unit: TimeUnit = "s", sort: bool = False
) -> LabelledSpikes:
    """Read a file in the layout of SHD and SSC, such as ``shd_train.h5``, unpacked.

    ::

        spikes/times [batch] of float [n_b]     spikes/units [batch] of integer [n_b]
        labels [batch] integer                  extra/speaker [batch], extra/keys: where there are any

    Needs the extra ``io``. HDF5 has no checksum in this layout: a changed number cannot be told, as long as it is
    one that is allowed.

    Parameters
    ----------
    path : path-like
        The file.
    n_units : int
        Number of channels.
    time_unit : {"s", "ms", "us", "ns"} or float
        Unit of the times; the published files have seconds.
    sort : bool
        Sort each sample by time; otherwise unsorted times are refused.

    Returns
    -------
    LabelledSpikes
        The spikes, their classes, and where the file has them the speakers and the names of the classes.

    Raises
    ------
    FileFormatError
        If the file is missing or malformed; the message names the sample.
    MissingDependencyError
        If h5py is not installed.

    References
    ----------
    Cramer, Stradmann, Schemmel and Zenke, The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking
    Neural Networks, IEEE TNNLS 33, 2744 (2022), doi:10.1109/TNNLS.2020.3044364.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from saltation.io import LabelledSpikes, read_shd, write_shd
    >>> from saltation.model import Spikes
    >>> data = LabelledSpikes(Spikes.from_latencies([[0.002, 0.001]]), labels=[3])
    >>> read_shd(write_shd(Path(tempfile.mkdtemp()) / "tiny.h5", data)).spikes
    Spikes(batch=1, events=2, units=700, t=0.001 s..0.002 s)
    """
    unit = seconds("read_shd", time_unit)
    n = events.checked_n_units("read_shd", n_units)
    h5py = need("h5py", "reading SHD's layout")
    place = existing(path)
    with opened(h5py, place, "HDF5") as file:
        times = _ragged(h5py, file, "spikes/times", place)
        units = _ragged(h5py, file, "spikes/units", place)
        labels = _flat(h5py, file, "labels", place)
        speakers = _flat(h5py, file, "extra/speaker", place) if _has(file, "extra/speaker") else None
        keys = _flat(h5py, file, "extra/keys", place) if _has(file, "extra/keys") else None
    if len(times) != len(units):
        raise FileFormatError(f"{place} has times of {len(times)} samples and units of {len(units)}.")
    for i, (some_times, some_units) in enumerate(zip(times, units, strict=True)):
        numbers(f"{place}: spikes/times of sample {i}", some_times, "f", "real numbers [n]")
        numbers(f"{place}: spikes/units of sample {i}", some_units, "iu", "integers [n]")
        if len(some_times) != len(some_units):
            raise FileFormatError(f"{place}: sample {i} has {len(some_times)} times and {len(some_units)} units.")
    offsets = events.offsets_of(np.array([len(each) for each in times], dtype=np.int64))
    flat_times = np.concatenate([np.empty(0), *times])
    flat_units = np.concatenate([np.empty(0, np.int64), *[each.astype(np.int64) for each in units]])
    spikes = spikes_from(str(place), to_seconds(flat_times, unit), flat_units, offsets, n, sort=sort)
    try:
        return LabelledSpikes(spikes, labels, speakers, _names(place, keys))
    except ParameterError as error:
        raise FileFormatError(f"{place}: {error}") from error


def write_shd(path: str | Path, data: LabelledSpikes) -> Path:
    """Write spikes and labels in the layout of SHD, times in seconds as float64, bit for bit.

    The published files have times in float16, which any reader of theirs turns into something wider; here nothing is
    rounded. Needs the extra ``io``.

    Parameters
    ----------
    path : path-like
        The file, replaced as a whole or not at all.
    data : LabelledSpikes
        What to write. The number of units has no place in the layout.

    Raises
    ------
    ParameterError
        If `data` are none, or have units or labels that do not fit the layout's unsigned 16 bit.
    MissingDependencyError
        If h5py is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from saltation.io import LabelledSpikes, write_shd
    >>> from saltation.model import Spikes
    >>> data = LabelledSpikes(Spikes.empty(2), labels=[0, 1], classes=["zero", "one"])
    >>> write_shd(Path(tempfile.mkdtemp()) / "tiny.h5", data).name
    'tiny.h5'
    """
    if not isinstance(data, LabelledSpikes):  # pyright: ignore[reportUnnecessaryIsInstance]
        hint = "pair spikes with their labels: LabelledSpikes(spikes, labels)"
        raise ParameterError(explain("write_shd.data", "LabelledSpikes", describe(data), hint))
    h5py = need("h5py", "writing SHD's layout")
    speakers = [] if data.speakers is None else [("speaker", data.speakers)]
    for name, values in (("units", data.spikes.units), ("labels", data.labels), *speakers):
        if values.max(initial=0) > np.iinfo(np.uint16).max:
            raise ParameterError(explain(f"write_shd.data {name}", "<= 65535, the layout's", str(values.max())))
    samples = data.spikes.to_lists()
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        for name, dtype, which in (("times", np.float64, 0), ("units", np.uint16, 1)):
            column = file.create_dataset(f"spikes/{name}", (len(samples),), dtype=h5py.vlen_dtype(dtype))
            for i, sample in enumerate(samples):
                column[i] = sample[which].astype(dtype)
        file["labels"] = data.labels.astype(np.uint16)
        for name, values in speakers:
            file[f"extra/{name}"] = values.astype(np.uint16)
        if data.classes:
            file["extra/keys"] = np.array([name.encode() for name in data.classes])
    return Path(path)


def _has(file: Any, name: str) -> bool:
    group, _, last = name.rpartition("/")
    return group in file and last in file[group]


def _ragged(h5py: Any, file: Any, name: str, place: Path) -> Sequence[AnyArray]:
    """Read a dataset of arrays of different lengths."""
    data = _dataset(h5py, file, name, place)
    if h5py.check_vlen_dtype(data.dtype) is None:
        raise FileFormatError(f"{place}: {name} must hold arrays of different lengths; got dtype {data.dtype}.")
    return list(data[()])


def _flat(h5py: Any, file: Any, name: str, place: Path) -> AnyArray:
    return _dataset(h5py, file, name, place)[()]


def _dataset(h5py: Any, file: Any, name: str, place: Path) -> Any:
    """Find a one-dimensional dataset."""
    if name not in file or not isinstance(file[name], h5py.Dataset):
        raise FileFormatError(f"{place} has no dataset {name}; at its top are {', '.join(file) or 'none'}.")
    data = file[name]
    if data.ndim != 1:
        raise FileFormatError(f"{place}: {name} must have one entry for each sample; got shape {data.shape}.")
    return data


def _names(place: Path, keys: AnyArray | None) -> tuple[str, ...]:
    if keys is None:
        return ()
    with parsing(place, "SHD"):
        return tuple(key.decode("utf-8") if isinstance(key, bytes) else str(key) for key in keys.tolist())
