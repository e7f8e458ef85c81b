"""`count_torch`: what a PyTorch model costs on some inputs, whatever it is built of."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from saltation.errors import ParameterError
from saltation.model.checks import describe, explain, integer
from saltation.neurobench.counting.record import Activity, LayerCount
from saltation.neurobench.counting.torch_layers import Layers
from saltation.neurobench.counting.torch_products import Products
from saltation.neurobench.counting.torch_samples import check_batches, samples_of
from saltation.neurobench.counting.torch_static import count_static
from saltation.neurobench.counting.torch_watch import Inside, Watch
from saltation.neurobench.report import Complexity, check_samples, declared_rate
from saltation.neurobench.rules import rules_of

_RULES = (
    "per-sample",
    "synapse",
    "analog",
    "dense",
    "cell",
    "bias",
    "activation",
    "membrane",
    "at-rest",
    "unseen",
    "footprint",
    "rate",
)


def count_torch(
    model: nn.Module,
    inputs: Iterable[Any],
    *,
    forward: Callable[[Any], Any] | None = None,
    samples: Callable[[Any], int] | None = None,
    step: float | None = None,
    activations: Sequence[type[nn.Module]] = (),
    uncounted: Sequence[str] = (),
    execution_rate: float | None = None,
) -> Complexity:
    """Run a PyTorch model, and count what it costs.

    ::

        Effective = sum over calls, rows x of a layer, weights W   of   |{(o, i): W_oi != 0 and x_i != 0}|

    Every linear map, convolution and recurrent cell counts, as a module and as a function, with the weights that it
    really gets; layers of `saltation.torch` count by their events.  A product of another kind is an error and not a
    zero.  Not seen are elementwise products and their sums, what is computed outside of PyTorch, as by NumPy or by
    `saltation.simulate`, and what runs in other threads.

    Parameters
    ----------
    model : torch.nn.Module
        What is counted; it is run in evaluation mode and without gradients.
    inputs : iterable
        Batches: tensors, or whatever ``forward`` takes; of pairs of inputs and targets, as a ``DataLoader`` gives them,
        ``forward=lambda batch: model(batch[0])`` takes the first.  A single batch is a list of one.
    forward : callable, optional
        Runs the model on a batch; by default ``model``. `over_time` goes through the steps of a snnTorch model.
    samples : callable, optional
        Number of samples in a batch; by default the length of the first axis of a tensor, or of the tensors of a list
        or tuple, and the batch of `saltation.torch.Spikes` and of a packed sequence.  It must be given for whatever
        else, and where a recurrent layer has time on its first axis.
    step : float, optional
        Reference step in seconds for layers of events, as in `count_run`.
    activations : sequence of type
        Modules whose outputs are activations, beside those of ``torch.nn.modules.activation`` and the neurons of
        snnTorch.
    uncounted : sequence of str
        Products that may pass without being counted, by the name that the error gives; the result says so.
    execution_rate : float, optional
        Executions per second of the data, declared.

    Returns
    -------
    Complexity

    Raises
    ------
    ParameterError
        If there are no inputs, nothing was counted, a product cannot be counted, a sample of a layer of events failed,
        or it is not clear how many samples a batch holds.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> import torch
    >>> from saltation.neurobench import count_torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False), torch.nn.ReLU())
    >>> _ = model[0].weight.data.fill_(-1.0)
    >>> costs = count_torch(model, [torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.5, 0.5, 0.0, 0.0]])])
    >>> costs.effective_acs, costs.effective_macs, costs.dense, costs.activation_sparsity
    (3.0, 3.0, 12.0, 1.0)
    """
    if not isinstance(model, nn.Module):
        raise ParameterError(f"count_torch.model must be a torch.nn.Module; got {type(model).__name__}")
    if isinstance(uncounted, str) or not isinstance(uncounted, Iterable):
        hint = "an error names what cannot be counted: uncounted=('matmul',)"
        raise ParameterError(explain("count_torch.uncounted", "names in a tuple", describe(uncounted), hint))
    for name, module in model.named_modules():
        # what a compiler has fused shows nothing of its products, and what it scripted takes no hooks
        if type(module).__name__ == "OptimizedModule" or isinstance(module, torch.jit.ScriptModule):
            raise ParameterError(
                f"count_torch.model must be plain modules; got a compiled one, {name or 'the model itself'!r}; count "
                "the module that was compiled"
            )
    counter = Counter(model, step, activations, uncounted)
    total = 0
    with counter.hooked():
        for batch in check_batches(inputs):
            total += samples_of(batch) if samples is None else integer("count_torch", "samples", samples(batch))
            counter.call(_whole(model, batch) if forward is None else forward, batch)
    if samples is None and counter.layers.unclear is not None:
        raise ParameterError(
            f"count_torch.inputs: the first axis of a batch may not be its samples: {counter.layers.unclear}; pass "
            "samples=, such as samples=lambda x: x.shape[1]"
        )
    return counter.result(total, declared_rate("count_torch", execution_rate))


def _whole(model: nn.Module, batch: Any) -> Callable[[Any], Any]:
    """The model; where it does not take several things in a list, with an error that says so."""
    if not isinstance(batch, list | tuple) or isinstance(batch, PackedSequence):
        return model

    def forward(batch: Any) -> Any:
        try:
            return model(batch)
        except (TypeError, AttributeError) as error:
            raise ParameterError(
                f"count_torch.inputs: a batch is a {type(batch).__name__} of {len(batch)}, and the model failed on it "
                f"as a whole ({error}); of pairs of inputs and targets pass forward=lambda batch: model(batch[0])"
            ) from error

    return forward


@final
class Counter:
    """The counts of a model, over calls that are made while it is hooked."""

    def __init__(
        self, model: nn.Module, step: float | None, activations: Sequence[type[nn.Module]], uncounted: Sequence[str]
    ) -> None:
        self.static = count_static(model)
        inside = Inside()
        self.layers = Layers(model, step, activations, inside)
        self.counts: dict[str, LayerCount] = {}
        weights = list(model.parameters()), list(model.buffers())
        self._watch = Watch(*weights, self._product, self.layers.activated, uncounted, inside)

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Hooks on the modules of the model, which is in evaluation mode as long."""
        with self.layers.hooked(self._add):
            yield

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function, and count what the model does in it."""
        with torch.no_grad(), self._watch:
            return function(*args)

    def result(self, samples: int, execution_rate: float | None) -> Complexity:
        """What was counted in so many samples.

        Raises
        ------
        ParameterError
            If there are none, or no operation was seen.
        """
        check_samples("count_torch", samples)
        layers = self.layers
        if not self.counts:
            raise ParameterError(
                "count_torch.model: no synaptic operation was seen in the forward pass, and 0 would be a result that "
                f"nobody meant; it has {layers.modules} modules, but called no linear map, convolution or recurrent "
                "cell; is the network run by `forward`?"
            )
        last = rules_of("learning")
        rules = [rule for rule in (*rules_of(*_RULES), *layers.rules) if rule not in last]
        extra: dict[str, Any] = {"torch": torch.__version__, "uncounted": dict(self._watch.passed)}
        if layers.windows:
            extra["windows"] = [{"duration": d, "reference_step": step} for d, step in layers.windows]
        seen = tuple(layers.seen)
        return Complexity(
            "torch",
            samples,
            tuple(self.counts.values()),
            self.static,
            Activity(layers.outputs, layers.zeros, seen) if seen else Activity(None, None, ()),
            layers.membrane_updates,
            layers.neuron_updates,
            execution_rate,
            extra,
            (*dict.fromkeys(rules), *last),
        )

    def _add(self, layer: LayerCount) -> None:
        before = self.counts.get(layer.name)
        self.counts[layer.name] = layer if before is None else before + layer

    def _product(self, kind: str, found: Products) -> None:
        self._add(LayerCount(self.layers.name, kind, found.macs, found.acs, found.dense))


def over_time(model: nn.Module, reset: Callable[[], Any]) -> Callable[[Tensor], Tensor]:
    """A function that resets a model, and runs it on each step of ``x [batch, step, ..]``.

    Parameters
    ----------
    model : torch.nn.Module
        Takes a step ``[batch, ..]``, and returns spikes, or spikes and membrane.
    reset : callable
        Puts neurons to their first state, such as ``lambda: snntorch.utils.reset(model)``.

    Returns
    -------
    callable
        Gives spikes ``[batch, step, ..]``.

    Examples
    --------
    >>> import torch
    >>> from saltation.neurobench import over_time
    >>> over_time(torch.nn.Linear(3, 2), reset=lambda: None)(torch.zeros(4, 10, 3)).shape
    torch.Size([4, 10, 2])
    """

    def forward(x: Tensor) -> Tensor:
        reset()
        outputs = [model(x[:, step]) for step in range(x.shape[1])]
        return torch.stack([out[0] if isinstance(out, tuple) else out for out in outputs], dim=1)

    return forward
