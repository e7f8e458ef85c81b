"""Counts of PyTorch models against loops over every product, layer kind by layer kind."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from reference import operations as slow  # noqa: E402
from saltation.neurobench import count_torch  # noqa: E402


def found(costs):
    return tuple(costs.total(name) for name in ("effective_macs", "effective_acs", "dense"))


def sparse_(module, seed=0, share=0.3):
    """Put a share of all weights to zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter[torch.rand(parameter.shape, generator=generator) < share] = 0.0
    return module


def inputs(*shape, seed=0):
    """Samples of which every other one is of spikes, the others analog; with zeros."""
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 0.0, 0.0, 1.0], shape)
    x[1::2] *= rng.normal(size=x[1::2].shape)
    return torch.tensor(x)


@pytest.mark.parametrize("shape", [(4, 5), (3, 6, 5), (2, 3, 2, 5)])
def test_linear(shape):
    layer = sparse_(nn.Linear(5, 4).double())
    x = inputs(*shape)
    want = slow.linear(slow.Tally(), x.reshape(-1, 5).numpy(), layer.weight.detach().numpy()).found
    assert found(count_torch(layer, [x])) == want and min(want) > 0


CONVOLUTIONS = [
    (1, 4, 6, {"kernel_size": 3, "stride": 2, "padding": 2, "dilation": 2}),
    (1, 4, 6, {"kernel_size": 4, "padding": "same"}),
    (1, 4, 6, {"kernel_size": 3, "padding": "valid", "groups": 2}),
    (2, 4, 6, {"kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0), "groups": 2}),
    (2, 2, 2, {"kernel_size": 3, "dilation": (1, 2), "padding": (0, 2), "groups": 2}),
    (3, 2, 3, {"kernel_size": (2, 3, 1), "padding": 1, "stride": (2, 1, 1)}),
]


def _each(value, axes):
    return list(value) if isinstance(value, tuple) else [value] * axes


# an even kernel with padding="same" makes torch warn of a copy
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("axes, channels, outputs, how", CONVOLUTIONS)
def test_convolution(axes, channels, outputs, how):
    layer = sparse_(getattr(nn, f"Conv{axes}d")(channels, outputs, **how).double())
    x = inputs(3, channels, *(5, 6, 4)[:axes])
    dilation, taps = _each(how.get("dilation", 1), axes), layer.weight.shape[2:]
    if how.get("padding") == "same":
        totals = [d * (k - 1) for d, k in zip(dilation, taps, strict=True)]
        padding = [(total // 2, total - total // 2) for total in totals]
    else:
        given = 0 if how.get("padding") == "valid" else how.get("padding", 0)
        padding = [(p, p) for p in _each(given, axes)]
    stride, groups = _each(how.get("stride", 1), axes), how.get("groups", 1)
    weight = layer.weight.detach().numpy()
    want = slow.conv(slow.Tally(), x.numpy(), weight, stride, padding, dilation, groups).found
    assert found(count_torch(layer, [x])) == want and min(want) > 0
    alone = count_torch(layer, [x[1]], samples=lambda _: 1)  # without an axis for the batch
    assert found(alone) == slow.conv(slow.Tally(), x[1:2].numpy(), weight, stride, padding, dilation, groups).found


def test_the_padding_of_another_mode_is_a_copy_of_the_input():
    layer = sparse_(nn.Conv1d(2, 3, 3, padding=2, padding_mode="circular").double())
    x = inputs(2, 2, 5)
    padded = torch.cat([x[:, :, -2:], x, x[:, :, :2]], dim=2)
    weight = layer.weight.detach().numpy()
    want = slow.conv(slow.Tally(), padded.numpy(), weight, [1], [(0, 0)], [1], 1).found
    assert found(count_torch(layer, [x])) == want


@pytest.mark.parametrize(
    "axes, how",
    [
        (1, {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}),
        (2, {"kernel_size": (3, 2), "stride": 2, "groups": 2, "dilation": (2, 1)}),
        (3, {"kernel_size": 2, "stride": (1, 2, 1), "padding": (0, 1, 0)}),
    ],
)
def test_transposed_convolution(axes, how):
    layer = sparse_(getattr(nn, f"ConvTranspose{axes}d")(4, 6, **how).double())
    x = inputs(2, 4, *(3, 4, 2)[:axes])
    args = [_each(how.get(name, default), axes) for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))]
    more = _each(how.get("output_padding", 0), axes)
    weight = layer.weight.detach().numpy()
    want = slow.conv_transposed(slow.Tally(), x.numpy(), weight, *args, how.get("groups", 1), more).found
    assert found(count_torch(layer, [x])) == want and min(want) > 0


def _weights(cell, index=""):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    values = [getattr(cell, name + index).detach().numpy() for name in names]
    projection = getattr(cell, f"weight_hr{index}", None)
    return values if projection is None else [*values, projection.detach().numpy()]


@pytest.mark.parametrize("kind, make", [("rnn_tanh", nn.RNNCell), ("gru", nn.GRUCell), ("lstm", nn.LSTMCell)])
@pytest.mark.parametrize("given", [True, False])
def test_cells(kind, make, given):
    torch.manual_seed(3)
    cell = sparse_(make(5, 4).double())
    x = inputs(4, 5)
    h, c = inputs(4, 4, seed=1), inputs(4, 4, seed=2)
    state = (h, c) if kind == "lstm" else h
    costs = count_torch(cell, [x], forward=(lambda x: cell(x, state)) if given else None)
    tally, zeros = slow.Tally(), np.zeros(4)
    for row in range(4):
        start = (h[row].numpy(), c[row].numpy()) if given else (zeros, zeros)
        slow.cell(tally, kind, x[row].numpy(), *start, _weights(cell))
    assert found(costs) == tally.found and tally.macs > 0


def test_the_dense_operations_of_a_cell():
    cell = nn.LSTMCell(5, 4)
    # 4 h (in + h) + 3 h, whatever the state
    assert count_torch(cell, [torch.zeros(2, 5)]).dense == 156.0
    assert count_torch(nn.GRUCell(5, 4), [torch.zeros(2, 5)]).dense == 3 * 4 * 9 + 3 * 4


@pytest.mark.parametrize(
    "kind, make, more",
    [
        ("rnn_relu", nn.RNN, {"nonlinearity": "relu", "num_layers": 2}),
        ("rnn_tanh", nn.RNN, {"bidirectional": True}),
        ("gru", nn.GRU, {"num_layers": 2, "bidirectional": True, "batch_first": True}),
        ("lstm", nn.LSTM, {"num_layers": 2, "batch_first": True}),
        ("lstm", nn.LSTM, {"proj_size": 2, "bidirectional": True, "num_layers": 2}),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_recurrent_layers(kind, make, more, packed):
    torch.manual_seed(4)
    layer = sparse_(make(3, 4, **more).double())
    lengths = [5, 3, 2] if packed else [4, 4, 4]
    sequences = [inputs(2 * n, 3, seed=n + k)[:n] for k, n in enumerate(lengths)]
    batch = nn.utils.rnn.pad_sequence(sequences, batch_first=bool(more.get("batch_first")))
    if packed:
        batch = nn.utils.rnn.pack_padded_sequence(batch, lengths, batch_first=bool(more.get("batch_first")))
    directions = ["", "_reverse"][: 1 + bool(more.get("bidirectional"))]
    weights = [[_weights(layer, f"_l{k}{d}") for d in directions] for k in range(more.get("num_layers", 1))]
    sizes = (more.get("proj_size", 4), 4)
    plain = [sequence.numpy().tolist() for sequence in sequences]
    want = slow.recurrent(slow.Tally(), kind, plain, weights, sizes).found
    costs = count_torch(layer, [batch], samples=lambda _: 3)
    assert found(costs) == want and min(want[0], want[2]) > 0


def test_a_model_of_several_layers_by_name():
    torch.manual_seed(5)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3), nn.BatchNorm1d(3))
    x = inputs(6, 1, 4, 4).float()
    costs = count_torch(model, [x[:4], x[4:]])
    hidden = model[2](model[1](model[0](x))).detach()
    tally = slow.conv(slow.Tally(), x.numpy(), model[0].weight.detach().numpy(), [1, 1], [(0, 0)] * 2, [1, 1], 1)
    after = slow.linear(slow.Tally(), hidden.numpy(), model[3].weight.detach().numpy())
    assert [layer.name for layer in costs.layers] == ["0", "3"]
    assert [(layer.effective_macs, layer.effective_acs, layer.dense) for layer in costs.layers] == [
        tally.found,
        after.found,
    ]
    assert costs.samples == 6 and costs.effective_macs == (tally.macs + after.macs) / 6
    zeros = int((hidden == 0).sum())
    assert (costs.activity.outputs, costs.activity.zeros) == (48, zeros) and zeros > 0
    assert model.training  # as it was


def test_functions_and_shared_modules_count_as_often_as_they_are_called():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([[1.0, 0.0], [2.0, 3.0]]))
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            x = self.layer(self.layer(x)).relu()
            return nn.functional.linear(x, self.weight) + x @ self.weight + torch.matmul(x, self.weight.T)

    costs = count_torch(Model(), [torch.ones(1, 2)])
    assert costs.total("dense") == 5 * 4
    assert {layer.name: layer.dense for layer in costs.layers} == {"layer": 8, "(model)": 12}
    assert costs.activity.layers == ("(model): relu",)
