"""Arguments of `Backend`, checked: chips, calibrations, the offset of time."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.calibration import Calibration, NeuronTarget
from saltation.bss2.chip import Chip
from saltation.errors import ChipWarning, ParameterError
from saltation.model import LI, LIF, Population
from saltation.model.checks import caller_level

Ints = NDArray[np.int64]

MEASURED: Final = "measured"

# time constants in a window; closed loops of seconds have some hundreds
_LONG = 2000


def checked_offset(given: float | str) -> float | Literal["measured"]:
    """An offset of time in seconds on the chip, or "measured"."""
    if given == MEASURED:
        return MEASURED
    try:
        offset = float("nan") if isinstance(given, bool) else float(given)
    except (TypeError, ValueError):
        offset = float("nan")
    if not np.isfinite(offset):
        raise ParameterError(f"Backend.time_offset must be seconds on the chip, or 'measured'; got {given!r}")
    return offset


def checked_chips(chips: Chip | Sequence[Chip]) -> tuple[Chip, ...]:
    """Chips, each given once."""
    given: tuple[Any, ...] = tuple(chips) if isinstance(chips, list | tuple) else (chips,)
    for each in given:
        if not isinstance(each, Chip):
            raise ParameterError(
                f"Backend.chips must be a Chip or several; got {type(each).__name__}; Chip(serial=1) makes one"
            )
    if not given or len({id(each) for each in given}) < len(given):
        raise ParameterError(f"Backend.chips must be at least one Chip, each given once; got {list(given)!r}")
    return given


def checked_calibrations(
    given: Calibration | Sequence[Calibration] | None, chips: Sequence[Chip]
) -> dict[int, Calibration]:
    """Calibrations by serial number."""
    if given is None:
        return {}
    listed: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    for each in listed:
        if not isinstance(each, Calibration):
            raise ParameterError(
                f"Backend.calibration must be a Calibration, or several; got {type(each).__name__}; "
                "Calibration.load(path) reads one"
            )
    if len(listed) == 1 and len(chips) == 1:
        listed[0].check(chips[0].serial)
    found = {each.serial: each for each in listed}
    missing = [chip.serial for chip in chips if chip.serial not in found]
    if missing:
        raise ParameterError(
            f"Backend.calibration must have one for each chip, or be left out; got none for {missing}; calibrate(chip)"
        )
    if len(listed) != len(chips):
        raise ParameterError(
            f"Backend.calibration must have one for each of {len(chips)} chips; got {len(listed)}, for the serial "
            f"numbers {[each.serial for each in listed]}"
        )
    return found


def tell_other_targets(calibration: Calibration, target: NeuronTarget, circuits: Ints) -> None:
    """Warn of a calibration whose circuits were to become something else than the network needs."""
    others = []
    for name in target.to_dict():
        made, needed = (np.asarray(getattr(each, name), np.float64) for each in (calibration.target, target))
        if made.ndim or needed.ndim:
            made, needed = (np.broadcast_to(each, (g.CIRCUITS,))[circuits] for each in (made, needed))
        wrong = ~np.isclose(made, needed, rtol=1e-9, atol=0.0, equal_nan=True)
        if wrong.any():
            at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
            others.append(f"{name} {made[at]:g} in place of {needed[at]:g} ({int(wrong.sum())} of {wrong.size})")
    if others:
        warnings.warn(
            f"Backend.calibration of the chip {calibration.serial} is for other targets than the network needs: "
            f"{'; '.join(others)}; voltages, times and weights come out by as much wrong; leave calibration= out, or "
            "take that of Backend(chip).calibration(network)",
            ChipWarning,
            stacklevel=caller_level(),
        )


def tell_long_windows(duration: float, populations: Mapping[str, Population], tell: Callable[[str, str], None]) -> None:
    """Say that a window is longer than anything that goes on in it: it was probably given in milliseconds."""
    times = [float(np.max(each.tau_mem)) for each in populations.values() if isinstance(each, LIF | LI)]
    slowest = max(times, default=float("inf"))
    if duration > _LONG * slowest:
        tell(
            "long",
            f"the window of {duration:g} s is {duration / slowest:,.0f} times as long as the slowest time constant, "
            f"{slowest:g} s, and is emulated as such; times are in seconds: milliseconds are 1e-3",
        )
