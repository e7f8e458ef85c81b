"""Operations of the matrix mode on arrays, against loops; gain and noise that are measured."""

import numpy as np
import pytest

from saltation.bss2.mac import (
    Ideal,
    MockParameter,
    add,
    argmax,
    connected,
    conv1d,
    conv2d,
    converting_relu,
    expanded_conv1d,
    get_mock_parameter,
    hardware,
    init_hardware,
    mac,
    matmul,
    measure_mock_parameter,
    release_hardware,
    relu,
    set_mock_parameter,
)
from saltation.errors import ParameterError, RangeError, SimulationError

QUIET = Ideal(MockParameter(noise_std=0.0, gain=0.004))


def product(x, w, num_sends=1):
    """Of a vector of at most 128 inputs and a matrix."""
    return np.clip(np.floor(0.004 * num_sends * (np.asarray(x) @ np.asarray(w))), -128, 127)


@pytest.mark.parametrize(
    ("shape", "other"), [((5,), (5, 3)), ((5,), (5,)), ((4, 5), (5,)), ((2, 4, 5), (5, 3)), ((2, 3, 4, 5), (5, 7))]
)
def test_matmul_takes_shapes_as_numpy_does(shape, other):
    rng = np.random.default_rng(0)
    x, w = rng.integers(0, 32, shape), rng.integers(-63, 64, other)
    found = matmul(x, w, unit=QUIET)
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, product(x, w))


def test_matmul_refuses_other_shapes():
    for x, other in [((5,), (5, 3, 2)), ((), (5,)), ((4, 5), (4, 3))]:
        with pytest.raises(ParameterError, match="matmul"):
            matmul(np.ones(x), np.ones(other), unit=QUIET)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("with_bias", [False, True])
def test_conv1d_is_a_product_with_each_window(stride, with_bias):
    rng = np.random.default_rng(1)
    x, w = rng.integers(0, 32, (3, 2, 17)), rng.integers(-63, 64, (4, 2, 5))
    bias = rng.normal(size=4) if with_bias else None
    expected = np.array(
        [
            [[product(x[b, :, at : at + 5].ravel(), w[o].ravel()) for at in range(0, 13, stride)] for o in range(4)]
            for b in range(3)
        ]
    )
    if with_bias:
        expected = expected + bias[:, None]
    np.testing.assert_array_equal(conv1d(x, w, bias, stride=stride, unit=QUIET), expected)
    for number in (1, 2, 3, 7, 30):
        found = expanded_conv1d(x, w, bias, stride=stride, num_expansions=number, unit=QUIET)
        np.testing.assert_array_equal(found, expected)


def test_conv2d_is_a_product_with_each_window():
    rng = np.random.default_rng(2)
    x, w, bias = rng.integers(0, 32, (2, 3, 9, 11)), rng.integers(-63, 64, (4, 3, 2, 4)), np.arange(4)
    found = conv2d(x, w, bias, stride=(2, 3), num_sends=2, unit=QUIET)
    assert found.shape == (2, 4, 4, 3)
    for b, o, i, j in np.ndindex(found.shape):
        window = x[b, :, 2 * i : 2 * i + 2, 3 * j : 3 * j + 4]
        assert found[b, o, i, j] == product(window.ravel(), w[o].ravel(), 2) + bias[o]


def test_convolutions_refuse_shapes_that_do_not_go_together():
    x, w = np.ones((2, 3, 10)), np.ones((4, 3, 5))
    for wrong, match in [
        ((x[0], w), r"\[batch, channel\]"),
        ((x, w[:, :2]), "groups of channels are not supported"),
        ((x, np.ones((4, 3, 11))), "kernel must not be larger"),
        ((x, w, np.ones(3)), r"bias must be of shape \(4,\)"),
        ((x, w, None, 0), "stride"),
        ((x, w, None, (1, 1)), "stride must be one number, or 1"),
        ((x, w, None, "1"), "stride"),
        ((x, w, None, None), "stride"),
    ]:
        for convolve in (conv1d, expanded_conv1d):
            with pytest.raises(ParameterError, match=match):
                convolve(*wrong, unit=QUIET)
    with pytest.raises(ParameterError, match="num_expansions"):
        expanded_conv1d(x, w, num_expansions=0, unit=QUIET)
    with pytest.raises(RangeError, match="-63 to 63"):
        conv1d(x, 100 * w, unit=QUIET)


def test_strides_may_be_integers_of_numpy():
    x, w = np.ones((2, 3, 10)), np.ones((4, 3, 5))
    expected = conv1d(x, w, stride=2, unit=QUIET)
    for stride in (np.int64(2), [np.int32(2)], np.array([2])):
        np.testing.assert_array_equal(conv1d(x, w, stride=stride, unit=QUIET), expected)


def test_digital_operations_by_number():
    """Each value that 8 bits hold, and some that they do not, one by one."""
    values = np.concatenate([np.arange(-200, 200), np.arange(-130.75, 130.0, 10.25)])
    for x in values.tolist():
        held = max(-128, min(127, int(np.floor(x))))
        assert relu([x])[0] == max(held, 0)
        for shift in range(8):
            assert converting_relu([x], shift)[0] == min(max(held, 0) >> shift, 31)
        for other in (-128.0, -0.5, 3.75, 300.0):
            more = max(-128, min(127, int(np.floor(2 * other))))
            assert add([x], [other], alpha=2)[0] == max(-128, min(127, held + more))
    assert add(np.zeros((2, 3)), [1.0, 2.0, 3.0]).tolist() == [[1, 2, 3]] * 2
    assert argmax([3.0, 9.9, 9.1, -4.0]) == 1
    assert argmax(np.array([[1, 2], [200, 130]]), dim=1, keepdim=True).tolist() == [[1], [0]]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int64])
def test_sums_of_whole_numbers_do_not_wrap(dtype):
    held = [0, 3, 100, 127] if dtype == np.uint8 else [-128, -100, 0, 3, 100, 127]
    for x in held:
        for other in held:
            for alpha in (-2, -1, 1, 2, 0.5, 100):
                expected = max(-128, min(127, x + max(-128, min(127, int(np.floor(alpha * other))))))
                assert add(np.array([x], dtype), np.array([other], dtype), alpha=alpha)[0] == expected


def test_digital_operations_refuse():
    for function in (relu, converting_relu, argmax):
        with pytest.raises(ParameterError, match="NaN"):
            function([np.nan])
        with pytest.raises(ParameterError, match="real"):
            function([1j])
    with pytest.raises(ParameterError, match="shift"):
        converting_relu([1.0], shift=-1)
    for other in (np.ones(4), np.ones((5, 3))):
        with pytest.raises(ParameterError, match=r"add\.other"):
            add(np.ones((2, 3)), other)


def test_what_is_connected():
    with pytest.raises(SimulationError, match=r"no unit is connected: call init_hardware"):
        mac(np.ones(3), np.ones((3, 2)))
    with pytest.raises(ParameterError, match="init_hardware"):
        init_hardware()
    with pytest.raises(ParameterError, match="Backend"):
        init_hardware(QUIET, ann=False)
    with pytest.raises(ParameterError, match="units that multiply"):
        init_hardware("chip")
    try:
        init_hardware(QUIET, ann=True)
        own = connected()
        with hardware([QUIET, Ideal(seed=1)]) as system:
            assert connected() is system and len(system.units) == 2
        assert connected() is own
        assert mac(np.ones(3), np.ones((3, 2))).tolist() == [0, 0]
    finally:
        release_hardware()
    release_hardware()  # once more does no harm
    with pytest.raises(SimulationError):
        connected()


def test_the_parameter_of_the_ideal_mode():
    assert get_mock_parameter() == MockParameter(noise_std=2.0, gain=0.002) == MockParameter(2.0, 0.002)
    for gain in (2000, 0.0, -0.1, np.nan):
        with pytest.raises(OverflowError, match=r"\(0, 1\]"):
            set_mock_parameter(MockParameter(gain=gain))
    with pytest.raises(OverflowError, match="noise_std"):
        set_mock_parameter(MockParameter(noise_std=np.inf))
    assert get_mock_parameter() == MockParameter()


@pytest.mark.parametrize("gain", [0.0005, 0.0019, 0.02])
@pytest.mark.parametrize("noise", [0.0, 0.7, 3.0])
def test_measured_gain_and_noise_are_those_of_the_unit(gain, noise):
    found = measure_mock_parameter(Ideal(MockParameter(noise, gain), seed=3), seed=1)
    assert found.gain == pytest.approx(gain, rel=0.01)
    assert found.noise_std == pytest.approx(noise, rel=0.05, abs=0.12)


class Columns:
    """A unit whose columns have gains and offsets of their own, without rounding down."""

    def __init__(self, spread=0.3, offset=10.0):
        rng = np.random.default_rng(4)
        self.gain, self.offset = 0.002 * rng.normal(1.0, spread, 256), rng.normal(0.0, offset, 256)

    def multiply(self, tiles, activations, *, num_sends=1, wait_between_events=5):
        return [
            np.clip(np.rint(self.gain * (x @ tile.weights) + self.offset), -128, 127).astype(np.int8)
            for tile, x in zip(tiles, activations, strict=True)
        ]


def test_measuring_takes_columns_apart():
    """Neither gains nor offsets of columns count as noise."""
    unit = Columns()
    found = measure_mock_parameter([unit, Columns()])
    assert found.gain == pytest.approx(np.median(unit.gain), rel=0.01)
    assert found.noise_std < 0.15


def test_measuring_units_that_do_not_multiply():
    with pytest.raises(SimulationError, match="within 80 LSB"):
        measure_mock_parameter(Ideal(MockParameter(0.0, 1.0)))
    silent = Columns(spread=0.0, offset=0.0)
    silent.gain = np.zeros(256)
    with pytest.raises(SimulationError, match=r"gain must be in \(0, 1\]"):
        measure_mock_parameter(silent)
