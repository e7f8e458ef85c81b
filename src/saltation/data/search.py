"""Where data sets are looked for: one path for all of them, and one message where they are missing."""

import os
from collections.abc import Iterator
from pathlib import Path

from saltation.errors import MissingDataError

__all__ = ["ENVIRONMENT", "missing", "roots"]

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
