"""Saltation from PyTorch: `saltation.torch.SNN`, torch's Adam; variants as in the NumPy file."""

import numpy as np
import torch
from peer_saltation_numpy import LOSS, look, network
from protocol import Built, Data, Setup, batches

import saltation as sal


def build(data: Data, setup: Setup) -> Built:
    torch.set_num_threads(setup.threads)
    backend = sal.Exact(threads=setup.threads)
    snn = sal.torch.SNN(network(data, setup.variant), trainable=("weight",), backend=backend)
    optimiser = torch.optim.Adam(snn.parameters(), lr=data.learning_rate, fused=True)
    stimulus = sal.Spikes.from_latencies(data.latencies)
    labels = torch.from_numpy(data.labels)

    def step(chosen: np.ndarray) -> float:
        optimiser.zero_grad()
        first = snn({"in": stimulus[chosen]}, duration=data.duration).first_spike("out")
        loss = sal.torch.ttfs_cross_entropy(first, labels[torch.from_numpy(chosen)], **LOSS)
        loss.backward()
        optimiser.step()
        return loss.item()

    def epoch(order: np.ndarray) -> float:
        return float(np.mean([step(chosen) for chosen in batches(order, data.batch)]))

    def seen():
        weights = {"w_hid": snn.weight_in_hid.detach().numpy(), "w_out": snn.weight_hid_out.detach().numpy()}
        return look(network(data._replace(**weights), setup.variant), stimulus, data, backend)

    info = {
        "gradient": "exact, EventProp",
        "loss": "cross-entropy of first spike times",
        "precision": "float64",
        "model": f"LIF, exponential current; {setup.variant} spike(s) a neuron",
    }
    return Built(epoch, seen, info)
