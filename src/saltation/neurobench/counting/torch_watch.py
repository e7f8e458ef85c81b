"""Watching a forward pass of PyTorch: every product of weights is counted, and one that cannot be is refused.

Two watchers are at work.  The first sees the functions that layers call, such as ``linear`` or ``conv2d``, with the
weights that they really get: also those that a parametrisation, pruning or quantisation has made, and also without a
module.  The second sees the elementary operations below: a product that the first did not count would be a silent
zero, and is an error.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from saltation.errors import ParameterError
from saltation.neurobench.counting.torch_cells import cell_call, layer_call
from saltation.neurobench.counting.torch_products import Products, convolution_call, linear

Add = Callable[[str, Products], None]
Activation = Callable[[str, Tensor], None]

_CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
_TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
_LAYERS = ("rnn_tanh", "rnn_relu", "gru", "lstm")
_CELLS = ("rnn_tanh_cell", "rnn_relu_cell", "gru_cell", "lstm_cell")
_MATRICES = ("matmul", "mm", "mv", "__matmul__", "__rmatmul__")
_ACTIVATIONS = frozenset(
    "relu relu_ relu6 leaky_relu leaky_relu_ elu elu_ selu selu_ celu celu_ gelu silu mish hardswish hardsigmoid "
    "hardtanh hardshrink softshrink tanhshrink softplus softsign logsigmoid sigmoid sigmoid_ tanh tanh_ threshold "
    "rrelu prelu".split()
)
# Products among the elementary operations; those with other names are made of these.
_PRODUCTS = frozenset(
    "mm addmm bmm baddbmm addbmm mv addmv dot vdot addr ger outer linear _trilinear convolution _convolution "
    "convolution_overrideable mkldnn_convolution mkldnn_linear mkldnn_rnn_layer _thnn_fused_lstm_cell "
    "_thnn_fused_gru_cell _cudnn_rnn cudnn_convolution cudnn_convolution_transpose _scaled_dot_product_attention_math "
    "_scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu "
    "_scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention _native_multi_head_attention "
    "_transformer_encoder_layer_fwd _embedding_bag _embedding_bag_forward_only _sparse_mm _sparse_addmm "
    "_addmm_activation".split()
)
_KNOWN_SPACES = ("aten", "prim", "prims", "profiler", "saltation")


class Watch:
    """The two watchers, entered together; `add` gets what was counted, `activated` outputs of activation functions.

    ``uncounted`` are names of functions or elementary operations that may pass without being counted; ``passed`` are
    those that did.
    """

    def __init__(self, weights: Sequence[Tensor], add: Add, activated: Activation, uncounted: Sequence[str]) -> None:
        self.add, self.activated, self.uncounted = add, activated, frozenset(uncounted)
        self.passed: dict[str, int] = {}
        self.silent = 0  # depth of what is counted as a whole
        self._weights = {tensor.data_ptr() for tensor in weights if tensor.ndim == 2}
        self._functions, self._operations = _Functions(self), _Operations(self)

    def __enter__(self) -> "Watch":
        self._operations.__enter__()
        self._functions.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._functions.__exit__(*error)
        self._operations.__exit__(*error)

    def call(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call a function, and count it if it is one that is known."""
        name = getattr(function, "__name__", "")
        outermost = not self.silent
        passes = outermost and name in self.uncounted
        count = self._counter(name, args, kwargs) if outermost and not passes else None
        if passes:
            self.passed[name] = self.passed.get(name, 0) + 1
        self.silent += passes or count is not None
        try:
            result = function(*args, **kwargs)
            # after the call, so that what is wrong with its arguments is said by the function itself
            if count is not None:
                with torch.no_grad():
                    self.add(name, count())
        finally:
            self.silent -= passes or count is not None
        if outermost and name in _ACTIVATIONS and isinstance(result, Tensor):
            self.activated(name, result)
        return result

    def operation(self, function: Any) -> None:
        """Refuse an elementary operation that is a product, or may be one, and was not counted."""
        schema = getattr(function, "_schema", None)
        space, _, name = (f"higher::{function}" if schema is None else schema.name).partition("::")
        if self.silent or (space in _KNOWN_SPACES and name not in _PRODUCTS):
            return
        if name in self.uncounted:
            self.passed[name] = self.passed.get(name, 0) + 1
            return
        raise ParameterError(
            f"count_torch cannot count {space}::{name}, a product outside of the layers it knows (linear, "
            "convolutions, RNN, LSTM, GRU and their cells), and a count without it would be too small; write it with "
            f"such a layer, or pass uncounted=({name!r},), which the result then names"
        )

    def _counter(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Callable[[], Products] | None:
        """What counts a call, or None if it is not a layer's."""
        if name == "linear":
            given = {**dict(zip(("input", "weight"), args, strict=False)), **kwargs}
            return lambda: linear(given["input"], given["weight"])
        if name in _CONVOLUTIONS or name in _TRANSPOSED:
            return lambda: convolution_call(args, kwargs, transposed=name in _TRANSPOSED)
        if name in _CELLS:
            return lambda: cell_call(name.removesuffix("_cell"), args)
        if name in _LAYERS:
            return lambda: layer_call(name, args)
        if name in _MATRICES and len(args) > 1:
            return self._matrix(*(args[1::-1] if name == "__rmatmul__" else args[:2]))
        return None

    def _matrix(self, a: Any, b: Any) -> Callable[[], Products] | None:
        """A product with a matrix of weights, one of the model's own parameters or buffers, maybe transposed."""
        if self._is_weight(b):
            return lambda: linear(a, b.T)
        if self._is_weight(a) and isinstance(b, Tensor) and b.ndim <= 2:
            return lambda: linear(b if b.ndim == 1 else b.T, a)
        return None

    def _is_weight(self, value: Any) -> bool:
        return isinstance(value, Tensor) and value.ndim == 2 and value.data_ptr() in self._weights


class _Functions(TorchFunctionMode):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._watch.call(func, args, kwargs or {})


class _Operations(TorchDispatchMode):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._watch.operation(func)
        return func(*args, **(kwargs or {}))
