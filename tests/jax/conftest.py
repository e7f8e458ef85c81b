"""Networks that several tests run. Their unit of time is the time constant, so that differences are well scaled."""

import jax
import pytest

import saltation as sal
from saltation.jax import gate

jax.config.update("jax_enable_x64", True)

WEIGHT_IN = [[2.6, 1.9, 0.2], [1.7, 2.4, 0.1], [2.2, 0.9, 0.1]]
WEIGHT_OUT = [[0.9, -0.5], [-0.4, 0.8], [0.3, 0.3]]


@pytest.fixture(params=["ffi", "callback"])
def way(request, monkeypatch):
    """How kernels are reached: by XLA itself, or through Python."""
    monkeypatch.setattr(gate, "may_use_ffi", lambda: request.param == "ffi")
    return request.param


@pytest.fixture
def by_xla(monkeypatch):
    monkeypatch.setattr(gate, "may_use_ffi", lambda: True)


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
    return sal.Spikes.from_lists(samples, n_units=3)
