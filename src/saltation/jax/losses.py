"""Losses of spike times and of voltages, and the accuracy of a first spike; the numbers of `saltation.torch`.

First spike times are [batch, neuron] in seconds, inf where a neuron is silent. A time that does not exist moves with no
parameter: its exact derivative is zero. What each loss makes of silence is said below. A NaN, that of a sample whose
run has failed, stays a NaN.

Labels are the numbers of neurons, from 0 on. Others are refused; where they are traced, as under ``jit``, they make a
loss NaN, and for an accuracy they are wrong.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from saltation.errors import ParameterError
from saltation.model.checks import at_first, explain


def ttfs_cross_entropy(
    first: jax.Array, labels: Any, *, tau0: float, tau1: float | None = None, alpha: float = 0.0
) -> jax.Array:
    """Cross-entropy of first spike times, where the earliest spike wins, with a pull to early spikes.

    ::

        L = mean over samples of  -log(exp(-t_l / tau0) / sum_n exp(-t_n / tau0)) + alpha (exp(t_l / tau1) -
        1)

    with l the label. Silent neurons leave the softmax. A sample whose label neuron is silent contributes neither value
    nor gradient, while the mean stays one over the whole batch: watch `ttfs_silent_labels`.

    Parameters
    ----------
    first : Array, [batch, neuron]
        First spike times in seconds, inf where silent.
    labels : Array of int, [batch]
        The neuron that should spike first.
    tau0 : float
        Scale of differences of times, in seconds, > 0.
    tau1 : float, optional
        Scale of the pull to early spikes, in seconds, > 0; needed where alpha is not 0.
    alpha : float
        Strength of that pull, >= 0.

    Returns
    -------
    Array, ()
        The loss.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Göltz et al., Nature Machine Intelligence 3, 823 (2021), doi:10.1038/s42256-021-00388-x; Wunderlich and Pehle,
    Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.jax import ttfs_cross_entropy
    >>> first = jnp.array([[10e-3, 12e-3, jnp.inf]])
    >>> round(float(ttfs_cross_entropy(first, jnp.array([0]), tau0=2e-3)), 4)
    0.3133
    """
    targets = _checked_scores("ttfs_cross_entropy", "first", first, labels)
    _check_positive("ttfs_cross_entropy.tau0", tau0)
    if not 0.0 <= alpha < math.inf:
        raise ParameterError(
            f"ttfs_cross_entropy.alpha must be >= 0 and finite; got {alpha!r}; it weighs a penalty of late spikes"
        )
    if tau1 is not None:
        _check_positive("ttfs_cross_entropy.tau1", tau1)
    of_label = _of_labels(first, targets)
    fired = of_label != jnp.inf
    # Before the logarithm and not after it: a masked inf would still make a NaN on the way back.
    times = jnp.where(fired[:, None], first, 0.0)
    score = jax.nn.log_softmax(-times / tau0, axis=1)
    losses = -_of_labels(score, targets)
    if alpha > 0.0:
        if tau1 is None:
            raise ParameterError("ttfs_cross_entropy.tau1 must be given where alpha > 0; got None; it is in seconds")
        losses = losses + alpha * jnp.expm1(jnp.where(fired, of_label, 0.0) / tau1)
    return jnp.where(fired, losses, 0.0).mean()


def ttfs_silent_labels(first: jax.Array, labels: Any) -> jax.Array:
    """Count the samples whose label neuron is silent; `ttfs_cross_entropy` leaves them out.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.jax import ttfs_silent_labels
    >>> int(ttfs_silent_labels(jnp.array([[10e-3, jnp.inf]] * 3), jnp.array([0, 1, 1])))
    2
    """
    targets = _checked_scores("ttfs_silent_labels", "first", first, labels)
    return jnp.isinf(_of_labels(first, targets)).sum()


def ttfs_accuracy(first: jax.Array, labels: Any) -> jax.Array:
    """Share of samples in which the label's neuron spikes first.

    Of several neurons that spike first at once, the one with the lowest number wins. A sample in which all are silent,
    or whose run has failed, is wrong.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.jax import ttfs_accuracy
    >>> first = jnp.array([[2e-3, 1e-3], [1e-3, 1e-3], [jnp.inf, jnp.inf]])
    >>> round(float(ttfs_accuracy(first, jnp.array([1, 0, 0]))), 3)
    0.667
    """
    targets = _checked_scores("ttfs_accuracy", "first", first, labels)
    right = (first.argmin(axis=1) == targets) & jnp.isfinite(first.min(axis=1))
    return right.mean()


def spike_time_mse(first: jax.Array, target: Any, *, silent_time: float | None = None) -> jax.Array:
    """Mean squared error of first spike times.

    ::

        L = mean over samples and neurons of  (t_n - target_n)^2

    Neurons whose target is inf are left out. A silent neuron with a target contributes no gradient, and to the value
    nothing or, with `silent_time`, what it would if it had spiked then. The mean is one over all times that have a
    target.

    Parameters
    ----------
    first : Array, [batch, neuron]
        First spike times in seconds, inf where silent.
    target : array_like, broadcastable to [batch, neuron]
        Wanted times in seconds; inf where any is as good. A NaN or -inf is refused; a NaN that is traced, as under
        ``jit``, makes the loss NaN.
    silent_time : float, optional
        Time in seconds that stands for silence in the value of the loss, such as the duration.

    Returns
    -------
    Array, ()
        The loss, in seconds squared.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Bohte et al., Neurocomputing 48, 17 (2002), doi:10.1016/S0925-2312(01)00658-0.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.jax import spike_time_mse
    >>> round(float(spike_time_mse(jnp.array([[10e-3, jnp.inf]]), jnp.array([[12e-3, 5e-3]]))), 9)
    2e-06
    """
    try:
        wanted = jnp.broadcast_to(jnp.asarray(target, first.dtype), first.shape)
    except ValueError:
        raise ParameterError(
            f"spike_time_mse.target must broadcast to the shape of first, {first.shape}; got {jnp.shape(target)}"
        ) from None
    if _known(target):
        given = np.asarray(target)
        _refuse("spike_time_mse.target", given, ~(given > -math.inf), "times, or inf where any is as good", "use inf")
    asked = wanted != jnp.inf  # a NaN is asked for, so that it stays one
    silent = jnp.isinf(first)
    instead = wanted if silent_time is None else jnp.full_like(first, silent_time)
    times = jnp.where(asked, jnp.where(silent, instead, first), 0.0)
    squares = jnp.square(times - jnp.where(asked, wanted, 0.0))
    return squares.sum() / jnp.maximum(asked.sum(), 1)


def max_over_time_cross_entropy(v: jax.Array, labels: Any) -> jax.Array:
    """Cross-entropy of the largest voltage of each neuron over time.

    ::

        L = mean over samples of  -log(exp(v_l) / sum_n exp(v_n)),    v_n = max over t of V_n(t)

    Parameters
    ----------
    v : Array, [batch, neuron]
        Maxima, as ``MaxVoltage()`` records them; or voltages ``[batch, time, neuron]``, of which the maxima are taken.
    labels : Array of int, [batch]
        The neuron that should reach highest.

    Returns
    -------
    Array, ()
        The loss.

    Raises
    ------
    ParameterError
        If an argument is not allowed.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from saltation.jax import max_over_time_cross_entropy
    >>> round(float(max_over_time_cross_entropy(jnp.array([[1.0, 0.0]]), jnp.array([0]))), 4)
    0.3133
    """
    largest = v.max(axis=1) if v.ndim == 3 else v
    targets = _checked_scores("max_over_time_cross_entropy", "v", largest, labels)
    score = jax.nn.log_softmax(largest, axis=1)
    return -_of_labels(score, targets).mean()


def _checked_scores(owner: str, name: str, scores: Any, labels: Any) -> jax.Array:
    if getattr(scores, "ndim", 0) != 2 or not jnp.issubdtype(scores.dtype, jnp.floating):
        raise ParameterError(
            f"{owner}.{name} must be [batch, neuron], floating point; got shape {jnp.shape(scores)}, dtype "
            f"{getattr(scores, 'dtype', type(scores).__name__)}"
        )
    targets = jnp.asarray(labels)
    if targets.shape != scores.shape[:1] or not jnp.issubdtype(targets.dtype, jnp.integer):
        raise ParameterError(
            f"{owner}.labels must be integers [{scores.shape[0]}], one neuron for each sample; got shape "
            f"{targets.shape}, dtype {targets.dtype}; one-hot labels become numbers by .argmax(1)"
        )
    if _known(labels):
        given, n = np.asarray(labels), scores.shape[1]
        must = f"from 0 to {n - 1}, the numbers of the neurons"
        _refuse(f"{owner}.labels", given, (given < 0) | (given >= n), must, "classes are counted from 0")
    return targets


def _known(values: Any) -> bool:
    """Whether values can be looked at: no part of them is traced."""
    return not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values))


def _refuse(where: str, given: np.ndarray, bad: np.ndarray, must: str, hint: str) -> None:
    if bad.any():
        raise ParameterError(explain(where, must, at_first(given, bad), hint))


def _of_labels(scores: jax.Array, targets: jax.Array) -> jax.Array:
    """What belongs to each sample's label, NaN where there is no such neuron.

    `jnp.take_along_axis` gives the same and becomes a scatter on the way back, which takes XLA long to compile.
    """
    chosen = targets[:, None] == jnp.arange(scores.shape[1])
    return jnp.where(chosen.any(axis=1), jnp.where(chosen, scores, 0.0).sum(axis=1), jnp.nan)


def _check_positive(where: str, value: float) -> None:
    if not 0.0 < value < math.inf:
        raise ParameterError(f"{where} must be > 0 and finite; got {value!r}; times are in seconds")
