"""A membrane of the chip as its differential equation, solved by SciPy between events; slow and obvious."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.integrate import solve_ivp

_OPTIONS = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-13, "max_step": 2e-7}


def saturation(x):
    return np.where(x >= 1.5, 1.0, x - 4.0 / 27.0 * x**3)


@dataclass
class Membrane:
    """Parameters by their names in `saltation.bss2.circuits.Analog`; inputs as arrays [2, circuit of the membrane]."""

    tau_mem: float
    tau_reset: float
    leak: float
    reset: float
    threshold: float
    hold: float
    passes: bool
    tau_syn: np.ndarray
    drive: np.ndarray
    reach: np.ndarray
    reference: np.ndarray
    kick: float
    kick_at: float
    kick_slope: float
    kick_limit: float
    tau_adapt: float
    adapt_a: float
    adapt_b: float
    adapt_level: float
    level: object = None  # function of the time: the leak with its noise
    spikes: list = field(default_factory=list)

    def slope(self, held):
        sign = np.array([[1.0], [-1.0]])

        def slope(t, y):
            v, w, x = y[0], y[1], y[2:].reshape(self.tau_syn.shape)
            if held:
                dv, through = (self.reset - v) / self.tau_reset, self.passes
            else:
                level = self.leak if self.level is None else self.level
                dv, through = (level - v) / self.tau_mem, True
            if through:
                reach = 1.0 + self.reach * (v - self.reference)
                dv += np.sum(sign * self.drive * reach * saturation(x))
                if self.kick:
                    dv += min(self.kick * np.exp(min((v - self.kick_at) / self.kick_slope, 60.0)), self.kick_limit)
            dw = (self.adapt_a * (v - self.adapt_level) - w) / self.tau_adapt
            return np.concatenate([[dv - w, dw], (-x / self.tau_syn).reshape(-1)])

        return slope

    def run(self, duration, events, at, windows=(), levels=()):
        """Voltage at the times `at`; `events` are (time, receptor, circuit, charge); spikes are kept."""
        jumps = {}
        for time, receptor, circuit, charge in events:
            jumps.setdefault(time, []).append((receptor, circuit, charge))
        cuts = sorted({0.0, duration, *jumps, *windows})
        noise = dict(zip(windows, levels, strict=True))
        y = np.concatenate([[self.leak, 0.0], np.zeros(self.tau_syn.size)])
        voltage, release = np.full(len(at), np.nan), None

        def crossing(t, y):
            return y[0] - self.threshold

        crossing.terminal, crossing.direction = True, 1
        for start, stop in pairwise(cuts):
            self.level = noise.get(start, self.level)
            for receptor, circuit, charge in jumps.get(start, ()):
                y[2 + receptor * self.tau_syn.shape[1] + circuit] += charge
            now = start
            while now < stop:
                held = release is not None
                end = min(stop, release) if held else stop
                got = solve_ivp(
                    self.slope(held), (now, end), y, dense_output=True, events=None if held else crossing, **_OPTIONS
                )
                then = got.t[-1]
                inside = (at >= now) & (at <= then)
                if inside.any():
                    voltage[inside] = got.sol(at[inside])[0]
                y, now = got.y[:, -1].copy(), then
                if not held and len(got.t_events[0]):
                    self.spikes.append(then)
                    y[1] += self.adapt_b
                    release = then + self.hold
                elif held and then == release:
                    release = None
        return voltage
