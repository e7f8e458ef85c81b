"""Networks for `neurobench_agreement.py`: those on which the package is right, and the traps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import snntorch
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

Loops = Callable[[Any], Any]
"""Counts by loops; gets the module of the loops."""


@dataclass
class Case:
    """A network, its input, how it is run, and the name of the trap if it is one.

    ``steps``: whether the second axis of the input is time, which the package goes through step by step;
    ``activations``: outputs of activations that are functions, for an input.
    """

    name: str
    net: nn.Module
    x: torch.Tensor
    trap: str = ""
    batch: int = 4
    steps: bool = False
    loops: Loops | None = None
    activations: Callable[[nn.Module, torch.Tensor], list[torch.Tensor]] | None = None
    prepare: Callable[[Any], None] = field(default=lambda model: None)


def sparse(*layers: nn.Module, share: float = 0.3) -> nn.Module:
    """A chain of layers, a share of whose weights is zero."""
    chain = nn.Sequential(*layers)
    with torch.no_grad():
        for name, parameter in chain.named_parameters():
            if "weight" in name:
                parameter[torch.rand(parameter.shape) < share] = 0.0
    return chain


def spikes(*shape: int) -> torch.Tensor:
    return (torch.rand(shape) < 0.3).float()


class Cells(nn.Module):
    """A cell over time with its state handed on, and a readout."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell, self.readout = cell, nn.Linear(cell.hidden_size, 2)

    def forward(self, x):
        h = 0.1 * torch.ones(len(x), self.cell.hidden_size)
        state = (h, h) if isinstance(self.cell, nn.LSTMCell) else h
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return self.readout(state[0] if isinstance(state, tuple) else state)


class Alone(nn.Module):
    """A cell that is called once: without a state, or with one of zeros."""

    def __init__(self, cell: nn.Module, zeros: bool = False) -> None:
        super().__init__()
        self.cell, self.zeros = cell, zeros

    def forward(self, x):
        zero = torch.zeros(len(x), self.cell.hidden_size)
        return self.cell(x, (zero, zero)) if self.zeros else self.cell(x)


class Residual(nn.Module):
    """A path around two layers, one of them called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.shared = nn.Linear(8, 6), nn.Linear(6, 6)

    def forward(self, x):
        x = self.first(x)
        return x + self.shared(self.shared(x).relu())


class Function(nn.Module):
    """A linear map without a module."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 5))

    def forward(self, x):
        return nn.functional.linear(x, self.weight)


def rectified(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """What the function in `Residual` gives, of a chain that holds one."""
    (residual,) = net
    return [residual.shared(residual.first(x)).relu()]


def agreeing() -> list[Case]:
    """Networks of different kinds on which the package is right."""
    leaky: dict[str, Any] = {"beta": 0.9, "init_hidden": True}
    last = {**leaky, "output": True}
    neuron, relu = snntorch.Leaky, nn.ReLU
    dense = sparse(nn.Linear(8, 12), relu(), nn.Linear(12, 10), relu(), nn.Linear(10, 3))
    normed = nn.Sequential(nn.Linear(8, 6), nn.BatchNorm1d(6), relu(), nn.Linear(6, 3))
    conv1 = sparse(nn.Conv1d(2, 4, 3, stride=2, dilation=2), relu(), nn.Flatten(), nn.Linear(16, 3))
    conv2 = sparse(nn.Conv2d(4, 6, 3, padding=1, groups=2), relu(), nn.Conv2d(6, 2, (1, 3)))
    conv3 = sparse(nn.Conv3d(1, 2, 2, padding=(1, 0, 1)), relu(), nn.Flatten(), nn.Linear(60, 3))
    fires = sparse(nn.Linear(12, 20), neuron(**leaky), nn.Linear(20, 4), neuron(**last))
    sees = sparse(
        nn.Conv2d(2, 3, 3, padding=1, stride=2), neuron(**leaky), nn.Flatten(), nn.Linear(27, 4), neuron(**last)
    )
    loop = snntorch.RLeaky(**last, linear_features=6)
    loops = sparse(nn.Linear(8, 10), snntorch.Synaptic(alpha=0.8, **leaky), nn.Linear(10, 6), loop)
    return [
        Case("perceptron", dense, torch.randn(10, 8)),
        Case("perceptron with normalisation", normed, torch.randn(8, 8)),
        Case("Conv1d, strided and dilated", conv1, torch.randn(6, 2, 12)),
        Case("Conv2d, padded and grouped", conv2, torch.randn(5, 4, 5, 5)),
        Case("Conv3d", conv3, torch.randn(4, 1, 2, 3, 4)),
        Case("residual path, layer called twice", sparse(Residual()), torch.randn(6, 8), activations=rectified),
        Case("LSTM cell with its state", Cells(nn.LSTMCell(5, 4)), torch.randn(5, 4, 5)),
        Case("GRU cell with its state", Cells(nn.GRUCell(5, 4)), torch.randn(5, 4, 5)),
        Case("snnTorch Leaky", fires, spikes(6, 15, 12), steps=True),
        Case("snnTorch Leaky, convolution", sees, spikes(4, 8, 2, 5, 5), steps=True),
        Case("snnTorch Synaptic and recurrent RLeaky", loops, spikes(5, 10, 8), steps=True),
    ]


def traps() -> list[Case]:
    """Networks on which the package gives another number, silently."""
    chain = nn.Sequential
    mixed = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.5, 0.0, 0.0, 0.2]])
    double = spikes(2, 10, 6)
    double[1, 3, 2] = 2.0
    masked = nn.Linear(6, 4)
    prune.random_unstructured(masked, "weight", amount=10)
    wide = nn.utils.skip_init(nn.Linear, 4097, 8193, bias=False)
    half = nn.Linear(600, 300).half()
    nn.init.ones_(wide.weight), nn.init.ones_(half.weight)
    transposed = chain(nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1))
    normed = chain(parametrizations.weight_norm(nn.Linear(6, 4)))
    function, given = Function(), torch.randn(4, 5)
    error, sums = "an error becomes 0.0", "sums in the type of the layer"
    return [
        Case("spikes and analog values in a batch", chain(nn.Linear(4, 3)), mixed, "the batch decides: MAC or AC"),
        Case("a double spike in (batch, step, unit)", chain(nn.Linear(6, 5)), double, "one entry makes all of it MACs"),
        Case("bare layer", nn.Linear(5, 3), torch.randn(4, 5), "children alone are looked at"),
        Case("functional layer", function, given, "functions are not seen", loops=by_rows(given, function.weight)),
        Case("transposed convolution", transposed, torch.randn(3, 2, 3, 3), "the layer is not known"),
        Case("LSTM layer", chain(nn.LSTM(3, 4, batch_first=True)), torch.randn(3, 5, 3), error),
        Case("GRU cell without a state", Alone(nn.GRUCell(5, 4)), torch.randn(3, 5), error),
        Case("LSTM cell without a state", Alone(nn.LSTMCell(5, 4)), torch.randn(3, 5), error),
        Case("RNN cell without a state", Alone(nn.RNNCell(5, 4)), torch.randn(3, 5), "only the first sample counts"),
        Case("LSTM cell, state of zeros", Alone(nn.LSTMCell(5, 4), True), torch.randn(3, 5), "Dense without the state"),
        Case("spikes into an RNN cell", Cells(nn.RNNCell(5, 4)), spikes(3, 4, 5), "the analog state counts as spikes"),
        Case("pruned layer", chain(masked), torch.randn(4, 6), "a computed weight is not replaced"),
        Case("weight_norm", normed, torch.randn(4, 6), "a computed weight is not replaced"),
        Case("float16, 180,000 operations", chain(half), torch.ones(1, 600).half(), sums, loops=so_many(180_000)),
        Case("float32, 33,566,721 operations", chain(wide), torch.ones(1, 4097), sums, loops=so_many(33_566_721)),
        Case("hooks of a second benchmark", chain(nn.Linear(4, 5)), torch.randn(4, 4), "counts twice", prepare=hooked),
    ]


def by_rows(x: torch.Tensor, weight: torch.Tensor) -> Loops:
    return lambda slow: slow.linear(slow.Tally(), x.numpy(), weight.detach().numpy())


def so_many(n: int) -> Loops:
    """All weights and inputs are one: the number of weights."""

    def tally(slow):
        found = slow.Tally()
        found.acs = found.dense = n
        return found

    return tally


def hooked(model: Any) -> None:
    """As a benchmark that is still alive leaves the wrapper."""
    model.register_hooks()
