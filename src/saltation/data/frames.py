"""Data frames out of a pickle, without pandas and without running anything that the file could name.

A pickle may name any function for its reader to call. Here a name is only looked up in a table: NumPy's arrays and
dtypes are made as they are, pandas' classes become inert objects that keep the state they are given, and anything
else is refused.
"""

import io
import pickle
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.errors import FileFormatError

__all__ = ["Frame", "read_pickle"]

AnyArray = npt.NDArray[Any]


@final
class Frame:
    """Stands for an object of pandas: what it was made of, and the state that the pickle gives it."""

    def __init__(self, *made_of: Any) -> None:
        self.made_of = made_of
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def columns(self) -> dict[str, AnyArray]:
        """Columns of a data frame, each an array [row].

        Raises
        ------
        FileFormatError
            If the object is no data frame, or one of another layout.
        """
        try:
            manager = self.state["_data"] if "_data" in self.state else self.state["_mgr"]
            # the state of a manager: axes, values of blocks, items of blocks, and all of it again under "0.14.1"
            names, blocks = _labels(manager.state[0][0]), manager.state[3]["0.14.1"]["blocks"]
            found: dict[str, AnyArray] = {}
            for block in blocks:
                for at, values in zip(_places(block["mgr_locs"]), block["values"], strict=True):
                    found[names[at]] = values
            return {name: found[name] for name in names}
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise FileFormatError(
                f"a data frame has another layout than that of pandas 0.24 ({type(error).__name__}: {error})"
            ) from error


def read_pickle(content: bytes, owner: str) -> Any:
    """Read a pickle that holds lists, dicts, numbers, arrays and data frames; `owner` names it in errors.

    Raises
    ------
    FileFormatError
        If it names something else, or is damaged.

    Examples
    --------
    >>> import pickle
    >>> import numpy as np
    >>> from saltation.data.frames import read_pickle
    >>> read_pickle(pickle.dumps({1: np.arange(3)}, protocol=2), "a file")
    {1: array([0, 1, 2])}
    """
    try:
        return _Reader(io.BytesIO(content), owner).load()
    except FileFormatError:
        raise
    except Exception as error:  # whatever malformed bytes lead the machine of pickle into
        raise FileFormatError(
            f"{owner} is damaged or is no pickle ({type(error).__name__}: {error}). Fetch it again."
        ) from error


@final
class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, owner: str) -> None:
        pickle.Unpickler.__init__(self, file)
        self.owner = owner

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up in the table."""
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if module.startswith("pandas."):
            return Frame
        raise FileFormatError(
            f"{self.owner} names {module}.{name}, which is neither NumPy's nor pandas': it is not the file that was "
            "meant, or has been tampered with, and was not read further"
        )


def _reconstructor(kind: Any, base: Any, state: Any) -> Frame:
    if kind is not Frame:
        raise FileFormatError("a pickle of arrays and data frames makes an object of another kind")
    return Frame(base, state)


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise FileFormatError(f"bytes in a pickle must be written as latin1; got {encoding!r}")
    return text.encode("latin1")


# NumPy's own function, found without the private name that differs between its versions
_reconstruct: Any = np.empty(0).__reduce__()[0]

_KNOWN: dict[tuple[str, str], Any] = {
    ("__builtin__", "object"): object,
    ("builtins", "object"): object,
    ("__builtin__", "slice"): slice,
    ("builtins", "slice"): slice,
    ("copy_reg", "_reconstructor"): _reconstructor,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("_codecs", "encode"): _encode,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}


def _labels(index: Frame) -> list[str]:
    """Names of the columns, from ``_new_Index(Index, {"data": array, ..})``."""
    return [str(name) for name in index.made_of[1]["data"]]


def _places(where: Any) -> list[int]:
    if isinstance(where, slice):
        return list(range(where.start, where.stop, where.step or 1))
    return [int(at) for at in where]
