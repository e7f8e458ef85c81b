"""Plain PyTorch: the equations of `saltation.Grid` as a loop over steps, as one writes it by hand, and SuperSpike."""

import math
from typing import Any

import torch
from protocol import Built, Data, Setup
from torch_loop import linear, train


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return (x >= 0.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return grad / (1.0 + 10.0 * x.abs()) ** 2


class Net(torch.nn.Module):
    def __init__(self, data: Data) -> None:
        super().__init__()
        self.to_hidden, self.to_out = linear(data.w_hid, 1.0), linear(data.w_out, 1.0)
        self.alpha, self.beta = math.exp(-data.dt / data.tau_mem), math.exp(-data.dt / data.tau_syn)
        self.gain = data.tau_syn / (data.tau_syn - data.tau_mem) * (self.beta - self.alpha)

    def forward(self, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        v = i = torch.zeros(spikes.shape[1], self.to_hidden.out_features)
        u = j = torch.zeros(spikes.shape[1], self.to_out.out_features)
        total, hidden = torch.zeros_like(u), torch.zeros(())
        for arriving in self.to_hidden(spikes):
            z = Spike.apply(v - 1.0)
            total = total + u
            hidden = hidden + z.detach().sum()
            v = v - z * v
            i, j = i + arriving, j + self.to_out(z)
            v, i = self.alpha * v + self.gain * i, self.beta * i
            u, j = self.alpha * u + self.gain * j, self.beta * j
        return total / spikes.shape[0], hidden


def build(data: Data, setup: Setup) -> Built:
    return train(Net(data), data, setup, {"model": "LIF, exponential current, SuperSpike"})
