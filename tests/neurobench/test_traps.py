"""What the package gets wrong silently, and what ours gives in its place: a number by loops, or an error.

`benchmarks/neurobench_agreement.py` runs the package itself on the same traps.
"""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, prune  # noqa: E402

from reference import operations as slow  # noqa: E402
from saltation.errors import ParameterError  # noqa: E402
from saltation.neurobench import count_static, count_torch  # noqa: E402


def found(costs):
    return tuple(costs.total(name) for name in ("effective_macs", "effective_acs", "dense"))


def by_loops(x, layer):
    return slow.linear(slow.Tally(), x.reshape(-1, x.shape[-1]).numpy(), layer.weight.detach().numpy()).found


def test_half_precision_does_not_overflow():
    layer = nn.Linear(600, 300).half()
    nn.init.ones_(layer.weight)
    assert found(count_torch(layer, [torch.ones(1, 600).half()])) == (0, 180_000, 180_000)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sums_are_whole_numbers(dtype):
    layer = nn.utils.skip_init(nn.Linear, 4097, 8193, bias=False, dtype=dtype)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    # 33,566,721 is no number of float32
    assert found(count_torch(layer, [torch.ones(1, 4097, dtype=dtype)])) == (0, 33_566_721, 33_566_721)


def test_the_batch_does_not_decide_what_is_a_mac():
    layer = nn.Linear(4, 3)
    x = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.5, 1.0, 0.0, 0.0]])
    whole, parts = count_torch(layer, [x]), count_torch(layer, [x[:1], x[1:]])
    assert found(whole) == found(parts) == by_loops(x, layer) == (6, 9, 24)


def test_one_double_spike_is_one_vector_of_macs():
    layer = nn.Linear(6, 5)
    x = (torch.rand(2, 10, 6, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    before = count_torch(layer, [x]).total("effective_acs")
    x[1, 3, 2] = 2.0
    costs = count_torch(layer, [x])
    in_row = 5 * int(torch.count_nonzero(x[1, 3]))
    assert found(costs) == by_loops(x, layer) and costs.total("effective_macs") == in_row
    assert costs.total("effective_acs") >= before - in_row > 50


def test_weights_count_as_they_act():
    x = torch.ones(2, 6)
    masked = nn.Linear(6, 4)
    prune.random_unstructured(masked, "weight", amount=10)
    assert found(count_torch(masked, [x])) == (0, 2 * 14, 2 * 24)
    assert count_static(masked).zero_weights == 10
    normed = parametrizations.weight_norm(nn.Linear(6, 4))
    assert found(count_torch(normed, [x])) == (0, 48, 48)

    class SixBits(nn.Module):
        def forward(self, weight):
            return (weight * 4).round().clamp(-63, 63) / 4

    coarse = nn.Linear(6, 4)
    nn.utils.parametrize.register_parametrization(coarse, "weight", SixBits())
    assert found(count_torch(coarse, [x])) == by_loops(x, coarse)
    assert 0 < count_static(coarse).zero_weights < 24
    assert count_static(coarse).zero_weights == int((coarse.weight == 0).sum())


def test_a_layer_that_is_the_whole_network_counts():
    layer = nn.Linear(3, 2)
    assert found(count_torch(layer, [torch.ones(1, 3)])) == (0, 6, 6)
    assert count_static(layer).connection_sparsity == 0.0


def test_biases_are_no_connections():
    cell = nn.RNNCell(3, 2)
    nn.init.zeros_(cell.bias_ih), nn.init.zeros_(cell.bias_hh)
    assert count_static(cell).connection_sparsity == 0.0  # .2857 with them
    layers = nn.LSTM(3, 2, num_layers=2)
    assert count_static(layers).weights == 4 * 2 * 5 + 4 * 2 * 4


def test_a_second_count_gives_the_same():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    x = torch.randn(5, 4)
    results = [count_torch(model, [x]).to_dict() for _ in range(2)]
    assert results[0] == results[1]
    assert not model._forward_hooks and not model[0]._forward_pre_hooks and not model[1]._forward_hooks


def test_a_cell_without_a_state():
    # the package looks at the first sample alone, and at no recurrent weight in Dense
    cell, x = nn.LSTMCell(5, 4), torch.randn(3, 5)
    costs = count_torch(cell, [x])
    # W x, and i g and o tanh(c): the state is zero
    assert found(costs) == (3 * (4 * 4 * 5 + 2 * 4), 0, 3 * 156)
    assert count_torch(nn.GRUCell(5, 4), [x]).dense == 120.0


def test_spikes_into_a_cell_leave_its_state_analog():
    cell = nn.RNNCell(5, 4)
    x = torch.tensor([[1.0, 0.0, 1.0, 1.0, 0.0]])
    h = torch.randn(1, 4)
    assert found(count_torch(cell, [x], forward=lambda x: cell(x, h))) == (16, 12, 36)


def test_the_last_batch_may_be_smaller():
    layer = nn.Linear(4, 3)
    x = torch.randn(10, 4)
    costs = count_torch(layer, x.split(4))
    assert costs.samples == 10 and costs.effective_macs == costs.dense == 12.0


def test_functional_activations_are_seen_and_tuples_are_read():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.act = nn.Linear(3, 4), Spiking()

        def forward(self, x):
            return self.act(nn.functional.relu(self.layer(x)))[0]

    class Spiking(nn.Module):
        def forward(self, x):
            return (x > 0.5).float(), x

    torch.manual_seed(0)
    model, x = Model(), torch.randn(20, 3)
    costs = count_torch(model, [x], activations=[Spiking])
    hidden = model.layer(x).relu()
    zeros = int((hidden == 0).sum()) + int((hidden <= 0.5).sum())
    assert costs.activity.layers == ("(model): relu", "act")
    assert (costs.activity.zeros, costs.activity.outputs) == (zeros, 160)
    assert count_torch(nn.Linear(3, 4), [x]).activation_sparsity is None  # not 0.0


def attention(x):
    return nn.functional.scaled_dot_product_attention(x, x, x)


class Attends(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.layer, self.how = nn.Linear(4, 4), how

    def forward(self, x):
        return self.how(self.layer(x))


ATTENTION, BILINEAR, MATRIX, BAG = (
    nn.MultiheadAttention(4, 2),
    nn.Bilinear(4, 4, 3),
    torch.ones(4, 2),
    nn.EmbeddingBag(4, 2),
)

UNCOUNTED = {
    "batched product": lambda x: torch.bmm(x, x.transpose(1, 2)),
    "einsum": lambda x: torch.einsum("bti,bsi->bts", x, x),
    "attention": attention,
    "module of attention": lambda x: ATTENTION(x, x, x),
    "bilinear": lambda x: BILINEAR(x, x),
    "elementary operation": lambda x: torch.ops.aten.addmm(torch.ones(2), x[0], MATRIX),
    "matrix that is no parameter": lambda x: x[0] @ MATRIX,
    "bag": lambda x: BAG(torch.zeros(1, 2, dtype=torch.long)),
}


@pytest.mark.parametrize("how", UNCOUNTED.values(), ids=UNCOUNTED.keys())
def test_a_product_that_cannot_be_counted_is_refused(how):
    with pytest.raises(ParameterError, match=r"cannot count aten::.*uncounted="):
        count_torch(Attends(how), [torch.randn(2, 3, 4)])


def test_a_product_may_pass_by_name_and_is_told():
    costs = count_torch(Attends(UNCOUNTED["batched product"]), [torch.randn(2, 3, 4)], uncounted=("bmm",))
    assert costs.extra["uncounted"] == {"bmm": 1} and costs.total("dense") == 2 * 3 * 16
    assert costs.to_dict()["Counts"]["uncounted"] == {"bmm": 1}
    whole = count_torch(Attends(attention), [torch.randn(2, 3, 4)], uncounted=("scaled_dot_product_attention",))
    assert whole.extra["uncounted"] == {"scaled_dot_product_attention": 1}


def test_a_lookup_is_no_operation():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3))
    assert count_torch(model, [torch.tensor([[1, 2]])]).dense == 2 * 12


def test_nothing_is_no_result():
    with pytest.raises(ParameterError, match="no synaptic operation"):
        count_torch(nn.ReLU(), [torch.ones(2, 3)])
    with pytest.raises(ParameterError, match="at least one sample"):
        count_torch(nn.Linear(3, 2), [])
    with pytest.raises(ParameterError, match="lazy"):
        count_torch(nn.LazyLinear(3), [torch.ones(2, 3)])
    with pytest.raises(ParameterError, match="compiled"):
        count_torch(torch.compile(nn.Linear(3, 2), backend="eager"), [torch.ones(2, 3)])
    with pytest.raises(ParameterError, match="samples="):
        count_torch(nn.Linear(3, 2), [3], forward=lambda _: None)


def test_an_error_of_the_model_is_its_own_and_leaves_no_hooks():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(3, 2))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        count_torch(model, [torch.ones(2, 3)])
    assert not model[0]._forward_hooks and model.training


def test_what_neurons_kept_is_no_footprint():
    neuron = stepwise()
    model = nn.Sequential(nn.Linear(3, 2), neuron)
    before = count_static(model).footprint
    model(torch.ones(5, 3))
    assert neuron.mem.numel() == 10 and count_static(model).footprint == before == 8 * 4 + 4


def stepwise():
    """A neuron as those of snnTorch are: a class of that name and package, with a membrane of its own."""

    class SpikingNeuron(nn.Module):
        __module__ = "snntorch._neurons.neurons"

    class Leaky(SpikingNeuron):
        init_hidden = True

        def __init__(self):
            super().__init__()
            self.register_buffer("beta", torch.tensor(0.5))
            self.register_buffer("mem", torch.zeros(0))

        def forward(self, x):
            old = self.mem if self.mem.shape == x.shape else torch.zeros_like(x)
            self.mem = self.beta * old + x
            spikes = (self.mem > 1.0).float()
            self.mem = self.mem - spikes
            return spikes

    return Leaky()


def test_membrane_updates_are_changes():
    neuron = stepwise()
    layer = nn.Linear(2, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.0]]))
    x = torch.tensor([[[0.0, 0.0], [0.8, 0.0], [0.0, 0.0]], [[1.5, 0.0], [0.0, 0.0], [0.0, 1.0]]])
    model = nn.Sequential(layer, neuron)

    def forward(x):
        neuron.mem = torch.zeros(0)
        for t in range(3):
            model(x[:, t])

    costs = count_torch(model, [x, x], forward=forward)
    updates = 0
    for sample in x:
        v = np.zeros(3)
        for row in sample:
            new = 0.5 * v + (layer.weight.detach() @ row).numpy()
            new -= new > 1.0
            updates += int((new != v).sum())
            v = new
    # the package has 3 neurons x 3 steps x 2 samples less one, as it takes the first step to change all
    assert costs.membrane_updates == 2 * updates and updates < 14
    assert costs.to_dict()["MembraneUpdates"] == updates / 2


@pytest.mark.parametrize("how", ["by place", "by name"])
def test_a_membrane_that_is_handed_on(how):
    class SpikingNeuron(nn.Module):
        __module__ = "snntorch._neurons.neurons"

    class Synaptic(SpikingNeuron):
        def forward(self, input_, syn=None, mem=None):
            syn = 0.5 * syn + input_
            mem = 0.5 * mem + syn
            return (mem > 1.0).float(), syn, mem

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.neuron = nn.Linear(2, 2, bias=False), Synaptic()
            nn.init.eye_(self.layer.weight)

        def forward(self, x):
            syn = mem = torch.zeros(len(x), 2)
            for t in range(x.shape[1]):
                given = self.layer(x[:, t])
                _, syn, mem = self.neuron(given, syn, mem) if how == "by place" else self.neuron(given, syn, mem=mem)

    x = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0], [0.0, 1.0]]])
    # unit 0 of the first sample moves in steps 1 and 2, where 0.5 + 0.5 is what it was; unit 1 of the second in step 2
    assert count_torch(Net(), [x]).membrane_updates == 2


def test_pairs_of_inputs_and_targets():
    model, x = nn.Linear(4, 3), torch.ones(6, 4)
    pairs = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, torch.zeros(6)), batch_size=3)
    with pytest.raises(ParameterError, match=r"a batch is a list of 2, .*forward=lambda batch: model\(batch\[0\]\)"):
        count_torch(model, pairs)
    assert found(count_torch(model, pairs, forward=lambda batch: model(batch[0]))) == by_loops(x, model)
    for uncounted in (True, "matmul"):
        with pytest.raises(ParameterError, match=r"count_torch\.uncounted must be names in a tuple"):
            count_torch(model, [x], uncounted=uncounted)
