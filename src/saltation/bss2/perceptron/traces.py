"""`inference_trace`: operations that an `InferenceTracer` kept, on a tensor."""

from pathlib import Path

import torch
from torch import Tensor

from saltation.bss2.mac import inference


def inference_trace(input: Tensor, filename: str | Path) -> Tensor:
    """Run the operations of a file on what is connected, one after another.

    Parameters
    ----------
    input : Tensor
        For the first of them.
    filename : path-like
        What an `InferenceTracer` wrote, of operations on the chip or in the ideal mode.

    Returns
    -------
    Tensor
        Without a gradient.

    Raises
    ------
    ParameterError
        If there are no operations in the file.
    FileFormatError
        If it is no such file.
    SimulationError
        If nothing is connected.

    Examples
    --------
    >>> import tempfile, torch
    >>> import saltation.bss2.perceptron as hxtorch
    >>> from saltation.bss2.mac import Ideal
    >>> tracer = hxtorch.InferenceTracer(tempfile.mkdtemp() + "/trace.npz")
    >>> tracer.start()
    >>> y = hxtorch.relu(torch.arange(-128.0, 127.0), mock=True)
    >>> tracer.stop()
    ['relu']
    >>> with hxtorch.hardware(Ideal()):
    ...     torch.equal(hxtorch.inference_trace(torch.arange(-128.0, 127.0), tracer.filename), y)
    True
    """
    found = torch.from_numpy(inference.inference_trace(input.detach().cpu().numpy(), filename))
    # indices of argmax stay whole numbers
    return found.to(device=input.device, dtype=found.dtype if found.dtype == torch.int64 else input.dtype)
