"""Saltation on a grid from PyTorch: `saltation.torch.SNN` with ``Grid(dt)``, surrogate gradients, torch's Adam."""

import numpy as np
import torch
from protocol import Built, Data, Look, Setup, batches

import saltation as sal

INFO = {
    "gradient": "surrogate, backpropagation through time",
    "loss": "cross-entropy of the mean of leaky integrators over time",
    "model": "LIF, exponential current, SuperSpike",
}


def network(data: Data) -> sal.Network:
    net = sal.Network()
    tau = {"tau_mem": data.tau_mem, "tau_syn": data.tau_syn}
    net.add("in", sal.Input(5))
    net.add("hid", sal.LIF(data.w_hid.shape[1], **tau))
    net.add("out", sal.LI(3, **tau))
    net.connect("in", "hid", weight=data.w_hid)
    net.connect("hid", "out", weight=data.w_out)
    return net


def build(data: Data, setup: Setup) -> Built:
    torch.set_num_threads(setup.threads)
    backend = sal.Grid(data.dt, threads=setup.threads)
    record = {"out": sal.VoltageIntegral()}
    snn = sal.torch.SNN(network(data), trainable=("weight",), record=record, backend=backend)
    optimiser = torch.optim.Adam(snn.parameters(), lr=data.learning_rate, fused=True)
    stimulus = sal.Spikes.from_latencies(data.latencies)
    labels = torch.from_numpy(data.labels)

    def step(chosen: np.ndarray) -> float:
        optimiser.zero_grad()
        scores = snn({"in": stimulus[chosen]}, duration=data.duration).voltage("out") / data.duration
        loss = torch.nn.functional.cross_entropy(scores, labels[torch.from_numpy(chosen)])
        loss.backward()
        optimiser.step()
        return loss.item()

    def epoch(order: np.ndarray) -> float:
        return float(np.mean([step(chosen) for chosen in batches(order, data.batch)]))

    @torch.no_grad()
    def look() -> Look:
        out = snn({"in": stimulus}, duration=data.duration)
        right = out.voltage("out").argmax(1) == labels
        return Look(out.spikes["hid"].n_events / len(labels), float(right.double().mean()))

    return Built(epoch, look, {**INFO, "precision": "float64"})
