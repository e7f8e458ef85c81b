"""A handler for a trial: it reads and writes all that a call frame has, and is compiled in seconds."""

# ruff: noqa: F821  the version is bound to these names when the handler is compiled
# pyright: reportUndefinedVariable=false

from typing import Any

from saltation.kernels.cache import compile_handler
from saltation.kernels.specialise import bind
from saltation.kernels.xla.frame import (
    answers_metadata,
    argument,
    calls_within,
    extent,
    floats,
    ints,
    item,
    n_arguments,
    result,
    small_ints,
)


def trial(frame):
    """``y = factor x + number of arguments`` and ``k = factor``, for all calls that are put together."""
    if answers_metadata(frame, MAJOR, MINOR):
        return 0
    whole = result(frame, 0)
    n = extent(whole, 1, 0)
    for call in range(calls_within(whole, 1)):
        factor = ints(item(argument(frame, 0), 0, whole, 1, call, 8), (1,))[0]
        x = floats(item(argument(frame, 1), 1, whole, 1, call, 8), (n,))
        k = small_ints(item(whole, 1, whole, 1, call, 4), (n,))
        y = floats(item(result(frame, 1), 1, whole, 1, call, 8), (n,))
        for i in range(n):
            k[i] = factor
            y[i] = factor * x[i] + n_arguments(frame)
    return 0


def trial_handler(version: tuple[int, int]) -> Any:
    """The compiled handler, for this version of XLA's interface."""
    suffix = "_".join(map(str, version))
    return compile_handler(bind(trial, {"MAJOR": version[0], "MINOR": version[1]}, suffix))
