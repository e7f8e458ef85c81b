"""The decorator of what kernels are made of: plain Python to whoever calls it, one piece with the kernel compiled.

A call that is not inlined hands every array over as seven words on the stack and every tuple through memory, which
costs more than the arithmetic inside.
"""

from collections.abc import Callable
from typing import Any

from numba.extending import register_jitable


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let kernels call a function, and make it part of each that does."""
    return register_jitable(forceinline=True, no_cfunc_wrapper=True)(function)


def called(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let compiled code call a function, once compiled for all its callers: for what is done once in a call."""
    return register_jitable(no_cfunc_wrapper=True)(function)
