"""What is recorded in a real-time section, and how converters see a voltage.

Columns of the CADC: ``round((V - v_0) gain / lsb + offset + digital offset + noise)``, cut to 0..255, of all circuits
at the same moments.  The MADC sees one circuit of an even and one of an odd column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.configuration import Configuration
from saltation.bss2.physics import Physics
from saltation.bss2.registers import ADAPTATION, EXC_SYNIN, INH_SYNIN
from saltation.bss2.variation import Noise
from saltation.errors import ConfigurationError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SRAM, DRAM = "sram", "dram"


def _circuits(owner: str, circuits: npt.ArrayLike | None) -> Ints:
    array = np.arange(g.CIRCUITS) if circuits is None else np.atleast_1d(np.asarray(circuits))
    if array.ndim != 1 or array.dtype.kind not in "iu" or array.size == 0:
        raise ConfigurationError(
            f"{owner}.circuits must be a list of circuits, numbers of 0..{g.CIRCUITS - 1}; got {circuits!r}; "
            "experiment.circuits(name) gives those of a population, or placement.circuits[name][:, 0]"
        )
    if array.min() < 0 or array.max() >= g.CIRCUITS:
        raise ConfigurationError(f"{owner}.circuits must be 0..{g.CIRCUITS - 1}; got {array.min()}..{array.max()}")
    return array.astype(np.int64)


def _time(owner: str, name: str, value: Any, least: float) -> float:
    result = float(value)
    if not least <= result < float("inf"):
        raise ConfigurationError(f"{owner}.{name} must be a time in seconds of at least {least:g}; got {value!r}")
    return result


@final
@dataclass(frozen=True)
class Cadc:
    """Recording of all columns by the CADC.

    Parameters
    ----------
    circuits : array_like of int, optional
        Whose readings are kept; by default all.
    start : float
        Seconds from the begin of the section.
    samples : int, optional
        By default as many as fit into the section and into the store.
    period : float, optional
        Seconds between samples; by default the shortest of the store.
    placement : {"sram", "dram"}
        The fast store has room for 100 samples at 1.7 us, the slow one for 204,800 at 6 us.

    Raises
    ------
    ConfigurationError
        If a number is out of range: more samples than the store holds, or closer than it takes them.
    """

    circuits: npt.ArrayLike | None = None
    start: float = 0.0
    samples: int | None = None
    period: float | None = None
    placement: str = SRAM
    chosen: Ints = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the arguments."""
        object.__setattr__(self, "chosen", _circuits("Cadc", self.circuits))
        _time("Cadc", "start", self.start, 0.0)
        if self.placement not in (SRAM, DRAM):
            raise ConfigurationError(f"Cadc.placement must be {SRAM!r} or {DRAM!r}; got {self.placement!r}")
        if self.samples is not None and (isinstance(self.samples, bool) or self.samples < 1):
            raise ConfigurationError(f"Cadc.samples must be a number of at least 1; got {self.samples!r}")
        if self.samples is not None and self.samples > self.room:
            other = "; placement='dram' holds 204,800, 6 us apart" if self.placement == SRAM else ""
            raise ConfigurationError(
                f"Cadc.samples must be at most {self.room}, what the {self.placement} store holds; got "
                f"{self.samples}{other}"
            )

    @property
    def room(self) -> int:
        """Samples that the store holds."""
        return g.CADC_SRAM_SAMPLES if self.placement == SRAM else g.CADC_DRAM_SAMPLES

    def times(self, duration: float, physics: Physics) -> Floats:
        """When it samples, in a section of this length."""
        shortest = physics.cadc_period if self.placement == SRAM else physics.cadc_period_dram
        period = shortest if self.period is None else _time("Cadc", "period", self.period, shortest)
        fit = int(np.floor((duration - self.start) / period * (1 + 1e-12))) + 1
        if self.start > duration:
            raise ConfigurationError(f"Cadc.start must lie in the section of {duration:g} s; got {self.start:g} s")
        if self.samples is None:
            if fit > self.room:
                raise ConfigurationError(
                    f"Cadc: the section of {duration:g} s from {self.start:g} s on has {fit} samples, {period:g} s "
                    f"apart; the {self.placement} store holds {self.room}; take fewer samples=, a longer period= or "
                    "placement='dram'"
                )
        elif self.samples > fit:
            raise ConfigurationError(
                f"Cadc: {self.samples} samples, {period:g} s apart, do not fit into the section: {fit} do until "
                f"{duration:g} s"
            )
        return np.asarray(self.start + period * np.arange(fit if self.samples is None else self.samples), np.float64)


@final
@dataclass(frozen=True)
class Madc:
    """Recording of at most one circuit of an even and one of an odd column by the MADC, 29.4 million samples a second.

    It connects its circuits to the MADC for its section, as ``readout_enable_madc`` does; where that register connects
    another circuit to the same input, the run is refused.

    Parameters
    ----------
    circuits : array_like of int
        One, or two in columns of different parity.
    start : float
        Seconds from the begin of the section; the first 8 us after it are invalid and come as NaN.
    samples : int, optional
        At most 65,535; by default as many as fit.

    Raises
    ------
    ConfigurationError
        If both circuits are on the same input, or there are too many samples.
    """

    circuits: npt.ArrayLike = 0
    start: float = 0.0
    samples: int | None = None
    chosen: Ints = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the arguments."""
        chosen = _circuits("Madc", self.circuits)
        object.__setattr__(self, "chosen", chosen)
        _time("Madc", "start", self.start, 0.0)
        if chosen.size > g.MADC_INPUTS or np.unique(chosen % 2).size != chosen.size:
            raise ConfigurationError(
                "Madc.circuits must be at most one circuit of an even and one of an odd column: the MADC has an input "
                f"for each; got {chosen.tolist()}; record others in another run, or all by the CADC"
            )
        if self.samples is not None and not 1 <= self.samples <= g.MADC_SAMPLES:
            raise ConfigurationError(f"Madc.samples must be 1..{g.MADC_SAMPLES}; got {self.samples!r}")

    def times(self, duration: float, physics: Physics) -> Floats:
        """When it samples, in a section of this length."""
        if self.start > duration:
            raise ConfigurationError(f"Madc.start must lie in the section of {duration:g} s; got {self.start:g} s")
        fit = int((duration - self.start) / physics.madc_period) + 1
        wanted = fit if self.samples is None else self.samples
        if self.samples is None and fit > g.MADC_SAMPLES:
            raise ConfigurationError(
                f"Madc: the section has {fit} samples; a trigger takes at most {g.MADC_SAMPLES}, "
                f"{g.MADC_SAMPLES * physics.madc_period:.3g} s; give samples=, or a shorter section"
            )
        if wanted > fit:
            raise ConfigurationError(f"Madc: {wanted} samples do not fit into the section: {fit} do")
        return np.asarray(self.start + physics.madc_period * np.arange(wanted), np.float64)


@final
@dataclass(frozen=True)
class IdealProbe:
    """Voltages without converter and noise of reading; **not available on hardware**, for studies of the emulation.

    Parameters
    ----------
    circuits : array_like of int
        Circuits.
    at : array_like
        Seconds from the begin of the section, sorted.
    """

    circuits: npt.ArrayLike
    at: npt.ArrayLike
    chosen: Ints = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the arguments."""
        object.__setattr__(self, "chosen", _circuits("IdealProbe", self.circuits))
        at = np.asarray(self.at, float)
        if at.ndim != 1 or at.size == 0 or at.min() < 0.0 or np.any(np.diff(at) < 0.0):
            raise ConfigurationError("IdealProbe.at must be sorted times of at least 0")

    def times(self, duration: float, physics: Physics) -> Floats:
        """When it samples."""
        at = np.asarray(self.at, float)
        if at[-1] > duration:
            raise ConfigurationError(f"IdealProbe.at must lie in the section of {duration:g} s; got {at[-1]:g} s")
        return at


Recording = Cadc | Madc | IdealProbe


def shown(
    configuration: Configuration, recording: Recording, values: Floats, physics: Physics, capacitance: Floats
) -> Floats:
    """Voltages at the readout ``[time, circuit]``: of a membrane its own, of a line what its amplifier makes of it.

    Of the adaptation it is its own voltage: ``adaptation_v_leak`` at rest, and more in proportion to its current, which
    is ``capacitance`` times what it takes from the membrane in volts per second.  In a joined membrane only that of the
    circuit that spikes adapts, and that of another one rests.

    Where the readout's amplifier is on, converters see no further than its rails.  The CADC can be connected to a
    reference voltage instead, the same for all columns of a hemisphere.
    """
    circuits = recording.chosen
    source = configuration["readout_source"][circuits]
    line = np.isin(source, (EXC_SYNIN, INH_SYNIN))
    voltage = np.where(line, physics.line_rest - physics.line_swing * values, values)
    adapted = physics.volts(configuration["adaptation_v_leak"][circuits])
    adapted = adapted + physics.adaptation_resistance * capacitance * values
    voltage = np.where(source == ADAPTATION, adapted, voltage)
    amplified = configuration["readout_enable_amplifier"][circuits] == 1
    if amplified.any() and not isinstance(recording, IdealProbe):
        voltage = np.where(amplified, physics.amplified(voltage), voltage)
    if isinstance(recording, Cadc):
        connected = configuration["cadc_enable_reference"][g.hemisphere_of(circuits)] == 1
        code = configuration["cadc_reference"][g.quadrant_of(circuits)]
        voltage = np.where(connected, physics.volts(code), voltage)
    return voltage


def converted(
    recording: Recording,
    configuration: Configuration,
    voltage: Floats,
    times: Floats,
    hidden: Mapping[str, Floats],
    physics: Physics,
    noise: Noise,
    stream: np.random.Generator,
) -> NDArray[Any]:
    """What a recording reads: uint8 of the CADC, floats of the MADC with NaN where it is not settled, or volts."""
    chosen = recording.chosen
    if isinstance(recording, IdealProbe):
        return voltage
    if isinstance(recording, Cadc):
        lsb = (voltage - physics.cadc_volt_at_0) / physics.cadc_volt_per_lsb * hidden["cadc_gain"][chosen]
        lsb += hidden["cadc_offset"][chosen] + configuration["cadc_offset"][chosen]
        lsb += noise.cadc * stream.standard_normal(voltage.shape)
        return np.clip(np.rint(lsb), 0, g.CADC_MAX).astype(np.uint8)
    lsb = (voltage * hidden["madc_gain"][chosen] + hidden["madc_offset"][chosen]) / physics.madc_volt_per_lsb
    lsb = np.clip(np.rint(lsb + noise.madc * stream.standard_normal(voltage.shape)), 0, g.MADC_MAX)
    lsb[times - recording.start < physics.madc_settling] = np.nan
    return lsb


def check_connected(configuration: Configuration, recordings: Sequence[Recording]) -> None:
    """Refuse a recording by the MADC of whose input another circuit has the place.

    Raises
    ------
    ConfigurationError
        If ``readout_enable_madc`` is set for another circuit of the same parity.
    """
    connected = np.flatnonzero(configuration["readout_enable_madc"])
    for each in recordings:
        for circuit in each.chosen.tolist() if isinstance(each, Madc) else ():
            others = connected[(connected % 2 == circuit % 2) & (connected != circuit)]
            if others.size:
                word = ("even", "odd")[circuit % 2]
                raise ConfigurationError(
                    f"Madc.circuits: the input of {word} circuits is that of circuit {others[0]}, for which "
                    f"readout_enable_madc is set; got {circuit}; a recording connects its circuits by itself: write "
                    f"readout_enable_madc 0 for circuit {others[0]}, or record that one"
                )


def recorded_circuits(recordings: Sequence[Recording]) -> Ints:
    """Circuits that are recorded, each once."""
    return np.unique(np.concatenate([np.empty(0, np.int64), *(each.chosen for each in recordings)]))
