"""Norse: `LIF` and the integrator `LI`, which loop over time themselves."""

import torch
from norse.torch import LI, LIF, LIFParameters, LIParameters
from protocol import Built, Data, Setup
from torch_loop import linear, train


class Net(torch.nn.Module):
    def __init__(self, data: Data) -> None:
        super().__init__()
        inverse = {"tau_syn_inv": torch.tensor(1 / data.tau_syn), "tau_mem_inv": torch.tensor(1 / data.tau_mem)}
        self.to_hid, self.to_out = linear(data.w_hid, 1.0), linear(data.w_out, 1.0)
        self.hid = LIF(LIFParameters(**inverse), dt=data.dt)
        self.out = LI(LIParameters(**inverse), dt=data.dt)

    def forward(self, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        fired, _ = self.hid(self.to_hid(spikes))
        trace, _ = self.out(self.to_out(fired))
        return trace.mean(0), fired.sum()


def build(data: Data, setup: Setup) -> Built:
    return train(Net(data), data, setup, {"model": "LIF (current and membrane), SuperSpike"})
