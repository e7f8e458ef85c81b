"""Physical parameters of membranes and inputs, and the flat arrays that the kernels make of them."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from saltation.kernels.chip import records as r
from saltation.kernels.chip.records import Circuits, State

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Rates that differ by less, relatively, are moved apart by this much: far below any mismatch, far above rounding.
_APART = 1e-6


@final
@dataclass(frozen=True)
class Analog:
    """Physical parameters, in SI units; of a membrane ``[membrane]``, or of an input ``[2, circuit]``.

    Attributes
    ----------
    tau_mem, tau_reset : ndarray
        Time constants of the free membrane, and of one that is held at its reset.
    leak, reset, threshold : ndarray
        Potentials in volts; leak and reset are those of the free and the held membrane.  A threshold of inf: no spikes.
    hold : ndarray
        Refractory time.
    noise : ndarray
        Standard deviation of the voltage of a free membrane at rest.
    passes : ndarray of bool
        Whether input reaches a held membrane.
    tau_syn : ndarray, [2, circuit]
        Of the excitatory and the inhibitory input.
    drive : ndarray, [2, circuit]
        Slope of the voltage by a saturated input, V/s, at least 0.
    reach, reference : ndarray, [2, circuit]
        Of a conductance: the drive is multiplied by ``1 + reach (V - reference)``; reach 0 is a current.
    kick, kick_at, kick_slope, kick_limit : ndarray
        Exponential term ``min(kick exp((V - kick_at) / kick_slope), kick_limit)`` in V/s; kick 0: none.
    tau_adapt, adapt_a, adapt_b, adapt_level : ndarray
        Adaptation: ``tau w' = a (V - level) - w``, and ``b`` for a spike; w in V/s.
    first : ndarray of int, [membrane + 1]
        The circuits of a membrane lie side by side; membrane m has ``first[m]`` to ``first[m + 1]``.
    """

    tau_mem: Floats
    tau_reset: Floats
    leak: Floats
    reset: Floats
    threshold: Floats
    hold: Floats
    noise: Floats
    passes: NDArray[np.bool_]
    tau_syn: Floats
    drive: Floats
    reach: Floats
    reference: Floats
    kick: Floats
    kick_at: Floats
    kick_slope: Floats
    kick_limit: Floats
    tau_adapt: Floats
    adapt_a: Floats
    adapt_b: Floats
    adapt_level: Floats
    first: Ints

    @property
    def numerical(self) -> NDArray[np.bool_]:
        """Membranes without a closed form."""
        conductance = np.logical_or.reduceat((self.reach != 0.0).any(axis=0), self.first[:-1])
        return conductance | (self.kick > 0.0) | (self.adapt_a != 0.0) | (self.adapt_b != 0.0)


def pack(analog: Analog, window: float) -> Circuits:
    """The arrays of the kernels, for windows of noise of this length."""
    circuits = analog.tau_syn.shape[1]
    owner = np.repeat(np.arange(analog.tau_mem.size), np.diff(analog.first))
    decay = _apart(1.0 / analog.tau_syn, 1.0 / analog.tau_mem[owner], 1.0 / analog.tau_reset[owner])
    rates = np.stack([1.0 / analog.tau_mem, 1.0 / analog.tau_reset])
    membrane = np.zeros((r.MEMBRANE_ROWS, analog.tau_mem.size))
    membrane[r.RATE : r.RATE + 2] = rates
    membrane[r.LEVEL : r.LEVEL + 2] = analog.leak, analog.reset
    membrane[r.THRESHOLD], membrane[r.HOLD], membrane[r.PASS] = analog.threshold, analog.hold, analog.passes
    membrane[r.STEP] = np.exp(-rates[0] * window)
    # a level that is drawn anew in every window makes the voltage vary by sqrt((1 - a) / (1 + a)) of it
    a = membrane[r.STEP]
    membrane[r.NOISE] = analog.noise * np.sqrt((1.0 + a) / (1.0 - a))
    line = np.zeros((r.LINE_ROWS, 2, circuits))
    drive = analog.drive * np.array([[1.0], [-1.0]])
    line[r.DECAY], line[r.DRIVE] = decay, drive
    for mode in range(2):
        line[r.FIRST + mode] = drive / (rates[mode][owner] - decay)
        line[r.THIRD + mode] = -4.0 / 27.0 * drive / (rates[mode][owner] - 3.0 * decay)
    line[r.LINE_STEP] = np.exp(-decay * window)
    line[r.REACH], line[r.REFERENCE] = analog.reach, analog.reference
    extra = np.zeros((0, 0))
    numerical = analog.numerical
    if numerical.any():
        extra = np.zeros((r.EXTRA_ROWS, analog.tau_mem.size))
        extra[r.NUMERICAL] = numerical
        extra[r.EXPONENTIAL], extra[r.KICK_AT], extra[r.KICK_SLOPE] = analog.kick, analog.kick_at, analog.kick_slope
        extra[r.KICK_LIMIT], extra[r.ADAPT_RATE] = analog.kick_limit, 1.0 / analog.tau_adapt
        extra[r.ADAPT_A], extra[r.ADAPT_B], extra[r.ADAPT_LEVEL] = analog.adapt_a, analog.adapt_b, analog.adapt_level
    return Circuits(
        _columns(membrane),
        _columns(line.swapaxes(1, 2)),
        _columns(extra),
        analog.first.astype(np.int64),
        owner.astype(np.int64),
        window,
    )


def _columns(rows: Floats) -> Floats:
    """Numbers of one thing side by side: ``[row, ...]`` as ``[..., row]``."""
    return np.ascontiguousarray(np.moveaxis(rows, 0, -1))


def _apart(decay: Floats, *rates: Floats) -> Floats:
    """Rates of lines, moved so that neither they nor three times they equal a rate of their membrane."""
    for _ in range(8):
        near = np.zeros(decay.shape, bool)
        for rate in rates:
            for times in (1.0, 3.0):
                near |= np.abs(times * decay - rate) < _APART * rate
        if not near.any():
            break
        decay = np.where(near, decay * (1.0 + 3.0 * _APART), decay)
    return decay


def at_rest(circuits: Circuits, gates: int, drivers: int, room: int = 1024) -> State:
    """State in which every membrane is at its level, every line is silent and every driver has recovered."""
    members, count = circuits.membrane.shape[0], circuits.line.shape[0]
    membrane = np.zeros((members, r.STATE_ROWS))
    membrane[:, r.V] = membrane[:, r.LEVEL_NOW] = circuits.membrane[:, r.LEVEL]
    membrane[:, r.RELEASE], membrane[:, r.NEXT] = -np.inf, np.inf
    membrane[:, r.THRESHOLD_NOW] = circuits.membrane[:, r.THRESHOLD]
    clock = np.zeros(r.CLOCKS)
    clock[r.WINDOW] = -1.0  # that the first one begins is part of the run
    strength = np.stack([np.ones(drivers), np.zeros(drivers)], axis=1)
    size = max(room, 4 * members + 64)
    return State(
        membrane,
        np.zeros((count, 2)),
        np.zeros(members, np.int64),
        strength,
        np.zeros(gates),
        np.zeros(gates, np.int64),
        np.empty(size),
        np.empty(size, np.int64),
        clock,
    )


def twice(array: NDArray[Any]) -> NDArray[Any]:
    """The same numbers, and as much room again behind them."""
    return np.concatenate([array, np.empty_like(array)])


def grown(state: State) -> State:
    """The same state with twice the room for what is to come."""
    return state._replace(heap_time=twice(state.heap_time), heap_item=twice(state.heap_item))
