"""Synaptic operations counted one by one, in plain loops: what the counters of `saltation.neurobench` must give."""

import itertools
import math

import numpy as np


def spiking(vector):
    """Whether a vector is of spikes: all entries are -1, 0 or 1."""
    return all(float(x) in (-1.0, 0.0, 1.0) for x in np.ravel(vector))


class Tally:
    """MACs, ACs and dense operations."""

    def __init__(self):
        self.macs = self.acs = self.dense = 0

    def product(self, x, weight, analog):
        """One weight times one activation."""
        self.dense += 1
        if float(x) != 0.0 and float(weight) != 0.0:
            if analog:
                self.macs += 1
            else:
                self.acs += 1

    def gate(self, a, b):
        """One number of a cell times another; always analog."""
        self.dense += 1
        self.macs += float(a) != 0.0 and float(b) != 0.0

    @property
    def found(self):
        return self.macs, self.acs, self.dense


def linear(tally, x, weight):
    """``x [row, in]``, ``weight [out, in]``."""
    for row in x:
        analog = not spiking(row)
        for out in weight:
            for value, w in zip(row, out, strict=True):
                tally.product(value, w, analog)
    return tally


def conv(tally, x, weight, stride, padding, dilation, groups):
    """``x [batch, channel, place ..]``, ``weight [out, in / groups, tap ..]``; padding ``[(before, after)]``."""
    axes = weight.ndim - 2
    sizes = [
        (x.shape[2 + a] + sum(padding[a]) - dilation[a] * (weight.shape[2 + a] - 1) - 1) // stride[a] + 1
        for a in range(axes)
    ]
    per_out, per_in = weight.shape[0] // groups, weight.shape[1]
    for image in x:
        analog = not spiking(image)
        for out in range(weight.shape[0]):
            for place in itertools.product(*map(range, sizes)):
                for channel in range(per_in):
                    for tap in itertools.product(*map(range, weight.shape[2:])):
                        at = [place[a] * stride[a] + tap[a] * dilation[a] - padding[a][0] for a in range(axes)]
                        if all(0 <= at[a] < x.shape[2 + a] for a in range(axes)):
                            value = image[(out // per_out * per_in + channel, *at)]
                            tally.product(value, weight[(out, channel, *tap)], analog)
    return tally


def conv_transposed(tally, x, weight, stride, padding, dilation, groups, output_padding):
    """``x [batch, channel, place ..]``, ``weight [in, out / groups, tap ..]``."""
    axes = weight.ndim - 2
    sizes = [
        (x.shape[2 + a] - 1) * stride[a]
        - 2 * padding[a]
        + dilation[a] * (weight.shape[2 + a] - 1)
        + output_padding[a]
        + 1
        for a in range(axes)
    ]
    for image in x:
        analog = not spiking(image)
        for channel in range(x.shape[1]):
            for place in itertools.product(*map(range, x.shape[2:])):
                for out in range(weight.shape[1]):
                    for tap in itertools.product(*map(range, weight.shape[2:])):
                        at = [place[a] * stride[a] + tap[a] * dilation[a] - padding[a] for a in range(axes)]
                        if all(0 <= at[a] < sizes[a] for a in range(axes)):
                            tally.product(image[(channel, *place)], weight[(channel, out, *tap)], analog)
    return tally


def _sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


def _affine(x, weight, bias):
    return [
        sum(float(w) * float(v) for w, v in zip(row, x, strict=True)) + float(b)
        for row, b in zip(weight, bias, strict=True)
    ]


def cell(tally, kind, x, h, c, weights):
    """One step of one row: x, h and c are vectors; weights are w_ih, w_hh, b_ih, b_hh (, w_hr). Gives h and c."""
    w_ih, w_hh, b_ih, b_hh = weights[:4]
    size = len(w_hh) // {"lstm": 4, "gru": 3}.get(kind, 1)
    linear(tally, [x], w_ih)
    linear(tally, [h], w_hh)
    a, b = _affine(x, w_ih, b_ih), _affine(h, w_hh, b_hh)
    if kind in ("rnn_tanh", "rnn_relu"):
        act = math.tanh if kind == "rnn_tanh" else lambda v: max(v, 0.0)
        return [act(p + q) for p, q in zip(a, b, strict=True)], None
    if kind == "gru":
        new = []
        for k in range(size):
            r, z = _sigmoid(a[k] + b[k]), _sigmoid(a[size + k] + b[size + k])
            tally.gate(r, b[2 * size + k])
            n = math.tanh(a[2 * size + k] + r * b[2 * size + k])
            tally.gate(1.0 - z, n)
            tally.gate(z, h[k])
            new.append((1.0 - z) * n + z * float(h[k]))
        return new, None
    outputs, cells = [], []
    for k in range(size):
        i, f, g, o = (a[q * size + k] + b[q * size + k] for q in range(4))
        i, f, g, o = _sigmoid(i), _sigmoid(f), math.tanh(g), _sigmoid(o)
        tally.gate(f, c[k])
        tally.gate(i, g)
        cells.append(f * float(c[k]) + i * g)
        tally.gate(o, math.tanh(cells[-1]))
        outputs.append(o * math.tanh(cells[-1]))
    if len(weights) > 4:
        linear(tally, [outputs], weights[4])
        outputs = _affine(outputs, weights[4], [0.0] * len(weights[4]))
    return outputs, cells


def recurrent(tally, kind, sequences, weights, sizes):
    """Layers of cells over sequences ``[sequence][step][in]``; ``weights[layer][direction]``, ``sizes`` of h and c."""
    for layer in weights:
        outputs = [[[] for _ in sequence] for sequence in sequences]
        for backwards, own in enumerate(layer):
            for s, sequence in enumerate(sequences):
                h, c = [0.0] * sizes[0], [0.0] * sizes[1]
                order = range(len(sequence) - 1, -1, -1) if backwards else range(len(sequence))
                for t in order:
                    h, c = cell(tally, kind, sequence[t], h, c, own)
                    outputs[s][t] = outputs[s][t] + list(h)
        sequences = outputs
    return tally


def synapses(projection):
    """All synapses ``(pre, post, weight, delay)`` of a projection, one by one."""
    n_pre, n_post = projection.shape
    if projection.connectivity is None:
        listed = [(m, n, m * n_post + n) for m in range(n_pre) for n in range(n_post)]
    else:
        listed = list(zip(*(each.tolist() for each in projection.connectivity.synapses()), strict=True))
    weight, delay = projection.weight.reshape(-1), projection.delay
    for m, n, place in listed:
        if delay.ndim == 0:
            own = float(delay)
        else:
            own = float(delay.reshape(-1)[place]) if projection.delay_per_weight else float(delay[m])
        yield m, n, float(weight[place]), own


def events(projections, spikes, duration):
    """ACs of each projection, and the set of (sample, post population, neuron, time) of arrivals."""
    counts, arrivals = {}, set()
    for key, projection in projections.items():
        counts[key] = 0
        listed = list(synapses(projection))
        for b, (times, units) in enumerate(spikes[projection.pre].to_lists()):
            for t, unit in zip(times.tolist(), units.tolist(), strict=True):
                for m, n, weight, delay in listed:
                    if m == unit and weight != 0.0 and t + delay <= duration:
                        counts[key] += 1
                        arrivals.add((b, projection.post, n, t + delay))
    return counts, arrivals
