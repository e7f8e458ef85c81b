"""The compiled forms of the loop: with closed forms alone, and with membranes that are integrated numerically."""

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

from saltation.kernels.cache import compile_kernel
from saltation.kernels.chip import advance as loop
from saltation.kernels.chip import numerical
from saltation.kernels.inlining import inlined
from saltation.kernels.specialise import bind

_REPLACED = ("adapt", "adaptation_at", "advance", "advance_window", "first_crossing", "may_cross", "voltage_at")
# those of the loop that call them, in the order of use
_CALLERS = ("predict", "begin_window", "arrive", "act", "read")


def plain_loop(numerically: bool) -> FunctionType:
    """The loop, not compiled; ``numerically``: for membranes without a closed form too."""
    if not numerically:
        return bind(loop.advance_chip, {}, "closed")
    names: dict[str, Any] = {name: getattr(numerical, name) for name in _REPLACED}
    for name in _CALLERS:
        names[name] = inlined(bind(getattr(loop, name), names, "numerical"))
    return bind(loop.advance_chip, names, "numerical")


@cache
def advance_chip(numerically: bool) -> Callable[..., int]:
    """The compiled loop."""
    return compile_kernel(plain_loop(numerically))
