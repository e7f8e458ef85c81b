"""A plain kernel to measure ours against: the same layer and the same gradient, as most people would write them.

Leaky integrate-and-fire with ``tau_mem = 2 tau_syn``, parameters shared, threshold 1, rest and reset 0, no refractory
time; any number of spikes.  Compiled by Numba like ours, exact like ours, and without ideas: every input event updates
every neuron with its own exponentials, and EventProp's adjoint takes all neurons from event to event, their own spikes
among the events.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from saltation.model import Spikes

__all__ = ["Layer", "gradient", "run"]


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer did: its input, and its spikes by sample in order of time.

    Attributes
    ----------
    weight : ndarray, [pre, post]
        Weights.
    tau_syn : float
        Synaptic time constant in seconds; that of the membrane is twice as long.
    source : tuple of ndarray
        Times (in seconds), units and offsets of the input events.
    times, units, currents, offsets : ndarray
        Times of the spikes, who spiked, the synaptic current there, and where each sample begins.
    """

    weight: np.ndarray
    tau_syn: float
    source: tuple[np.ndarray, np.ndarray, np.ndarray]
    times: np.ndarray
    units: np.ndarray
    currents: np.ndarray
    offsets: np.ndarray


def run(weights: list[np.ndarray], tau_syn: float, stimulus: Spikes, duration: float) -> list[Layer]:
    """Run feed-forward layers on a stimulus; times in seconds."""
    source = (stimulus.times, stimulus.units, stimulus.offsets)
    layers: list[Layer] = []
    for weight in weights:
        capacity = 4 * weight.shape[1] * stimulus.batch
        while True:
            times, units, currents = np.empty(capacity), np.empty(capacity, np.int32), np.empty(capacity)
            offsets = np.zeros(stimulus.batch + 1, np.int64)
            out = (times, units, currents, offsets)
            n = _forward(weight, tau_syn, source, duration, out)
            if n >= 0:
                break
            capacity *= 2
        layers.append(Layer(weight, tau_syn, source, times[:n], units[:n], currents[:n], offsets))
        source = (times[:n], units[:n], offsets)
    return layers


def gradient(layers: list[Layer], spike_times: np.ndarray) -> list[np.ndarray]:
    """``dL/dw`` of every layer from ``dL/dt`` of the last layer's spikes."""
    gradients: list[np.ndarray] = []
    for layer in reversed(layers):
        weight_gradient = np.zeros_like(layer.weight)
        source_times = np.zeros(layer.source[0].size)
        spikes = (layer.times, layer.units, layer.currents, layer.offsets)
        _adjoint(layer.weight, layer.tau_syn, layer.source, spikes, spike_times, source_times, weight_gradient)
        gradients.append(weight_gradient)
        spike_times = source_times
    return gradients[::-1]


@njit
def _next_spike(v, i, tau_mem):
    """Time to the next crossing of 1, inf if there is none: ``i x^2 - (v + i) x + 1 = 0``, ``x = exp(-s/tau_mem)``."""
    discriminant = (v + i) ** 2 - 4.0 * i
    if i <= 0.0 or discriminant <= 0.0:
        return math.inf
    x = (v + i + math.sqrt(discriminant)) / (2.0 * i)
    return -tau_mem * math.log(x) if x < 1.0 else math.inf


@njit
def _forward(weight, tau_syn, source, duration, out):
    """Run one layer; the number of spikes, or -1 where there was no room for them."""
    in_times, in_units, in_offsets = source
    times, units, currents, offsets = out
    n = weight.shape[1]
    tau_mem = 2.0 * tau_syn
    v, i = np.empty(n), np.empty(n)
    k = 0
    for b in range(in_offsets.size - 1):
        first_spike = k
        v[:] = 0.0
        i[:] = 0.0
        before = 0.0
        for e in range(in_offsets[b], in_offsets[b + 1] + 1):
            last = e == in_offsets[b + 1]
            until = duration if last else in_times[e]
            for m in range(n):
                t = before
                while True:
                    s = _next_spike(v[m], i[m], tau_mem)
                    if t + s > until:
                        break
                    if k == times.size:
                        return -1
                    t += s
                    i[m] *= math.exp(-s / tau_syn)
                    v[m] = 0.0
                    times[k] = t
                    units[k] = m
                    currents[k] = i[m]
                    k += 1
                em = math.exp(-(until - t) / tau_mem)
                es = math.exp(-(until - t) / tau_syn)
                v[m] = v[m] * em + i[m] * (em - es)
                i[m] *= es
                if not last:
                    i[m] += weight[in_units[e], m]
            before = until
        order = np.argsort(times[first_spike:k])
        times[first_spike:k] = times[first_spike:k][order]
        units[first_spike:k] = units[first_spike:k][order]
        currents[first_spike:k] = currents[first_spike:k][order]
        offsets[b + 1] = k
    return k


@njit
def _adjoint(weight, tau_syn, source, spikes, spike_times, source_times, weight_gradient):
    """EventProp of one layer: ``lam = dL/d(v, i)`` of all neurons, backward from event to event."""
    in_times, in_units, in_offsets = source
    times, units, currents, offsets = spikes
    n = weight.shape[1]
    tau_mem = 2.0 * tau_syn
    lam_v, lam_i = np.empty(n), np.empty(n)
    for b in range(in_offsets.size - 1):
        lam_v[:] = 0.0
        lam_i[:] = 0.0
        e, k = in_offsets[b + 1] - 1, offsets[b + 1] - 1
        now = math.inf
        while e >= in_offsets[b] or k >= offsets[b]:
            # at equal times an input comes before a spike, so backward after it
            own = k >= offsets[b] and (e < in_offsets[b] or times[k] >= in_times[e])
            t = times[k] if own else in_times[e]
            if now < math.inf:
                for m in range(n):
                    em = math.exp(-(now - t) / tau_mem)
                    es = math.exp(-(now - t) / tau_syn)
                    lam_i[m] = lam_i[m] * es + lam_v[m] * (em - es)
                    lam_v[m] *= em
            now = t
            if own:
                m = units[k]
                slope_before = (currents[k] - 1.0) / tau_mem
                slope_after = currents[k] / tau_mem
                lam_v[m] = (lam_v[m] * slope_after - spike_times[k]) / slope_before
                k -= 1
            else:
                row = in_units[e]
                total = 0.0
                for m in range(n):
                    weight_gradient[row, m] += lam_i[m]
                    total += weight[row, m] * (lam_i[m] / tau_syn - lam_v[m] / tau_mem)
                source_times[e] = total
                e -= 1
