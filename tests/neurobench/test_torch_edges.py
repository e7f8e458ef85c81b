"""What a forward pass may do to mislead a counter: shared memory, computed weights, batches of other shapes."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn.utils import parametrizations, parametrize, prune  # noqa: E402
from torch.nn.utils.rnn import pack_padded_sequence  # noqa: E402

from reference import operations as slow  # noqa: E402
from saltation.errors import ParameterError  # noqa: E402
from saltation.neurobench import count_static, count_torch  # noqa: E402
from saltation.neurobench.counting.torch_layers import ACTIVATIONS  # noqa: E402


def found(costs):
    return tuple(costs.total(name) for name in ("effective_macs", "effective_acs", "dense"))


def by_loops(*pairs):
    tally = slow.Tally()
    for x, weight in pairs:
        slow.linear(tally, x.detach().reshape(-1, x.shape[-1]).numpy(), weight.detach().numpy())
    return tally.found


class Forward(nn.Module):
    """A module of some parts, and a forward function of them."""

    def __init__(self, how, **parts):
        super().__init__()
        self.how = how
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x):
        return self.how(self, x)


# ------------------------------------------------------------------------------------------------- at rest
def test_computed_weights_are_each_their_own():
    class Mask(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.register_buffer("mask", torch.full((40, 40), value))

        def forward(self, weight):
            return weight * self.mask

    layers = [nn.Linear(40, 40, bias=False) for _ in range(6)]
    for i, layer in enumerate(layers):
        parametrize.register_parametrization(layer, "weight", Mask(float(i % 2)))
    static = count_static(nn.Sequential(*layers))
    # one after the other is computed and freed, so that the next may have its address
    assert (static.weights, static.zero_weights) == (6 * 1600, 3 * 1600)
    pruned = [nn.Linear(4, 4) for _ in range(2)]
    for layer in pruned:
        prune.random_unstructured(layer, "weight", amount=6)
    static = count_static(nn.Sequential(*pruned))
    assert (static.weights, static.zero_weights) == (32, 12)


def test_a_shared_parameter_counts_once_and_a_view_is_one_of_its_own():
    first, second, third = (nn.Linear(3, 4, bias=False) for _ in range(3))
    second.weight = first.weight
    third.weight = nn.Parameter(first.weight.data[:2])
    assert count_static(nn.Sequential(first, second)).weights == 12
    assert count_static(nn.Sequential(first, third)).weights == 12 + 6
    for layer in (first, second):
        del layer._parameters["weight"]
    frozen = torch.eye(4)[:, :3].contiguous()
    first.register_buffer("weight", frozen), second.register_buffer("weight", frozen)
    static = count_static(nn.Sequential(first, second))
    assert (static.weights, static.zero_weights) == (12, 9)


# ---------------------------------------------------------------------------------------------- parametrised
class LowRank(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(2, 6)), nn.Parameter(torch.ones(5, 2))

    def forward(self, weight):
        return weight + self.b @ self.a


def test_what_a_parametrisation_computes_is_no_operation_of_a_sample():
    x = torch.rand(3, 6)
    adapted = nn.Linear(6, 5, bias=False)
    parametrize.register_parametrization(adapted, "weight", LowRank())
    makes = [parametrizations.orthogonal, parametrizations.spectral_norm, parametrizations.weight_norm]
    for layer in (adapted, *(make(nn.Linear(6, 5)) for make in makes)):
        costs = count_torch(layer, [x, x])
        assert found(costs) == by_loops((x, layer.weight), (x, layer.weight)) == (180, 0, 180)
        assert any("are at rest" in rule for rule in costs.rules)
    positive = nn.Sequential(nn.Linear(6, 5), nn.ReLU())
    parametrize.register_parametrization(positive[0], "weight", nn.Softplus())
    assert count_torch(positive, [x]).activity.layers == ("1",)


# ------------------------------------------------------------------------------------- whose factor is whose
def test_a_state_that_is_a_buffer_is_no_weight():
    weight = nn.Parameter(torch.tensor([[1.0, 0.0, 2.0], [0.5, 3.0, 1.0]]))

    def forward(self, x):
        y = self.weight @ self.h.t()
        self.h = x
        return y

    model = Forward(forward, weight=weight)
    model.register_buffer("h", torch.ones(1, 3))
    assert found(count_torch(model, [torch.ones(1, 3), torch.ones(1, 3)])) == by_loops((torch.ones(2, 3), weight))
    # weights that are not trained are a buffer too; of two buffers neither is known for weights
    fixed = Forward(lambda self, x: x @ self.w.T)
    fixed.register_buffer("w", weight.detach().clone())
    assert found(count_torch(fixed, [torch.ones(1, 3)])) == by_loops((torch.ones(1, 3), weight))
    both = Forward(lambda self, x: self.h @ self.w)
    both.register_buffer("w", torch.ones(3, 3)), both.register_buffer("h", torch.ones(1, 3))
    with pytest.raises(ParameterError, match=r"cannot count aten::mm"):
        count_torch(both, [torch.ones(1, 3)])


def test_an_address_that_is_used_again_is_no_weight():
    def forward(self, x):
        before = self.h.data_ptr()
        self.h = torch.ones(64, 64)  # what it was before is gone, and its address free
        made = [torch.ones(64, 64) for _ in range(100)]
        return x @ next((each for each in made if each.data_ptr() == before), made[0])

    model = Forward(forward)
    model.register_buffer("h", torch.ones(64, 64))
    with pytest.raises(ParameterError, match=r"cannot count aten::mm"):
        count_torch(model, [torch.ones(1, 64)])


# ------------------------------------------------------------------------------------------------- attention
@pytest.mark.parametrize("name", ["bmm", "multi_head_attention_forward"])
@pytest.mark.parametrize("keys", ["the same", "others"])
def test_the_linear_maps_of_attention_count(name, keys):
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    x = torch.rand(2, 3, 4)
    others = x if keys == "the same" else x + 1.0
    model = Forward(lambda self, x: self.attention(x, others, others)[0], attention=attention)
    costs = count_torch(model, [x], uncounted=(name,))
    q, k, v = attention.in_proj_weight.chunk(3)
    # what goes into the last map is a mean of values, and nowhere zero
    last = (torch.ones(6, 4) * 0.5, attention.out_proj.weight)
    assert found(costs) == by_loops((x, q), (others, k), (others, v), last) == (4 * 6 * 16, 0, 4 * 6 * 16)
    assert set(costs.extra["uncounted"]) == {name} and [layer.name for layer in costs.layers] == ["attention"]


# --------------------------------------------------------------------------------------- what is not a layer
x4 = torch.rand(4, 6)
HIDDEN = {
    "_int_mm": lambda: torch._int_mm(torch.ones(32, 8, dtype=torch.int8), torch.ones(8, 8, dtype=torch.int8)),
    "conv_tbc": lambda: torch.conv_tbc(torch.rand(4, 2, 3), torch.rand(3, 3, 5), torch.rand(5), 1),
    "_cdist_forward": lambda: torch.cdist(x4, x4),
    "_euclidean_dist": lambda: torch.cdist(torch.rand(40, 6), torch.rand(40, 6)),
    "cosine_similarity": lambda: nn.functional.cosine_similarity(x4, x4),
    "linalg_vecdot": lambda: torch.linalg.vecdot(x4, x4),
    "kron": lambda: torch.kron(x4, x4),
    "outer": lambda: torch.outer(x4[0], x4[1]),
    "_fft_r2c": lambda: torch.fft.rfft(x4),
    "_fft_c2c": lambda: torch.fft.fft(torch.complex(x4, x4)),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_products_of_other_names_are_refused(name):
    model = Forward(lambda self, x: (HIDDEN[name](), self.layer(x))[1], layer=nn.Linear(6, 2))
    with pytest.raises(ParameterError, match=rf"cannot count \w+::{name},"):
        count_torch(model, [x4])
    costs = count_torch(model, [x4], uncounted=(name,))
    assert costs.extra["uncounted"] == {name: 1} and costs.dense == 12.0


def test_complex_numbers_of_size_one_are_no_spikes():
    layer = nn.Linear(3, 2, bias=False, dtype=torch.complex64)
    x = torch.tensor([[1j, 0, 1], [-1, 0, 1]], dtype=torch.complex64)
    assert found(count_torch(layer, [x])) == (4, 4, 12)


# ----------------------------------------------------------------------------------------------- activations
_ARGUMENTS = {"Threshold": (0.1, 0.0)}
_FUNCTIONS = {"SiLU": "silu", "LogSigmoid": "logsigmoid", "LeakyReLU": "leaky_relu", "PReLU": "prelu", "RReLU": "rrelu"}


@pytest.mark.parametrize("kind", ACTIVATIONS, ids=lambda kind: kind.__name__)
def test_an_activation_as_a_function_is_that_of_its_module(kind):
    name = _FUNCTIONS.get(kind.__name__, kind.__name__.lower())
    arguments = _ARGUMENTS.get(kind.__name__, ())
    more = (torch.full((1,), 0.25),) if kind is nn.PReLU else arguments
    functions = [lambda y: getattr(nn.functional, name)(y, *more)]
    if hasattr(nn.functional, f"{name}_"):
        functions.append(lambda y: getattr(nn.functional, f"{name}_")(y, *more))
    if hasattr(torch, name):
        functions.append(lambda y: getattr(torch, name)(y, *more))
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    want = count_torch(nn.Sequential(nn.Linear(4, 4), kind(*arguments)), [x]).activity
    assert want.outputs == 20
    for function in functions:
        model = Forward(lambda self, x, function=function: function(self.layer(x)), layer=nn.Linear(4, 4))
        assert count_torch(model, [x]).activity.outputs == 20


def test_other_names_of_activations():
    for function in (torch.special.expit, torch.Tensor.relu_, nn.functional.hardtanh_):
        model = Forward(lambda self, x, function=function: function(self.layer(x)), layer=nn.Linear(6, 4))
        assert count_torch(model, [x4]).activity.outputs == 16


# --------------------------------------------------------------------------------------------------- samples
def test_samples_of_a_batch():
    layer = nn.Linear(6, 3)
    for single in (x4, {"x": x4}, pack_padded_sequence(torch.rand(3, 2, 3), [3, 2]), x4.numpy(), 3):
        with pytest.raises(ParameterError, match="put it into a list"):
            count_torch(layer, single)
    whole = count_torch(layer, [x4])
    assert whole.samples == 4 and whole.dense == 18.0
    assert count_torch(layer, [(x4, x4)], forward=lambda batch: layer(batch[0])).samples == 4
    for batch in ({"x": x4}, (x4, x4[:2]), [x4, None], x4[0], (), x4.numpy()):
        with pytest.raises(ParameterError, match=r"how many samples a batch holds.*samples="):
            count_torch(layer, [batch], forward=lambda _: layer(x4))
    assert count_torch(layer, [{"x": x4}], forward=lambda batch: layer(batch["x"]), samples=lambda _: 4).samples == 4
    packed = pack_padded_sequence(torch.rand(3, 2, 3), [3, 2])
    lstm = nn.LSTM(3, 4)
    costs = count_torch(lstm, [packed])
    per_step = 4 * 4 * (3 + 4) + 3 * 4
    assert costs.samples == 2 and costs.dense == 5 * per_step / 2
    both = torch.rand(7, 2, 3)
    for model, x in [
        (lstm, both),
        (nn.LSTM(3, 4, batch_first=True), both[0]),
        (nn.RNNCell(3, 4), both[0, 0]),
        (nn.Conv1d(2, 3, 2), torch.rand(2, 5)),
        (nn.ConvTranspose2d(2, 3, 2), torch.rand(2, 5, 5)),
    ]:
        with pytest.raises(ParameterError, match="samples="):
            count_torch(model, [x])
        assert count_torch(model, [x], samples=lambda _: 2).samples == 2
    assert count_torch(lstm, [both], samples=lambda x: x.shape[1]).dense == 7 * per_step


def test_layers_without_inputs_and_scripted_ones():
    with pytest.warns(UserWarning, match="zero-element"):
        model = nn.Sequential(nn.Linear(0, 3), nn.Linear(3, 2))
    nn.init.zeros_(model[0].bias)
    assert found(count_torch(model, [torch.ones(2, 0)])) == (0, 0, 12)
    with pytest.raises(ParameterError, match="compiled"), pytest.warns(DeprecationWarning):
        count_torch(torch.jit.script(nn.Linear(3, 2)), [torch.ones(2, 3)])
