"""NIR's own package, and the notes that are left in its graphs."""

from importlib.metadata import version
from typing import Any, Final

import numpy as np

from saltation.errors import MissingDependencyError, NetworkError
from saltation.io._common import AnyArray, need
from saltation.model.checks import describe, explain

OLDEST: Final = (1, 0, 8)
"""The first release of the constructors that are used here."""

PREFIX: Final = "saltation_"
"""What the names of our notes in a graph's metadata begin with. A graph means the same without them."""


def library() -> Any:
    """Import ``nir``, of a version that is known."""
    nir = need("nir", "exchanging NIR graphs")
    found = version("nir")
    if tuple(int(part) for part in found.split(".")[:3] if part.isdigit()) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise MissingDependencyError(f'nir {found} is too old, {wanted} is needed: pip install "nir>={wanted}"')
    return nir


def note(node: Any, name: str) -> Any:
    """What we noted in the metadata of a node, or None; bytes and arrays of them, as HDF5 gives them, as text."""
    metadata = getattr(node, "metadata", None)
    value = metadata.get(PREFIX + name) if isinstance(metadata, dict) else None
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        value = value.tolist()
    if isinstance(value, list):
        return [each.decode("utf-8", "replace") if isinstance(each, bytes) else each for each in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def words(node: Any, name: str) -> list[str]:
    """The words of a note, none where there is no text."""
    value = note(node, name)
    return value.split() if isinstance(value, str) else []


def values(where: str, node: Any, field: str, shape: tuple[int, ...] | None = None) -> AnyArray:
    """Real, finite numbers of a node's field, as float64 or float32, perhaps of a given shape; a scalar is for all."""
    given = getattr(node, field, None)
    try:
        array = np.asarray(given)
    except Exception as error:  # whatever an object that is no array makes of it
        raise NetworkError(explain(f"{where}.{field}", "an array of numbers", describe(given), str(error))) from error
    if array.dtype.kind not in "iuf":
        raise NetworkError(explain(f"{where}.{field}", "real numbers", describe(given)))
    if shape is not None and array.shape not in ((), shape):
        raise NetworkError(explain(f"{where}.{field}", f"of shape {shape}", f"shape {array.shape}"))
    if not (array.dtype.kind == "f" and array.dtype.itemsize in (4, 8)):
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise NetworkError(explain(f"{where}.{field}", "finite", "inf or nan"))
    native = array.astype(array.dtype.newbyteorder("="))
    return native if shape is None or array.shape == shape else np.full(shape, native)


def whole(where: str, node: Any, field: str, axes: int, minimum: int) -> tuple[int, ...]:
    """Integers of a node's field: one for each axis, or one for all."""
    array = np.asarray(getattr(node, field, None))
    if array.dtype.kind not in "iu" or array.shape not in ((), (1,), (axes,)) or np.any(array < minimum):
        got = describe(getattr(node, field, None))
        raise NetworkError(explain(f"{where}.{field}", f"{axes} integers >= {minimum}, or one for all", got))
    return tuple(int(n) for n in np.broadcast_to(array, (axes,)))


def called(name: str) -> str:
    """How a message calls a node."""
    return f"NIR node {name!r}"
