"""Small classifiers that several tests use."""

import torch

import saltation as sal
from saltation.continual import SpikingModule
from saltation.torch import SNN, Spikes


def mlp(dtype=torch.float64):
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4)).to(dtype)


def spiking_module(seed=3):
    """Four inputs, six neurons that fire two or three times, three integrators; the unit of time is a time constant.

    Of these weights every neuron fires as often for each example of `spiking_case`, and steeply.
    """
    net = sal.Network()
    net.add("in", sal.Input(4))
    net.add("hid", sal.LIF(6, tau_mem=2.0, tau_syn=0.9))
    net.add("out", sal.LI(3, tau_mem=2.0, tau_syn=0.9))
    net.connect("in", "hid", weight=sal.normal((4, 6), 2.2, 0.4, seed=seed))
    net.connect("hid", "out", weight=sal.normal((6, 3), 0.0, 1.0, seed=seed + 1), delay=0.05)
    return SpikingModule(
        SNN(net),
        encode=lambda x: {"in": Spikes.from_latencies(x)},
        readout=lambda output: output.voltage("out"),
        duration=6.0,
    )
