"""Layers of the matrix mode: against operations, their initial weights, and what they refuse."""

import math

import pytest

torch = pytest.importorskip("torch")

import saltation.bss2.perceptron as hx  # noqa: E402
import saltation.bss2.perceptron.nn as hxnn  # noqa: E402
from saltation.bss2.mac import Ideal, MockParameter  # noqa: E402
from saltation.errors import ParameterError, RangeError  # noqa: E402

F = torch.nn.functional
GAIN = 0.002


@pytest.fixture(autouse=True)
def parameter():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    hx.set_mock_parameter(MockParameter(noise_std=0.0, gain=GAIN))
    yield
    hx.set_mock_parameter(MockParameter())
    hx.release_hardware()
    torch.set_num_threads(threads)


def activations(*shape):
    return torch.randint(0, 32, shape).float()


@pytest.mark.parametrize("avg", [1, 4])
@pytest.mark.parametrize("bias", [False, True])
def test_linear(avg, bias):
    layer = hxnn.Linear(200, 7, bias=bias, avg=avg, mock=True)
    x = activations(2, 5, 200)
    plain = hx.matmul(x, layer.weight.t(), num_sends=layer.num_sends, mock=True)
    # without noise all that are averaged are equal
    expected = hx.add(plain, layer.bias, mock=True) if bias else plain
    found = layer(x)
    assert found.shape == (2, 5, 7)
    torch.testing.assert_close(found, expected)
    found.sum().backward()
    gradient = GAIN * layer.num_sends * x.flatten(0, 1).sum(0).expand(7, 200)
    torch.testing.assert_close(layer.weight.grad, gradient)
    if bias:
        torch.testing.assert_close(layer.bias.grad, torch.full((7,), 10.0))


def test_avg_averages_noise():
    hx.set_mock_parameter(MockParameter(noise_std=4.0, gain=GAIN))
    x = activations(1, 100).expand(2000, 100)
    spread = {}
    for avg in (1, 16):
        spread[avg] = float(hxnn.Linear(100, 1, bias=False, avg=avg, num_sends=1, mock=True)(x).detach().std())
    assert spread[1] == pytest.approx(4.0, rel=0.05) and spread[16] == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_convolutions_and_their_edges(mode):
    """As torch pads; partial sums of fewer than 128 inputs, rounded down once."""
    for kind, plain, size, arguments in [
        (hxnn.Conv1d, torch.nn.Conv1d, (20,), {"kernel_size": 5, "stride": 2, "padding": 2}),
        (hxnn.ExpandedConv1d, torch.nn.Conv1d, (20,), {"kernel_size": (5,), "stride": 2, "padding": 2}),
        (hxnn.Conv2d, torch.nn.Conv2d, (9, 12), {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 2)}),
    ]:
        layer = kind(3, 4, **arguments, padding_mode=mode, num_sends=2, mock=True)
        reference = plain(3, 4, **arguments, padding_mode=mode, bias=False)
        reference.load_state_dict({"weight": layer.weight.detach().round()})
        x = activations(2, 3, *size)
        exact = reference(x).double() * (2 * GAIN)
        expected = (exact + 1e-6).floor() + layer.bias.view(-1, *(1,) * len(size))
        torch.testing.assert_close(layer(x), expected.float())
        assert exact.abs().max() < 127


def test_an_expanded_kernel_fills_the_hemisphere():
    assert hxnn.ExpandedConv1d(1, 14, 43, stride=5).num_expansions == 18  # (128 - 43) // 5 + 1, and 256 // 14
    assert hxnn.ExpandedConv1d(4, 14, 10, stride=5).num_expansions == 5  # (128 // 4 - 10) // 5 + 1
    assert hxnn.ExpandedConv1d(1, 100, 10).num_expansions == 2
    assert hxnn.ExpandedConv1d(1, 300, 200).num_expansions == 1
    assert hxnn.ExpandedConv1d(1, 4, 10, num_expansions=3).num_expansions == 3


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_initial_weights(shift):
    layer = hxnn.Linear(400, 300, mock=True)
    layer.num_sends = None
    layer.reset_parameters(weight_mean=3.0, relu_shift=shift)
    std = 2**shift * math.sqrt(2) / GAIN / math.sqrt(400)
    assert layer.num_sends == math.ceil(std / 21)
    assert float(layer.weight.detach().mean()) == pytest.approx(3.0, abs=0.5)
    assert float(layer.weight.detach().std()) == pytest.approx(std / layer.num_sends, rel=0.05)
    assert layer.weight.abs().max() <= 63
    bound = std / (31 / math.sqrt(3))
    assert layer.bias.abs().max() <= bound and layer.bias.abs().max() > 0.9 * bound
    given = hxnn.Linear(400, 300, num_sends=2, mock=True)
    assert given.num_sends == 2


def test_activations_keep_their_size_through_layers():
    """What the initial weights are for: neither silence nor saturation after three layers."""
    x = activations(200, 256)
    for _ in range(3):
        x = hxnn.ConvertingReLU(1, mock=True)(hxnn.Linear(256, 256, bias=False, mock=True)(x)).detach()
        assert 4.0 < float(x.mean()) < 20.0 and 0.2 < float((x > 0).float().mean()) < 0.8


def test_rectifiers_and_modes():
    x = 100 * torch.randn(5, 6)
    torch.testing.assert_close(hxnn.ReLU(mock=True)(x), hx.relu(x, mock=True))
    torch.testing.assert_close(hxnn.ConvertingReLU(shift=1, mock=True)(x), hx.converting_relu(x, 1, mock=True))
    assert hxnn.ConvertingReLU().shift == 2
    model = torch.nn.Sequential(hxnn.Linear(6, 4), hxnn.ConvertingReLU(), torch.nn.Flatten())
    assert hx.use_mock(model) is model and model[0].mock and model[1].mock
    hx.use_mock(model, False)
    hx.init_hardware(Ideal(MockParameter(0.0)))
    assert model(activations(3, 6)).shape == (3, 4)


def test_scaling_and_transformations():
    x = torch.arange(8.0, 16.0, 0.5).view(2, 8).requires_grad_()
    assert hxnn.scale_input(x).max() == 31.0
    (gradient,) = torch.autograd.grad(hxnn.scale_input(x).sum(), x)
    torch.testing.assert_close(gradient, torch.full_like(x, 2.0))
    w = torch.arange(-32.0, 32.0, 0.5)
    assert hxnn.scale_weight(w).abs().max() == 63.0
    assert torch.equal(hxnn.scale_weight(torch.zeros(3)), torch.zeros(3))
    assert torch.equal(hxnn.scale_input(-torch.ones(3)), -torch.ones(3))  # for the chip to refuse

    layer = hxnn.Linear(4, 2, mock=True, input_transform=hxnn.scale_input)
    with torch.no_grad():
        layer.weight.fill_(100.0)
    layer(torch.rand(3, 4))
    assert (layer.weight == 63.0).all()  # in place, by default
    layer = hxnn.Linear(4, 2, mock=True, weight_transform=None)
    with torch.no_grad():
        layer.weight.fill_(100.0)
    with pytest.raises(RangeError, match="clamp_weight_"):
        layer(activations(3, 4))


def test_layers_learn_and_are_stored():
    """A step of a plain optimiser on the chip; states are those of torch's layers."""
    hx.init_hardware(Ideal(MockParameter(noise_std=1.0, gain=GAIN), seed=1))
    model = torch.nn.Sequential(hxnn.Linear(10, 16), hxnn.ConvertingReLU(1), hxnn.Linear(16, 2))
    x = torch.cat([activations(100, 10) * (torch.arange(10) < 5), activations(100, 10) * (torch.arange(10) >= 5)])
    labels = torch.arange(200) // 100
    optimiser = torch.optim.Adam(model.parameters(), lr=1.0)
    for _ in range(30):
        optimiser.zero_grad()
        F.cross_entropy(model(x) / 16, labels).backward()
        optimiser.step()
    assert (model(x).argmax(1) == labels).float().mean() > 0.97
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    torch.nn.Linear(10, 16).load_state_dict(model[0].state_dict())


def test_representations():
    assert repr(hxnn.ConvertingReLU(mock=True)) == "ConvertingReLU(shift=2, mock=True)"
    assert repr(hxnn.ReLU()) == "ReLU()"
    text = repr(hxnn.Conv2d(1, 20, 10, 5, 1, bias=False, num_sends=3, wait_between_events=2))
    assert text == (
        "Conv2d(in_channels=1, out_channels=20, kernel_size=(10, 10), stride=(5, 5), padding=(1, 1), "
        "padding_mode='zeros', bias=False, num_sends=3, wait_between_events=2)"
    )


def test_what_layers_refuse():
    for kind in (hxnn.Conv1d, hxnn.ExpandedConv1d, hxnn.Conv2d):
        for wrong, match in [
            ({"dilation": 2}, "dilation must be 1; got 2"),
            ({"groups": 2}, "groups must be 1; got 2"),
            ({"padding": "same"}, "padding must be a number"),
            ({"padding_mode": "ones"}, "padding_mode must be one of zeros"),
            ({"stride": 0}, "stride"),
            ({"stride": (1, 1, 1)}, "stride must be a number"),
            ({"kernel_size": 0}, "kernel_size"),
            ({"padding": -1}, "padding"),
            ({"in_channels": 0}, "in_channels"),
            ({"num_sends": 0}, "num_sends"),
        ]:
            with pytest.raises(ParameterError, match=rf"{kind.__name__}\.{match}"):
                kind(**({"in_channels": 2, "out_channels": 2, "kernel_size": 3} | wrong))
    for wrong in [{"avg": 0}, {"in_features": 0}, {"wait_between_events": 0}, {"input_transform": 3}]:
        with pytest.raises(ParameterError, match=rf"Linear\.{next(iter(wrong))}"):
            hxnn.Linear(**({"in_features": 2, "out_features": 2} | wrong))
    with pytest.raises(ParameterError, match="ConvertingReLU"):
        hxnn.ConvertingReLU(shift=-1)
    with pytest.raises(ParameterError, match="matmul"):
        hxnn.Linear(3, 2, mock=True)(activations(2, 4))
    with pytest.raises(ParameterError, match="channels"):
        hxnn.Conv1d(3, 2, 3, mock=True)(activations(2, 4, 9))
    with pytest.raises(ParameterError, match=r"num_expansions"):
        hxnn.ExpandedConv1d(3, 2, 3, num_expansions=0)


@pytest.mark.parametrize("layer", [lambda: hxnn.Linear(5, 4, mock=True), lambda: hxnn.Conv1d(2, 4, 3, mock=True)])
def test_a_layer_may_be_used_twice_before_the_gradient(layer):
    layer = layer()
    x = torch.ones(3, 5) if isinstance(layer, hxnn.Linear) else torch.ones(3, 2, 9)
    layer(x).sum().backward()
    once = layer.weight.grad.clone()
    layer.weight.grad = None
    (layer(x) + layer(x)).sum().backward()
    torch.testing.assert_close(layer.weight.grad, 2.0 * once)
