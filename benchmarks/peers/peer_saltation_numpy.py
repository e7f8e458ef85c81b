"""Saltation from NumPy: a run, its gradient and Adam, one spike a neuron ("one") or as many as come ("many")."""

import numpy as np
from protocol import Built, Data, Look, Setup, batches

import saltation as sal
from saltation.experiments.adam import Adam
from saltation.experiments.yinyang.loss import ttfs_cross_entropy, winner

LOSS = {"tau0": 1.5e-3, "tau1": 19.2e-3, "alpha": 3e-3}
KEYS = {"hid": ("in", "hid"), "out": ("hid", "out")}
SPIKES = {"one": 1, "many": None}


def network(data: Data, variant: str) -> sal.Network:
    neuron = {"tau_mem": data.tau_mem, "tau_syn": data.tau_syn, "max_spikes": SPIKES[variant]}
    net = sal.Network()
    net.add("in", sal.Input(5))
    net.add("hid", sal.LIF(data.w_hid.shape[1], **neuron))
    net.add("out", sal.LIF(3, **neuron))
    net.connect("in", "hid", weight=data.w_hid)
    net.connect("hid", "out", weight=data.w_out)
    return net


def first_times(out: sal.Spikes) -> tuple[np.ndarray, np.ndarray]:
    """First spikes [sample, neuron], inf where silent, and the places of those that are."""
    index = out.first_index()
    first = np.full(index.shape, np.inf)
    first[index >= 0] = out.times[index[index >= 0]]
    return first, index


def look(net: sal.Network, stimulus: sal.Spikes, data: Data, backend: sal.Exact) -> Look:
    run = sal.simulate(net, {"in": stimulus}, data.duration, backend=backend)
    right = winner(first_times(run.spikes["out"])[0]) == data.labels
    return Look(run.spikes["hid"].n_events / len(data.labels), float(right.mean()))


def build(data: Data, setup: Setup) -> Built:
    backend = sal.Exact(threads=setup.threads)
    stimulus = sal.Spikes.from_latencies(data.latencies)
    net = network(data, setup.variant)
    weights = {"hid": data.w_hid, "out": data.w_out}
    adam = Adam(weights)

    def step(chosen: np.ndarray) -> float:
        nonlocal net, weights
        run = sal.simulate(net, {"in": stimulus[chosen]}, data.duration, backend=backend)
        out = run.spikes["out"]
        first, index = first_times(out)
        loss, derivative = ttfs_cross_entropy(first, data.labels[chosen], **LOSS)
        cotangent = np.zeros(out.n_events)
        cotangent[index[index >= 0]] = derivative[index >= 0]
        gradient = run.gradient(spike_times={"out": cotangent}, time_constants=False).weight
        weights = adam.step(weights, {name: gradient[key] for name, key in KEYS.items()}, data.learning_rate)
        net = net.replace(weight={KEYS[name]: weight for name, weight in weights.items()})
        return loss

    def epoch(order: np.ndarray) -> float:
        return float(np.mean([step(chosen) for chosen in batches(order, data.batch)]))

    info = {
        "gradient": "exact, EventProp",
        "loss": "cross-entropy of first spike times",
        "precision": "float64",
        "model": f"LIF, exponential current; {setup.variant} spike(s) a neuron",
    }
    return Built(epoch, lambda: look(net, stimulus, data, backend), info)
