"""`log_product`: logarithms of products of likelihood factors over the examples, with one logarithm for eight; JAX."""

import jax
import jax.numpy as jnp
import numpy as np

from saltation.errors import ParameterError

__all__ = ["log_product"]

# Logarithms cost most, and eight rows are what XLA's loops for the CPU still keep in registers.
_GROUP = 8
# Up to here `1 + m` loses digits of m, and from here on products of `1 + m` lose none that count.
_SMALL = 0.125


def log_product(minus: jax.Array, floor: float) -> tuple[jax.Array, jax.Array]:
    """Sum of the logarithms of factors over the first axis, and how many of them were raised to the floor.

    ::

        sum_k log max(1 + m_k, floor)

    Factors are multiplied in groups before a logarithm is taken. Where all of a group are close to 1, what is kept of
    their product is its distance from 1, ``(1 + a) (1 + b) - 1 = a + b + a b``, so that small ones keep their digits;
    elsewhere fractions and binary exponents are kept apart, so that neither a small nor a large product leaves the
    range of its dtype. Computed together with the gradients under ``jax.jit``, those are not stored.

    Parameters
    ----------
    minus : Array, [batch, ...]
        ``m_k``, float32 or float64.
    floor : float
        Least factor, > 0.

    Returns
    -------
    Array, [...]
        The sum; NaN where one of the numbers is not finite.
    Array of int
        How many factors were below the floor, a sum over all.

    Raises
    ------
    ParameterError
        If the floor is lost beside 1 in this dtype.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.continual.factors import log_product
    >>> found, raised = log_product(jnp.array([[1e-9, 1.0], [1e-9, 3.0], [-1e-9, -3.0]]), floor=0.25)
    >>> [f"{float(value):.6g}" for value in found], int(raised)
    (['1e-09', '0.693147'], 1)
    """
    check_floor(floor, minus)
    batch, shape = minus.shape[0], minus.shape[1:]
    even = batch - batch % _GROUP
    total, raised = jnp.zeros(shape, minus.dtype), jnp.zeros((), int)
    if even:
        logs, counts = _grouped(minus[:even].reshape(even // _GROUP, _GROUP, *shape), floor)
        total, raised = total + logs.sum(axis=0), raised + counts.sum()
    if even < batch:
        logs, counts = _grouped(minus[None, even:], floor)
        total, raised = total + logs[0], raised + counts.sum()
    return total, raised


def check_floor(floor: float, *arrays: jax.Array) -> None:
    """Refuse a floor that is lost beside 1.

    Raises
    ------
    ParameterError
        With the least that the dtype allows.
    """
    for info in (np.finfo(array.dtype) for array in arrays):
        if floor < info.eps:
            raise ParameterError(
                f"nte.floor must be at least {float(info.eps):.3g} for parameters of {info.dtype}; got {floor!r}: a "
                "factor of it is 0 there, and its parameter would never move again"
            )


def _grouped(minus: jax.Array, floor: float) -> tuple[jax.Array, jax.Array]:
    """Logarithms of the products over the second axis, and counts of what was raised, [group, ...]."""
    # a number's bits are sign, exponent + bias, fraction
    info = np.finfo(minus.dtype)
    whole = jnp.int32 if info.bits == 32 else jnp.int64
    bias, fraction = 1 - info.minexp, (1 << info.nmant) - 1
    raised = minus < floor - 1.0
    finite = jnp.abs(minus) < jnp.inf
    small = jnp.abs(minus) <= _SMALL
    m = jnp.maximum(minus, floor - 1.0)
    bits = jax.lax.bitcast_convert_type(1.0 + m, whole)
    exponent = (bits >> info.nmant) - bias
    mantissa = jax.lax.bitcast_convert_type((bits & fraction) | (bias << info.nmant), minus.dtype)
    mantissa = jnp.where(finite, mantissa, jnp.nan)
    # three counts in one number, of four bits, four bits and the rest, for groups of up to 15
    counts = (exponent << 8) + (jnp.logical_not(small).astype(whole) << 4) + raised.astype(whole)

    def joined(a: tuple[jax.Array, ...], b: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        return a[0] + b[0] + a[0] * b[0], a[1] * b[1], a[2] + b[2]

    begin = (minus.dtype.type(0), minus.dtype.type(1), np.zeros((), whole)[()])
    distance, product, counts = jax.lax.reduce((m, mantissa, counts), begin, joined, (1,))
    large = jnp.log(product) + (counts >> 8).astype(minus.dtype) * info.dtype.type(np.log(2.0))
    logs = jnp.where((counts >> 4) & 15 == 0, jnp.log1p(distance), large)
    return logs, counts & 15
