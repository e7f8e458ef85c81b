"""A plain simulator for networks of some hundred neurons: a list of targets for each, crossings by bisection.

Every neuron keeps its own clock. When something reaches it, its next crossing is looked for anew: on a grid that is
fine beside its time constants, by a search at every top that lies below the threshold, and then by bisection. Only
`LIF` populations, driven by inputs and by each other; no derivatives (see ``reference.simulator`` for these).
"""

import heapq
import math

import numpy as np

CURRENTS = 2
HALVINGS = 200
FINE = np.linspace(0.0, 6.0, 241)  # in units of the fastest time constant
GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)


class Neuron:
    """One neuron: parameters, and its state at its own time ``t``."""

    def __init__(self, population, unit):
        def own(name):
            value = np.asarray(getattr(population, name), float)
            return float(value[unit]) if value.ndim else float(value)

        one = "tau_syn" if population.tau_syn is not None else "tau_syn_exc"
        self.taus = (own(one), own("tau_syn_inh" if one == "tau_syn_exc" else one))
        self.tau_mem, self.v_leak, self.v_th = own("tau_mem"), own("v_leak"), own("v_th")
        self.v_reset, self.t_refrac = own("v_reset"), own("t_refrac")
        self.v = self.v_leak if population.v_init is None else own("v_init")
        self.i = [0.0] * CURRENTS
        self.t, self.release = 0.0, -math.inf
        limits = population.max_spikes
        self.left = math.inf
        if limits is not None:
            self.left = int(np.broadcast_to(limits, (population.size,))[unit]) or math.inf

    def level(self, s, v, i, exp):
        """Voltage after ``s`` of free flight; ``s`` a number or an array."""
        em = exp(-s / self.tau_mem)
        total = self.v_leak + (v - self.v_leak) * em
        for current, tau in zip(i, self.taus, strict=True):
            if tau == self.tau_mem:
                total = total + current * s / tau * em
            else:
                total = total + current * tau / (self.tau_mem - tau) * (em - exp(-s / tau))
        return total

    def free(self):
        """When and in what state it is next free to move: now, or at the end of a hold."""
        wait = max(self.release - self.t, 0.0)
        return self.t + wait, self.v, [c * math.exp(-wait / tau) for c, tau in zip(self.i, self.taus, strict=True)]

    def move(self, t):
        """Bring its state to ``t``; while it is held only the currents move."""
        if t > self.release:
            start, v, i = self.free()
            self.v = self.level(t - start, v, i, math.exp)
        decay = [math.exp(-(t - self.t) / tau) for tau in self.taus]
        self.i = [c * d for c, d in zip(self.i, decay, strict=True)]
        self.t = t

    def spike(self):
        """Reset at its own time."""
        self.left -= 1
        self.v = self.v_reset
        self.release = self.t + self.t_refrac if self.left > 0 else math.inf

    def crossing(self, duration):
        """Time of its next spike if nothing reaches it before; inf if there is none within the window."""
        start, v, i = self.free()
        if not start < duration:
            return math.inf

        def above(s):
            return self.level(s, v, i, math.exp) - self.v_th

        fastest = min(self.tau_mem, *self.taus)
        span = duration - start
        # behind the fine part all but the slowest exponential are gone, and then that one too
        grid = np.concatenate([fastest * FINE, fastest * FINE[-1] * 1.02 ** np.arange(1.0, 600.0)])
        grid = np.append(grid[grid < span], span)
        values = self.level(grid, v, i, np.exp) - self.v_th
        for k in range(1, grid.size):
            if values[k - 1] < 0.0 <= values[k]:
                return start + bisect(above, grid[k - 1], grid[k])
            top = k + 1 < grid.size and values[k] < 0.0 and values[k - 1] <= values[k] >= values[k + 1]
            if top:
                at = highest(above, grid[k - 1], grid[k + 1])
                if above(at) > 0.0:
                    return start + bisect(above, grid[k - 1], at)
        return math.inf


def bisect(above, lo, hi):
    """Where ``above`` changes from below 0 to 0 or more."""
    for _ in range(HALVINGS):
        mid = 0.5 * (lo + hi)
        if not lo < mid < hi:
            break
        lo, hi = (lo, mid) if above(mid) >= 0.0 else (mid, hi)
    return hi


def highest(above, lo, hi):
    """Where ``above``, which has one top between ``lo`` and ``hi``, is highest."""
    for _ in range(80):
        left, right = hi - GOLDEN * (hi - lo), lo + GOLDEN * (hi - lo)
        lo, hi = (lo, right) if above(left) > above(right) else (left, hi)
    return 0.5 * (lo + hi)


def synapses(projection, n_post):
    """``(pre, post, weight, delay)`` of every synapse, whatever the connectivity."""
    connectivity = getattr(projection, "connectivity", None)
    weight, delay = np.asarray(projection.weight, float), np.asarray(projection.delay, float)
    if connectivity is None:
        pre, post = (each.ravel() for each in np.indices(weight.shape))
        place = pre * n_post + post
    else:
        pre, post, place = (np.asarray(each) for each in connectivity.synapses())
    if delay.ndim == 0:
        delays = np.full(pre.size, float(delay))
    elif delay.shape == weight.shape:
        delays = delay.ravel()[place]
    else:
        delays = delay[pre]
    return zip(pre.tolist(), post.tolist(), weight.ravel()[place].tolist(), delays.tolist(), strict=True)


def targets(net):
    """``{(population, unit): [(population, unit, receptor, weight, delay), ...]}``."""
    found = {}
    for projection in net.projections.values():
        population = net.populations[projection.post]
        two = len(population.receptors) == 2
        for m, n, w, d in synapses(projection, population.size):
            receptor = {"exc": 0, "inh": 1, None: int(w < 0.0)}[projection.receptor] if two else 0
            found.setdefault((projection.pre, m), []).append((projection.post, n, receptor, w, d))
    return found


def simulate(net, sample, duration):
    """Run one sample ``{input: (times, units)}``; ``({population: [(time, unit), ...]}, neurons by key)``."""
    neurons = {
        (name, unit): Neuron(population, unit)
        for name, population in net.populations.items()
        if population.parameters()
        for unit in range(population.size)
    }
    outgoing = targets(net)
    spikes = {name: [] for name in net.populations}
    pending = []
    order = iter(range(1 << 62))

    def send(name, unit, t):
        for post, n, receptor, w, d in outgoing.get((name, unit), ()):
            heapq.heappush(pending, (t + d, next(order), (post, n), receptor, w))

    given = [(t, name, unit) for name, (times, units) in sample.items() for t, unit in zip(times, units, strict=True)]
    for t, name, unit in sorted(given):
        spikes[name].append((float(t), int(unit)))
        send(name, int(unit), float(t))
    due = {key: neuron.crossing(duration) for key, neuron in neurons.items()}
    while True:
        key = min(due, key=due.__getitem__)
        arrival = pending[0][0] if pending else math.inf
        t = min(arrival, due[key])
        if not t <= duration:
            break
        if arrival <= t:
            _, _, key, receptor, w = heapq.heappop(pending)
            neurons[key].move(t)
            neurons[key].i[receptor] += w
        else:
            neurons[key].move(t)
            neurons[key].spike()
            spikes[key[0]].append((t, key[1]))
            send(*key, t)
        due[key] = neurons[key].crossing(duration)
    for neuron in neurons.values():
        neuron.move(duration)
    return {name: sorted(found) for name, found in spikes.items()}, neurons
