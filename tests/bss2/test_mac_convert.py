"""Models of floats as layers of the chip: what they compute, what training makes of them, what is refused."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import saltation.bss2.perceptron as hx  # noqa: E402
from saltation.bss2 import convert  # noqa: E402
from saltation.bss2.mac import Ideal, MockParameter, connected  # noqa: E402
from saltation.errors import ParameterError, RangeError, SimulationError  # noqa: E402

nn = torch.nn


@pytest.fixture(autouse=True)
def parameter():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    hx.set_mock_parameter(MockParameter(noise_std=0.0, gain=0.002))
    yield
    hx.set_mock_parameter(MockParameter())
    hx.release_hardware()
    torch.set_num_threads(threads)


def dense(inputs=20):
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.ReLU(), nn.Dropout(0.5), nn.Sequential(nn.Linear(64, 40), nn.ReLU()), nn.Linear(40, 5)
    )


def images():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, stride=2, padding=2, padding_mode="replicate"),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, bias=False),
        nn.Flatten(),
        nn.ReLU(),
        nn.Linear(200, 4),
    )


def sequences():
    return nn.Sequential(nn.Identity(), nn.Conv1d(3, 8, 7, stride=3), nn.ReLU(), nn.Conv1d(8, 2, 3))


CASES = {
    "dense": (dense, (20,), False),
    "signed": (dense, (20,), True),
    "more than a block": (lambda: dense(400), (400,), True),
    "images": (images, (1, 28, 28), False),
    "signed images": (images, (1, 28, 28), True),
    "sequences": (sequences, (3, 50), True),
}


def agreement(model, found, x):
    with torch.no_grad():
        exact, ours = model.eval()(x), found(x)
    assert ours.shape == exact.shape
    # of what each output does: its mean is not held against it
    return np.corrcoef((exact - exact.mean(0)).flatten(), (ours - ours.mean(0)).flatten())[0, 1], exact, ours


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("mode", ["mock", "chip"])
def test_a_converted_model_computes_what_the_model_does(name, mode):
    make, shape, signed = CASES[name]
    model = make().eval()
    x = torch.randn(300, *shape) if signed else torch.rand(300, *shape) ** 3
    before = copy.deepcopy(model.state_dict())
    how = {"mock": True} if mode == "mock" else {"unit": Ideal(MockParameter(noise_std=0.5, gain=0.002), seed=1)}
    found = convert(model, x, clip_inputs=True, **how)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    again = torch.randn(300, *shape) if signed else torch.rand(300, *shape) ** 3
    correlation, exact, ours = agreement(model, found, again)
    assert correlation > 0.97
    assert (ours - exact).mean(0).abs().max() < 0.12 * exact.std(0).max()
    assert all(layer.mock == (mode == "mock") for layer in found.modules() if isinstance(layer, hx.nn.Layer))
    for layer in found.modules():
        if isinstance(layer, hx.nn.MACLayer):
            # weights take the range that the number of sends leaves them
            assert 31.0 < layer.weight.abs().max() <= 63.0 or layer.num_sends == 1


class Offset:
    """A chip whose neurons have offsets, and half the gain."""

    def __init__(self):
        self.offset = np.random.default_rng(2).normal(0.0, 15.0, 256)

    def multiply(self, tiles, activations, *, num_sends=1, wait_between_events=5):
        return [
            np.clip(np.rint(0.001 * num_sends * (x @ t.weights) + self.offset[: t.weights.shape[1]]), -128, 127).astype(
                np.int8
            )
            for t, x in zip(tiles, activations, strict=True)
        ]


def test_gain_and_offsets_of_a_chip_are_measured():
    model, x = dense(), torch.randn(500, 20)
    found = convert(model, x, unit=Offset())
    assert hx.get_mock_parameter().gain == pytest.approx(0.001, rel=0.02)
    correlation, exact, ours = agreement(model, found, x)
    assert correlation > 0.97 and (ours - exact).mean(0).abs().max() < 0.1 * exact.std(0).max()
    # the gain of layers in the ideal mode, without these offsets, has to be there for comparison to mean anything
    for layer in found:
        if isinstance(layer, hx.nn.Linear):
            layer.bias.data.zero_()
    assert (found(x).detach() - exact).mean(0).abs().max() > 0.3 * exact.std(0).max()


def test_a_converted_model_is_trained_in_the_loop():
    """Classes by which of two halves of the inputs is larger; weights that were disturbed on the chip."""
    x = torch.rand(600, 16)
    labels = (x[:, :8].sum(1) > x[:, 8:].sum(1)).long()
    model = nn.Sequential(nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 2))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimiser.step()
    found = convert(model, x, unit=Offset())
    with torch.no_grad():
        for layer in found:
            if isinstance(layer, hx.nn.Linear):
                layer.weight += 30.0 * torch.randn_like(layer.weight)

    def accuracy():
        with torch.no_grad():
            return float((found(x).argmax(1) == labels).float().mean())

    before = accuracy()
    optimiser = torch.optim.Adam(found.parameters(), lr=0.3)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(found(x), labels).backward()
        optimiser.step()
    assert before < 0.93 < accuracy()


def test_inputs_beyond_the_batch_are_refused_or_clipped():
    model, x = dense(), torch.rand(50, 20)
    found = convert(model, x, mock=True)
    with pytest.raises(RangeError, match="0 to 31"):
        found(2 * x)
    clipped = convert(model, x, mock=True, clip_inputs=True)
    assert torch.equal(clipped(10 + x), clipped(20 + x))
    with pytest.raises(RangeError):
        found(-x)


def test_a_model_of_zeros_and_a_silent_batch():
    model = dense()
    for p in model.parameters():
        p.data.zero_()
    assert torch.equal(convert(model, torch.rand(10, 20), mock=True)(torch.rand(3, 20)).abs() < 1, torch.ones(3, 5) > 0)
    assert convert(dense(), torch.zeros(10, 20), mock=True)(torch.zeros(3, 20)).isfinite().all()


def test_what_cannot_be_converted():
    x = torch.rand(10, 4)
    for model, match in [
        (nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)), "without a ReLU between"),
        (nn.Sequential(nn.Linear(4, 3), nn.Tanh()), "got Tanh"),
        (nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), "fuse_linear_bn_eval"),
        (nn.Sequential(nn.ReLU()), "must have weights"),
        (nn.LSTM(4, 3), "got LSTM"),
        (nn.Conv1d(4, 4, 2, groups=2), "groups"),
        (nn.Conv2d(4, 4, 2, dilation=2), "dilation"),
        (nn.Conv1d(4, 4, 3, padding="same"), "padding"),
        (3, r"torch\.nn\.Module"),
    ]:
        with pytest.raises(ParameterError, match=match):
            convert(model, x, mock=True)
    good = nn.Linear(4, 3)
    for batch, match in [
        (None, "tensor of floats"),
        (x.long(), "tensor of floats"),
        (x[:0], "tensor"),
        (x / 0, "finite"),
    ]:
        with pytest.raises(ParameterError, match=match):
            convert(good, batch, mock=True)
    with pytest.raises(SimulationError, match="no unit is connected"):
        convert(good, x)
    with pytest.raises(ParameterError, match="give one of them"):
        convert(good, x, unit=Ideal(), mock=True)
    for name, value in [("shift", -1), ("reach", 0.0), ("percentile", 0.0)]:
        with pytest.raises(ParameterError, match=rf"convert\.{name}"):
            convert(good, x, mock=True, **{name: value})


class Shifted(nn.Sequential):
    def forward(self, x):
        return nn.Sequential.forward(self, x) + 5.0


class Doubled(nn.Linear):
    def forward(self, x):
        return 2.0 * nn.Linear.forward(self, x)


class Leaky(nn.ReLU):
    def forward(self, x):
        return nn.functional.leaky_relu(x)


def hooked(register):
    layer = nn.Linear(4, 3)
    getattr(layer, register)(lambda *given: None)
    return layer


def replaced():
    layer = nn.Linear(4, 3)
    layer.forward = lambda x: x[:, :3]
    return layer


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (Shifted(nn.Linear(4, 3)), "Shifted has a forward of its own"),
        (nn.Sequential(Shifted(nn.Linear(4, 3))), "Shifted has a forward of its own"),
        (Doubled(4, 3), "Doubled has a forward of its own"),
        (nn.Sequential(nn.Linear(4, 3), Leaky()), "Leaky has a forward of its own"),
        (replaced(), "Linear has a forward of its own"),
        (hooked("register_forward_hook"), "hooks"),
        (hooked("register_forward_pre_hook"), "hooks"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), "parametri"),
    ],
)
def test_parts_that_do_more_than_their_class_are_refused(model, match):
    with pytest.raises(ParameterError, match=match):
        convert(model, torch.rand(10, 4), mock=True)


class Named(nn.Sequential):
    """A subclass that computes what its class does."""


def test_a_plain_subclass_is_converted():
    assert convert(Named(nn.Linear(4, 3)), torch.rand(10, 4), mock=True)(torch.rand(2, 4)).shape == (2, 3)


def test_a_conversion_that_fails_leaves_what_is_connected():
    own, before = Ideal(seed=5), hx.get_mock_parameter()
    with hx.hardware(own) as system:
        for batch in (torch.rand(10, 7), torch.rand(10, 4) / 0):
            with pytest.raises((ParameterError, RuntimeError)):
                convert(nn.Linear(4, 3), batch, unit=Ideal(MockParameter(gain=0.004)))
            assert connected() is system and hx.get_mock_parameter() == before
