"""The compiled forms of the loop: with closed forms alone, and with membranes that are integrated numerically."""

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

from saltation.kernels.cache import compile_kernel
from saltation.kernels.chip import advance as loop
from saltation.kernels.chip import numerical, switching
from saltation.kernels.inlining import inlined
from saltation.kernels.specialise import bind

_REPLACED = ("adapt", "adaptation_at", "advance", "advance_window", "first_crossing", "may_cross", "voltage_at")
# those of the loop that call them, in the order of use
_CALLERS = ("predict", "begin_window", "arrive", "act", "read")


def plain_loop(numerically: bool) -> FunctionType:
    """The loop, not compiled; ``numerically``: for membranes without a closed form too."""
    return bind(loop.advance_chip, *_meant(numerically))


def plain_switch(numerically: bool) -> tuple[FunctionType, FunctionType]:
    """How membranes leave what they were, and go on as what they are; not compiled."""
    meant = _meant(numerically)
    return bind(switching.leave, *meant), bind(switching.enter, *meant)


def _meant(numerically: bool) -> tuple[dict[str, Any], str]:
    """What names mean, and a name for that."""
    if not numerically:
        return {}, "closed"
    names: dict[str, Any] = {name: getattr(numerical, name) for name in _REPLACED}
    for name in _CALLERS:
        names[name] = inlined(bind(getattr(loop, name), names, "numerical"))
    return names, "numerical"


@cache
def advance_chip(numerically: bool) -> Callable[..., int]:
    """The compiled loop."""
    return compile_kernel(plain_loop(numerically))


@cache
def switch(numerically: bool) -> tuple[Callable[..., None], Callable[..., None]]:
    """The compiled forms of `plain_switch`."""
    leave, enter = plain_switch(numerically)
    return compile_kernel(leave), compile_kernel(enter)
