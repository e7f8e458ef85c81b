"""What makes one chip differ from another, and one run from the next: how much, and the hidden numbers drawn from it.

No absolute numbers of an uncalibrated chip are published.  The spreads are chosen such that a calibrated chip shows
what test bounds of the public software allow (``hxtorch``'s and ``calix``'s), and each can be changed.
"""

import zlib
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.tables import Sizes, constant
from saltation.errors import ParameterError
from saltation.model.checks import suggest

Floats = NDArray[np.float64]

_CIRCUIT, _INPUT, _SYNAPSE, _DRIVER, _CHANNEL = (
    (g.CIRCUITS,),
    (2, g.CIRCUITS),
    (g.HEMISPHERES, g.ROWS, g.COLUMNS),
    (g.HEMISPHERES, g.DRIVERS),
    (g.CIRCUITS,),
)

# A chip has two megabytes of hidden numbers.
_CHIPS_KEPT = 16


def _spread(value: float, unit: str, shape: tuple[int, ...], source: str) -> Any:
    return constant(value, unit, source, shape=shape)


@final
@dataclass(frozen=True, slots=True)
class Variation(Sizes):
    """Fixed-pattern variation: standard deviations over the circuits of a chip, before calibration.

    Potentials are shifted by a normal number; what must stay positive is multiplied by ``exp(s n - s^2 / 2)``, so that
    its mean is 1.

    Attributes
    ----------
    See ``Variation().table()``: each with its unit and its source.

    Raises
    ------
    ParameterError
        If one is not a finite number of at least 0.

    Examples
    --------
    >>> from saltation.bss2 import Variation
    >>> Variation.none().replace(tau_mem=0.25).tau_mem
    0.25
    """

    leak: float = _spread(54e-3, "V", _CIRCUIT, "assumed: 12 LSB of the column ADC")
    reset: float = _spread(54e-3, "V", _CIRCUIT, "assumed: 12 LSB of the column ADC")
    threshold: float = _spread(54e-3, "V", _CIRCUIT, "assumed: 12 LSB of the column ADC")
    capacitance: float = _spread(0.03, "1", _CIRCUIT, "assumed: capacitors match better than transistors")
    tau_mem: float = _spread(0.25, "1", _CIRCUIT, "recalled: tens of per cent; of the leak's conductance")
    reset_conductance: float = _spread(0.2, "1", _CIRCUIT, "assumed")
    tau_syn: float = _spread(0.25, "1", _INPUT, "recalled: tens of per cent")
    gm: float = _spread(0.25, "1", _INPUT, "assumed: as tau_syn; strength of an input")
    input_offset: float = _spread(8.0, "weight", _INPUT, "assumed: what i_shift_reference can take away")
    coba: float = _spread(0.2, "1", _INPUT, "assumed: of the slope of a conductance")
    coba_reference: float = _spread(27e-3, "V", _INPUT, "assumed: 6 LSB of the column ADC")
    current: float = _spread(0.1, "1", _CIRCUIT, "assumed")
    exponential: float = _spread(0.3, "1", _CIRCUIT, "assumed: amplitude of the exponential term")
    exponential_slope: float = _spread(0.05, "1", _CIRCUIT, "assumed")
    exponential_threshold: float = _spread(27e-3, "V", _CIRCUIT, "assumed: 6 LSB of the column ADC")
    adaptation: float = _spread(0.25, "1", (3, g.CIRCUITS), "assumed: of a, b and tau_w, each")
    synapse: float = _spread(0.07, "1", _SYNAPSE, "assumed: 5..10 %; cannot be calibrated")
    synapse_offset: float = _spread(0.5, "weight", _SYNAPSE, "assumed; cannot be calibrated")
    driver: float = _spread(0.05, "1", _DRIVER, "derived: tests of calix see about 2 of 30 LSB between drivers")
    hagen_slope: float = _spread(0.02, "1", _DRIVER, "assumed: a step of a pulse's length")
    hagen_offset: float = _spread(1.0, "step", _DRIVER, "derived: tests of calix see about 2 of 30 LSB between drivers")
    cadc_offset: float = _spread(15.0, "LSB", _CHANNEL, "calix: up to 20 before calibration")
    cadc_gain: float = _spread(0.01, "1", _CHANNEL, "assumed: readings within 3 LSB after calibration")
    madc_gain: float = _spread(0.01, "1", _CIRCUIT, "assumed: readout amplifier of the circuit")
    madc_offset: float = _spread(5e-3, "V", _CIRCUIT, "assumed: readout amplifier of the circuit")


@final
@dataclass(frozen=True, slots=True)
class Noise(Sizes):
    """Temporal noise, drawn anew in every run.

    Attributes
    ----------
    See ``Noise().table()``: each with its unit and its source.

    Raises
    ------
    ParameterError
        If one is not a finite number of at least 0.

    Examples
    --------
    >>> from saltation.bss2 import Noise
    >>> Noise.none().membrane
    0.0
    """

    membrane: float = constant(4.5e-3, "V", "assumed: 1 LSB, of a membrane of 10 us; white up to 0.5 MHz")
    threshold: float = constant(3e-3, "V", "fastAndDeep: 1.5 % of the distance to it, from run to run")
    jitter: float = constant(20e-9, "s", "assumed: of the comparator; membrane noise does the rest of about 60 ns")
    cadc: float = constant(1.0, "LSB", "assumed: between readings of one channel")
    hagen_drift: float = constant(0.01, "1", "assumed: strength of a hemisphere's pulses, over many runs")
    madc: float = constant(2.0, "LSB", "assumed: 2.3 mV")


def imperfect(what: str) -> tuple[Variation, Noise]:
    """Variation and noise of which only some are left.

    Parameters
    ----------
    what : str
        "all"; "none"; "variation" or "noise", all of that kind; or one of them, as in "noise.membrane".

    Raises
    ------
    ParameterError
        If there is no such imperfection.

    Examples
    --------
    >>> from saltation.bss2 import imperfect
    >>> variation, noise = imperfect("noise.membrane")
    >>> variation.leak, noise.membrane, noise.cadc
    (0.0, 0.0045, 0.0)
    """
    variation, noise = Variation(), Noise()
    if what in ("all", "none", "variation", "noise"):
        return (
            variation if what in ("all", "variation") else Variation.none(),
            noise if what in ("all", "noise") else Noise.none(),
        )
    kind, _, name = what.partition(".")
    table: Variation | Noise | None = {"variation": variation, "noise": noise}.get(kind)
    if table is None or name not in (known := [row[0] for row in table.table()]):
        names = (
            known if table is not None else ["all", "none", "variation", "noise", "variation.leak", "noise.membrane"]
        )
        raise ParameterError(f"imperfections: no {what!r} is among those of a chip; {suggest(name or what, names)}")
    kept = {name: getattr(table, name)}
    if kind == "variation":
        return Variation.none().replace(**kept), Noise.none()
    return Variation.none(), Noise.none().replace(**kept)


@lru_cache(maxsize=_CHIPS_KEPT)
def hidden(serial: int, variation: Variation) -> dict[str, Floats]:
    """Hidden numbers of a chip, read-only: shifts of what is shifted, factors of what is multiplied.

    Each quantity has a stream of its own, so that changing one spread leaves the others' numbers as they are.
    """
    result: dict[str, Floats] = {}
    for each in fields(variation):
        stream = np.random.default_rng([serial, zlib.crc32(each.name.encode())])
        sigma = getattr(variation, each.name)
        drawn = sigma * stream.standard_normal(each.metadata["shape"])
        if each.metadata["unit"] == "1":
            drawn = np.exp(drawn - 0.5 * sigma * sigma)
        drawn.flags.writeable = False
        result[each.name] = drawn
    return result
