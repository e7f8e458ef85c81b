"""The loss of first spike times and its derivative, in NumPy.

First spike times are [batch, neuron] in seconds, inf where a neuron is silent. What becomes of silence is as
in `saltation.torch.ttfs_cross_entropy`, of which this gives the same numbers.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["softmax", "ttfs_cross_entropy", "winner"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def ttfs_cross_entropy(first: Floats, labels: Ints, *, tau0: float, tau1: float, alpha: float) -> tuple[float, Floats]:
    """Cross-entropy of first spike times with a pull to early spikes, and its derivative.

    ::

        L      = mean over samples of  -log p_l + alpha (exp(t_l / tau1) - 1),   p = softmax(-t / tau0)
        dL/dt_n = ([n = l] - p_n) / tau0 + [n = l] alpha / tau1 exp(t_l / tau1),   over the batch

    with l the label. Silent neurons leave the softmax; a sample whose label neuron is silent contributes
    neither value nor derivative, while the mean stays one over the whole batch.

    Parameters
    ----------
    first : ndarray, [batch, neuron]
        First spike times in seconds, inf where silent.
    labels : ndarray of int, [batch]
        The neuron that should spike first.
    tau0, tau1 : float
        Scales in seconds.
    alpha : float
        Strength of the pull.

    Returns
    -------
    loss : float
        L.
    derivative : ndarray, [batch, neuron]
        dL/dt, zero where silent.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.yinyang.loss import ttfs_cross_entropy
    >>> first = np.array([[10e-3, 12e-3, np.inf]])
    >>> loss, derivative = ttfs_cross_entropy(first, np.array([0]), tau0=2e-3, tau1=1.0, alpha=0.0)
    >>> round(loss, 4), derivative.round(1)[0, :2]
    (0.3133, array([ 134.5, -134.5]))
    """
    batch = len(labels)
    rows = np.arange(batch)
    fired = np.isfinite(first[rows, labels])
    times = first[fired]
    rows, labels = rows[: len(times)], labels[fired]
    of_label = times[rows, labels]
    score = times / -tau0
    score -= score.max(axis=1, keepdims=True)
    weight = np.exp(score)
    total = weight.sum(axis=1)
    losses = np.log(total) - score[rows, labels] + alpha * np.expm1(of_label / tau1)
    inner = weight / (-tau0 * total[:, None])
    inner[rows, labels] += 1.0 / tau0 + alpha / tau1 * np.exp(of_label / tau1)
    derivative = np.zeros(first.shape)
    derivative[fired] = inner / batch
    return float(losses.sum() / batch), derivative


def softmax(first: Floats, tau0: float) -> Floats:
    """Class probabilities ``softmax(-t / tau0)``, equal ones where all neurons are silent, [batch, neuron].

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.yinyang.loss import softmax
    >>> softmax(np.array([[1e-3, 1e-3, np.inf]]), tau0=1e-3)
    array([[0.5, 0.5, 0. ]])
    """
    earliest = first.min(axis=1, keepdims=True)
    silent = np.isinf(earliest)
    weight = np.exp(np.where(silent, 0.0, first - np.where(silent, 0.0, earliest)) / -tau0)
    return weight / weight.sum(axis=1, keepdims=True)


def winner(first: Floats) -> npt.NDArray[Any]:
    """Neuron that spikes first: the lowest of those that do so at once, -1 where all are silent, int64 [batch].

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.yinyang.loss import winner
    >>> winner(np.array([[2e-3, 1e-3, 1e-3], [np.inf, np.inf, np.inf]]))
    array([ 1, -1])
    """
    return np.where(np.isfinite(first.min(axis=1)), first.argmin(axis=1), -1)
