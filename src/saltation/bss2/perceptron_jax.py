"""The matrix mode under JAX: the operations of `saltation.bss2.perceptron` as pure functions of arrays.

They may be used under ``jit``, ``grad``, ``jvp`` and ``vmap``. What is connected, and gain and noise of the ideal mode,
are looked up when a function is traced. Noise of the ideal mode comes from a ``key``. Where arrays are traced no error
can be raised: where something is out of range then, the whole result is NaN. Needs ``pip install "saltation[jax]"``.

>>> import jax, jax.numpy as jnp
>>> from saltation.bss2 import perceptron_jax as hxjax
>>> @jax.jit
... def loss(weights, x, key):
...     return hxjax.mac(x, weights, mock=True, key=key).mean()
>>> x, weights = jnp.full((4, 128), 10.0), jnp.full((128, 2), 20.0)
>>> value, gradient = jax.value_and_grad(loss)(weights, x, jax.random.key(0))
>>> bool(abs(value - 50.7) < 4), round(float(gradient[0, 0]), 4)
(True, 0.01)
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saltation.bss2.mac import rounding
from saltation.bss2.mac.connection import connected, get_mock_parameter
from saltation.bss2.mac.ideal import MockParameter
from saltation.bss2.mac.operations import check_add, check_matmul
from saltation.bss2.mac.ranges import ACTIVATION_MAX, INPUTS, OUTPUT_MAX, OUTPUT_MIN, WEIGHT_MAX
from saltation.bss2.mac.running import System
from saltation.bss2.mac.windows import check_convolution, expansion, strides_of
from saltation.errors import MissingDependencyError, ParameterError
from saltation.model.checks import integer

try:
    import jax
    import jax.numpy as jnp
    from jax.core import Tracer
    from jax.experimental import io_callback
except ModuleNotFoundError as error:
    # Only where jax itself is missing: a broken jax should show its own error.
    if error.name != "jax":
        raise
    raise MissingDependencyError(
        'saltation.bss2.perceptron_jax needs JAX, which is not installed: pip install "saltation[jax]"'
    ) from error

__all__ = ["add", "argmax", "conv1d", "conv2d", "converting_relu", "expanded_conv1d", "mac", "matmul", "relu"]

_LOG = logging.getLogger(__name__)


def mac(
    x: Any,
    weights: Any,
    num_sends: int = 1,
    wait_between_events: int = 5,
    mock: bool = False,
    *,
    key: Any = None,
) -> jax.Array:
    """Multiply a vector, or several, by a matrix on the chip; its derivative is that of a plain product.

    ::

        forward:    y = clip(sum of blocks of 128 inputs: clip(gain num_sends (x @ weights), -128, 127), -128, 127)
        derivative: dy = gain num_sends (dx @ weights + x @ dweights)

    Parameters
    ----------
    x : array, [input] or [batch, input]
        Activations, 0 to 31 once they are rounded.
    weights : array, [input, output]
        Weights, -63 to 63 once they are rounded.
    num_sends, wait_between_events : int
        How often a vector is sent, and periods of 8 ns from one event to the next.
    mock : bool
        In the ideal mode; else on what `init_hardware` connected, once for each call, in the order of the program.
    key : jax.random.key, optional
        Of the noise of the ideal mode, where there is any.

    Returns
    -------
    jax.Array, [output] or [batch, output]
        Floats.

    Raises
    ------
    RangeError
        If an activation or a weight is out of range, where they are not traced.
    ParameterError
        If shapes do not go together, or the ideal mode has noise and no key.
    SimulationError
        If nothing is connected.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.bss2.mac import Ideal, MockParameter, hardware
    >>> from saltation.bss2 import perceptron_jax as hxjax
    >>> with hardware(Ideal(MockParameter(noise_std=0.0))):
    ...     print(hxjax.mac(jnp.full(100, 15), jnp.full((100, 3), 21)))
    [63. 63. 63.]
    """
    x, weights = jnp.asarray(x), jnp.asarray(weights)
    if x.ndim not in (1, 2) or weights.ndim != 2 or x.shape[-1] != weights.shape[0]:
        raise ParameterError(
            f"mac: x must be [input] or [batch, input] and weights [input, output]; got {x.shape} and {weights.shape}; "
            "matmul takes more dimensions"
        )
    sends = integer("mac", "num_sends", num_sends, minimum=1)
    wait = integer("mac", "wait_between_events", wait_between_events, minimum=1)
    dtype = jnp.result_type(x.dtype, jnp.float32)
    vectors, matrix = jnp.atleast_2d(x).astype(dtype), weights.astype(dtype)
    given, parameter = jax.lax.stop_gradient((vectors, matrix)), get_mock_parameter()
    if mock:
        found = _ideal(*given, sends, parameter, key)
    else:
        found = _on_chip(partial(_multiplied, connected(), sends, wait), *given)
    found = _straight(parameter.gain * sends, vectors, matrix, found.astype(dtype))
    return found if x.ndim == 2 else found[0]


def matmul(
    input: Any, other: Any, num_sends: int = 1, wait_between_events: int = 5, mock: bool = False, *, key: Any = None
) -> jax.Array:
    """Multiply as ``jnp.matmul`` does, by a matrix or a vector; see `mac`.

    Examples
    --------
    >>> import jax
    >>> from saltation.bss2 import perceptron_jax as hxjax
    >>> hxjax.matmul(jax.numpy.ones((2, 5, 8)), jax.numpy.ones((8, 3)), mock=True, key=jax.random.key(0)).shape
    (2, 5, 3)
    """
    x, matrix = jnp.asarray(input), jnp.asarray(other)
    check_matmul(x.shape, matrix.shape)
    flat = mac(
        x.reshape(-1, x.shape[-1]),
        matrix if matrix.ndim == 2 else matrix[:, None],
        num_sends,
        wait_between_events,
        mock,
        key=key,
    )
    return flat.reshape((*x.shape[:-1], *matrix.shape[1:]))


def conv1d(input: Any, weight: Any, bias: Any = None, stride: int | Sequence[int] = 1, **sending: Any) -> jax.Array:
    """Convolve ``[batch, channel, length]`` with kernels ``[output, channel, kernel]``; the rest is that of `mac`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.bss2.mac import Ideal, hardware
    >>> from saltation.bss2 import perceptron_jax as hxjax
    >>> with hardware(Ideal()):
    ...     hxjax.conv1d(jnp.ones((2, 3, 30)), jnp.ones((4, 3, 5)), stride=2).shape
    (2, 4, 13)
    """
    return _convolve(1, input, weight, bias, stride, sending)


def conv2d(input: Any, weight: Any, bias: Any = None, stride: int | Sequence[int] = 1, **sending: Any) -> jax.Array:
    """Convolve ``[batch, channel, height, width]`` with kernels; the rest is that of `mac`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.bss2.mac import Ideal, hardware
    >>> from saltation.bss2 import perceptron_jax as hxjax
    >>> with hardware(Ideal()):
    ...     hxjax.conv2d(jnp.ones((2, 1, 30, 30)), jnp.ones((20, 1, 10, 10)), stride=5).shape
    (2, 20, 5, 5)
    """
    return _convolve(2, input, weight, bias, stride, sending)


def expanded_conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    num_expansions: int = 1,
    **sending: Any,
) -> jax.Array:
    """Convolve as `conv1d` does, with the kernel so often beside itself on the chip.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.bss2.mac import Ideal, hardware
    >>> from saltation.bss2 import perceptron_jax as hxjax
    >>> with hardware(Ideal()):
    ...     hxjax.expanded_conv1d(jnp.ones((2, 3, 30)), jnp.ones((4, 3, 5)), stride=2, num_expansions=4).shape
    (2, 4, 13)
    """
    x, kernels = jnp.asarray(input), jnp.asarray(weight)
    check_convolution("expanded_conv1d", 1, x.shape, kernels.shape, None if bias is None else jnp.shape(bias))
    (step,) = strides_of("expanded_conv1d", stride, 1)
    plan = expansion("expanded_conv1d", num_expansions, x.shape[2], kernels.shape[2], step)
    edges = [(n * step, plan.width - n * step - plan.kernel) for n in range(plan.number)]
    large = jnp.stack([jnp.pad(kernels, ((0, 0), (0, 0), edge)) for edge in edges], axis=1)
    found = _convolve(
        1,
        jnp.pad(x, ((0, 0), (0, 0), (0, plan.padding))),
        large.reshape(-1, *large.shape[2:]),
        None,
        step * plan.number,
        sending,
    )
    lined = found.reshape(len(x), kernels.shape[0], plan.number, -1).swapaxes(2, 3)
    return _biased(lined.reshape(len(x), kernels.shape[0], -1)[..., : plan.length], bias, 1)


def add(input: Any, other: Any, alpha: float = 1.0, mock: bool = False) -> jax.Array:
    """Add ``alpha`` times ``other`` in 8 bits; the derivative is that of a plain sum.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.bss2 import perceptron_jax as hxjax
    >>> print(hxjax.add(jnp.array([100.0, -3.0]), jnp.array([50.0, 0.7]), mock=True))
    [127.  -3.]
    """
    _check_connected(mock)
    own, more = jnp.asarray(input), jnp.asarray(other)
    check_add(own.shape, more.shape)
    _check_numbers("add.input", own)
    _check_numbers("add.other", more)
    dtype = jnp.result_type(own.dtype, more.dtype, jnp.float32)
    return _added(alpha, own.astype(dtype), jnp.broadcast_to(more, own.shape).astype(dtype))


def argmax(input: Any, dim: int | None = None, keepdim: bool = False, mock: bool = False) -> jax.Array:
    """Index of the largest value in 8 bits, the first of several; of the flat input without ``dim``.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.bss2 import perceptron_jax as hxjax
    >>> print(hxjax.argmax(jnp.array([[1.0, 5.2, 5.9], [500.0, 130.0, 3.0]]), dim=1, mock=True))
    [1 0]
    """
    _check_connected(mock)
    given = jnp.asarray(input)
    _check_numbers("argmax.input", given)
    values = _int8(given)
    return jnp.argmax(values) if dim is None else jnp.argmax(values, axis=dim, keepdims=keepdim)


def relu(input: Any, mock: bool = False) -> jax.Array:
    """Rectify in 8 bits: 0 to 127, rounded down; the derivative is that of a plain rectifier.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.bss2 import perceptron_jax as hxjax
    >>> print(hxjax.relu(jnp.array([-3.0, 5.7, 200.0]), mock=True))
    [  0.   5. 127.]
    """
    _check_connected(mock)
    values = jnp.asarray(input)
    _check_numbers("relu.input", values)
    return _rectified(None, values.astype(jnp.result_type(values.dtype, jnp.float32)))


def converting_relu(input: Any, shift: int = 2, mock: bool = False) -> jax.Array:
    """Rectify to activations: shifted right by ``shift`` bits, 0 to 31; the derivative has the factor 2**-shift.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.bss2 import perceptron_jax as hxjax
    >>> print(hxjax.converting_relu(jnp.array([-3.0, 5.7, 127.0]), shift=1, mock=True))
    [ 0.  2. 31.]
    """
    _check_connected(mock)
    values, bits = jnp.asarray(input), integer("converting_relu", "shift", shift)
    _check_numbers("converting_relu.input", values)
    return _rectified(bits, values.astype(jnp.result_type(values.dtype, jnp.float32)))


# ------------------------------------------------------------------------------------------------ private
@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _straight(gain: float, x: jax.Array, weights: jax.Array, found: jax.Array) -> jax.Array:
    """What the chip found, with the derivative of a product."""
    return found


@_straight.defjvp
def _straight_jvp(gain: float, primals: Any, tangents: Any) -> Any:
    x, weights, found = primals
    return found, gain * (tangents[0] @ weights + x @ tangents[1])


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _added(alpha: float, a: jax.Array, b: jax.Array) -> jax.Array:
    return (_int8(a) + _int8(alpha * b)).clip(OUTPUT_MIN, OUTPUT_MAX)


@_added.defjvp
def _added_jvp(alpha: float, primals: Any, tangents: Any) -> Any:
    return _added(alpha, *primals), tangents[0] + alpha * tangents[1]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _rectified(shift: int | None, x: jax.Array) -> jax.Array:
    values = _int8(x).clip(0)
    return values if shift is None else jnp.floor(values * 0.5**shift).clip(None, ACTIVATION_MAX)


@_rectified.defjvp
def _rectified_jvp(shift: int | None, primals: Any, tangents: Any) -> Any:
    return _rectified(shift, *primals), tangents[0] * (primals[0] > 0) * 0.5 ** (shift or 0)


def _check_numbers(where: str, values: jax.Array) -> None:
    """Refuse NaN; where arrays are traced no error can be raised."""
    if not isinstance(values, Tracer) and bool(jnp.isnan(values).any()):
        raise ParameterError(f"{where} must be numbers; got NaN; a training may have diverged")


def _int8(values: jax.Array) -> jax.Array:
    return jnp.floor(values).clip(OUTPUT_MIN, OUTPUT_MAX)


def _ideal(x: jax.Array, weights: jax.Array, num_sends: int, parameter: MockParameter, key: Any) -> jax.Array:
    """As `saltation.bss2.mac.Ideal` in each block; rounded in float64 where JAX has it."""
    if parameter.noise_std > 0.0 and key is None:
        raise ParameterError(
            f"mac.key must be given: the ideal mode has noise of {parameter.noise_std} LSB; mac(..., key="
            "jax.random.key(0)), split for each call, or set_mock_parameter(MockParameter(noise_std=0.0))"
        )
    x, allowed = _whole("mac.x", x, 0, ACTIVATION_MAX, rounding.CLIPPED_ACTIVATIONS)
    weights, also = _whole("mac.weights", weights, -WEIGHT_MAX, WEIGHT_MAX, rounding.CLIPPED_WEIGHTS)
    total = jnp.zeros((len(x), weights.shape[1]), jnp.float32)
    for n, first in enumerate(range(0, len(weights), INPUTS)):
        block = slice(first, first + INPUTS)
        product = jnp.matmul(x[:, block], weights[block], precision=jax.lax.Precision.HIGHEST)
        found = product.astype(jnp.result_type(float)) * (parameter.gain * num_sends)
        if parameter.noise_std > 0.0:
            found += parameter.noise_std * jax.random.normal(jax.random.fold_in(key, n), found.shape)
        total += _int8(found).astype(jnp.float32)
    return jnp.where(allowed & also, total.clip(OUTPUT_MIN, OUTPUT_MAX), jnp.nan)


def _whole(where: str, values: jax.Array, minimum: int, maximum: int, hint: str) -> tuple[jax.Array, Any]:
    """Rounded as `rounding.rounded` does, and whether in range; where that can be seen, an error if not."""
    if not isinstance(values, Tracer):
        check = rounding.activations if minimum == 0 else rounding.weights
        return jnp.asarray(check(where, np.asarray(values)), values.dtype), True
    down = jnp.trunc(values)
    found = down + (jnp.abs(values - down) >= 0.5) * jnp.sign(values)
    return found, ((found >= minimum) & (found <= maximum)).all()


def _multiplied(system: System, num_sends: int, wait: int, x: Any, weights: Any) -> NDArray[np.float32]:
    """On chips, each of the axes in front for itself."""
    lead = x.shape[:-2]
    found = np.empty((*lead, x.shape[-2], weights.shape[-1]), np.float32)
    for at in np.ndindex(lead):
        own = system.multiply(weights[at], x[at], num_sends=num_sends, wait_between_events=wait)
        found[at] = own
    return found


def _on_chip(function: Callable[..., Any], x: jax.Array, weights: jax.Array) -> jax.Array:
    """Run a function of arrays exactly once, in the order of the program."""
    if not isinstance(x, Tracer) and not isinstance(weights, Tracer):
        jax.effects_barrier()  # what has been started before comes before
        return jnp.asarray(function(np.asarray(x), np.asarray(weights)))

    @jax.custom_batching.custom_vmap
    def staged(x: jax.Array, weights: jax.Array) -> jax.Array:
        shape = jax.ShapeDtypeStruct((*x.shape[:-1], weights.shape[-1]), jnp.float32)
        return io_callback(partial(_quietly, function, shape.shape), shape, x, weights, ordered=True)

    @staged.def_vmap
    def along(size: int, batched: Sequence[bool], x: jax.Array, weights: jax.Array) -> tuple[jax.Array, bool]:
        given = zip((x, weights), batched, strict=True)
        spread = [each if own else jnp.broadcast_to(each, (size, *each.shape)) for each, own in given]
        return _on_chip(function, *spread), True

    return staged(x, weights)


def _quietly(function: Callable[..., Any], shape: tuple[int, ...], x: Any, weights: Any) -> Any:
    """What a function gives, or NaN where it raises an error: that would be met by all ordered callbacks after it."""
    try:
        return function(np.asarray(x), np.asarray(weights))
    except Exception:
        _LOG.exception("mac failed inside of a compiled program; all it gives is NaN")
        return np.full(shape, np.nan, np.float32)


def _check_connected(mock: bool) -> None:
    """On the chip there has to be one, although its digital operations give what the ideal mode does."""
    if not mock:
        connected()


def _convolve(
    dimensions: int, input: Any, weight: Any, bias: Any, stride: int | Sequence[int], sending: dict[str, Any]
) -> jax.Array:
    x, kernels = jnp.asarray(input), jnp.asarray(weight)
    where = f"conv{dimensions}d"
    check_convolution(where, dimensions, x.shape, kernels.shape, None if bias is None else jnp.shape(bias))
    steps = strides_of(where, stride, dimensions)
    places: list[Any] = []
    for n, (size, kernel, step) in enumerate(zip(x.shape[2:], kernels.shape[2:], steps, strict=True)):
        index = step * np.arange((size - kernel) // step + 1)[:, None] + np.arange(kernel)
        shape = [1] * (2 * dimensions)
        shape[n], shape[dimensions + n] = index.shape
        places.append(index.reshape(shape))
    windows = x[(slice(None), slice(None), *places)]  # [batch, channel, place, kernel]
    vectors = jnp.moveaxis(windows, 1, dimensions + 1)
    vectors = vectors.reshape(*vectors.shape[: dimensions + 1], -1)
    found = matmul(vectors, kernels.reshape(len(kernels), -1).T, **sending)
    return _biased(jnp.moveaxis(found, -1, 1), bias, dimensions)


def _biased(found: jax.Array, bias: Any, dimensions: int) -> jax.Array:
    return found if bias is None else found + jnp.asarray(bias).reshape(-1, *(1,) * dimensions)
