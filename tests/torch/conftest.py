"""Networks that several tests run. Their unit of time is the time constant, so that differences are well scaled."""

import pytest
import torch

import saltation as sal
from saltation.torch import Spikes
from saltation.torch.ops import recent_networks, recent_runs

WEIGHT_IN = [[2.6, 1.9, 0.2], [1.7, 2.4, 0.1], [2.2, 0.9, 0.1]]
WEIGHT_OUT = [[0.9, -0.5], [-0.4, 0.8], [0.3, 0.3]]


@pytest.fixture(autouse=True)
def _nothing_is_left_over():
    recent_runs.clear()
    recent_networks.clear()


@pytest.fixture
def network():
    """Three inputs, three hidden neurons of which the last is silent, two integrators; delays for each input."""
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("hid", sal.LIF(3, tau_mem=2.0, tau_syn=[0.9, 0.8, 0.7], v_th=[1.0, 0.9, 1.1], t_refrac=0.1))
    net.add("out", sal.LI(2, tau_mem=2.0, tau_syn=0.9))
    net.connect("in", "hid", weight=WEIGHT_IN, delay=[0.1, 0.2, 0.15])
    net.connect("hid", "out", weight=WEIGHT_OUT, delay=0.05)
    return net


@pytest.fixture
def stimulus():
    """Two samples; the inputs spike once or twice."""
    samples = [([0.05, 0.31, 0.74, 2.5], [0, 1, 2, 0]), ([0.2, 0.45, 3.0], [1, 0, 1])]
    return Spikes.from_numpy(sal.Spikes.from_lists(samples, n_units=3))


@pytest.fixture
def loss_of():
    """A smooth function of all that a run of `network` returns."""

    def loss(out):
        times = out.spikes["hid"].times
        return (times.sin() * torch.arange(1.0, times.shape[0] + 1)).sum() + out.voltage("out").square().sum()

    return loss
