"""NIR graphs in files."""

from pathlib import Path
from typing import Any

from saltation._files import replacing
from saltation.errors import FileFormatError, NetworkError
from saltation.io._common import existing, need, parsing
from saltation.io._hdf5 import opened
from saltation.io.nir._library import library
from saltation.io.nir.exporting import to_nir
from saltation.io.nir.importing import from_nir
from saltation.io.units import TimeUnit
from saltation.model import Network


def write_nir(
    path: str | Path,
    network: Network,
    *,
    time_unit: TimeUnit,
    step: float | None = None,
    outputs: tuple[str, ...] | list[str] = (),
    reader: str | None = None,
) -> Path:
    """Write a network as a NIR file, in HDF5.

    Parameters
    ----------
    path : path-like
        The file, replaced as a whole or not at all.
    network, time_unit, step, outputs, reader
        As for `to_nir`.

    Raises
    ------
    NetworkError, ParameterError, MissingDependencyError
        As for `to_nir`; also for names that HDF5 cannot hold.

    References
    ----------
    Pedersen et al., Nature Communications 15, 8122 (2024), doi:10.1038/s41467-024-52259-9.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from saltation.io import read_nir, write_nir
    >>> from saltation.model import LIF, Input, Network
    >>> net = Network()
    >>> key = net.connect(net.add("in", Input(1)), net.add("out", LIF(2)), weight=[[0.5, 0.7]], delay=1e-3)
    >>> read_nir(write_nir(Path(tempfile.mkdtemp()) / "net.nir", net, time_unit="s"))
    Network(in: Input(1), out: LIF(2); in -> out)
    """
    graph = to_nir(network, time_unit=time_unit, step=step, outputs=outputs, reader=reader)
    for name in graph.nodes:
        if "/" in name or "\0" in name or name in (".", ".."):
            raise NetworkError(f"a NIR file cannot hold the name {name!r}: HDF5 takes it for a path. Rename it.")
    with replacing(path) as temporary:
        library().write(temporary, graph)
    return Path(path)


def read_nir(path: str | Path, *, time_unit: TimeUnit | None = None, step: float | None = None) -> Network:
    """Read a network from a NIR file.

    Parameters
    ----------
    path : path-like
        The file.
    time_unit, step
        As for `from_nir`.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, or holds no NIR graph.
    NetworkError, ParameterError, MissingDependencyError
        As for `from_nir`.

    References
    ----------
    Pedersen et al., Nature Communications 15, 8122 (2024), doi:10.1038/s41467-024-52259-9.

    Examples
    --------
    >>> from saltation.io import read_nir
    >>> read_nir("missing.nir")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    saltation.errors.FileFormatError: missing.nir does not exist; ...
    """
    place = existing(path)
    graph = read_graph(place)
    try:
        return from_nir(graph, time_unit=time_unit, step=step)
    except NetworkError as error:
        raise NetworkError(f"{place}: {error}") from error


def read_graph(place: Path) -> Any:
    """Read a file as nir reads it, without its check of types, which fails for more than is wrong."""
    nir = library()
    h5py = need("h5py", "reading NIR files")
    with opened(h5py, place, "NIR") as file:
        kind = file["node/type"][()].decode("utf-8")
    if kind != "NIRGraph":
        raise FileFormatError(f"{place} holds a single NIR node, {kind}, and no graph.")
    with parsing(place, "NIR"):
        return nir.read(place, type_check=False)
