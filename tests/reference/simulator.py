"""A plain simulator: one global list of events, crossings found by brute force, derivatives by complex steps.

All neurons of all populations move together from event to event (arrival, end of a hold, sampled time, spike).
Numbers are complex: with a tangent, every parameter carries ``1e-30 i`` times its tangent, and the imaginary parts
of spike times and voltages are their exact directional derivatives; decisions look at real parts alone.
"""

import heapq
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq, minimize_scalar

STEP = 1e-30
GRID = np.linspace(0.0, 1.0, 161) ** 2


@dataclass
class Outcome:
    """Spikes ``{population: [(time, unit), ...]}`` and probe values of one sample."""

    spikes: dict
    voltage: dict
    end: dict
    peak_time: dict
    peak_kind: dict


@dataclass
class Cells:
    """All neurons side by side; ``first`` is where each population begins."""

    first: dict = field(default_factory=dict)
    size: dict = field(default_factory=dict)
    columns: dict = field(default_factory=dict)

    def __getattr__(self, name):
        return self.columns[name]


def response(s, tau_mem, tau_syn):
    """Voltage after ``s`` per unit of a current that decays with ``tau_syn``."""
    x = s * (tau_mem - tau_syn) / (tau_mem * tau_syn)
    small = np.abs(x) < 0.3
    safe = np.where(small, 1.0, tau_mem - tau_syn)
    apart = tau_syn / safe * (np.exp(-s / tau_mem) - np.exp(-s / tau_syn))
    z = np.where(small, x, 0.0)
    series = np.ones_like(z)
    for k in range(18, 1, -1):
        series = 1.0 - z / k * series
    return np.where(small, s / tau_mem * np.exp(-s / tau_mem) * series, apart)


def _value(array, tangents, kind, key):
    moved = (tangents or {}).get(kind, {}).get(key)
    value = np.asarray(array, np.float64) + 0j
    return value if moved is None else value + 1j * STEP * np.asarray(moved, np.float64)


def _cells(net, tangents):
    cells = Cells()
    parts = {}
    at = 0
    for name, population in net.populations.items():
        given = population.parameters()
        if not given:
            continue
        n = population.size
        cells.first[name], cells.size[name] = at, n
        at += n
        v = {k: _value(a, tangents, k, name) for k, a in given.items()}
        one = v.get("tau_syn", v.get("tau_syn_exc"))
        row = {
            "tau_mem": v["tau_mem"],
            "tau0": one,
            "tau1": v.get("tau_syn_inh", one),
            "tau_adapt": v.get("tau_adapt", 1.0),
            "beta": v.get("beta", 0.0),
            "v_th": v.get("v_th", np.inf),
            "v_leak": v["v_leak"],
            "v_reset": v.get("v_reset", 0.0),
            "t_refrac": v.get("t_refrac", 0.0),
            "v_init": v.get("v_init", v["v_leak"]),
            "limit": getattr(population, "max_spikes", None) if population.spiking else 0,
            "spiking": float(population.spiking),
        }
        row["limit"] = 0 if row["limit"] is None else row["limit"]
        for key, value in row.items():
            parts.setdefault(key, []).append(np.broadcast_to(np.asarray(value) + 0j, (n,)))
    cells.columns = {key: np.concatenate(value) for key, value in parts.items()}
    return cells


class Walk:
    """State of all cells at time ``t`` and its closed-form continuation."""

    def __init__(self, cells):
        self.c = cells
        n = cells.v_th.size
        self.t = 0j
        self.v = cells.v_init.copy()
        self.i0 = np.zeros(n, complex)
        self.i1 = np.zeros(n, complex)
        self.a = np.zeros(n, complex)
        self.release = np.full(n, -np.inf) + 0j
        self.count = np.zeros(n, int)

    def held(self):
        return self.release.real > self.t.real

    def voltage(self, s, rows=slice(None)):
        """``V`` after ``s`` of free flight, ``[row, s]``."""
        c = self.c

        def col(x):
            return x[rows][:, None] if isinstance(rows, slice) else np.atleast_1d(x[rows])[:, None]

        tm = col(c.tau_mem)
        return (
            col(c.v_leak)
            + (col(self.v) - col(c.v_leak)) * np.exp(-s / tm)
            + col(self.i0) * response(s, tm, col(c.tau0))
            + col(self.i1) * response(s, tm, col(c.tau1))
        )

    def excess(self, s, rows=slice(None)):
        """``V - threshold`` after ``s``."""
        c = self.c
        a = self.a[rows] if isinstance(rows, slice) else np.atleast_1d(self.a[rows])
        ta = c.tau_adapt[rows] if isinstance(rows, slice) else np.atleast_1d(c.tau_adapt[rows])
        th = c.v_th[rows] if isinstance(rows, slice) else np.atleast_1d(c.v_th[rows])
        return self.voltage(s, rows) - th[:, None] - a[:, None] * np.exp(-s / ta[:, None])

    def rise(self, n, s):
        """``dV/dt`` of one cell after ``s``."""
        c = self.c
        v = self.voltage(np.array([s]), [n])[0, 0]
        i = self.i0[n] * np.exp(-s / c.tau0[n]) + self.i1[n] * np.exp(-s / c.tau1[n])
        return (c.v_leak[n] - v + i) / c.tau_mem[n]

    def slope(self, n, s):
        """``d(V - threshold)/dt`` of one cell after ``s``."""
        c = self.c
        return self.rise(n, s) + self.a[n] / c.tau_adapt[n] * np.exp(-s / c.tau_adapt[n])

    def move(self, s):
        c = self.c
        v = self.voltage(np.array([s]))[:, 0]
        self.v = np.where(self.held(), self.v, v)
        self.i0 = self.i0 * np.exp(-s / c.tau0)
        self.i1 = self.i1 * np.exp(-s / c.tau1)
        self.a = self.a * np.exp(-s / c.tau_adapt)
        self.t = self.t + s

    def first_crossing(self, n, gap, values):
        """First upward crossing of cell ``n`` within ``gap``, or None; ``values`` are those on the grid."""

        def f(s):
            return float(self.excess(np.array([s]), [n])[0, 0].real)

        if values[0] >= 0.0 and self.slope(n, 0.0).real > 0.0:
            return 0.0
        s = gap * GRID
        crosses = np.flatnonzero((values[:-1] < 0.0) & (values[1:] >= 0.0)) + 1
        inner = (values[1:-1] >= values[:-2]) & (values[1:-1] >= values[2:])
        tops = np.flatnonzero(inner & (values[1:-1] > -1e-2) & (values[1:-1] < 0.0)) + 1
        for k in np.sort(np.concatenate((crosses, tops))):
            if k in crosses:
                return brentq(f, s[k - 1], s[k], xtol=1e-24, rtol=8.9e-16, maxiter=300)
            top = minimize_scalar(lambda r: -f(r), bounds=(s[k - 1], s[k + 1]), method="bounded")
            if f(top.x) > 0.0:
                return brentq(f, s[k - 1], top.x, xtol=1e-24, rtol=8.9e-16, maxiter=300)
        return None

    def next_spike(self, gap):
        """``(s, cell)`` of the earliest crossing within ``gap``, or None."""
        live = (self.c.spiking.real > 0.0) & ~self.held()
        values = self.excess(gap * GRID).real
        best = None
        for n in np.flatnonzero(live):
            if not values[n].max() > -1e-2:
                continue
            s = self.first_crossing(n, gap, values[n])
            if s is not None and s < gap and (best is None or s < best[0]):
                best = (s, n)
        if best is None:
            return None
        s, n = complex(best[0]), best[1]
        for _ in range(2):  # carries the imaginary part; the real part is at its root already
            s = s - 1j * (self.excess(np.array([s]), [n])[0, 0] / self.slope(n, s)).imag
        return s, n


class Probes:
    """Maximum and integral of every voltage, gathered from gap to gap."""

    def __init__(self, walk):
        self.peak = walk.v.copy()
        self.time = np.zeros(walk.v.size)
        self.kind = ["start"] * walk.v.size
        self.integral = np.zeros(walk.v.size, complex)

    def gap(self, walk, s):
        """Account for the coming gap of length ``s``; call before moving."""
        c, held = walk.c, walk.held()
        end = walk.voltage(np.array([s]))[:, 0]
        i0, i1 = walk.i0 * (1.0 - np.exp(-s / c.tau0)), walk.i1 * (1.0 - np.exp(-s / c.tau1))
        free = c.v_leak * s + c.tau_mem * (walk.v - end) + c.tau0 * i0 + c.tau1 * i1
        self.integral = self.integral + np.where(held, walk.v * s, free)
        if not s.real > 0.0:  # arrivals without a delay follow their spike at once, yet move by themselves
            for n in range(walk.v.size):
                on_top = self.time[n] == walk.t.real and self.peak[n].real == walk.v[n].real
                if on_top and not held[n] and self.kind[n] == "event":
                    self.peak[n] = end[n]
            return
        grid = s.real * GRID
        values = walk.voltage(grid).real
        for n in range(walk.v.size):
            if held[n]:
                self._offer(n, walk.v[n], walk.t.real, "held")
                continue
            k = int(values[n].argmax())
            lo, hi = grid[max(k - 1, 0)], grid[min(k + 1, grid.size - 1)]
            if walk.rise(n, lo).real > 0.0 > walk.rise(n, hi).real:
                top = brentq(lambda r, n=n: walk.rise(n, r).real, lo, hi, xtol=1e-24, rtol=8.9e-16)
                self._offer(n, walk.voltage(np.array([top]), [n])[0, 0], walk.t.real + top, "interior")
            self._offer(n, end[n], walk.t.real + s.real, "event")

    def _offer(self, n, value, time, kind):
        if value.real > self.peak[n].real:
            self.peak[n], self.time[n], self.kind[n] = value, time, kind


def _stimulus(net, sample, tangents):
    """Input spikes as ``[(time, name, unit)]`` of one sample."""
    found = []
    for name, (times, units) in sample.items():
        moved = (tangents or {}).get("input_times", {}).get(name)
        t = np.asarray(times, float) + 0j
        if moved is not None:
            t = t + 1j * STEP * np.asarray(moved)
        found.extend((complex(a), name, int(u)) for a, u in zip(t, units, strict=True))
    return found


def simulate(net, sample, duration, sampled=None, tangents=None):
    """Run one sample ``{input: (times, units)}``; ``sampled`` are times at which all voltages are noted."""
    cells = _cells(net, tangents)
    walk = Walk(cells)
    probes = Probes(walk)
    weight = {k: _value(p.weight, tangents, "weight", k) for k, p in net.projections.items()}
    delay = {
        k: np.broadcast_to(
            _value(p.delay, tangents, "delay", k)[:, None]
            if p.delay.ndim == 1
            else _value(p.delay, tangents, "delay", k),
            p.weight.shape,
        )
        for k, p in net.projections.items()
    }
    spikes = {name: [] for name, p in net.populations.items() if p.spiking}
    pending = []
    tick = iter(range(1 << 60))
    sampled = np.asarray([] if sampled is None else sampled, float)
    samples = np.zeros((sampled.size, walk.v.size), complex)
    next_sample = 0

    def send(name, unit, t):
        for key, projection in net.projections.items():
            if projection.pre != name:
                continue
            two = len(net.populations[projection.post].receptors) == 2
            for m in range(projection.weight.shape[1]):
                w = weight[key][unit, m]
                receptor = {"exc": 0, "inh": 1, None: 0 if w.real >= 0.0 else 1}[projection.receptor] if two else 0
                at = t + delay[key][unit, m]
                heapq.heappush(pending, (at.real, next(tick), at, cells.first[projection.post] + m, receptor, w))

    for t, name, unit in sorted(_stimulus(net, sample, tangents), key=lambda e: e[0].real):
        spikes[name].append((t, unit))
        send(name, unit, t)

    def advance(s):
        probes.gap(walk, s)
        walk.move(s)

    owner = {}
    for name, first in cells.first.items():
        for j in range(cells.size[name]):
            owner[first + j] = (name, j)

    while True:
        ends = [(duration, 3, complex(duration))]
        if pending:
            ends.append((pending[0][0], 0, pending[0][2]))
        waiting = np.isfinite(walk.release.real) & (walk.release.real > walk.t.real)
        if waiting.any():
            n = int(np.flatnonzero(waiting)[walk.release.real[waiting].argmin()])
            ends.append((walk.release[n].real, 1, walk.release[n]))
        if next_sample < sampled.size:
            ends.append((sampled[next_sample], 2, complex(sampled[next_sample])))
        _, kind, until = min(ends, key=lambda e: e[:2])
        s = until - walk.t
        spike = walk.next_spike(s.real) if s.real > 0.0 else None
        if spike is not None:
            wait, n = spike
            advance(wait)
            name, unit = owner[n]
            spikes[name].append((walk.t, unit))
            walk.v[n] = cells.v_reset[n]
            walk.a[n] += cells.beta[n]
            walk.count[n] += 1
            dead = 0 < cells.limit[n].real <= walk.count[n]
            walk.release[n] = np.inf if dead else walk.t + cells.t_refrac[n]
            send(name, unit, walk.t)
            continue
        if kind == 0 and until.real > duration:
            pending.clear()
            continue
        advance(s)
        walk.t = until
        if kind == 3:
            break
        if kind == 0:
            _, _, _, n, receptor, w = heapq.heappop(pending)
            (walk.i1 if receptor else walk.i0)[n] += w
        elif kind == 2:
            samples[next_sample] = walk.v
            next_sample += 1

    cut = {name: slice(f, f + cells.size[name]) for name, f in cells.first.items()}
    voltage = {
        n: {"samples": samples[:, c], "max": probes.peak[c], "integral": probes.integral[c]} for n, c in cut.items()
    }
    ordered = {name: sorted(s, key=lambda e: (e[0].real, e[1])) for name, s in spikes.items()}
    return Outcome(
        ordered,
        voltage,
        {name: walk.v[c] for name, c in cut.items()},
        {name: probes.time[c] for name, c in cut.items()},
        {name: probes.kind[c] for name, c in cut.items()},
    )
