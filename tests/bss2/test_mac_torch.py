"""The matrix mode under PyTorch: against the ideal unit, and gradients against plain products."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import saltation.bss2.perceptron as hx  # noqa: E402
from saltation.bss2 import mac as arrays  # noqa: E402
from saltation.bss2.mac import Ideal, MockParameter  # noqa: E402
from saltation.errors import ParameterError, RangeError, SimulationError  # noqa: E402

F = torch.nn.functional
GAIN = 0.004


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


def drawn(low, high, *shape, dtype=torch.float32):
    """Not whole: they are rounded."""
    return (low + (high - low) * torch.rand(shape, dtype=torch.float64)).to(dtype).requires_grad_()


UNIT = Ideal(MockParameter(noise_std=0.0, gain=GAIN))
MODES = ["mock", "chip"]


def connect(mode):
    """The ideal mode, or the ideal unit as a chip."""
    if mode == "chip":
        hx.init_hardware(UNIT)
    return {"mock": mode == "mock"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("inputs", [5, 300])
def test_the_product_is_that_of_the_unit(mode, dtype, inputs):
    x, w = drawn(0, 31, 7, inputs, dtype=dtype), drawn(-63, 63, inputs, 300, dtype=dtype)
    found = hx.mac(x, w, num_sends=2, **connect(mode))
    assert found.dtype == dtype and found.requires_grad
    expected = arrays.mac(x.detach().double().numpy(), w.detach().double().numpy(), 2, unit=UNIT)
    np.testing.assert_array_equal(found.detach().double().numpy(), expected)
    assert np.unique(expected).size > 20


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("shape", "other"), [((200,), (200, 3)), ((200,), (200,)), ((4, 200), (200,)), ((2, 4, 200), (200, 3))]
)
def test_shapes_and_gradients_of_matmul_are_those_of_torch(mode, shape, other):
    x, w = drawn(0, 31, *shape), drawn(-63, 63, *other)
    found, plain = hx.matmul(x, w, num_sends=3, **connect(mode)), torch.matmul(x, w)
    assert found.shape == plain.shape
    weighting = torch.randn(plain.shape)
    ours = torch.autograd.grad((found * weighting).sum(), (x, w))
    theirs = torch.autograd.grad((plain * weighting).sum(), (x, w))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, 3 * GAIN * b)


def test_the_gradient_has_the_gain_at_the_time_of_the_product():
    x, w = drawn(0, 31, 3, 4), drawn(-63, 63, 4, 2)
    found = hx.mac(x, w, mock=True)
    hx.set_mock_parameter(MockParameter(gain=0.5))
    (by_w,) = torch.autograd.grad(found.sum(), w)
    torch.testing.assert_close(by_w, GAIN * x.detach().sum(0)[:, None].expand(4, 2))
    only_x = torch.autograd.grad(hx.mac(x, w.detach(), mock=True).sum(), x)[0]
    torch.testing.assert_close(only_x, 0.5 * w.detach().sum(1).expand(3, 4))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolutions_are_those_of_torch_where_nothing_saturates(mode, stride):
    """Whole numbers, a gain of 1/4: results are exact multiples of it, and rounded down once."""
    hx.set_mock_parameter(MockParameter(noise_std=0.0, gain=0.25))
    if mode == "chip":
        hx.init_hardware(Ideal(MockParameter(noise_std=0.0, gain=0.25)))
    mock = {"mock": mode == "mock"}
    for kind, plain, size, kernel in [
        (hx.conv1d, F.conv1d, (17,), (5,)),
        (hx.conv2d, F.conv2d, (9, 11), (2, 4)),
        *(
            (lambda *a, n=n, **k: hx.expanded_conv1d(*a, num_expansions=n, **k), F.conv1d, (17,), (5,))
            for n in (1, 3, 9)
        ),
    ]:
        x = torch.randint(0, 4, (3, 2, *size)).float().requires_grad_()
        w = torch.randint(-4, 5, (4, 2, *kernel)).float().requires_grad_()
        bias = torch.randn(4, requires_grad=True)
        found, exact = kind(x, w, bias, stride, **mock), plain(x, w, None, stride)
        assert found.is_contiguous() and exact.abs().max() < 400
        shape = (-1, *(1,) * len(size))
        torch.testing.assert_close(found, (0.25 * exact).floor() + bias.view(shape), rtol=0, atol=1e-5)
        ours = torch.autograd.grad(found.square().sum(), (x, w, bias))
        weighting = 2.0 * found.detach()
        theirs = torch.autograd.grad((weighting * (0.25 * exact + bias.view(shape))).sum(), (x, w, bias))
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("mode", MODES)
def test_digital_operations_are_those_on_arrays(mode):
    mock = connect(mode)
    x = (150 * torch.randn(20, 30)).requires_grad_()
    other = (100 * torch.randn(30)).requires_grad_()
    plain, more = x.detach().numpy(), other.detach().numpy()
    for found, expected in [
        (hx.relu(x, **mock), arrays.relu(plain)),
        (hx.converting_relu(x, **mock), arrays.converting_relu(plain)),
        (hx.converting_relu(x, shift=0, **mock), arrays.converting_relu(plain, 0)),
        (hx.add(x, other, **mock), arrays.add(plain, more)),
        (hx.add(x, other, alpha=0.5, **mock), arrays.add(plain, more, 0.5)),
        (hx.argmax(x, **mock), arrays.argmax(plain)),
        (hx.argmax(x, dim=0, keepdim=True, **mock), arrays.argmax(plain, 0, True)),
    ]:
        np.testing.assert_array_equal(found.detach().numpy(), expected)


def test_gradients_of_digital_operations():
    x, other = (150 * torch.randn(20, 30)).requires_grad_(), torch.randn(30, requires_grad=True)
    weighting = torch.randn(20, 30)
    (by_x,) = torch.autograd.grad((hx.relu(x, mock=True) * weighting).sum(), x)
    torch.testing.assert_close(by_x, weighting * (x > 0))
    (by_x,) = torch.autograd.grad((hx.converting_relu(x, shift=3, mock=True) * weighting).sum(), x)
    torch.testing.assert_close(by_x, weighting * (x > 0) / 8)
    by_x, by_other = torch.autograd.grad((hx.add(x, other, alpha=2.0, mock=True) * weighting).sum(), (x, other))
    torch.testing.assert_close(by_x, weighting)
    torch.testing.assert_close(by_other, 2.0 * weighting.sum(0))


def test_noise_of_the_ideal_mode():
    """Of each block its own, from torch's generator."""
    hx.set_mock_parameter(MockParameter(noise_std=2.0, gain=0.002))
    x, w = torch.full((400, 256), 10.0), torch.full((256, 50), 10.0)
    first = hx.mac(x, w, mock=True)
    assert float(first.mean()) == pytest.approx(256 * 0.2 - 1.0, abs=0.1)
    assert float(first.std()) == pytest.approx(np.sqrt(2 * (4 + 1 / 12)), rel=0.02)
    torch.manual_seed(5)
    second = hx.mac(x, w, mock=True)
    torch.manual_seed(5)
    assert torch.equal(second, hx.mac(x, w, mock=True)) and not torch.equal(first, second)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_clipped_unasked(mode):
    mock = connect(mode)
    good, w = torch.ones(2, 3), torch.ones(3, 4)
    for x in (-0.6, 31.5):
        with pytest.raises(RangeError, match=r"mac\.x must be 0 to 31 after rounding"):
            hx.mac(x * good, w, **mock)
    for value in (63.5, -65.0):
        with pytest.raises(OverflowError, match=r"mac\.weights must be -63 to 63"):
            hx.mac(good, value * w, **mock)
    for value in (np.nan, np.inf):
        with pytest.raises(ParameterError, match="finite"):
            hx.mac(good, value * w, **mock)
        with pytest.raises(ParameterError, match="finite"):
            hx.mac(value * good, w, **mock)
    with pytest.raises(ParameterError, match="real"):
        hx.mac(good, w * 1j, **mock)
    # halves away from zero, on both
    ends = hx.mac(torch.tensor([[0.5, 30.5, 1.5]]), torch.tensor([[62.5], [-0.5], [2.5]]), 10, **mock)
    assert ends.item() == np.floor(10 * GAIN * (63 - 31 + 2 * 3))


def test_what_is_not_connected_or_not_of_the_right_shape():
    x, w = torch.ones(2, 3), torch.ones(3, 4)
    for call in [
        lambda: hx.mac(x, w),
        lambda: hx.relu(x),
        lambda: hx.converting_relu(x),
        lambda: hx.add(x, x),
        lambda: hx.argmax(x),
        lambda: hx.nn.Linear(3, 4)(x),
        lambda: hx.inference_trace(x, "nowhere.npz"),
        hx.measure_mock_parameter,
    ]:
        with pytest.raises(SimulationError, match="no unit is connected"):
            call()
    for a, b in [(x, torch.ones(4, 4)), (torch.ones(1, 2, 3), w), (x, torch.ones(3)), (x, torch.ones(3, 4, 1))]:
        with pytest.raises(ParameterError, match="mac"):
            hx.mac(a, b, mock=True)
    with pytest.raises(ParameterError, match="one or two"):
        hx.matmul(x, torch.ones(3, 4, 1), mock=True)
    with pytest.raises(ParameterError, match="membranes are not recorded"):
        hx.mac(x, w, mock=True, madc_recording_path="samples.csv")
    for name in ("num_sends", "wait_between_events"):
        with pytest.raises(ParameterError, match=name):
            hx.mac(x, w, mock=True, **{name: 0})
    with pytest.raises(ParameterError, match=r"add\.other"):
        hx.add(x, torch.ones(4), mock=True)
    with pytest.raises(ParameterError, match="shift"):
        hx.converting_relu(x, shift=-1, mock=True)


def test_constants():
    c = hx.constants
    assert (c.synaptic_weight_min, c.synaptic_weight_max, c.input_activation_min, c.input_activation_max) == (
        -63,
        63,
        0,
        31,
    )
    assert (c.output_activation_min, c.output_activation_max) == (-128, 127)
    assert (c.hardware_matrix_height, c.hardware_matrix_width) == (128, 256)
    assert (c.defaults.wait_between_events, c.defaults.gain, c.defaults.noise_std) == (5, 0.002, 2.0)


def test_a_trace_of_the_ideal_mode_is_that_of_the_chip():
    x, w = drawn(0, 31, 7, 300), drawn(-63, 63, 300, 20)
    found = []
    for mode in MODES:
        with hx.Trace() as trace:
            hx.relu(hx.mac(x, w, num_sends=2, wait_between_events=3, **connect(mode)), **connect(mode))
        found.append(trace.operations)
    assert found[0] == found[1] and [each.name for each in found[0]] == ["mac", "relu"]


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int64])
def test_sums_of_whole_numbers_do_not_wrap(dtype):
    x, other = torch.tensor([100, 0, 0, 7]), torch.tensor([100, 100, 127, 3])
    for alpha in (-2, -1, 1, 2, 0.5):
        found = hx.add(x.to(dtype), other.to(dtype), alpha=alpha, mock=True)
        assert found.tolist() == arrays.add(x.numpy(), other.numpy(), alpha=alpha).tolist()


def test_digital_operations_refuse_what_those_on_arrays_do():
    x, wrong = torch.ones(2), torch.tensor([1.0, torch.nan])
    for call in (
        hx.relu,
        hx.converting_relu,
        hx.argmax,
        lambda y, **m: hx.add(y, x, **m),
        lambda y, **m: hx.add(x, y, **m),
    ):
        with pytest.raises(ParameterError, match="must be numbers; got NaN"):
            call(wrong, mock=True)
    for call in (hx.relu, hx.converting_relu, hx.argmax):
        with pytest.raises(ParameterError, match="real numbers"):
            call(x > 0, mock=True)


def test_bytes_without_a_sign_are_held_in_8_bits_too():
    x = torch.tensor([5, 200, 0, 220], dtype=torch.uint8)
    assert hx.relu(x, mock=True).tolist() == arrays.relu(x.numpy()).tolist() == [5, 127, 0, 127]
    assert hx.converting_relu(x, mock=True).tolist() == arrays.converting_relu(x.numpy()).tolist()
    assert hx.argmax(x, mock=True) == arrays.argmax(x.numpy()) == 1
