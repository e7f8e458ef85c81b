"""`jvp`: forward-mode derivatives of PyTorch, without a warning that is none of the caller's."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def jvp(function: Callable[..., Any], at: Sequence[Any], along: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """Value and directional derivative of a function, as ``torch.func.jvp``; both detached.

    Examples
    --------
    >>> import torch
    >>> from saltation.torch.forward import jvp
    >>> jvp(torch.square, [torch.tensor(3.0)], [torch.tensor(1.0)])
    (tensor(9.), tensor(6.))
    """
    with warnings.catch_warnings():
        # The first call of a process compiles PyTorch's own rules by what PyTorch has deprecated.
        warnings.filterwarnings("ignore", r"`torch\.jit", DeprecationWarning)
        value, tangent, *_ = torch.func.jvp(function, tuple(at), tuple(along))
    return value.detach(), tangent.detach()
