"""exact-snn-nn: two `ExactEventLinear` layers, first spikes only; times are in units of the synaptic constant."""

import numpy as np
import torch
from exact_snn.event import ExactEventLinear
from protocol import Built, Data, Look, Setup, batches

PEAK = 0.25  # of the response to a weight of 1 where tau_mem = 2 tau_syn; its own kernel has a peak of 1
TAU0 = 0.1


def layer(weight: np.ndarray, bias: np.ndarray, data: Data) -> ExactEventLinear:
    made = ExactEventLinear(
        *weight.shape, tm=data.tau_mem / data.tau_syn, ts=1.0, theta=1.0, t_max=data.duration / data.tau_syn
    )
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(PEAK * np.vstack([weight, bias]).T))
    return made


def build(data: Data, setup: Setup) -> Built:
    torch.set_num_threads(setup.threads)
    # each layer has a bias spike at 0 built in: it takes the place of the fifth input
    net = torch.nn.Sequential(layer(data.w_hid[:4], data.w_hid[4], data), layer(data.w_out, np.zeros(3), data))
    optimiser = torch.optim.Adam(net.parameters(), lr=PEAK * data.learning_rate, fused=True)
    times = torch.from_numpy(np.ascontiguousarray(data.latencies[:, :4].T / data.tau_syn).astype(np.float32))
    labels = torch.from_numpy(data.labels)
    silent = data.duration / data.tau_syn

    def scores(first: torch.Tensor) -> torch.Tensor:
        return -torch.where(torch.isfinite(first), first, torch.full_like(first, silent)).t() / TAU0

    def step(chosen: torch.Tensor) -> float:
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(scores(net(times[:, chosen])), labels[chosen])
        loss.backward()
        optimiser.step()
        return loss.item()

    def epoch(order: np.ndarray) -> float:
        return float(np.mean([step(chosen) for chosen in torch.from_numpy(batches(order, data.batch))]))

    @torch.no_grad()
    def look() -> Look:
        hidden = right = 0
        for chosen in torch.arange(len(labels)).split(data.batch):
            between = net[0](times[:, chosen])
            hidden += int(torch.isfinite(between).sum())
            right += int((scores(net[1](between)).argmax(1) == labels[chosen]).sum())
        return Look(hidden / len(labels), right / len(labels))

    info = {
        "gradient": "exact, implicit differentiation of first spikes",
        "loss": "cross-entropy of first spike times",
        "precision": "float32",
        "model": "LIF, exponential current; one spike a neuron",
    }
    return Built(epoch, look, info)
