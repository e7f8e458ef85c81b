"""The matrix mode under PyTorch, by the names of ``hxtorch.perceptron``: import this in its place.

Needs ``pip install "saltation[torch]"``. Where a program calls ``init_hardware()``, a unit is to be given.

>>> import torch
>>> import saltation.bss2.perceptron as hxtorch
>>> from saltation.bss2.mac import Ideal
>>> hxtorch.init_hardware(Ideal(seed=1))
>>> x = torch.full((128,), 10.0)  # 0..31
>>> w = torch.full((128, 256), 20.0)  # -63..63
>>> y = hxtorch.matmul(x, w, num_sends=1, wait_between_events=5)  # -128..127
>>> bool(abs(y.mean() - 50.7) < 0.5)
True
>>> hxtorch.release_hardware()
"""

try:
    import torch as _torch  # noqa: F401  (is it there?)
except ModuleNotFoundError as error:
    # Only where torch itself is missing: a broken torch should show its own error.
    if error.name != "torch":
        raise
    from saltation.errors import MissingDependencyError

    raise MissingDependencyError(
        'saltation.bss2.perceptron needs PyTorch, which is not installed: pip install "saltation[torch]"'
    ) from error

from saltation.bss2.mac.connection import (
    get_mock_parameter,
    hardware,
    init_hardware,
    measure_mock_parameter,
    release_hardware,
    set_mock_parameter,
)
from saltation.bss2.mac.ideal import MockParameter
from saltation.bss2.mac.inference import InferenceTracer
from saltation.bss2.mac.trace import Trace
from saltation.bss2.perceptron import constants, nn
from saltation.bss2.perceptron.conversion import Rescale, ScaledInput, convert, use_mock
from saltation.bss2.perceptron.convolution import conv1d, conv2d, expanded_conv1d
from saltation.bss2.perceptron.functional import add, argmax, converting_relu, mac, matmul, relu
from saltation.bss2.perceptron.traces import inference_trace

__all__ = [
    "InferenceTracer",
    "MockParameter",
    "Rescale",
    "ScaledInput",
    "Trace",
    "add",
    "argmax",
    "constants",
    "conv1d",
    "conv2d",
    "convert",
    "converting_relu",
    "expanded_conv1d",
    "get_mock_parameter",
    "hardware",
    "inference_trace",
    "init_hardware",
    "mac",
    "matmul",
    "measure_mock_parameter",
    "nn",
    "release_hardware",
    "relu",
    "set_mock_parameter",
    "use_mock",
]
