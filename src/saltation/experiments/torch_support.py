"""What experiments need of PyTorch beside the front end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

__all__ = ["one_thread", "tensors"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch's own threads out: for a few numbers they cost more than all else on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def tensors(tree: Any) -> Any:
    """Turn the arrays of a tree into tensors."""
    if isinstance(tree, dict):
        return {key: tensors(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(tensors(value) for value in tree)
    return torch.from_numpy(np.array(tree)) if isinstance(tree, np.ndarray) else tree
