"""The spiking network of the studies of continual learning, against the experiment on digits and plain sums."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import saltation as sal
from saltation.errors import ParameterError
from saltation.experiments.continual.spiking import make_chip, make_spiking
from saltation.experiments.mnist import recipe
from saltation.experiments.mnist.task import initial_weights, make_network


@pytest.mark.parametrize(("dataset", "side"), [("digits", 8), ("mnist", 16), ("mnist", 28)])
def test_it_begins_as_the_experiment_does(dataset, side):
    settings = replace(recipe(dataset, backend="bss2"), hidden=30, seed=7, pixels=side)
    expected = initial_weights(settings)
    found = make_spiking(side**2, 10, 30, 7, dataset=dataset).snn
    for name, weight in expected.items():
        np.testing.assert_array_equal(getattr(found, name).detach(), weight)
    network, own = make_network(settings, expected), found.network()
    assert all(own.populations[name] == network.populations[name] for name in ("in", "hid", "out"))


def test_logits_are_the_largest_voltages():
    module = make_spiking(4, 3, 12, 1, dataset="digits")
    pictures = np.array([[[1.0, 0.5], [0.0, 1 / 255]], [[0.25, 0.9], [0.8, 0.7]]])
    # t = (1 - x) 20 ms; what is dark does not spike
    stimulus = sal.Spikes.from_lists([([0.0, 10e-3], [0, 1]), ([2e-3, 4e-3, 6e-3, 15e-3], [1, 2, 3, 0])])
    times = np.linspace(0.0, 40e-3, 20001)
    run = sal.simulate(module.snn.network(), {"in": stimulus}, 40e-3, record={"out": sal.Voltage(times)})
    assert run.spikes["hid"].n_events > 0
    expected = run.voltage["out"].max(axis=1)
    assert expected.max() > 0.01
    for x in (torch.from_numpy(pictures), torch.from_numpy(pictures.reshape(2, 4))):
        found = module(x).detach().numpy()
        # a maximum between two samples, 2 us apart, is a little larger than both
        assert (found >= expected - 1e-12).all()
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def test_seeds_and_labels():
    a, b, c = (make_spiking(16, 2, 5, seed) for seed in (1, 1, 2))
    assert torch.equal(a.snn.weight_in_hid, b.snn.weight_in_hid)
    assert not torch.equal(a.snn.weight_in_hid, c.snn.weight_in_hid)
    assert a(torch.ones(3, 16)).shape == (3, 2) and a.snn.weight_in_hid.dtype == torch.float64


def test_a_chip_at_its_operating_point():
    backend = make_chip("digits", serial=5, imperfections="none")
    point = replace(recipe("digits", backend="bss2")).operating_point()
    assert backend.chip.serial == 5 and backend.point.span_of("hid") == (
        point["leak"]["hid"],
        point["threshold"]["hid"],
    )
    assert backend.point.i_synin_gm == {name: int(code) for name, code in point["strength"].items()}


def test_what_is_refused():
    with pytest.raises(ParameterError, match=r"pixels must be the square of the pictures' side; got 60"):
        make_spiking(60, 10, 5, 1)
    with pytest.raises(ParameterError, match=r"dataset must be one of mnist, fashion, digits; got 'cifar'"):
        make_spiking(64, 10, 5, 1, dataset="cifar")
    with pytest.raises(ParameterError, match=r"must have 64 pixels, as the network has; got 49"):
        make_spiking(64, 10, 5, 1)(torch.ones(2, 7, 7))
    with pytest.raises(ParameterError, match=r"make_spiking.labels"):
        make_spiking(64, 0, 5, 1)
    with pytest.raises(ParameterError, match="must be at most 8"):
        make_spiking(100, 10, 5, 1, dataset="digits")
