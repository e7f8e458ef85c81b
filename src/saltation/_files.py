"""Files that are there whole or not at all: written beside their place, then moved there."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; what is there at the end takes the place of `path`.

    A reader sees the old file or the new one, never half of one. If the block raises, the old file stays and what
    was written is removed.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with replacing(place) as temporary:
    ...     _ = temporary.write_text("done")
    >>> place.read_text()
    'done'
    """
    place = Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())  # before the move, or a power cut could leave an empty file in its place
        os.replace(temporary, place)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_bytes(path: str | Path, content: bytes) -> Path:
    """Write `content` to `path`, whole or not at all, and return the path."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Path(path)
