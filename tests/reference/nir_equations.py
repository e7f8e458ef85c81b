"""NIR's equations as its documents write them, integrated numerically: slow, obvious, and without our conventions.

    CubaLIF, CubaLI:   tau_syn dI/dt = -I + w_in S      tau_mem dv/dt = v_leak - v + r I
    LIF, LI:           tau dv/dt = v_leak - v + r S
    spike:             v > v_threshold, then v := v_reset

S is what comes in through the edges: delta functions of area `area` where spikes are, and constants where biases and
leaky integrators without a threshold are. Times are in the graph's own unit.
"""

import heapq
import itertools

import numpy as np
from scipy.integrate import solve_ivp

NEURONS = ("CubaLIF", "CubaLI", "LIF", "LI")


def simulate(graph, spikes, duration, area=1.0):
    """Spikes {population: [(time, unit)]} of all neurons with a threshold; `spikes` are those of the inputs."""
    names = [name for name, node in graph.nodes.items() if type(node).__name__ in NEURONS]
    size = {name: np.size(graph.nodes[name].v_leak) for name in names}
    place = dict(zip(names, np.cumsum([0, *[2 * size[name] for name in names[:-1]]]), strict=True))
    constant = {name: constant_input(graph, name) for name in names}

    def split(y, name):
        at, n = place[name], size[name]
        return y[at : at + n], y[at + n : at + 2 * n]

    flat = {
        name: {key: np.ravel(value) for key, value in vars(graph.nodes[name]).items() if isinstance(value, np.ndarray)}
        for name in names
    }
    feeding = {
        name: [pre for pre, post in graph.edges if post == name and type(graph.nodes[pre]).__name__ == "LI"]
        for name in names
    }

    def slope(t, y):
        rates = []
        for name in names:
            p, (i, v) = flat[name], split(y, name)
            s = constant[name] + sum(split(y, pre)[1] for pre in feeding[name])
            if "tau_syn" in p:
                rates += [(-i + p["w_in"] * s) / p["tau_syn"], (p["v_leak"] - v + p["r"] * i) / p["tau_mem"]]
            else:
                rates += [np.zeros_like(i), (p["v_leak"] - v + p["r"] * s) / p["tau"]]
        return np.concatenate(rates)

    spiking = [name for name in names if type(graph.nodes[name]).__name__.endswith("LIF")]
    firing = [(name, n) for name in spiking for n in range(size[name])]

    def crossing(name, n):
        threshold = np.ravel(graph.nodes[name].v_threshold)[n]

        def distance(t, y):
            return split(y, name)[1][n] - threshold

        distance.terminal, distance.direction = True, 1
        return distance

    crossings = [crossing(name, n) for name, n in firing]
    queue, count = [], itertools.count()
    found = {name: [] for name in spiking}

    def emit(t, name, unit):
        shape = np.shape(graph.nodes[name].output_type["output"]) and tuple(graph.nodes[name].output_type["output"])
        one = np.zeros(int(np.prod(shape)))
        one[unit] = 1
        spread(t, name, one.reshape(shape))

    def spread(t, name, values):
        for pre, post in graph.edges:
            if pre == name:
                node = graph.nodes[post]
                kind = type(node).__name__
                if kind in NEURONS:
                    heapq.heappush(queue, (t, next(count), post, np.ravel(values)))
                elif kind == "Delay":
                    for at in zip(*np.nonzero(values), strict=True):
                        one = np.zeros_like(values)
                        one[at] = values[at]
                        spread(t + node.delay[at], post, one)
                elif kind != "Output":
                    spread(t, post, linear(node, values))

    for name, events in spikes.items():
        for t, unit in events:
            emit(t, name, unit)
    y = at_rest(slope, sum(2 * size[name] for name in names))
    now = 0.0
    while True:
        until = min(queue[0][0] if queue else duration, duration)
        if until > now:
            run = solve_ivp(slope, (now, until), y, method="DOP853", rtol=1e-11, atol=1e-13, events=crossings)
            now, y = run.t[-1], run.y[:, -1].copy()
            fired = [k for k, hits in enumerate(run.t_events) if len(hits)]
            for k in fired:
                name, n = firing[k]
                found[name].append((now, n))
                split(y, name)[1][n] = np.ravel(graph.nodes[name].v_reset)[n]
                emit(now, name, n)
            if fired:
                continue
        if now >= duration:
            return found
        _, _, name, values = heapq.heappop(queue)
        node, (i, v) = graph.nodes[name], split(y, name)
        if hasattr(node, "tau_syn"):
            i += np.ravel(node.w_in) * values * area / np.ravel(node.tau_syn)
        else:
            v += np.ravel(node.r) * values * area / np.ravel(node.tau)


def at_rest(slope, n):
    """The state in which nothing changes, from equations that are linear: slope(y) = A y + b."""
    b = slope(0.0, np.zeros(n))
    a = np.stack([slope(0.0, one) - b for one in np.eye(n)], axis=1)
    return np.linalg.lstsq(a, -b, rcond=None)[0]


def constant_input(graph, name):
    """What biases give to a node, all the time."""
    total = 0.0
    for pre, post in graph.edges:
        node = graph.nodes[pre]
        if post == name and type(node).__name__ not in (*NEURONS, "Input"):
            before = constant_input(graph, pre)
            if type(node).__name__ in ("Delay", "Flatten"):
                total = total + before
            elif hasattr(node, "weight"):
                bias = np.ravel(node.bias) if hasattr(node, "bias") else np.zeros(1)
                here = int(np.prod(node.output_type["output"])) // len(bias)  # of a channel
                total = total + np.repeat(bias, here)
            elif hasattr(node, "scale"):
                total = total + np.ravel(node.scale) * before
    return total


def linear(node, x):
    """What a linear node makes of one array, its bias apart."""
    kind = type(node).__name__
    if kind in ("Linear", "Affine"):
        return node.weight @ x
    if kind == "Scale":
        return node.scale * x
    if kind == "Flatten":
        return x.ravel()
    if kind in ("SumPool2d", "AvgPool2d"):
        (kh, kw), (sh, sw), (ph, pw) = node.kernel_size, node.stride, node.padding
        padded = np.pad(x, ((0, 0), (ph, ph), (pw, pw)))
        rows, columns = (padded.shape[1] - kh) // sh + 1, (padded.shape[2] - kw) // sw + 1
        out = np.array(
            [
                [[c[i * sh : i * sh + kh, j * sw : j * sw + kw].sum() for j in range(columns)] for i in range(rows)]
                for c in padded
            ]
        )
        return out / (kh * kw) if kind == "AvgPool2d" else out
    if kind in ("Conv1d", "Conv2d"):
        return convolve(node, x)
    raise AssertionError(kind)


def convolve(node, x):
    axes = node.weight.ndim - 2
    stride, padding, dilation = (np.broadcast_to(getattr(node, key), axes) for key in ("stride", "padding", "dilation"))
    padded = np.pad(x, ((0, 0), *[(p, p) for p in padding]))
    kernel = node.weight.shape[2:]
    counts = [(padded.shape[1 + a] - dilation[a] * (kernel[a] - 1) - 1) // stride[a] + 1 for a in range(axes)]
    out = np.zeros((node.weight.shape[0], *counts))
    per_group_in, per_group_out = node.weight.shape[1], node.weight.shape[0] // node.groups
    for o in range(node.weight.shape[0]):
        first = o // per_group_out * per_group_in
        for at in np.ndindex(*counts):
            for c in range(per_group_in):
                for tap in np.ndindex(*kernel):
                    where = tuple(at[a] * stride[a] + tap[a] * dilation[a] for a in range(axes))
                    out[(o, *at)] += node.weight[(o, c, *tap)] * padded[(first + c, *where)]
    return out
