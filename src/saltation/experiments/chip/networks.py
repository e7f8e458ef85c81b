"""Networks named on the command line: a NIR file, or the sizes of layers."""

import itertools
import re
from pathlib import Path

import numpy as np

from saltation.errors import ParameterError
from saltation.io import read_nir
from saltation.io.units import TimeUnit
from saltation.model import LI, LIF, Input, Network

_SIZES = re.compile(r"[0-9]+(-[0-9]+)+")
_LARGEST = 100_000


def network_of(named: str, time_unit: TimeUnit | None = None) -> Network:
    """Read a network from a NIR file, or make one of the sizes of its layers.

    Parameters
    ----------
    named : str
        Path of a NIR file; or sizes such as ``256-246-10``: an input, LIF layers and an LI readout, each connected to
        the next one by a full matrix, of zeros.
    time_unit : {"s", "ms", "us", "ns"} or float, optional
        Of the NIR file, where it does not say.

    Raises
    ------
    ParameterError
        If it is neither, or a layer has no unit.
    FileFormatError, NetworkError
        If the file cannot be read.

    Examples
    --------
    >>> from saltation.experiments.chip.networks import network_of
    >>> network_of("5-120-3")
    Network(in: Input(5), hid: LIF(120), out: LI(3); in -> hid, hid -> out)
    >>> list(network_of("5-20-10-3").populations)
    ['in', 'hid1', 'hid2', 'out']
    """
    if _SIZES.fullmatch(named):
        return _layers([int(size) for size in named.split("-")], named)
    if Path(named).exists() or Path(named).suffix in (".nir", ".h5", ".hdf5"):
        return read_nir(named, time_unit=time_unit)
    raise ParameterError(
        f"NET must be a NIR file, or sizes of layers such as 5-120-3; got {named!r}, which is no file; "
        "saltation.io.write_nir writes a network"
    )


def _layers(sizes: list[int], named: str) -> Network:
    if min(sizes) < 1 or max(sizes) > _LARGEST:
        raise ParameterError(f"NET must have layers of 1..{_LARGEST} units; got {named!r}")
    hidden = ["hid"] if len(sizes) == 3 else [f"hid{i}" for i in range(1, len(sizes) - 1)]
    names = ["in", *hidden, "out"]
    network = Network()
    for i, (name, size) in enumerate(zip(names, sizes, strict=True)):
        network.add(name, Input(size) if i == 0 else LI(size) if i == len(sizes) - 1 else LIF(size))
    for pre, post in itertools.pairwise(names):
        shape = network.populations[pre].size, network.populations[post].size
        network.connect(pre, post, weight=np.zeros(shape))
    return network
