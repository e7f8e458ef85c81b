"""Watching a forward pass of PyTorch: every product of weights is counted, and one that cannot be is refused.

Two watchers are at work.  The first sees the functions that layers call, such as ``linear`` or ``conv2d``, with the
weights that they really get: also those that a parametrisation, pruning or quantisation has made, and also without a
module.  The second sees the elementary operations below: a product that the first did not count would be a silent
zero, and is an error, but for one with a matrix of weights, as inside of attention, which is counted there.

Neither sees products that are written as elementwise ones and sums, what is computed outside of PyTorch, or what runs
in another thread.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, final

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
# By their names without the underscores that mark what is in place, or private.
_ACTIVATIONS = frozenset(
    "relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh hardshrink softshrink "
    "tanhshrink softplus softsign logsigmoid log_sigmoid sigmoid special_expit tanh threshold rrelu prelu".split()
)
# Products among the elementary operations; those with other names are made of these.
_PRODUCTS = frozenset(
    "mm addmm bmm baddbmm addbmm mv addmv dot vdot addr linear _trilinear convolution _convolution "
    "convolution_overrideable conv_tbc mkldnn_convolution mkldnn_linear mkldnn_rnn_layer _thnn_fused_lstm_cell "
    "_thnn_fused_gru_cell _cudnn_rnn cudnn_convolution cudnn_convolution_transpose _scaled_dot_product_attention_math "
    "_scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu "
    "_scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention _native_multi_head_attention "
    "_transformer_encoder_layer_fwd _embedding_bag _embedding_bag_forward_only _sparse_mm _sparse_addmm "
    "_addmm_activation _int_mm _scaled_mm _scaled_grouped_mm _grouped_mm _weight_int8pack_mm _weight_int4pack_mm "
    "_weight_int4pack_mm_for_cpu _dyn_quant_matmul_4bit _cdist_forward _euclidean_dist _fft_r2c _fft_c2r "
    "_fft_c2c".split()
)
# Products among the functions that are elementwise ones and sums below.
_HIDDEN = frozenset("linalg_vecdot vecdot kron cosine_similarity outer ger".split())
# Of an elementary product, where its two factors are among the arguments.
_FACTORS = {"mm": slice(0, 2), "addmm": slice(1, 3), "mv": slice(0, 2), "addmv": slice(1, 3)}
_KNOWN_SPACES = ("aten", "prim", "prims", "profiler")


@final
@dataclass(slots=True)
class Inside:
    """What is running, by depth: parametrisations of weights, and layers of events."""

    weights: int = 0
    events: int = 0


@final
class Watch:
    """The two watchers, entered together; `add` gets what was counted, `activated` outputs of activation functions.

    ``uncounted`` are names of functions or elementary operations that may pass without being counted; ``passed`` are
    those that did.  A matrix of weights is a parameter, or a buffer where no parameter is in the product.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        buffers: Iterable[Tensor],
        add: Add,
        activated: Activation,
        uncounted: Sequence[str],
        inside: Inside,
    ) -> None:
        self.add, self.activated, self.uncounted, self.inside = add, activated, frozenset(uncounted), inside
        self.passed: dict[str, int] = {}
        self.silent = 0  # depth of what is counted, or passes, as a whole
        self._open = 0  # depth of what passes, but for products of weights in it
        # the tensors themselves, and not their addresses: that of a tensor which is gone may be another's
        self._weights = [[each for each in some if each.ndim == 2 and each.numel()] for some in (parameters, buffers)]
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
        if self.silent or self.inside.weights:
            return function(*args, **kwargs)
        passes = name in self.uncounted
        count = None if passes else self._counter(name, args, kwargs)
        if passes:
            self.passed[name] = self.passed.get(name, 0) + 1
        elif name in _HIDDEN:
            raise _uncountable("torch", name)
        # what is written in Python has calls of its own, of which those with weights are layers
        through = passes and isinstance(function, FunctionType)
        whole = count is not None or (passes and not through)
        self.silent += whole
        self._open += through
        try:
            result = function(*args, **kwargs)
            # after the call, so that what is wrong with its arguments is said by the function itself
            if count is not None:
                with torch.no_grad():
                    self.add(name, count())
        finally:
            self.silent -= whole
            self._open -= through
        if name.strip("_") in _ACTIVATIONS and isinstance(result, Tensor):
            self.activated(name, result)
        return result

    def operation(self, function: Any, args: Sequence[Any]) -> None:
        """Count an elementary product with weights that was not counted yet, and refuse any other."""
        schema = getattr(function, "_schema", None)
        space, _, name = (f"higher::{function}" if schema is None else schema.name).partition("::")
        if self.silent or self.inside.weights:
            return
        if space == "saltation":
            if not self.inside.events:
                raise ParameterError(
                    "count_torch: a layer of saltation.torch ran that is no module of the model, or whose forward was "
                    "called in the place of the layer, so that its events would be lost; have it among the modules, "
                    "and call it as layer(spikes)"
                )
            return
        if space in _KNOWN_SPACES and name not in _PRODUCTS:
            return
        if name in self.uncounted:
            self.passed[name] = self.passed.get(name, 0) + 1
            return
        factors = args[_FACTORS[name]] if name in _FACTORS else ()
        count = self._matrix(*factors) if len(factors) == 2 else None
        if count is not None:
            self.silent += 1
            try:
                with torch.no_grad():
                    self.add("linear", count())
            finally:
                self.silent -= 1
        elif not self._open:
            raise _uncountable(space, name)

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
        """A product with weights or a part of them, maybe transposed; of two buffers neither is known for it."""
        for weights in self._weights:
            of_a, of_b = (_is_of(each, weights) for each in (a, b))
            if of_a and of_b and weights is self._weights[1]:
                return None
            if of_b:
                return lambda: linear(a, b.T)
            if of_a and isinstance(b, Tensor) and b.ndim <= 2:
                return lambda: linear(b if b.ndim == 1 else b.T, a)
        return None


def _is_of(value: Any, weights: Sequence[Tensor]) -> bool:
    """Whether a matrix lies in the memory of one of the weights."""
    if not isinstance(value, Tensor) or value.ndim != 2 or value.layout != torch.strided or not value.numel():
        return False
    try:
        at = value.data_ptr()
    except RuntimeError:  # of a transformation, without memory of its own
        return False
    return any(
        each.data_ptr() <= at < each.data_ptr() + each.numel() * each.element_size()
        for each in weights
        if each.layout == torch.strided
    )


def _uncountable(space: str, name: str) -> ParameterError:
    return ParameterError(
        f"count_torch cannot count {space}::{name}, a product outside of the layers it knows (linear, "
        "convolutions, RNN, LSTM, GRU and their cells), and a count without it would be too small; write it with "
        f"such a layer, or pass uncounted=({name!r},), which the result then names"
    )


@final
class _Functions(TorchFunctionMode):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._watch.call(func, args, kwargs or {})


@final
class _Operations(TorchDispatchMode):
    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self._watch.operation(func, args)
        return func(*args, **(kwargs or {}))
