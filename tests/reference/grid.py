"""A network on a time grid in plain PyTorch: one dense step after another, differentiated by autograd.

Every synapse of every projection is an entry of a matrix of weights and one of delays; spikes are zeros and ones with
a surrogate derivative.  One sample at a time.
"""

import numpy as np
import torch

PSEUDO = {
    "SuperSpike": lambda s, x: 1.0 / (1.0 + s.beta * x.abs()) ** 2,
    "Sigmoid": lambda s, x: s.beta * torch.sigmoid(s.beta * x) * (1.0 - torch.sigmoid(s.beta * x)),
    "Triangle": lambda s, x: s.scale * torch.clamp(1.0 - x.abs() / s.width, min=0.0),
    "ATan": lambda s, x: s.alpha / 2 / (1.0 + (torch.pi * s.alpha * x / 2) ** 2),
    "Boxcar": lambda s, x: (x.abs() <= s.width / 2).double() / s.width,
    "Gaussian": lambda s, x: torch.exp(-(x**2) / (2 * s.sigma**2)) / (2 * torch.pi) ** 0.5 / s.sigma,
}


class Spike(torch.autograd.Function):
    """1 where ``x >= 0`` and allowed; the surrogate as its derivative, where allowed."""

    @staticmethod
    def forward(ctx, x, allowed, surrogate):
        ctx.save_for_backward(x, allowed)
        ctx.surrogate = surrogate
        return ((x >= 0.0) & allowed).double()

    @staticmethod
    def backward(ctx, grad):
        x, allowed = ctx.saved_tensors
        return grad * PSEUDO[type(ctx.surrogate).__name__](ctx.surrogate, x) * allowed, None, None


def parameters(net):
    """Every array of a network as a tensor that requires a gradient, by kind and target."""
    found = {}
    for key, projection in net.projections.items():
        found["weight", key] = torch.tensor(np.asarray(projection.weight, float), requires_grad=True)
    for name, population in net.populations.items():
        for kind, value in population.parameters().items():
            found[kind, name] = torch.tensor(np.asarray(value, float), requires_grad=True)
    return found


def _gain(dt, tau_mem, tau_syn):
    """Voltage after ``dt`` per unit of a current that decays with ``tau_syn``."""
    x = dt / tau_mem - dt / tau_syn
    # (exp(x) - 1) / x as its series, which autograd goes through at x = 0 too
    series, term = torch.ones_like(x), torch.ones_like(x)
    for k in range(2, 25):
        term = term * x / k
        series = series + term
    return dt / tau_mem * torch.exp(-dt / tau_mem) * series


def _matrices(projection, weight, dt):
    """Weights and steps of delay of all pairs; several synapses of a pair become several matrices."""
    n_pre, n_post = projection.shape
    delay = torch.tensor(np.array(projection.delay, float))
    if projection.connectivity is None:
        steps = delay.reshape(-1, 1) if delay.ndim == 1 else delay
        return [(weight, torch.round(steps / dt).expand(n_pre, n_post).long())]
    pre, post, place = projection.connectivity.synapses()
    found = []
    for i, j, at in zip(pre, post, place, strict=True):
        late = delay if delay.ndim == 0 else delay.reshape(-1)[at if projection.delay_per_weight else i]
        one = torch.zeros(n_pre, n_post, dtype=torch.float64)
        one[i, j] = 1.0
        found.append((one * weight.reshape(-1)[at], torch.full((n_pre, n_post), round(float(late) / dt))))
    return found


def simulate(net, inputs, last, dt, given, surrogate, detached=False, seen=None):
    """Run one sample; ``inputs[name]`` are values ``[step, unit]``, zeros and ones for events.

    ``seen[name]`` are trains ``[step, neuron]`` that take the place of its own spikes, and voltages or None.

    Returns spike trains ``[step, neuron]`` and voltages ``[step, neuron]`` (before the spike) by population.
    """
    names = [name for name in net.populations if name not in inputs]
    n_of = {name: net.populations[name].size for name in net.populations}
    v, current, adapt, until, count = {}, {}, {}, {}, {}
    for name in names:
        start = given.get(("v_init", name), given["v_leak", name])
        v[name] = start.expand(n_of[name])
        receptors = [kind for kind in ("tau_syn", "tau_syn_exc", "tau_syn_inh") if (kind, name) in given]
        current[name] = {kind: torch.zeros(n_of[name], dtype=torch.float64) for kind in receptors}
        adapt[name] = torch.zeros(n_of[name], dtype=torch.float64)
        until[name] = torch.full((n_of[name],), -1)
        count[name] = torch.zeros(n_of[name])
    synapses = [
        (projection, matrix, late)
        for key, projection in net.projections.items()
        for matrix, late in _matrices(projection, given["weight", key], dt)
    ]
    to_come = {}  # (step, population, receptor) -> current
    trains = {name: [] for name in names}
    voltages = {name: [] for name in names}

    def receptor_masks(projection, matrix):
        kinds = list(current[projection.post])
        if len(kinds) == 1:
            return [(kinds[0], torch.ones_like(matrix))]
        if projection.receptor is None:
            return [("tau_syn_exc", (matrix >= 0).double()), ("tau_syn_inh", (matrix < 0).double())]
        return [(f"tau_syn_{projection.receptor}", torch.ones_like(matrix))]

    def send(k, projection, matrix, late, z):
        for d in torch.unique(late).tolist():
            for kind, mask in receptor_masks(projection, matrix):
                place = (k + d, projection.post, kind)
                arriving = z @ (matrix * mask * (late == d))
                to_come[place] = to_come.get(place, 0.0) + arriving

    for k in range(last + 1):
        z = {name: torch.as_tensor(values[k]) for name, values in inputs.items()}
        for projection, matrix, late in synapses:
            if projection.pre in inputs:
                send(k, projection, matrix, late, z[projection.pre])
        for name in names:
            # in any order: what arrives at a grid point does not move a voltage there
            threshold = given.get(("v_th", name))
            held = until[name] >= k
            if name in (seen or {}) and seen[name][1] is not None:
                v[name] = v[name] + (torch.as_tensor(seen[name][1][k]) - v[name]).detach()
            voltages[name].append(v[name])
            if threshold is None:
                continue
            if name in (seen or {}) and seen[name][0] is not None:
                there, top = torch.as_tensor(seen[name][0][k]) > 0, threshold + adapt[name]
                clear = 1e-9 * (threshold - given["v_reset", name])
                moved = torch.where(there, torch.maximum(v[name], top + clear), torch.minimum(v[name], top - clear))
                moved = torch.where(held, v[name], moved)
                v[name] = v[name] + (moved - v[name]).detach()
            x = v[name] - threshold - adapt[name]
            spike = Spike.apply(x, ~held, surrogate)
            trains[name].append(spike)
            reset = spike.detach() if detached else spike
            v[name] = v[name] + reset * (given["v_reset", name] - v[name])
            if ("beta", name) in given:
                adapt[name] = adapt[name] + reset * given["beta", name]
            steps_held = torch.round(given["t_refrac", name].detach() / dt).long().expand(n_of[name])
            until[name] = torch.where(spike.detach() > 0, k + steps_held, until[name])
            count[name] = count[name] + spike.detach()
            limit = net.populations[name].max_spikes
            if limit is not None and name not in (seen or {}):  # it stays where it was reset to
                until[name] = torch.where(count[name] < torch.as_tensor(np.array(limit)), until[name], 10**9)
            for projection, matrix, late in synapses:
                if projection.pre == name:
                    extra = 0.0
                    if name in (seen or {}) and projection.post != name:  # what was observed and ignored goes on
                        extra = torch.as_tensor(seen[name][0][k]) - spike.detach()
                    send(k, projection, matrix, late, spike + extra)
        for name in names:
            for kind in current[name]:
                current[name][kind] = current[name][kind] + to_come.pop((k, name, kind), 0.0)
            tau_mem, leak = given["tau_mem", name], given["v_leak", name]
            moved = leak + torch.exp(-dt / tau_mem) * (v[name] - leak)
            for kind, value in current[name].items():
                moved = moved + _gain(dt, tau_mem, given[kind, name]) * value
                current[name][kind] = value * torch.exp(-dt / given[kind, name])
            v[name] = torch.where(until[name] > k, v[name], moved)
            if ("tau_adapt", name) in given:
                adapt[name] = adapt[name] * torch.exp(-dt / given["tau_adapt", name])
    stacked = {name: torch.stack(values) for name, values in trains.items() if values}
    return stacked, {name: torch.stack(values) for name, values in voltages.items()}
