"""Operations of recurrent cells and layers of PyTorch, in whole numbers.

::

    RNN    W x + U h
    LSTM   i, f, g, o from W x + U h;   c' = f c + i g,   h' = o tanh(c'),   and V h' with a projection
    GRU    r, z, n from W x, U h;       n = tanh(.. + r (U h)_n),   h' = (1 - z) n + z h

Of a matrix each nonzero entry of x or h counts its nonzero weights; x and h are analog, or not, each by itself.  A
product of two numbers of a cell is one MAC where neither is zero: a sigmoid never is, whatever rounding makes of it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor

from saltation.neurobench.counting.torch_products import NOTHING, Products, linear


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Weights:
    """Weights of one direction of one layer, or of a cell; ``u_hr`` projects the output of an LSTM."""

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    w_hr: Tensor | None = None

    def cell(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """As the functions of a cell take them."""
        return self.w_ih, self.w_hh, self.b_ih, self.b_hh


State = tuple[Tensor, ...]
"""h, or h and c."""

_CELLS = {"rnn_tanh": torch.rnn_tanh_cell, "rnn_relu": torch.rnn_relu_cell, "gru": torch.gru_cell}


def step(kind: str, x: Tensor, state: State, weights: Weights) -> tuple[Products, State]:
    """Operations of one step of a cell, ``x [row, in]``, and the state behind it."""
    h = state[0]
    found = linear(x, weights.w_ih) + linear(h, weights.w_hh)
    if kind == "lstm":
        if weights.w_hr is None:
            new = torch.lstm_cell(x, state, *weights.cell())
            output, cell = new
        else:
            output, cell = _projected(x, state, weights)
        more, c = _lstm_gates(x, h, state[1], cell, weights), cell
        found = found + more
        if weights.w_hr is not None:
            found = found + linear(output, weights.w_hr)
            output = output @ weights.w_hr.T
        return found, (output, c)
    new_h = _CELLS[kind](x, h, *weights.cell())
    if kind == "gru":
        found = found + _gru_gates(x, h, weights)
    return found, (new_h,)


def _gates(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    return torch.nn.functional.linear(x, weights.w_ih, weights.b_ih) + torch.nn.functional.linear(
        h, weights.w_hh, weights.b_hh
    )


def _projected(x: Tensor, state: State, weights: Weights) -> tuple[Tensor, Tensor]:
    """Output before the projection, and cell, of an LSTM."""
    i, f, g, o = _gates(x, state[0], weights).chunk(4, dim=1)
    cell = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def _lstm_gates(x: Tensor, h: Tensor, c: Tensor, cell: Tensor, weights: Weights) -> Products:
    """``f c``, ``i g`` and ``o tanh(c')``; each factor that is no sigmoid decides."""
    g = _gates(x, h, weights).chunk(4, dim=1)[2]
    macs = sum(int(torch.count_nonzero(each)) for each in (c, g, cell))
    return Products(macs, 0, 3 * c.numel())


def _gru_gates(x: Tensor, h: Tensor, weights: Weights) -> Products:
    """``r (U h)_n``, ``(1 - z) n`` and ``z h``."""
    of_x = torch.nn.functional.linear(x, weights.w_ih, weights.b_ih).chunk(3, dim=1)
    of_h = torch.nn.functional.linear(h, weights.w_hh, weights.b_hh).chunk(3, dim=1)
    n = of_x[2] + (of_x[0] + of_h[0]).sigmoid() * of_h[2]
    macs = sum(int(torch.count_nonzero(each)) for each in (of_h[2], n, h))
    return Products(macs, 0, 3 * h.numel())


def cell_call(kind: str, args: Sequence[Any]) -> Products:
    """A call of ``torch.lstm_cell`` and its like: x, state, weights."""
    x, state = args[0], args[1]
    weights = Weights(args[2], args[3], *(args[4:6] if len(args) > 4 else (None, None)))
    states: State = tuple(state) if isinstance(state, list | tuple) else (state,)
    if x.ndim == 1:
        x, states = x.unsqueeze(0), tuple(each.unsqueeze(0) for each in states)
    return step(kind, x, states, weights)[0]


def layer_call(kind: str, args: Sequence[Any]) -> Products:
    """A call of ``torch.lstm`` and its like, over padded or packed sequences, layer by layer and step by step.

    States of layers are computed again, one step after the other.
    """
    packed = isinstance(args[1], Tensor) and isinstance(args[3], list | tuple)
    if packed:
        data, sizes, hx, flat, biases, layers, _, _, both = args[:9]
        steps = list(data.split(sizes.tolist()))
    else:
        data, hx, flat, biases, layers, _, _, both, batch_first = args[:9]
        steps = list(data.unbind(1 if batch_first else 0))
    states: State = tuple(hx) if isinstance(hx, list | tuple) else (hx,)
    directions = 2 if both else 1
    per = len(flat) // (layers * directions)
    total = NOTHING
    for layer in range(layers):
        outputs: list[list[Tensor]] = []
        for direction in range(directions):
            index = layer * directions + direction
            weights = _weights_of(flat[index * per : (index + 1) * per], bool(biases))
            start = tuple(state[index] for state in states)
            found, each = _sweep(kind, steps, start, weights, backwards=direction == 1)
            total, _ = total + found, outputs.append(each)
        steps = outputs[0] if directions == 1 else [torch.cat(pair, dim=1) for pair in zip(*outputs, strict=True)]
    return total


def _weights_of(flat: Sequence[Tensor], biases: bool) -> Weights:
    b_ih, b_hh = flat[2:4] if biases else (None, None)
    rest = flat[4:] if biases else flat[2:]
    return Weights(flat[0], flat[1], b_ih, b_hh, rest[0] if rest else None)


def _sweep(
    kind: str, steps: Sequence[Tensor], start: State, weights: Weights, *, backwards: bool
) -> tuple[Products, list[Tensor]]:
    """One layer in one direction; of packed sequences the longest come first, and shorter ones end, or begin, later."""
    total, outputs = NOTHING, [torch.empty(0)] * len(steps)
    order = range(len(steps) - 1, -1, -1) if backwards else range(len(steps))
    state = tuple(each[: steps[order[0]].shape[0]] for each in start)
    for t in order:
        rows = steps[t].shape[0]
        have = state[0].shape[0]
        if rows <= have:
            state = tuple(each[:rows] for each in state)
        else:
            state = tuple(torch.cat([each, first[have:rows]]) for each, first in zip(state, start, strict=True))
        found, state = step(kind, steps[t], state, weights)
        total, outputs[t] = total + found, state[0]
    return total, outputs
