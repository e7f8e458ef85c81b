"""Nested state as JSON plus arrays.

A tree is made of dicts, lists, tuples, arrays, strings, numbers, booleans and None: what optimisers and
random generators give as their state. What JSON has no form for is written as an object with one key that
starts with ``$``::

    array          {"$array": "<name in the archive>"}      tuple          {"$tuple": [...]}
    inf, -inf, nan {"$float": "inf"}                        other dict     {"$items": [[key, value], ...]}
"""

import math
from typing import Any

import numpy as np

from saltation.errors import ParameterError

Tree = Any
_NOT_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def pack(tree: Tree, arrays: dict[str, np.ndarray] | None = None, at: str = "") -> Tree:
    """Turn `tree` into what JSON can hold, and put its arrays into `arrays`.

    Without `arrays` the result is for people to read: arrays and tuples become lists.

    Raises
    ------
    ParameterError
        For an object that has no place in a tree; the message says where it is.
    """
    if tree is None or isinstance(tree, str | bool):
        return tree
    if isinstance(tree, np.generic):
        tree = tree.item()
    if isinstance(tree, int):
        return int(tree)
    if isinstance(tree, float):
        return float(tree) if math.isfinite(tree) else {"$float": str(float(tree))}
    if isinstance(tree, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in tree):
            return {key: pack(value, arrays, f"{at}.{key}") for key, value in tree.items()}
        return {"$items": [[pack(k, arrays, at), pack(v, arrays, f"{at}.{k}")] for k, v in tree.items()]}
    if isinstance(tree, list | tuple):
        packed = [pack(value, arrays, f"{at}.{index}") for index, value in enumerate(tree)]
        return {"$tuple": packed} if isinstance(tree, tuple) and arrays is not None else packed
    if hasattr(tree, "__array__"):
        array = np.asarray(tree)
        if array.dtype != object:
            if arrays is None:
                return pack(array.tolist(), None, at)
            name = f"array{len(arrays)}{at}"
            arrays[name] = array
            return {"$array": name}
    raise ParameterError(
        f"cannot store {at.lstrip('.') or 'the value'} of type {type(tree).__name__}: it must be made of "
        "dicts, lists, tuples, numeric arrays, strings, numbers, booleans and None. Convert it before saving."
    )


def unpack(packed: Tree, arrays: dict[str, np.ndarray] | None = None) -> Tree:
    """Undo `pack`; a KeyError or ValueError says that `packed` was not written by it."""
    if isinstance(packed, list):
        return [unpack(value, arrays) for value in packed]
    if not isinstance(packed, dict):
        return packed
    if len(packed) == 1:
        (key, value), *_ = packed.items()
        if key == "$array":
            return (arrays or {})[value]
        if key == "$float":
            return _NOT_FINITE[value]
        if key == "$tuple":
            return tuple(unpack(item, arrays) for item in value)
        if key == "$items":
            return {unpack(k, arrays): unpack(v, arrays) for k, v in value}
        if key.startswith("$"):
            raise ValueError(f"unknown marker {key}")
    return {key: unpack(value, arrays) for key, value in packed.items()}
