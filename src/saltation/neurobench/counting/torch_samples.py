"""How many samples a batch holds, where that is clear."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from saltation import model
from saltation.errors import ParameterError
from saltation.torch.spikes import Spikes

_SINGLE = (Tensor, np.ndarray, Spikes, model.Spikes, PackedSequence, Mapping, str)


def check_batches(inputs: Any) -> Iterable[Any]:
    """Refuse what is a batch, and not several of them.

    Raises
    ------
    ParameterError
        If it is one batch, whose rows would be taken for batches.
    """
    if isinstance(inputs, _SINGLE) or not isinstance(inputs, Iterable):
        raise ParameterError(
            f"count_torch.inputs must be batches, one after the other; got {type(inputs).__name__}, a single one; put "
            "it into a list: count_torch(model, [x])"
        )
    return inputs


def samples_of(batch: Any) -> int:
    """Number of samples in a batch.

    Raises
    ------
    ParameterError
        If it cannot be told.

    Examples
    --------
    >>> import torch
    >>> from saltation.neurobench.counting.torch_samples import samples_of
    >>> samples_of((torch.zeros(4, 3), torch.zeros(4)))
    4
    """
    # a packed sequence is a tuple too, of other things
    if isinstance(batch, list | tuple) and not isinstance(batch, PackedSequence):
        found = [_of_one(each) for each in batch]
    else:
        found = [_of_one(batch)]
        if isinstance(batch, Tensor) and batch.ndim == 1 and batch.is_floating_point():
            found = [None]  # a sample, or numbers that are each one
    if not found or found[0] is None or any(each != found[0] for each in found):
        shown = f"{type(batch).__name__} of {found}" if len(found) > 1 else type(batch).__name__
        if isinstance(batch, Tensor):
            shown = f"a tensor of shape {tuple(batch.shape)}"
        raise ParameterError(
            f"count_torch.inputs: cannot tell how many samples a batch holds; got {shown}; known are tensors with an "
            "axis of samples first, saltation.torch.Spikes, packed sequences, and lists or tuples of such of one "
            "length; pass samples="
        )
    return found[0]


def _of_one(value: Any) -> int | None:
    if isinstance(value, PackedSequence):
        return int(value.batch_sizes[0])
    if isinstance(value, Spikes | model.Spikes):
        return value.batch
    return len(value) if isinstance(value, Tensor) and value.ndim else None
