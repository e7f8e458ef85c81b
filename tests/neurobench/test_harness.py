"""Our models in the package itself, and what the runner must not let pass; skipped where it is not installed."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("neurobench.metrics")  # and not the folder of these tests, which has its name
# what the harness and snnTorch warn of is theirs
pytestmark = pytest.mark.filterwarnings("ignore")

from neurobench.metrics.static import ConnectionSparsity, Footprint, ParameterCount  # noqa: E402
from neurobench.metrics.workload import (  # noqa: E402
    MSE,
    R2,
    SMAPE,
    ActivationSparsity,
    ClassificationAccuracy,
    MembraneUpdates,
    SynapticOperations,
)
from neurobench.models import SNNTorchModel, TorchModel  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.utils import prune  # noqa: E402
from torch.utils.data import (  # noqa: E402
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
)

import saltation as sal  # noqa: E402
from saltation.errors import ParameterError  # noqa: E402
from saltation.neurobench import SaltationModel, count_run, run_benchmark  # noqa: E402
from saltation.torch import LI, LIF, SNN, Spikes  # noqa: E402

STATIC = [Footprint, ConnectionSparsity, ParameterCount]
DURATION = 30e-3


def data(samples=10, features=4, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(samples, features, generator=generator, dtype=torch.float64)
    return TensorDataset(x, torch.randint(0, classes, (samples,), generator=generator))


def spiking():
    rng = np.random.default_rng(3)
    first = rng.uniform(1.0, 6.0, (4, 12))
    first[rng.uniform(size=first.shape) < 0.3] = 0.0
    layers = nn.Sequential(
        LIF(4, 12, duration=DURATION, weight=first, tau_mem=10e-3, delay=2e-3),
        LI(12, 3, duration=DURATION, weight=rng.normal(size=(12, 3))),
    )
    return layers, lambda x: layers(Spikes.from_latencies(0.9 * DURATION * x)).argmax(1)


def test_layers_of_ours_give_exact_acs_in_the_harness():
    layers, forward = spiking()
    loader = DataLoader(data(), batch_size=4)
    workload = [ClassificationAccuracy, ActivationSparsity, SynapticOperations]
    found = run_benchmark(SaltationModel(layers, forward, step=1e-3), loader, STATIC, workload)
    x = data().tensors[0]
    spikes = Spikes.from_latencies(0.9 * DURATION * x)
    hidden = layers[0](spikes)
    total = 0
    for layer, events in ((layers[0], spikes), (layers[1], hidden)):
        net = layer.network()
        projection = net.projections["in", "out"]
        fans = (projection.weight != 0).sum(axis=1)
        arrive = events.to_numpy().times + float(projection.delay) <= DURATION
        total += int(fans[events.to_numpy().units[arrive]].sum())
    operations = found.results["SynapticOperations"]
    assert operations["Effective_ACs"] == total / 10 and operations["Effective_MACs"] == 0.0
    assert operations["Dense"] == 30 * (48 + 36) and found.differences == {}
    occupied = hidden.to_numpy().to_dense(1e-3, DURATION, multiple="clip")
    assert np.isclose(found.results["ActivationSparsity"], 1 - occupied.mean(), atol=1e-12)
    assert found.results["Footprint"] == found.counted.footprint
    assert found.results["ClassificationAccuracy"] == float((forward(x) == data().tensors[1]).double().mean())
    assert set(found.versions) == {"neurobench", "snntorch", "torch"}


@pytest.mark.parametrize("backend", [sal.Exact(), sal.Grid(1e-3)])
def test_a_network_with_a_convolution_and_a_loop(backend):
    rng = np.random.default_rng(4)
    net = sal.Network()
    conv = sal.Conv2d((1, 4, 4), out_channels=2, kernel_size=3, padding=1)
    net.add("in", sal.Input(16))
    net.add("maps", sal.LIF(32, tau_mem=10e-3, tau_syn=5e-3))
    net.add("out", sal.LI(3))
    weight = rng.uniform(2, 6, conv.weight_shape)
    weight[0, 0, 0] = 0.0
    net.connect("in", "maps", weight=weight, connectivity=conv)
    net.connect("maps", "maps", weight=rng.normal(0, 0.1, (32, 32)), delay=2e-3)
    links, listed = sal.Sparse.from_matrix(np.where(rng.uniform(size=(32, 3)) < 0.4, 1.0, 0.0))
    net.connect("maps", "out", weight=listed, connectivity=links)
    snn = SNN(net, backend=backend)

    def encode(x):
        return {"in": Spikes.from_latencies(20e-3 * x)}

    model = SaltationModel(snn, lambda x: snn(encode(x), duration=DURATION).voltage("out").argmax(1), step=1e-3)
    loader = DataLoader(data(9, 16), batch_size=4)
    found = run_benchmark(model, loader, [ConnectionSparsity], [SynapticOperations, ActivationSparsity])
    run = sal.simulate(net, {"in": encode(data(9, 16).tensors[0])["in"].to_numpy()}, DURATION, backend=backend)
    costs = count_run(run, step=1e-3)
    assert found.results["SynapticOperations"]["Effective_ACs"] == costs.effective_acs > 100
    assert found.results["SynapticOperations"]["Dense"] == costs.dense
    assert np.isclose(found.results["ActivationSparsity"], costs.activation_sparsity, atol=1e-12)
    assert found.results["ConnectionSparsity"] == round(costs.connection_sparsity, 4) and found.differences == {}


def test_a_mixed_model():
    layers, _ = spiking()
    net = nn.Sequential(*layers, nn.Linear(3, 5).double(), nn.ReLU(), nn.Linear(5, 3).double())
    model = SaltationModel(net, lambda x: net(Spikes.from_latencies(20e-3 * x)).argmax(1), step=1e-3)
    found = run_benchmark(model, DataLoader(data(), batch_size=5), STATIC, [SynapticOperations, ActivationSparsity])
    assert found.differences == {} and 0 < found.results["SynapticOperations"]["Effective_MACs"] <= 30


def test_a_torch_model_agrees_and_a_trap_is_told():
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).double()
    loader = DataLoader(data(), batch_size=4)
    found = run_benchmark(TorchModel(net), loader, STATIC, [SynapticOperations, ActivationSparsity])
    assert found.differences == {} and found.counted.samples == 10
    mixed = TensorDataset(torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.5, 0.0, 0.0, 0.2]]).double(), torch.zeros(2))
    found = run_benchmark(TorchModel(nn.Sequential(net[0])), DataLoader(mixed, batch_size=2), [], [SynapticOperations])
    assert found.differences["SynapticOperations.Effective_ACs"] == (0.0, 12.0)


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3, 4, dtype=torch.float64))

    def forward(self, x):
        return nn.functional.linear(x, self.weight)


def test_silent_zeros_are_refused():
    loader = DataLoader(data(), batch_size=4)

    def run(net, *workload, loader=loader, wrap=TorchModel, static=()):
        return run_benchmark(wrap(net), loader, list(static), list(workload))

    linear = nn.Sequential(nn.Linear(4, 3).double())
    with pytest.raises(ParameterError, match="would be 0: the harness finds no Linear"):
        run(nn.Linear(4, 3).double(), SynapticOperations)
    with pytest.raises(ParameterError, match="would be 0: the harness finds no Linear"):
        run(Functional(), SynapticOperations)
    with pytest.raises(ParameterError, match="finds no activation layer; name its class"):
        run(linear, ActivationSparsity)
    with pytest.raises(ParameterError, match="membranes of snnTorch's neurons alone"):
        run(nn.Sequential(nn.Linear(4, 3).double(), nn.ReLU()), MembraneUpdates)
    with pytest.raises(ParameterError, match=r"a metric failed.*SynapticOperations"):
        run(nn.Sequential(nn.GRU(4, 3).double()), SynapticOperations)
    with pytest.raises(ParameterError, match=r"a metric failed.*ConnectionSparsity"):
        run(Functional(), SMAPE, static=[ConnectionSparsity])
    with pytest.raises(ParameterError, match=r"a metric failed.*R2"):
        run(linear, R2)
    with pytest.raises(ParameterError, match=r"all 10 samples.*got 8; set drop_last=False"):
        run(linear, SynapticOperations, loader=DataLoader(data(), batch_size=4, drop_last=True))
    with pytest.raises(ParameterError, match="must leave the targets as they are"):
        change = [lambda data: (data[0], data[1] + 1)]
        run_benchmark(TorchModel(linear), loader, [], [SynapticOperations], preprocessors=change)
    scaled = [lambda data: (2 * data[0], data[1])]
    run_benchmark(TorchModel(linear), loader, [], [SynapticOperations], preprocessors=scaled)
    used = TorchModel(linear)
    used.register_hooks()
    with pytest.raises(ParameterError, match="hooks of another benchmark"):
        run_benchmark(used, loader, [], [SynapticOperations])
    with pytest.raises(ParameterError, match="NeuroBenchModel; got Sequential"):
        run_benchmark(linear, loader, [], [SynapticOperations])
    with pytest.raises(ParameterError, match="classes of neurobench"):
        run_benchmark(TorchModel(linear), loader, ["footprint"], [])


def test_what_a_wrapper_cannot_say_is_refused():
    with pytest.raises(ParameterError, match=r"layer of saltation.torch; got none"):
        SaltationModel(nn.Sequential(nn.Linear(4, 3)))
    layers, forward = spiking()
    with pytest.raises(ParameterError, match="reference step"):
        run_benchmark(SaltationModel(layers, forward), DataLoader(data()), [], [ActivationSparsity])
    net = sal.Network()
    net.add("in", sal.Input(2))
    net.add("out", sal.LI(2))
    net.connect("in", "out", weight=[1.0, 1.0], connectivity=sal.Sparse([0, 0], [1, 1], shape=(2, 2)))
    with pytest.raises(ParameterError, match="connect a pair a second time"):
        SaltationModel(SNN(net))
    late = SNN(_late())
    model = SaltationModel(late, lambda x: late({"in": Spikes.from_latencies(x)}, duration=10e-3).voltage("out"))
    x = TensorDataset(torch.full((1, 1), 5e-3, dtype=torch.float64), torch.zeros(1, 2))
    with pytest.raises(ParameterError, match="after it through others"):
        run_benchmark(model, DataLoader(x), [], [SynapticOperations])


def _late():
    net = sal.Network()
    net.add("in", sal.Input(1))
    net.add("out", sal.LI(2))
    net.connect("in", "out", weight=[[1.0, 1.0]], delay=[[1e-3, 8e-3]])
    return net


def test_a_snntorch_model_agrees():
    snntorch = pytest.importorskip("snntorch")
    torch.manual_seed(2)
    net = nn.Sequential(
        nn.Linear(4, 20),
        snntorch.Leaky(beta=0.9, init_hidden=True),
        nn.Linear(20, 3),
        snntorch.Leaky(beta=0.9, init_hidden=True, output=True),
    )
    x = (torch.rand(7, 12, 4) < 0.4).float()
    x[:, 0] = 1.0  # so that the first step changes all membranes, as the harness takes it to
    loader = DataLoader(TensorDataset(x, torch.zeros(7)), batch_size=3)
    workload = [ActivationSparsity, SynapticOperations, MembraneUpdates]
    found = run_benchmark(SNNTorchModel(net), loader, STATIC, workload, postprocessors=[lambda s: s.sum(1).argmax(1)])
    assert found.differences == {}
    assert found.results["SynapticOperations"]["Effective_ACs"] > 50 and found.results["MembraneUpdates"] > 100
    again = run_benchmark(SNNTorchModel(net), loader, STATIC, [SynapticOperations])
    assert again.results["Footprint"] > again.counted.footprint == found.counted.footprint


def test_parameters_are_those_that_are_trained():
    net = spiking()[0][0].network()
    for trainable in ((), ("weight",), ("weight", "tau_mem", "delay")):
        snn = SNN(net, trainable=trainable)

        def run(x, snn=snn):
            return snn({"in": Spikes.from_latencies(0.9 * DURATION * x)}, DURATION).counts("out").argmax(1)

        loader = DataLoader(data(), batch_size=5)
        found = run_benchmark(SaltationModel(snn, run), loader, STATIC, [SynapticOperations])
        assert found.results["ParameterCount"] == sum(p.numel() for p in snn.parameters())
        assert found.differences == {} and found.results["Footprint"] == found.counted.footprint
        assert found.batch_sizes == (5,) and found.to_dict()["batch_sizes"] == [5]


def test_a_layer_in_two_containers_is_hooked_once():
    layers, _ = spiking()
    shared, act = nn.Linear(3, 3).double(), nn.ReLU()
    net = nn.Sequential(*layers, nn.Sequential(shared, act), nn.Sequential(shared, act))
    model = SaltationModel(net, lambda x: net(Spikes.from_latencies(20e-3 * x)).argmax(1), step=1e-3)
    workload = [SynapticOperations, ActivationSparsity]
    found = run_benchmark(model, DataLoader(data(), batch_size=1), STATIC, workload)
    own = found.counted.layers[2]
    # of weights the harness takes both places, of which `differences` tells
    assert own.dense == 10 * 2 * 9 and set(found.differences) == {"ConnectionSparsity"}
    assert found.results["SynapticOperations"]["Effective_MACs"] == own.effective_macs / 10


def test_weights_that_change_after_a_model_was_wrapped():
    layers, forward = spiking()
    model = SaltationModel(layers, forward, step=1e-3)
    with torch.no_grad():
        layers[1].weight[:, :2] = 0.0
    found = run_benchmark(model, DataLoader(data(), batch_size=4), STATIC, [SynapticOperations])
    assert found.differences == {} and found.batch_sizes == (4, 2)
    assert found.results["ConnectionSparsity"] == round(float(found.counted.connection_sparsity), 4)


def test_what_a_mixed_model_types_by_the_batch_is_refused():
    layers, _ = spiking()
    rows = torch.tensor([[1.0, 0.0, 1.0, 1.0], [0.5, 0.0, 0.0, 0.2]]).double()
    side = nn.Linear(4, 3).double()

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers, self.side = layers, side

        def forward(self, x):
            return self.side(x) + self.layers(Spikes.from_latencies(20e-3 * x))

    model, pairs = Both(), TensorDataset(rows, torch.zeros(2))
    for size in (1, 2):
        loader = DataLoader(pairs, batch_size=size)
        if size == 2:
            with pytest.raises(ParameterError, match="types by the whole batch"):
                run_benchmark(SaltationModel(model), loader, [], [SynapticOperations])
        else:
            found = run_benchmark(SaltationModel(model), loader, [], [SynapticOperations])
            assert found.results["SynapticOperations"]["Effective_MACs"] == 2 * 3 / 2


def test_macs_that_the_harness_does_not_know_are_refused():
    layers, _ = spiking()

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers, self.side = layers, Functional()

        def forward(self, x):
            return self.side(x) + self.layers(Spikes.from_latencies(20e-3 * x))

    with pytest.raises(ParameterError, match=r"has 0.0 Effective_MACs a sample, our counters 12.0"):
        run_benchmark(SaltationModel(Both()), DataLoader(data()), [], [SynapticOperations])


def test_values_on_a_grid_are_refused_in_the_harness():
    net = sal.Network()
    net.add("in", sal.Input(4))
    net.add("out", sal.LI(3))
    net.connect("in", "out", weight=np.ones((4, 3)))
    snn = SNN(net, backend=sal.Grid(1e-3))
    model = SaltationModel(snn, lambda x: snn({"in": x[:, None].repeat(1, 11, 1)}, 10e-3).voltage("out"))
    with pytest.raises(ParameterError, match="driven by values in in"):
        run_benchmark(model, DataLoader(data()), [], [SynapticOperations])


def test_results_that_are_none_are_refused():
    net = nn.Sequential(nn.Linear(4, 3).double())
    nn.init.constant_(net[0].weight, -1.0)  # the harness adds up what should have become ones
    prune.random_unstructured(net[0], "weight", amount=5)
    with pytest.raises(ParameterError, match=r"Effective_\w+ = -\d.*which is no result"):
        run_benchmark(TorchModel(net), DataLoader(data(), batch_size=4), [], [SynapticOperations])
    plain = nn.Sequential(nn.Linear(4, 3).double())
    targets = TensorDataset(data().tensors[0], torch.full((10, 3), float("nan")).double())
    with pytest.raises(ParameterError, match="MSE = nan"):
        run_benchmark(TorchModel(plain), DataLoader(targets, batch_size=4), [], [MSE])


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(torch.zeros(4).double(), 0)] * 10)

    def __len__(self):
        return 10


def test_data_of_which_samples_repeat_are_refused():
    plain, some = nn.Sequential(nn.Linear(4, 3).double()), data()
    twice = RandomSampler(some, replacement=True)
    for loader, match in [
        (DataLoader(some, sampler=twice), "RandomSampler with replacement"),
        (DataLoader(some, batch_sampler=BatchSampler(twice, 4, False)), "RandomSampler with replacement"),
        (DataLoader(some, sampler=SubsetRandomSampler([0] * 10)), "got SubsetRandomSampler"),
        (DataLoader(Stream()), "got Stream"),
        ([some], "got list"),
    ]:
        with pytest.raises(ParameterError, match=match):
            run_benchmark(TorchModel(plain), loader, [], [SynapticOperations])
    found = run_benchmark(TorchModel(plain), DataLoader(some, shuffle=True, batch_size=3), [], [SynapticOperations])
    assert found.batch_sizes == (3, 1) and found.differences == {}
