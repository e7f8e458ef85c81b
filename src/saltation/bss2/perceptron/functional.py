"""Operations of the matrix mode on tensors: the chip's result forward, a plain product's gradient backward."""

from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function

from saltation.bss2.mac import inference, rounding
from saltation.bss2.mac.connection import connected, get_mock_parameter
from saltation.bss2.mac.ideal import MockParameter
from saltation.bss2.mac.operations import check_add, check_matmul
from saltation.bss2.mac.partition import partition
from saltation.bss2.mac.ranges import ACTIVATION_MAX, INPUTS, OUTPUT_MAX, OUTPUT_MIN, WEIGHT_MAX
from saltation.bss2.mac.trace import record_digital, record_product, tracing
from saltation.errors import ParameterError
from saltation.model.checks import integer


def mac(
    x: Tensor,
    weights: Tensor,
    num_sends: int = 1,
    wait_between_events: int = 5,
    mock: bool = False,
    madc_recording_neuron_id: int = 0,
    madc_recording_path: str = "",
) -> Tensor:
    r"""Multiply a vector, or several, by a matrix on the chip.

    ::

        forward:   y = clip(sum of blocks of 128 inputs: clip(gain num_sends (x @ weights), -128, 127), -128, 127)
        backward:  dL/dx = gain num_sends dL/dy @ weights.T,    dL/dweights = gain num_sends x.T @ dL/dy

    Parameters
    ----------
    x : Tensor, [input] or [batch, input]
        Activations, 0 to 31 once they are rounded.
    weights : Tensor, [input, output]
        Weights, -63 to 63 once they are rounded.
    num_sends : int
        How often a vector is sent: a gain.
    wait_between_events : int
        From one event to the next, in periods of 8 ns.
    mock : bool
        In the ideal mode: with gain and noise of `set_mock_parameter`, each block rounded down; noise comes from
        torch's generator. Else on what `init_hardware` connected.
    madc_recording_neuron_id, madc_recording_path
        For programs of hxtorch; recording the membrane meanwhile is not supported.

    Returns
    -------
    Tensor, [output] or [batch, output]
        In the dtype of ``x``. Its gradient has the gain of `get_mock_parameter`, on the chip too.

    Raises
    ------
    RangeError
        If an activation or a weight is out of range; nothing is clipped.
    ParameterError
        If shapes do not go together, or the membrane is to be recorded.
    SimulationError
        If nothing is connected.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron as hxtorch
    >>> weights = torch.full((128, 2), 20.0, requires_grad=True)
    >>> y = hxtorch.mac(torch.full((128,), 10.0), weights, mock=True)
    >>> y.sum().backward()
    >>> bool((y - 51.2).abs().max() < 12), weights.grad[0]
    (True, tensor([0.0200, 0.0200]))
    """
    if madc_recording_path:
        raise ParameterError(
            f"mac.madc_recording_path must be empty: membranes are not recorded in the matrix mode; got "
            f"{madc_recording_path!r} for neuron {madc_recording_neuron_id}; saltation.bss2.Experiment records them"
        )
    if x.dim() not in (1, 2) or weights.dim() != 2 or x.shape[-1] != weights.shape[0]:
        raise ParameterError(
            f"mac: x must be [input] or [batch, input] and weights [input, output]; got {tuple(x.shape)} and "
            f"{tuple(weights.shape)}; matmul takes more dimensions"
        )
    sends = integer("mac", "num_sends", num_sends, minimum=1)
    wait = integer("mac", "wait_between_events", wait_between_events, minimum=1)
    found = _Mac.apply(x if x.dim() == 2 else x.unsqueeze(0), weights, sends, wait, mock)
    return found if x.dim() == 2 else found.squeeze(0)


def matmul(
    input: Tensor,
    other: Tensor,
    num_sends: int = 1,
    wait_between_events: int = 5,
    mock: bool = False,
    madc_recording_neuron_id: int = 0,
    madc_recording_path: str = "",
) -> Tensor:
    """Multiply as ``torch.matmul`` does, by a matrix or a vector; see `mac`.

    Raises
    ------
    ParameterError
        If ``other`` has more than two dimensions, or shapes do not go together.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron as hxtorch
    >>> hxtorch.matmul(torch.ones(2, 5, 128), torch.ones(128, 3), mock=True).shape
    torch.Size([2, 5, 3])
    """
    check_matmul(input.shape, other.shape)
    flat = mac(
        input.reshape(-1, input.shape[-1]),
        other if other.dim() == 2 else other.unsqueeze(-1),
        num_sends,
        wait_between_events,
        mock,
        madc_recording_neuron_id,
        madc_recording_path,
    )
    return flat.reshape((*input.shape[:-1], *other.shape[1:]))


def add(input: Tensor, other: Tensor, alpha: float = 1.0, mock: bool = False) -> Tensor:
    """Add ``alpha`` times ``other`` in 8 bits: both rounded down and saturating, and so is the sum.

    The gradient is that of a plain sum.

    Raises
    ------
    ParameterError
        If the shape of ``other`` cannot be spread to that of ``input``.
    SimulationError
        If nothing is connected, without ``mock``.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron as hxtorch
    >>> hxtorch.add(torch.tensor([100.0, -3.0]), torch.tensor([50.0, 0.7]), mock=True)
    tensor([127.,  -3.])
    """
    check_add(input.shape, other.shape)
    spread = other.expand(input.shape)
    return _digital("add", mock, input, _Add.apply, spread, alpha, array=spread, alpha=alpha)


def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False, mock: bool = False) -> Tensor:
    """Index of the largest value in 8 bits, the first of several; of the flat input without ``dim``.

    Raises
    ------
    SimulationError
        If nothing is connected, without ``mock``.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron as hxtorch
    >>> hxtorch.argmax(torch.tensor([[1.0, 5.2, 5.9], [500.0, 130.0, 3.0]]), dim=1, mock=True)
    tensor([1, 0])
    """

    def found(values: Tensor) -> Tensor:
        held = _int8("argmax.input", values)
        return held.argmax() if dim is None else held.argmax(dim, keepdim)

    return _digital("argmax", mock, input, found, dim=dim, keepdim=keepdim)


def relu(input: Tensor, mock: bool = False) -> Tensor:
    """Rectify in 8 bits: 0 to 127, rounded down. The gradient is that of a plain rectifier.

    Raises
    ------
    SimulationError
        If nothing is connected, without ``mock``.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron as hxtorch
    >>> hxtorch.relu(torch.tensor([-3.0, 5.7, 200.0]), mock=True)
    tensor([  0.,   5., 127.])
    """
    return _digital("relu", mock, input, _Relu.apply, None)


def converting_relu(input: Tensor, shift: int = 2, mock: bool = False) -> Tensor:
    """Rectify to activations: shifted right by ``shift`` bits, 0 to 31.

    ::

        forward:   y = min(floor(relu(x) / 2**shift), 31)
        backward:  dL/dx = dL/dy / 2**shift  where x > 0, else 0

    Raises
    ------
    ParameterError
        If ``shift`` is not an integer of at least 0.
    SimulationError
        If nothing is connected, without ``mock``.

    Examples
    --------
    >>> import torch
    >>> import saltation.bss2.perceptron as hxtorch
    >>> hxtorch.converting_relu(torch.tensor([-3.0, 5.7, 127.0]), shift=1, mock=True)
    tensor([ 0.,  2., 31.])
    """
    bits = integer("converting_relu", "shift", shift)
    return _digital("converting_relu", mock, input, _Relu.apply, bits, shift=bits)


# ------------------------------------------------------------------------------------------------ private
@final
class _Mac(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, num_sends: int, wait: int, mock: bool) -> Tensor:
        parameter = get_mock_parameter()
        ctx.save_for_backward(x, weights)
        ctx.gain = parameter.gain * num_sends
        if not inference.recording():
            return _product(x, weights, num_sends, wait, parameter if mock else None)
        sending = {"num_sends": num_sends, "wait_between_events": wait}
        with inference.record("mac", _numpy(x), _numpy(weights), **sending) as result:
            found = _product(x, weights, num_sends, wait, parameter if mock else None)
            result.append(_numpy(found))
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        x, weights = ctx.saved_tensors
        scaled = gradients[0] * ctx.gain
        by_x = scaled @ weights.t().to(scaled.dtype) if ctx.needs_input_grad[0] else None
        by_weights = x.t().to(scaled.dtype) @ scaled if ctx.needs_input_grad[1] else None
        return by_x, by_weights, None, None, None


@final
class _Add(Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, other: Tensor, alpha: float) -> Tensor:
        ctx.alpha = alpha
        dtype = torch.result_type(input, alpha * other)
        # whole numbers as floats before they are multiplied and added: small ones wrap
        own, more = (each if each.is_floating_point() else each.double() for each in (input, other))
        found = (_int8("add.input", own) + _int8("add.other", alpha * more)).clamp(OUTPUT_MIN, OUTPUT_MAX)
        return found.to(dtype if dtype.is_floating_point else torch.promote_types(dtype, torch.int8))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0], ctx.alpha * gradients[0], None


@final
class _Relu(Function):
    """Of 8 bits; with a shift, to activations."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, shift: int | None) -> Tensor:
        ctx.save_for_backward(input)
        ctx.factor = 1.0 if shift is None else 0.5**shift
        rectified = _int8("relu.input" if shift is None else "converting_relu.input", input).clamp(min=0)
        return rectified if shift is None else (rectified * ctx.factor).floor().clamp(max=ACTIVATION_MAX)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (input,) = ctx.saved_tensors
        return gradients[0] * (input > 0) * ctx.factor, None


def _product(x: Tensor, weights: Tensor, num_sends: int, wait: int, parameter: MockParameter | None) -> Tensor:
    """Of vectors [batch, input], in the ideal mode or on what is connected."""
    dtype = x.dtype if x.is_floating_point() else torch.float32
    if parameter is None:
        found = connected().multiply(_numpy(weights), _numpy(x), num_sends=num_sends, wait_between_events=wait)
        return torch.from_numpy(found).to(dtype=dtype, device=x.device)
    whole = _whole("mac.weights", weights, -WEIGHT_MAX, WEIGHT_MAX, rounding.CLIPPED_WEIGHTS)
    vectors = _whole("mac.x", x, 0, ACTIVATION_MAX, rounding.CLIPPED_ACTIVATIONS)
    if tracing():
        record_product(partition(*whole.shape), len(vectors), num_sends, wait)
    return _ideal(vectors, whole, num_sends * parameter.gain, parameter.noise_std).to(dtype)


def _ideal(x: Tensor, weights: Tensor, gain: float, noise_std: float) -> Tensor:
    """As `saltation.bss2.mac.Ideal` in each block; whole numbers in float32, so that products are exact."""
    total = torch.zeros(len(x), weights.shape[1], device=x.device)
    for part, block in zip(x.split(INPUTS, dim=1), weights.split(INPUTS), strict=True):
        found = (part @ block).double().mul_(gain)
        if noise_std > 0.0:
            found += noise_std * torch.randn(found.shape, device=x.device)
        total += found.floor_().clamp_(OUTPUT_MIN, OUTPUT_MAX)
    return total.clamp_(OUTPUT_MIN, OUTPUT_MAX)


def _whole(where: str, values: Tensor, minimum: int, maximum: int, hint: str) -> Tensor:
    """Rounded as `rounding.rounded` does, in float32, and checked."""
    given = values.detach()
    if given.is_complex() or given.dtype == torch.bool:
        raise ParameterError(f"{where} must be real numbers; got a tensor of dtype {given.dtype}")
    if not given.numel():
        return given.float()
    down = given.trunc()
    found = (down + (given - down).abs().ge(0.5) * given.sign()).float()
    low, high = (float(each) for each in found.aminmax())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ParameterError(f"{where} must be finite; got NaN or infinity; a training may have diverged")
    if low < minimum or high > maximum:
        raise rounding.out_of_range(where, low, high, minimum, maximum, hint)
    return found


def _int8(where: str, values: Tensor) -> Tensor:
    """As `rounding.int8`; in a dtype that holds negative numbers."""
    if values.is_complex() or values.dtype == torch.bool:
        raise ParameterError(f"{where} must be real numbers; got a tensor of dtype {values.dtype}")
    if values.isnan().any():
        raise ParameterError(f"{where} must be numbers; got NaN; a training may have diverged")
    if not values.is_floating_point():
        values = values.to(torch.promote_types(values.dtype, torch.int8))
    return values.floor().clamp(OUTPUT_MIN, OUTPUT_MAX)


def _digital(
    name: str, mock: bool, input: Tensor, function: Any, *rest: Any, array: Tensor | None = None, **numbers: Any
) -> Tensor:
    """Run a digital operation, whose result is the same in the ideal mode; on the chip, there has to be one."""
    if not mock:
        connected()
    if not inference.recording():
        found = function(input, *rest)
    else:
        more = None if array is None else _numpy(array)
        with inference.record(name, _numpy(input), more, **numbers) as result:
            found = function(input, *rest)
            result.append(_numpy(found))
    if tracing():
        record_digital(name, input.numel() + found.numel())
    return found


def _numpy(values: Tensor) -> NDArray[Any]:
    own = values.detach().cpu()
    # NumPy has no bfloat16
    return (own.float() if own.dtype == torch.bfloat16 else own).numpy()
