"""SpikingJelly, all steps at once: `LIFNode` ("lif", a membrane only) or `CUBALIFNode` ("cuba", with a current)."""

import math

import torch
from protocol import Built, Data, Setup
from spikingjelly.activation_based import functional, neuron, surrogate
from torch_loop import linear, train

MODEL = {"lif": "LIFNode (membrane only, no synaptic current)", "cuba": "CUBALIFNode (current and membrane)"}

# Without a synaptic current a spike acts for one step: so much more weight moves the membrane about as far.
WITHOUT_CURRENT = 10.0


class Net(torch.nn.Module):
    def __init__(self, data: Data, variant: str) -> None:
        super().__init__()
        tau = data.tau_mem / data.dt
        scale = data.dt / data.tau_mem
        if variant == "lif":
            scale *= WITHOUT_CURRENT
            self.hid = neuron.LIFNode(tau, decay_input=False)
        else:
            self.hid = neuron.CUBALIFNode(
                math.exp(-data.dt / data.tau_syn), math.exp(-1 / tau), 1.0, surrogate_function=surrogate.Sigmoid()
            )
        self.to_hid, self.to_out = linear(data.w_hid, scale), linear(data.w_out, 1.0)
        self.out = neuron.NonSpikingLIFNode(tau, decode="mean-mem")
        functional.set_step_mode(self.hid, "m")

    def forward(self, spikes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        functional.reset_net(self.hid)
        fired = self.hid(self.to_hid(spikes))
        return self.out(self.to_out(fired)), fired.sum()


def build(data: Data, setup: Setup) -> Built:
    return train(Net(data, setup.variant), data, setup, {"model": MODEL[setup.variant]})
