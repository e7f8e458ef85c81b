"""Accuracy."""

from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.neurobench.metrics.given import given_array

__all__ = ["accuracy"]


def accuracy(predictions: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Fraction of predictions that are their label.

    ::

        accuracy = (number of n with predictions[n] = labels[n]) / N

    Parameters
    ----------
    predictions, labels : array_like of int, of one shape
        Of all samples together: a mean over batches weighs the last, smaller one wrongly.

    Raises
    ------
    ParameterError
        If shapes differ, there are no samples, values are no integers, or both hold rows of a single 1 and else 0, of
        which every entry would count.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.neurobench import accuracy
    >>> accuracy([0, 2, 1, 1], [0, 2, 1, 0])
    0.75
    """
    found, wanted = given_array("accuracy.predictions", predictions), given_array("accuracy.labels", labels)
    if found.shape != wanted.shape or not found.size:
        raise ParameterError(
            "accuracy.predictions must be of the shape of labels, with one sample or more; got "
            f"{found.shape} and {wanted.shape}; scores become predictions by argmax over the classes"
        )
    for name, values in (("predictions", found), ("labels", wanted)):
        if values.dtype.kind not in "iub":
            raise ParameterError(f"accuracy.{name} must be integers, a class each; got dtype {values.dtype}")
    if _one_hot(found) and _one_hot(wanted):
        raise ParameterError(
            f"accuracy.predictions must be a class each; got rows of a single 1 and else 0, of shape {found.shape}; "
            "take argmax over the classes, or ravel() labels of several steps"
        )
    return int(np.count_nonzero(found == wanted)) / found.size


def _one_hot(values: npt.NDArray[Any]) -> bool:
    """Whether the last axis looks like one of classes."""
    return (
        values.ndim > 1
        and values.shape[-1] > 1
        and bool((values.astype(bool) == values).all(axis=None))
        and bool((values.sum(axis=-1) == 1).all())
    )
