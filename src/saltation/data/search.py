"""Where data sets are looked for: one path for all of them, and one message where they are missing."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from saltation.errors import FileFormatError, MissingDataError

__all__ = ["ENVIRONMENT", "find", "missing", "read_checked", "roots"]

ENVIRONMENT = "SALTATION_DATA"


def roots(root: str | Path | None = None) -> list[Path]:
    """Give the folders to look into, in order; a `root` that is given is the only one.

    They are ``$SALTATION_DATA``, ``saltation/data`` in the user's cache folder, ``data`` in the working folder, where
    torchvision's users keep theirs, and ``/usr/share/datasets``, where Debian puts its own.

    Examples
    --------
    >>> from saltation.data.search import roots
    >>> [path.name for path in roots("/srv/images")]
    ['images']
    """
    if root is not None:
        return [Path(root).expanduser()]
    chosen = os.environ.get(ENVIRONMENT)
    if chosen and not Path(chosen).expanduser().is_dir():
        raise MissingDataError(
            f"{ENVIRONMENT} names the folder {chosen!r}, which is not there; correct it, or unset it to have data "
            "looked for in the usual places"
        )
    cache = os.environ.get("XDG_CACHE_HOME")
    return [
        *([Path(chosen).expanduser()] if chosen else []),
        (Path(cache) if cache else Path.home() / ".cache") / "saltation" / "data",
        Path("data"),
        Path("/usr/share/datasets"),
    ]


def missing(what: str, searched: Iterator[Path] | list[Path], how: str) -> MissingDataError:
    """Make the error for files that are nowhere: what, where they were looked for, how to get them."""
    listed = "\n".join(f"  {path}" for path in searched)
    return MissingDataError(
        f"{what} is not on this machine. Looked into:\n{listed}\n{how}\n"
        f"Another folder: set {ENVIRONMENT}, or give it as root=."
    )


def find(
    what: str, names: Iterable[str], how: str, root: str | Path | None = None, package: tuple[str, str] | None = None
) -> Path:
    """Give the first of some files, or folders, that is there.

    Parameters
    ----------
    what : str
        The data set, for the error.
    names : iterable of str
        Paths below each of `roots`, in the order of preference; below a `root` that is given, their last parts too.
    how : str
        Where to get it, for the error.
    root : path-like, optional
        The only folder to look into.
    package : (str, str), optional
        A package that ships the file, and the path in it; it is not imported.

    Raises
    ------
    MissingDataError
        If there is none.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from saltation.data.search import find
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "digits.npz").write_bytes(b"")
    >>> find("Digits", ["fsdd/digits.npz"], "Ask for them.", root=folder).name
    'digits.npz'
    """
    wanted = list(names)
    if root is not None:
        wanted += [Path(name).name for name in wanted]
    for base in roots(root):
        for name in wanted:
            if (base / name).exists():
                return base / name
    if package is not None and root is None:
        spec = find_spec(package[0])
        for folder in (spec.submodule_search_locations or []) if spec is not None else []:
            if (Path(folder) / package[1]).exists():
                return Path(folder) / package[1]
    raise missing(what, [base / name for base in roots(root) for name in wanted], how)


def read_checked(path: Path, what: str, digest: str, how: str) -> bytes:
    """Read a file whole, if it is the one with this SHA-256, or, of 32 digits, MD5.

    Raises
    ------
    FileFormatError
        If it is another.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from saltation.data.search import read_checked
    >>> path = Path(tempfile.mkdtemp()) / "empty"
    >>> _ = path.write_bytes(b"")
    >>> read_checked(path, "Nothing", "d41d8cd98f00b204e9800998ecf8427e", "")
    b''
    """
    content = path.read_bytes()
    method = "md5" if len(digest) == 32 else "sha256"
    got = hashlib.new(method, content, usedforsecurity=False).hexdigest()
    if got != digest:
        raise FileFormatError(
            f"{path} is not the file of {what}: its {method.upper()} must be {digest}; got {got}. It was cut short, or "
            f"is another version. {how}"
        )
    return content
