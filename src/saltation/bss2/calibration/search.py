"""How codes are found: by halving where readings are in order, by proportion where they go with the code."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]


def halve(low_enough: Callable[[Codes], NDArray[np.bool_]], high: int = g.CODE_MAX, count: int = g.CIRCUITS) -> Codes:
    """Largest codes ``[count]``, of all circuits at once, at which a measurement says that they are low enough.

    A bit at a time from the top, each kept if the measurement allows; so readings must be in order but for noise,
    which leaves a code off by a few where they hardly differ.
    """
    code = np.zeros(count, np.int32)
    bit = 1 << (int(high).bit_length() - 1)
    while bit:
        trial = np.minimum(code + bit, high).astype(np.int32)
        code = np.where(low_enough(trial), trial, code)
        bit >>= 1
    return code


def proportion(
    measured: Callable[[Codes], Floats],
    target: Floats,
    start: Codes,
    rounds: int = 4,
    *,
    inversely: bool = True,
    high: int = g.CODE_MAX,
) -> Codes:
    """Codes at which a quantity that goes with the code, or with its inverse, is on target.

    A measurement that is not finite leaves its code.
    """
    code = np.clip(start, 1, high).astype(np.int32)
    for _ in range(rounds):
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = measured(code) / target if inversely else target / measured(code)
        ratio = np.where(np.isfinite(ratio) & (ratio > 0.0), np.clip(ratio, 0.3, 3.0), 1.0)
        code = np.clip(np.rint(code * ratio), 1, high).astype(np.int32)
    return code
