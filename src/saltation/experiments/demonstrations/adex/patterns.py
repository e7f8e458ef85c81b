"""Register codes of each firing pattern, and the step of current that shows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import Configuration, Section
from saltation.bss2 import geometry as g
from saltation.bss2.readout import Recording
from saltation.experiments.demonstrations.adex.classify import ADAPTING, INITIAL, REGULAR, TONIC, TRANSIENT
from saltation.experiments.demonstrations.setting import EXC, Setting, events, listen_to, moved, target, write_synapses

__all__ = ["BEGIN", "END", "PATTERNS", "RINGING", "Codes", "Found", "Pattern", "configure", "step"]

BEGIN, END, DURATION = 200e-6, 800e-6, 1000e-6
"""Seconds: of the step, and of the section."""

_EVERY = 0.8e-6
_ROWS = 16
"""Rows of full weight: twice what saturates a line, at each event."""

_THRESHOLD = 209.0  # LSB: the exponential term is what makes a spike, the threshold only ends it
_EXPONENTIAL = 100  # code of its strength
_LINE = g.CODE_MAX  # code of tau_syn, 3 us: the step ends as sharply as it can
_GM = 500  # code to which strengths are calibrated


@final
@dataclass(frozen=True, slots=True)
class Pattern:
    """A firing pattern, in codes and readings that would show it on a chip without mismatch.

    Ratios are those of Naud et al. (2008), table 1, with microseconds for milliseconds; a D_T, there 2 mV, is 5 LSB.

    Attributes
    ----------
    leak, reset : float
        Potentials in LSB of the CADC.
    tau_mem : float
        In us.
    onset : int
        Code of ``exponential_v_exp``.
    reference : int
        Code of ``adaptation_v_ref``, which is that of the leak.
    tau_w, a, b : int
        Codes of the adaptation.
    current : int
        Code of the strength of the input that makes the step.
    """

    leak: float
    reset: float
    tau_mem: float
    onset: int
    reference: int
    tau_w: int
    a: int
    b: int
    current: int


PATTERNS: Mapping[str, Pattern] = {
    TONIC: Pattern(92, 122, 20.0, 380, 243, 1000, 0, 0, 70),
    ADAPTING: Pattern(92, 122, 16.7, 378, 243, 200, 44, 74, 70),
    INITIAL: Pattern(122, 142, 7.2, 368, 315, 400, 136, 229, 86),
    REGULAR: Pattern(122, 152, 20.0, 380, 315, 500, 44, 124, 29),
    TRANSIENT: Pattern(105, 150, 10.0, 355, 273, 667, 440, 248, 50),
}

RINGING = Pattern(92, 122, 50.0, 391, 243, 1000, 440, 0, 20)
"""No spike, but a damped oscillation: the subthreshold adaptation is five times the leak, and about as fast."""


@final
@dataclass(frozen=True, slots=True)
class Codes:
    """What is searched for: codes added to the onset, and a factor of the current."""

    shift: int = 0
    factor: float = 1.0


@final
@dataclass(frozen=True, slots=True)
class Found:
    """A circuit, the pattern it is to show, and the codes at which it does."""

    circuit: int
    pattern: str
    codes: Codes


def configure(setting: Setting, wanted: list[tuple[int, Pattern, Codes]], *, adaptation: bool = True) -> Configuration:
    """Write the codes of a pattern to each circuit; all others stay silent."""
    base = setting.configuration
    own = base.copy()
    own.set("inhibitory_input_enable", 0)
    write_synapses(own, {EXC: _ROWS * g.WEIGHT_MAX})
    circuits = np.array([circuit for circuit, _, _ in wanted])
    listen_to(own, circuits)
    usual = {name: target(name) for name in ("leak", "reset", "threshold", "tau_mem")}
    for circuit, pattern, codes in wanted:
        for register, reading, name in (
            ("leak_v_leak", pattern.leak, "leak"),
            ("reset_v_reset", pattern.reset, "reset"),
            ("threshold_v_threshold", _THRESHOLD, "threshold"),
        ):
            own.set(register, moved(base[register][circuit], reading - usual[name]), at=circuit)
        strength = pattern.current * codes.factor / _GM * base["excitatory_input_i_bias_gm"][circuit]
        faster = usual["tau_mem"] * 1e6 / pattern.tau_mem
        values = {
            "leak_i_bias": round(float(base["leak_i_bias"][circuit]) * faster),
            "excitatory_input_i_bias_gm": min(g.CODE_MAX, round(float(strength))),
            "excitatory_input_i_bias_tau": _LINE,
            "exponential_enable": 1,
            "exponential_i_bias": _EXPONENTIAL,
            "exponential_v_exp": pattern.onset + codes.shift,
            "adaptation_enable": int(adaptation),
            "adaptation_enable_pulse": int(adaptation),
            "adaptation_v_ref": pattern.reference,
            "adaptation_i_bias_tau": pattern.tau_w,
            "adaptation_i_bias_a": pattern.a,
            "adaptation_i_bias_b": pattern.b,
            # else the exponential term would pull against the reset
            "refractory_period_enable_pause": 1,
        }
        for register, value in values.items():
            own.set(register, value, at=circuit)
    return own


def step(recordings: tuple[Recording, ...] = ()) -> Section:
    """A section with a step of current: events that keep the excitatory lines of all circuits saturated."""
    return Section(DURATION, events(np.arange(BEGIN, END, _EVERY)), recordings)


def in_step(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spikes since the begin of the step, those before and after it left out."""
    return times[(times >= BEGIN) & (times < END)] - BEGIN
