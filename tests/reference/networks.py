"""Random networks and stimuli, each from one seed."""

import numpy as np

import saltation as sal

DURATION = 0.06
MODELS = ("lif", "lif_two", "alif", "lif_one", "lif_twice", "lif_half", "lif_four", "leaky")
RATIOS = {"lif_one": 1.0, "lif_twice": 2.0, "lif_half": 0.5, "lif_four": 4.0}


def neurons(model, n, rng, *, per_neuron=False, refractory=False, max_spikes=None):
    """A population of ``n`` spiking neurons with random parameters."""

    def draw(low, high):
        return rng.uniform(low, high, n) if per_neuron else rng.uniform(low, high)

    tau_mem = draw(8e-3, 25e-3)
    common = {
        "tau_mem": tau_mem,
        "v_th": draw(0.8, 1.2),
        "v_leak": draw(-0.1, 0.2),
        "v_reset": draw(-0.3, 0.1),
        "t_refrac": draw(1e-3, 4e-3) if refractory else 0.0,
        "v_init": draw(-0.2, 0.3),
        "max_spikes": max_spikes,
    }
    if model == "lif_two":
        return sal.LIF(n, tau_syn_exc=draw(3e-3, 6e-3), tau_syn_inh=draw(5e-3, 12e-3), **common)
    if model == "alif":
        return sal.ALIF(n, tau_syn=draw(3e-3, 7e-3), tau_adapt=draw(20e-3, 80e-3), beta=draw(0.1, 0.4), **common)
    if model == "leaky":  # fires by itself
        common["v_leak"] = draw(1.25, 1.5)
        return sal.LIF(n, tau_syn=draw(3e-3, 7e-3), **common)
    if model in RATIOS:
        return sal.LIF(n, tau_syn=tau_mem / RATIOS[model], **common)
    return sal.LIF(n, tau_syn=draw(3e-3, 7e-3), **common)


def delays(kind, n_pre, n_post, rng):
    """Delays: ``"none"``, ``"scalar"``, ``"pre"`` or ``"synapse"``."""
    if kind == "none":
        return 0.0
    shape = {"scalar": (), "pre": (n_pre,), "synapse": (n_pre, n_post)}[kind]
    return rng.uniform(0.5e-3, 4e-3, shape)


def stimulus(n_units, batch, rng, *, events=12, duration=DURATION):
    """Random input spikes."""
    samples = [
        (np.sort(rng.uniform(0.0, 0.8 * duration, events)), rng.integers(0, n_units, events)) for _ in range(batch)
    ]
    return sal.Spikes.from_lists(samples, n_units=n_units)


def random_network(
    seed,
    model="lif",
    *,
    n=4,
    delay="none",
    recurrent=False,
    loop=False,
    per_neuron=False,
    refractory=False,
    max_spikes=None,
    gain=1.0,
):
    """``in -> a -> out`` (leaky integrators), with ``a -> a`` or a loop ``a -> b -> a``."""
    rng = np.random.default_rng([seed, len(model), n])
    options = {"per_neuron": per_neuron, "refractory": refractory, "max_spikes": max_spikes}
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("a", neurons(model, n, rng, **options))
    net.connect("in", "a", weight=gain * rng.normal(1.8, 1.2, (3, n)), delay=delays(delay, 3, n, rng))
    last = "a"
    if recurrent:
        net.connect("a", "a", weight=gain * rng.normal(0.1, 0.6, (n, n)), delay=delays(delay, n, n, rng))
    if loop:
        net.add("b", neurons(model, 3, rng, **options))
        net.connect("a", "b", weight=gain * rng.normal(1.0, 0.7, (n, 3)), delay=delays(delay, n, 3, rng))
        net.connect("b", "a", weight=gain * rng.normal(-0.1, 0.6, (3, n)), delay=delays("scalar", 3, n, rng))
        last = "b"
    two = model == "lif_two"
    times = {"tau_syn_exc": 4e-3, "tau_syn_inh": 9e-3} if two else {"tau_syn": rng.uniform(3e-3, 8e-3)}
    net.add("out", sal.LI(2, tau_mem=rng.uniform(10e-3, 20e-3), v_leak=0.05, **times))
    size = net.populations[last].size
    net.connect(last, "out", weight=rng.normal(0.2, 0.8, (size, 2)), delay=delays(delay, size, 2, rng))
    return net


def sample_of(spikes, b=0):
    """Times and units of one sample, as the reference simulator takes them."""
    return spikes.sample(b)


def cotangents(run, rng):
    """Random ``dL/d`` of all observations of a run."""
    spike_times = {name: rng.normal(size=s.n_events) for name, s in run.spikes.items() if name not in run.plan.inputs}
    voltage = {
        name: tuple(rng.normal(size=v.shape) for v in value)
        if isinstance(value, tuple)
        else rng.normal(size=value.shape)
        for name, value in run.voltage.items()
    }
    return spike_times, voltage


def tangents(net, stim, rng, *, scaled=True):
    """A random direction in the space of all parameters and input times; ``scaled`` by the size of each."""
    moved = {"weight": {}, "delay": {}, "input_times": {}}
    for key, p in net.projections.items():
        moved["weight"][key] = rng.normal(size=p.weight.shape)
        moved["delay"][key] = rng.normal(size=p.delay.shape) * (1e-2 if scaled else 1.0)
    for name, population in net.populations.items():
        for kind, value in population.parameters().items():
            size = 1e-2 if kind.startswith("t") and scaled else 1.0
            moved.setdefault(kind, {})[name] = size * rng.normal(size=value.shape)
    for name, spikes in stim.items():
        moved["input_times"][name] = (1e-2 if scaled else 1.0) * rng.normal(size=spikes.n_events)
    return moved
