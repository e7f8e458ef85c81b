"""The loss of the largest voltages and its derivative, in NumPy."""

import numpy as np
import numpy.typing as npt

__all__ = ["cross_entropy", "softmax"]

Floats = npt.NDArray[np.float64]


def softmax(peak: Floats) -> Floats:
    """Class probabilities ``softmax(v)``, [batch, class].

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.voltage_loss import softmax
    >>> softmax(np.array([[1.0, 1.0]]))
    array([[0.5, 0.5]])
    """
    weight = np.exp(peak - peak.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)


def cross_entropy(peak: Floats, labels: npt.NDArray[np.int64]) -> tuple[float, Floats]:
    """Cross-entropy of largest voltages, and its derivative.

    ::

        L       = mean over samples of  -log p_l,    p = softmax(v),  v_n = max over t of V_n(t)
        dL/dv_n = (p_n - [n = l]) / batch

    with l the label; as `saltation.torch.max_over_time_cross_entropy`.

    Parameters
    ----------
    peak : ndarray, [batch, class]
        v.
    labels : ndarray of int, [batch]
        The class that should reach highest.

    Returns
    -------
    loss : float
        L.
    derivative : ndarray, [batch, class]
        dL/dv.

    References
    ----------
    Wunderlich and Pehle, Scientific Reports 11, 12829 (2021), doi:10.1038/s41598-021-91786-z.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.voltage_loss import cross_entropy
    >>> loss, derivative = cross_entropy(np.array([[1.0, 0.0]]), np.array([0]))
    >>> round(loss, 4), derivative.round(4)
    (0.3133, array([[-0.2689,  0.2689]]))
    """
    batch, rows = len(labels), np.arange(len(labels))
    score = peak - peak.max(axis=1, keepdims=True)
    weight = np.exp(score)
    total = weight.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - score[rows, labels]))
    derivative = weight / total
    derivative[rows, labels] -= 1.0
    return loss, derivative / batch
