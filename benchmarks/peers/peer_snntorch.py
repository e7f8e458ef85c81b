"""snnTorch: `Synaptic`, a hidden layer that spikes and an output layer that only integrates."""

import math

import snntorch
import torch
from protocol import Built, Data, Setup
from torch_loop import linear, train


class Net(torch.nn.Module):
    def __init__(self, data: Data) -> None:
        super().__init__()
        decay = {"alpha": math.exp(-data.dt / data.tau_syn), "beta": math.exp(-data.dt / data.tau_mem)}
        # its membrane adds up the current without the factor dt / tau_mem
        self.to_hid = linear(data.w_hid, data.dt / data.tau_mem)
        self.to_out = linear(data.w_out, data.dt / data.tau_mem)
        self.hid = snntorch.Synaptic(**decay)
        self.out = snntorch.Synaptic(**decay, reset_mechanism="none")

    def forward(self, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        current = self.to_hid(spikes)
        syn, mem = self.hid.reset_mem()
        fired = []
        for at in current:
            spike, syn, mem = self.hid(at, syn, mem)
            fired.append(spike)
        fired = torch.stack(fired)
        current = self.to_out(fired)
        syn, mem = self.out.reset_mem()
        trace = []
        for at in current:
            _, syn, mem = self.out(at, syn, mem)
            trace.append(mem)
        return torch.stack(trace).mean(0), fired.sum()


def build(data: Data, setup: Setup) -> Built:
    return train(Net(data), data, setup, {"model": "Synaptic (current and membrane, reset by subtraction)"})
