"""What lies between two populations of a NIR graph, folded into the arguments of one projection."""

import math
from typing import Any, NamedTuple

import numpy as np

from saltation.errors import NetworkError, ParameterError
from saltation.io._common import AnyArray
from saltation.io.nir._library import called, note, values, whole
from saltation.io.units import to_seconds
from saltation.model import Conv1d, Conv2d, DelayOf, Pooled, Sparse, SumPool2d
from saltation.model.checks import explain

WEIGHTS = ("Affine", "Conv1d", "Conv2d", "Linear")


class Chain(NamedTuple):
    """A way from the population `pre` to the `port` of another, through nodes that are linear, in order."""

    pre: str
    steps: tuple[str, ...]
    port: str


class Folded(NamedTuple):
    """Arguments of `Network.connect`, and the bias that arrives with them, per neuron, before the synapse."""

    weight: AnyArray
    delay: AnyArray
    delay_of: DelayOf | None
    connectivity: Any
    bias: AnyArray
    core: str | None


class _State:
    """A chain as far as it has been folded; `into` and `out`, flat, scale what goes into the core and comes out."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.n_pre = math.prod(shape)
        self.into: AnyArray | None = None
        self.out: AnyArray | None = None
        self.bias: AnyArray | None = None
        self.pool: Any = None
        self.weight: AnyArray | None = None
        self.links: Any = None
        self.core: str | None = None
        self.delay_in: AnyArray = np.broadcast_to(0.0, self.n_pre)
        self.delay_out: AnyArray | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def fold(chain: Chain, nodes: dict[str, Any], pre: tuple[int, ...], post: tuple[int, ...], unit: float) -> Folded:
    """Fold a chain between populations of two shapes; delays are in units of so many seconds."""
    state = _walk(chain, nodes, pre, unit)
    if state.shape != post:
        hint = f"they pass {' -> '.join(chain.steps) or 'nothing'}"
        raise NetworkError(
            explain(f"signals from {chain.pre!r} to {chain.port!r}", f"of shape {post}", f"shape {state.shape}", hint)
        )
    ones = np.ones(state.size)
    return Folded(
        *_arguments(state, chain, ones if state.out is None else state.out),
        bias=np.zeros(state.size) if state.bias is None else state.bias,
        core=state.core,
    )


def reached(chain: Chain, nodes: dict[str, Any], pre: tuple[int, ...], unit: float) -> tuple[int, ...]:
    """Shape of what arrives through a chain from a population of a shape."""
    return _walk(chain, nodes, pre, unit).shape


def _walk(chain: Chain, nodes: dict[str, Any], pre: tuple[int, ...], unit: float) -> _State:
    state = _State(pre)
    for name in chain.steps:
        _STEPS[type(nodes[name]).__name__](state, name, nodes[name], unit)
    return state


def scaled(folded: Folded, gain: AnyArray, chain: Chain) -> AnyArray:
    """The weights, times what scales them for each neuron of the target; untouched where that is one."""
    return _times(folded.weight, folded.connectivity, gain, f"the synapse of {chain.port!r}")


# ------------------------------------------------------------------------------------------------ one step each
def _flatten(state: _State, name: str, node: Any, unit: float) -> None:
    del name, node, unit  # the order of the values, which is all that counts here, stays as it is
    state.shape = (state.size,)


def _inner(state: _State, name: str, node: Any, unit: float) -> None:
    """The door of a subgraph hands on what it gets."""


def _scale(state: _State, name: str, node: Any, unit: float) -> None:
    factor = values(called(name), node, "scale", state.shape).reshape(-1)
    if state.weight is not None:
        state.out = factor if state.out is None else state.out * factor
        state.bias = None if state.bias is None else state.bias * factor
        return
    if state.pool is not None and np.any(factor != factor[0]):
        raise NetworkError(f"{called(name)} scales windows of a pool differently, for which there is no projection.")
    # a factor that is the same for all passes through a pool
    factor = factor if state.pool is None else np.full(state.n_pre, factor[0])
    state.into = factor if state.into is None else state.into * factor
    state.core = state.core or name


def _delay(state: _State, name: str, node: Any, unit: float) -> None:
    given = values(called(name), node, "delay", state.shape).reshape(-1).astype(np.float64)
    if np.any(given < 0):
        raise NetworkError(explain(f"{called(name)}.delay", ">= 0", str(given.min())))
    delay = to_seconds(given, unit)
    if state.weight is not None:
        state.delay_out = delay if state.delay_out is None else state.delay_out + delay
    elif state.pool is None:
        state.delay_in = state.delay_in + delay
    elif np.any(delay != delay[0]):
        raise NetworkError(f"{called(name)} delays windows of a pool differently, for which there is no projection.")
    else:
        state.delay_in = state.delay_in + delay[0]


def _sum_pool(state: _State, name: str, node: Any, unit: float) -> None:
    _pool(state, name, node)


def _average_pool(state: _State, name: str, node: Any, unit: float) -> None:
    _pool(state, name, node)
    if any(state.pool.padding):
        raise NetworkError(f"{called(name)} averages over padding, and NIR does not say whether that counts.")
    share = np.full(state.n_pre, 1 / math.prod(state.pool.kernel_size))
    state.into = share if state.into is None else state.into * share


def _pool(state: _State, name: str, node: Any) -> None:
    where = called(name)
    if state.weight is not None or state.pool is not None:
        before = "weights" if state.weight is not None else "another pool"
        raise NetworkError(f"{where} comes after {before}, for which there is no projection: put neurons between.")
    _drop_batch(state, 3)
    if len(state.shape) != 3:
        raise NetworkError(explain(where, "fed with (channels, height, width)", f"shape {state.shape}"))
    if state.into is not None and np.any(state.into != state.into[0]):
        raise NetworkError(f"{where} comes after a Scale of different factors, for which there is no projection.")
    size, stride, padding = (
        whole(where, node, field, 2, least) for field, least in (("kernel_size", 1), ("stride", 1), ("padding", 0))
    )
    state.pool = _built(where, SumPool2d, state.shape, size, stride, padding)
    state.core = name
    state.shape = state.pool.output_shape


def _linear(state: _State, name: str, node: Any, unit: float) -> None:
    where = called(name)
    _first_weight(state, where)
    weight = values(where, node, "weight")
    if weight.ndim != 2 or 0 in weight.shape:
        raise NetworkError(explain(f"{where}.weight", "[out, in]", f"shape {weight.shape}"))
    _drop_batch(state, 1)
    if state.shape != weight.shape[1:]:
        hint = "a Flatten has to come first" if state.size == weight.shape[1] else ""
        raise NetworkError(explain(where, f"fed with shape {weight.shape[1:]}", f"shape {state.shape}", hint))
    state.weight, state.core, state.shape = weight.T.copy(), name, weight.shape[:1]
    if state.pool is not None:
        state.links = _built(where, Pooled, state.pool, weight.shape[0])
    if type(node).__name__ == "Affine":
        state.bias = values(where, node, "bias", weight.shape[:1]).astype(np.float64)
    pairs = note(node, "synapses")
    if pairs is not None and state.pool is None:
        _take_sparse(state, where, np.asarray(pairs))


def _take_sparse(state: _State, where: str, pairs: AnyArray) -> None:
    """Keep of a matrix the pairs of units that were noted as its synapses."""
    assert state.weight is not None
    if (
        pairs.ndim != 2
        or pairs.shape[1] != 2
        or pairs.dtype.kind not in "iu"
        or len(np.unique(pairs, axis=0)) < len(pairs)
    ):
        raise NetworkError(
            explain(f"{where}: the note of its synapses", "different pairs of units", f"shape {pairs.shape}")
        )
    state.links = _built(where, Sparse, pairs[:, 0], pairs[:, 1], state.weight.shape)
    kept = state.weight[pairs[:, 0], pairs[:, 1]]
    if np.count_nonzero(kept) != np.count_nonzero(state.weight):
        raise NetworkError(f"{where} has weights where its note of synapses has none: remove the note.")
    state.weight = kept


def _conv(state: _State, name: str, node: Any, unit: float) -> None:
    where, axes = called(name), 2 if type(node).__name__ == "Conv2d" else 1
    _first_weight(state, where)
    weight = values(where, node, "weight")
    if weight.ndim != axes + 2 or 0 in weight.shape:
        raise NetworkError(explain(f"{where}.weight", f"of {axes + 2} dimensions", f"shape {weight.shape}"))
    _drop_batch(state, axes + 1)
    if len(state.shape) != axes + 1:
        must = "fed with (channels, height, width)" if axes == 2 else "fed with (channels, length)"
        raise NetworkError(explain(where, must, f"shape {state.shape}"))
    declared = getattr(node, "input_shape", None)
    if declared is not None and tuple(np.atleast_1d(declared).tolist()) != state.shape[1:]:
        raise NetworkError(explain(f"{where}.input_shape", f"{state.shape[1:]}, what comes in", repr(declared)))
    stride, dilation = (whole(where, node, field, axes, 1) for field in ("stride", "dilation"))
    (groups,) = whole(where, node, "groups", 1, 1)
    if weight.shape[1] * groups != state.shape[0]:
        got = f"{state.shape[0]} channels"
        raise NetworkError(explain(where, f"fed with {weight.shape[1]} channels for each of {groups} groups", got))
    padding = _padding(where, node, weight.shape[2:], stride, dilation)
    if axes == 1 and state.pool is not None:
        raise NetworkError(f"{where} comes after a pool in two dimensions.")
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    kind = Conv2d if axes == 2 else Conv1d
    conv = _built(where, kind, state.shape, weight.shape[0], weight.shape[2:], **options)
    if state.pool is None and state.into is not None and np.any(state.into != state.into[0]):
        raise NetworkError(f"{where} comes after a Scale of different factors, which do not fit into its kernel.")
    state.links = conv if state.pool is None else _built(where, Pooled, state.pool, conv)
    state.weight, state.core, state.shape = weight, name, conv.output_shape
    bias = values(where, node, "bias", weight.shape[:1]).astype(np.float64)
    state.bias = np.repeat(bias, math.prod(conv.output_shape[1:]))


def _padding(
    where: str, node: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[int, ...]:
    """Padding as numbers: "valid" has none, "same" keeps the size where as much can be put on both sides."""
    if not isinstance(node.padding, str | bytes):
        return whole(where, node, "padding", len(kernel), 0)
    word = node.padding.decode("utf-8", "replace") if isinstance(node.padding, bytes) else node.padding
    if word == "valid":
        return (0,) * len(kernel)
    around = [step * (k - 1) for step, k in zip(dilation, kernel, strict=True)]
    if word != "same" or any(n % 2 for n in around) or any(step != 1 for step in stride):
        hint = "of which 'same' needs a stride of 1 and a kernel that has a middle"
        raise NetworkError(explain(f"{where}.padding", "integers, 'valid' or 'same'", repr(word), hint))
    return tuple(n // 2 for n in around)


_STEPS = {
    "Affine": _linear,
    "AvgPool2d": _average_pool,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "Delay": _delay,
    "Flatten": _flatten,
    "Inner": _inner,
    "Linear": _linear,
    "Scale": _scale,
    "SumPool2d": _sum_pool,
}


def _drop_batch(state: _State, axes: int) -> None:
    """Drop leading axes of length one, which writers that traced a batch of one sample leave."""
    while len(state.shape) > axes and state.shape[0] == 1:
        state.shape = state.shape[1:]


def _first_weight(state: _State, where: str) -> None:
    if state.weight is not None:
        raise NetworkError(f"{where} comes after other weights: multiply the two into one, or put neurons between.")


def _built(where: str, kind: Any, *arguments: Any, **options: Any) -> Any:
    """Make a connectivity, whose complaint is about the node."""
    try:
        return kind(*arguments, **options)
    except ParameterError as error:
        raise NetworkError(f"{where}: {error}") from error


# -------------------------------------------------------------------------------------------- the whole of them
def _arguments(state: _State, chain: Chain, out: AnyArray) -> tuple[AnyArray, AnyArray, DelayOf | None, Any]:
    """Weight, delay, what the delay belongs to, and connectivity of a folded chain."""
    where = f"the way {' -> '.join((chain.pre, *chain.steps, chain.port))}"
    weight, links = state.weight, state.links
    if weight is None and state.pool is None:  # each unit to its like
        links = Sparse(np.arange(state.n_pre), np.arange(state.n_pre), (state.n_pre, state.n_pre))
        each = np.ones(state.n_pre) if state.into is None else state.into
        return each, *_one_or_all(state.delay_in), links
    if weight is None:
        every = np.array(1.0) if state.into is None else np.array(state.into[0])
        return every, *_one_or_all(state.delay_in), state.pool
    if state.into is not None and np.any(state.into != 1):
        rows = state.into if state.pool is None else np.full(state.pool.n_post, state.into[0])
        weight = _times_rows(weight, links, rows)
    weight = _times(weight, links, out, where)
    late = np.zeros(1) if state.delay_out is None else state.delay_out
    if np.all(late == late[0]):
        return weight, *_one_or_all(state.delay_in + late[0]), links
    if isinstance(links, Sparse):
        return weight, state.delay_in[links.pre] + late[links.post], "synapse", links
    if links is not None:
        raise NetworkError(f"{where} delays the units after a convolution or a pool differently; no projection does.")
    return weight, state.delay_in[:, None] + late[None, :], "synapse", links


def _one_or_all(delay: AnyArray) -> tuple[AnyArray, DelayOf | None]:
    return (np.array(delay[0]), None) if np.all(delay == delay[0]) else (delay, "axon")


def _times_rows(weight: AnyArray, links: Any, factor: AnyArray) -> AnyArray:
    """Weights times a factor for each unit that they come from; a convolution has one for all."""
    if isinstance(links, Sparse):
        return (weight * factor[links.pre]).astype(weight.dtype)
    rows = factor[:, None] if weight.ndim == 2 else factor[0]
    return (weight * rows).astype(weight.dtype)


def _times(weight: AnyArray, links: Any, factor: AnyArray, where: str) -> AnyArray:
    """Weights times a factor for each unit that they go to."""
    if np.all(factor == 1):
        return weight
    if isinstance(links, Sparse):
        return (weight * factor[links.post]).astype(weight.dtype)
    if weight.ndim == 2:
        return (weight * factor[None, :]).astype(weight.dtype)
    channels = factor.reshape(weight.shape[0] if weight.ndim else 1, -1)
    if np.any(channels != channels[:, :1]):
        raise NetworkError(f"{where} scales units differently that share their weights: no projection does.")
    each = channels[:, 0] if weight.ndim else channels[0, 0]
    return (weight * each.reshape(-1, *[1] * (weight.ndim - 1)) if weight.ndim else weight * each).astype(weight.dtype)
