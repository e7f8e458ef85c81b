"""Helpers that bring tensors into the ranges of the chip; layers take them as transformations."""

import torch
from torch import Tensor

from saltation.bss2.mac.ranges import ACTIVATION_MAX, WEIGHT_MAX


def scale_input(x_in: Tensor) -> Tensor:
    """Scale so that the largest value is 31; the factor has no gradient.

    ::

        y = x 31 / max(x)    where max(x) > 0

    Negative values stay negative, and are refused by the chip.

    Examples
    --------
    >>> import torch
    >>> from saltation.bss2.perceptron.nn import scale_input
    >>> scale_input(torch.tensor([0.0, 1.0, 2.0]))
    tensor([ 0.0000, 15.5000, 31.0000])
    """
    return x_in * _factor(ACTIVATION_MAX, x_in.detach().max())


def scale_weight(weight: Tensor) -> Tensor:
    """Scale so that the largest magnitude is 63; the factor has no gradient.

    Examples
    --------
    >>> import torch
    >>> from saltation.bss2.perceptron.nn import scale_weight
    >>> scale_weight(torch.tensor([-2.0, 1.0]))
    tensor([-63.0000,  31.5000])
    """
    return weight * _factor(WEIGHT_MAX, weight.detach().abs().max())


def clamp_weight_(weight: Tensor) -> Tensor:
    """Clip to -63 to 63, in place: also the parameter itself, so that a training does not leave the range.

    Examples
    --------
    >>> import torch
    >>> from saltation.bss2.perceptron.nn import clamp_weight_
    >>> clamp_weight_(torch.tensor([-70.0, 5.0]))
    tensor([-63.,   5.])
    """
    with torch.no_grad():
        # a change in place, even to the same values, invalidates gradients of products before
        if bool((weight.abs() > WEIGHT_MAX).any()):
            weight.clamp_(-WEIGHT_MAX, WEIGHT_MAX)
    return weight


def _factor(largest: int, found: Tensor) -> Tensor | float:
    return largest / found if found > 0 else 1.0
