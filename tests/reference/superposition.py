"""The voltage of one neuron as a plain sum over all spikes that reached it: no events, no state."""

import numpy as np

from reference.simulator import response


def arrivals(net, spikes, name, unit):
    """``(time, weight, receptor)`` of everything that reaches a neuron; ``spikes[name] = (times, units)``."""
    found = []
    for projection in net.projections.values():
        if projection.post != name:
            continue
        two = len(net.populations[name].receptors) == 2
        delay = projection.delay[:, None] if projection.delay.ndim == 1 else projection.delay
        delay = np.broadcast_to(delay, projection.weight.shape)
        for t, j in zip(*spikes[projection.pre], strict=True):
            w = projection.weight[j, unit]
            receptor = {"exc": 0, "inh": 1, None: 0 if w >= 0.0 else 1}[projection.receptor] if two else 0
            found.append((t + delay[j, unit], w, receptor))
    return found


def own(population, name, unit):
    value = np.asarray(getattr(population, name))
    return float(value[unit]) if value.ndim else float(value)


def trace(net, spikes, name, unit, times):
    """``(V, threshold, held)`` at sorted times; a spike at exactly a time has not happened yet."""
    population = net.populations[name]
    reached = arrivals(net, spikes, name, unit)
    fired = np.sort(spikes[name][0][spikes[name][1] == unit]) if population.spiking else np.empty(0)
    tau_mem, v_leak = own(population, "tau_mem", unit), own(population, "v_leak", unit)
    taus = [
        own(population, "tau_syn" if len(population.receptors) == 1 else f"tau_syn_{r}", unit)
        for r in population.receptors
    ]
    v_init = v_leak if population.v_init is None else own(population, "v_init", unit)
    v, threshold, held = np.empty(len(times)), np.empty(len(times)), np.zeros(len(times), bool)
    for k, t in enumerate(times):
        before = fired[fired < t]
        start, v0 = 0.0, v_init
        if before.size:
            start, v0 = before[-1] + own(population, "t_refrac", unit), own(population, "v_reset", unit)
        adapted = 0.0
        if hasattr(population, "beta"):
            tau = own(population, "tau_adapt", unit)
            adapted = own(population, "beta", unit) * np.exp(-(t - before) / tau).sum()
        threshold[k] = (own(population, "v_th", unit) if population.spiking else np.inf) + adapted
        if t < start:
            v[k], held[k] = v0, True
            continue
        v[k] = v_leak + (v0 - v_leak) * np.exp(-(t - start) / tau_mem)
        for at, w, receptor in reached:
            if at <= t:
                tau = taus[receptor]
                current = w * np.exp(-(max(start, at) - at) / tau)
                v[k] += current * response(np.array(t - max(start, at)), tau_mem, tau)
    return v, threshold, held
