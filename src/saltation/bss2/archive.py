"""Arrays in an NPZ file, and beside them, as JSON, what they are: packed as bytes, and unpacked or refused in words."""

import io
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from saltation.errors import FileFormatError

Arrays = dict[str, NDArray[Any]]
Made = TypeVar("Made")


def packed(kind: str, version: int, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """What a file holds: arrays, and numbers and words about them; `kind` and `version` tell what it is.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.bss2.archive import packed, unpacked
    >>> content = packed("an example", 1, {"serial": 3}, {"codes": np.arange(2)})
    >>> unpacked(content, "x.npz", "an example", "an example", 1, lambda about, arrays: (about["serial"], *arrays))
    (3, 'codes')
    """
    text = json.dumps({"format": kind, "schema_version": version, **about})
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays, about=np.frombuffer(text.encode(), np.uint8))
    return buffer.getvalue()


def unpacked(
    content: bytes, where: str, what: str, kind: str, version: int, build: Callable[[dict[str, Any], Arrays], Made]
) -> Made:
    """Make something of what `packed` gave.

    Parameters
    ----------
    where, what : str
        For messages: the file, and what it should hold.
    build : callable
        Makes it of what is about the arrays, and of them; whatever it raises tells of a damaged file.

    Raises
    ------
    FileFormatError
        If it is something else, of another version, or damaged.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays: Arrays = {name: stored[name] for name in stored.files}
        about = json.loads(bytes(arrays.pop("about")).decode())
        if about["format"] != kind or about["schema_version"] != version:
            raise FileFormatError(f"{where} does not hold {what} that this version reads")
        return build(about, arrays)
    except FileFormatError:
        raise
    except Exception as error:  # of zip, JSON, NumPy and ours: a damaged file can be anything
        raise FileFormatError(f"{where} does not hold {what}: {type(error).__name__}: {error}") from error


def below(arrays: Mapping[str, NDArray[Any]], folder: str) -> Arrays:
    """Those whose names begin with a folder, without it."""
    return {name.removeprefix(folder): array for name, array in arrays.items() if name.startswith(folder)}
