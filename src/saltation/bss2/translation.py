"""From the codes of a configuration to physical parameters, on a chip with its hidden variation."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.bss2 import geometry as g
from saltation.bss2.circuits import Analog
from saltation.bss2.configuration import Configuration
from saltation.bss2.joining import joined
from saltation.bss2.memory import Codes
from saltation.bss2.physics import Physics
from saltation.bss2.variation import Noise

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Hidden = Mapping[str, Floats]

# of the nominal membrane for which the noise is stated
_NOISE_TAU = 10e-6
_SIDE = g.COLUMNS // 2  # columns with clocks of their own


@final
@dataclass(frozen=True, slots=True)
class Translation:
    """Circuits that take part in a run, and their physical parameters.

    Attributes
    ----------
    analog : Analog
        Of the membranes that take part.
    circuit : ndarray of int
        Circuit of the chip behind each circuit of ``analog``.
    membrane_of : ndarray of int, [512]
        Membrane of each circuit of the chip, -1 where it takes no part.
    place_of : ndarray of int, [512]
        Where each circuit is in ``circuit``, -1 where it takes no part.
    spiking : ndarray of int, [membrane]
        Circuit of the chip that spikes for a membrane, or its first.
    capacitance : ndarray, [membrane]
        In farads.
    """

    analog: Analog
    circuit: Ints
    membrane_of: Ints
    place_of: Ints
    spiking: Ints
    capacitance: Floats


def adapting(translation: Translation, circuits: Ints) -> Floats:
    """Farads of the membrane that follows the adaptation of each circuit; 0 where another's does that."""
    membrane = translation.membrane_of[circuits]
    return np.where(translation.spiking[membrane] == circuits, translation.capacitance[membrane], 0.0)


def translate(
    configuration: Configuration, codes: Codes, hidden: Hidden, physics: Physics, noise: Noise, wanted: Ints
) -> Translation:
    """Physical parameters of the membranes to which the ``wanted`` circuits belong."""
    roots = joined(configuration)
    members = np.flatnonzero(np.isin(roots, roots[wanted]))
    # circuits of a membrane side by side, membranes in the order of their first circuit
    circuit = members[np.lexsort((members, roots[members]))]
    membranes, first = np.unique(roots[circuit], return_index=True)
    first = np.concatenate([first, [circuit.size]])
    owner = np.repeat(np.arange(membranes.size), np.diff(first))
    membrane_of, place_of = np.full(g.CIRCUITS, -1), np.full(g.CIRCUITS, -1)
    membrane_of[circuit], place_of[circuit] = owner, np.arange(circuit.size)
    c = _Circuits(configuration, codes, hidden, physics, circuit)

    def total(values: Floats) -> Floats:
        return np.add.reduceat(values, first[:-1])

    # the circuit whose comparator is on decides; the first one where none is
    enabled = c.register("threshold_enable") == 1
    spiking = np.array([_first_of(enabled[a:b], a) for a, b in pairwise(first)])
    capacitance = total(c.capacitance())
    leak, current = c.leak(), c.current()
    conductance = np.maximum(total(leak), physics.leak_at_code_0)
    pull = total(leak * c.volts("leak_v_leak", "leak") + current)
    reset = c.reset()[spiking]
    at_reset = c.volts("reset_v_reset", "reset")[spiking]
    tau = capacitance / conductance
    analog = Analog(
        tau_mem=tau,
        tau_reset=capacitance / (conductance + reset),
        # not cut at the supply: a current drives a membrane towards a level beyond it as fast, until it spikes
        leak=pull / conductance,
        reset=(pull + reset * at_reset) / (conductance + reset),
        threshold=np.where(enabled[spiking], c.volts("threshold_v_threshold", "threshold")[spiking], np.inf),
        hold=hold_times(configuration)[circuit[spiking]],
        noise=noise.membrane * np.sqrt(tau / _NOISE_TAU) * (physics.capacitance_at_63 / capacitance),
        passes=c.register("refractory_period_enable_pause")[spiking] == 0,
        **c.inputs(capacitance[owner]),
        **c.exponential(capacitance, spiking),
        **c.adaptation(capacitance, spiking),
        first=first,
    )
    return Translation(analog, circuit, membrane_of, place_of, circuit[spiking], capacitance)


def hold_times(registers: Mapping[str, NDArray[np.int32]]) -> Floats:
    """Seconds ``[512]`` for which each circuit is held at its reset after a spike; clocks are exact on all chips."""
    side = g.column_of(np.arange(g.CIRCUITS)) // _SIDE
    fast = registers["refractory_period_input_clock"] == 1
    scale = np.where(fast, registers["clock_scale_fast"][side], registers["clock_scale_slow"][side])
    return np.maximum(registers["refractory_period_refractory_time"], 1) * g.divided_period(scale)


def _first_of(enabled: NDArray[np.bool_], at: int) -> int:
    return at + int(enabled.argmax())


@final
class _Circuits:
    """Registers, codes and hidden numbers of some circuits."""

    def __init__(
        self, configuration: Configuration, codes: Codes, hidden: Hidden, physics: Physics, circuit: Ints
    ) -> None:
        self._configuration, self._codes, self._hidden = configuration, codes, hidden
        self._physics, self._circuit = physics, circuit

    def register(self, name: str) -> NDArray[np.int32]:
        return self._configuration[name][self._circuit]

    def code(self, name: str) -> Floats:
        return self._codes[name][self._circuit]

    def own(self, name: str) -> Floats:
        return self._hidden[name][..., self._circuit]

    def volts(self, name: str, hidden: str) -> Floats:
        return self._physics.volts(self.code(name), self.own(hidden))

    def _scaled(self, kind: str, division: float, multiplication: float) -> Floats:
        divided = np.where(self.register(f"{kind}_enable_division") == 1, 1.0 / division, 1.0)
        return divided * np.where(self.register(f"{kind}_enable_multiplication") == 1, multiplication, 1.0)

    def capacitance(self) -> Floats:
        return self._physics.capacitance(self.register("membrane_capacitance_capacitance")) * self.own("capacitance")

    def leak(self) -> Floats:
        p = self._physics
        scale = self._scaled("leak", p.leak_division, p.leak_multiplication)
        whole = (p.leak_at_code_0 + p.leak_per_code * self.code("leak_i_bias") * scale) * self.own("tau_mem")
        return whole * self.register("leak_enable")

    def reset(self) -> Floats:
        p = self._physics
        scale = self._scaled("reset", p.reset_division, p.reset_multiplication)
        return p.reset_per_code * self.code("reset_i_bias") * scale * self.own("reset_conductance")

    def gm(self) -> Floats:
        """Current of a weight of a line, ``[2, circuit]``."""
        rows = []
        for kind in ("excitatory", "inhibitory"):
            rows.append(self.code(f"{kind}_input_i_bias_gm") * self.register(f"{kind}_input_enable"))
        return self._physics.gm_per_code * np.stack(rows) * self.own("gm")

    def current(self) -> Floats:
        """Constant current: the source's own, and what the inputs let through without an event."""
        p = self._physics
        sign = np.where(self.register("constant_current_type") == 1, 1.0, -1.0)
        constant = (
            self.code("constant_current_i_offset") * self.register("constant_current_enable") * self.own("current")
        )
        shift = np.stack([self.code(f"{kind}_input_i_shift_reference") for kind in ("excitatory", "inhibitory")])
        offset = self.own("input_offset") + p.offset_per_code * (shift - 511.0)
        leaking = (np.array([[1.0], [-1.0]]) * self.gm() * offset).sum(axis=0)
        return sign * p.current_per_code * constant + leaking

    def inputs(self, capacitance: Floats) -> dict[str, Floats]:
        p = self._physics
        tau, reach, reference = [], [], []
        for receptor, kind in enumerate(("excitatory", "inhibitory")):
            small = np.where(self.register(f"{kind}_input_enable_small_capacitance") == 1, p.tau_syn_small, 1.0)
            high = np.where(self.register(f"{kind}_input_enable_high_resistance") == 1, p.tau_syn_resistance, 1.0)
            tau.append(p.tau_syn_code / np.maximum(self.code(f"{kind}_input_i_bias_tau"), 1.0) * small * high)
            slope = p.coba_per_code * self.code(f"{kind}_input_i_bias_coba") * self.own("coba")[receptor]
            slope = np.where(self.register(f"{kind}_input_enable_coba_mode") == 1, slope, 0.0)
            reach.append(slope if kind == "inhibitory" else -slope)
            reference.append(p.volts(self.code(f"{kind}_input_v_rev_coba"), self.own("coba_reference")[receptor]))
        return {
            "tau_syn": np.stack(tau) * self.own("tau_syn"),
            "drive": self.gm() * p.line_saturation / capacitance,
            "reach": np.stack(reach),
            "reference": np.stack(reference),
        }

    def exponential(self, capacitance: Floats, spiking: Ints) -> dict[str, Floats]:
        p = self._physics
        strength = self.code("exponential_i_bias") * self.register("exponential_enable") * self.own("exponential")
        return {
            "kick": p.exponential_per_code * strength[spiking] / capacitance,
            "kick_at": self.volts("exponential_v_exp", "exponential_threshold")[spiking],
            "kick_slope": p.exponential_slope * self.own("exponential_slope")[spiking],
            "kick_limit": p.exponential_limit / capacitance,
        }

    def adaptation(self, capacitance: Floats, spiking: Ints) -> dict[str, Any]:
        p = self._physics
        side = g.column_of(self._circuit) // _SIDE
        pulse = g.divided_period(self._configuration["clock_scale_adaptation_pulse"][side])
        on = self.register("adaptation_enable") == 1
        sign_a = np.where(self.register("adaptation_invert_a") == 1, -1.0, 1.0)
        sign_b = np.where(self.register("adaptation_invert_b") == 1, -1.0, 1.0)
        of_a, of_b, of_tau = self.own("adaptation")
        a = p.adaptation_a_per_code * self.code("adaptation_i_bias_a") * of_a * sign_a * on
        b = p.adaptation_b_per_code * self.code("adaptation_i_bias_b") * of_b * sign_b * on
        b = b * (pulse / p.adaptation_pulse) * (self.register("adaptation_enable_pulse") == 1)
        tau = p.adaptation_tau_code / np.maximum(self.code("adaptation_i_bias_tau"), 1.0) * of_tau
        return {
            "tau_adapt": tau[spiking],
            "adapt_a": a[spiking] / capacitance,
            "adapt_b": b[spiking] / capacitance,
            "adapt_level": p.volts(self.code("adaptation_v_ref"))[spiking],
        }
