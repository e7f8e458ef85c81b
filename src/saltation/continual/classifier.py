"""`Classifier`: what the tangent ensemble needs to know of a network, whatever the front end behind it."""

from abc import ABC, abstractmethod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import describe

__all__ = ["Classifier", "jacobian"]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


class Classifier(ABC):
    """A network that gives label probabilities, as functions of one flat vector of its parameters; abstract.

    ::

        p(y | x, w),     w of shape [size]

    Inputs ``x`` are whatever the network takes, with the batch first. `saltation.continual.torch_classifier`,
    `jax_classifier` and, for a `saltation.continual.SpikingModule`, `torch_classifier` again make one.

    Examples
    --------
    >>> from saltation.continual import Classifier
    >>> Classifier()  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    TypeError: Can't instantiate abstract class Classifier ...
    """

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of parameters."""

    @abstractmethod
    def parameters(self) -> Floats:
        """Give the parameters as they are now, [size]."""

    @abstractmethod
    def log_probabilities(self, w: Floats, x: Any) -> Floats:
        """Give ``log p(y | x, w)`` of every label, [batch, label]."""

    @abstractmethod
    def loss_gradients(self, w: Floats, x: Any, y: Ints) -> Floats:
        """Give ``-d log p(y_k | x_k, w) / dw`` of each example k, [batch, size]."""

    @abstractmethod
    def tangent(self, w: Floats, x: Any, along: Floats) -> Floats:
        """Give ``sum_i along_i d log p(y | x, w) / dw_i`` in forward mode, [batch, label]."""


def jacobian(classifier: Classifier, w: Floats, x: Any) -> Floats:
    """Derivative of every label's log probability by every parameter, one backward pass for each label.

    ::

        J[k, y, i] = d log p(y | x_k, w) / dw_i

    Returns
    -------
    ndarray, [batch, label, size]
        It is large: meant for small networks, and for tests.

    Examples
    --------
    >>> import torch
    >>> from saltation.continual import jacobian, torch_classifier
    >>> classifier = torch_classifier(torch.nn.Linear(2, 3))
    >>> jacobian(classifier, classifier.parameters(), torch.ones(4, 2)).shape
    (4, 3, 9)
    """
    batch, labels = classifier.log_probabilities(w, x).shape
    each = [classifier.loss_gradients(w, x, np.full(batch, label)) for label in range(labels)]
    return -np.stack(each, axis=1)


def checked_labels(owner: str, y: Any, batch: int, n_labels: int) -> Ints:
    """Labels of a batch as int64, [batch].

    Raises
    ------
    ParameterError
        If they are no integers from 0 to the number of labels less one, or not one for each example.
    """
    labels = np.asarray(y)
    if labels.dtype.kind not in "iu" or labels.shape != (batch,):
        raise ParameterError(
            f"{owner}: y must be integers [{batch}], one label for each example; got {describe(labels)}; one-hot "
            "labels become numbers by .argmax(1)"
        )
    if batch and not 0 <= labels.min() <= labels.max() < n_labels:
        raise ParameterError(
            f"{owner}: y must be from 0 to {n_labels - 1}, the classifier's labels; got {labels.min()} to "
            f"{labels.max()}; classes are counted from 0"
        )
    return labels.astype(np.int64)


def checked_vector(owner: str, name: str, value: Any, size: int) -> Floats:
    """A finite vector of one number for each parameter, float64.

    Raises
    ------
    ParameterError
        If it is anything else.
    """
    vector = np.array(value, np.float64)
    if vector.shape != (size,) or not np.isfinite(vector).all():
        raise ParameterError(
            f"{owner}.{name} must be [{size}], one finite number for each parameter; got {describe(vector)}"
            + ("" if vector.shape != (size,) else ", not all finite")
        )
    return vector
