"""Streams and benchmarks of Avalanche: the same examples, the same accuracies, and strategies of both on either."""

import logging

import numpy as np
import pytest
import torch

pytest.importorskip("avalanche")

from avalanche.benchmarks import benchmark_from_datasets, tensors_benchmark
from avalanche.benchmarks.utils import _make_taskaware_classification_dataset as dataset_of
from avalanche.evaluation.metrics import accuracy_metrics, forgetting_metrics
from avalanche.training import EWC, LwF, Naive, Replay
from avalanche.training.plugins import EvaluationPlugin

from saltation.continual import (
    Arrays,
    Descent,
    class_incremental,
    forgetting,
    from_avalanche,
    learn,
    permuted,
    rotated,
    split_classes,
    task_masked,
    to_avalanche,
)
from saltation.data import digits
from saltation.errors import ParameterError

pytestmark = pytest.mark.filterwarnings("ignore")  # Avalanche's own

RNG = np.random.default_rng(3)
SMALL = Arrays(RNG.random((40, 4, 4)), np.tile(np.arange(4), 10), RNG.random((12, 4, 4)), np.tile(np.arange(4), 3))


def arrays():
    train, test = digits("train"), digits("test")
    return Arrays(train.values()[:600], train.labels[:600], test.values()[:200], test.labels[:200])


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)).double()


def strategy(make, module, **more):
    logging.disable(logging.WARNING)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    plugin = EvaluationPlugin(
        accuracy_metrics(experience=True), forgetting_metrics(experience=True, stream=True), loggers=[]
    )
    return make(
        model=module,
        criterion=torch.nn.CrossEntropyLoss(),
        optimizer=optimiser,
        train_mb_size=20,
        train_epochs=6,
        eval_mb_size=50,
        evaluator=plugin,
        **more,
    )


def trained(method, benchmark):
    """Accuracy matrix and forgetting, as Avalanche has them."""
    n = len(benchmark.train_stream)
    matrix, found = np.zeros((n, n)), {}
    for i, experience in enumerate(benchmark.train_stream):
        method.train(experience)
        found = method.eval(benchmark.test_stream)
        for j in range(n):
            (matrix[i, j],) = (
                v for k, v in found.items() if k.startswith("Top1_Acc_Exp") and k.endswith(f"Exp{j:03d}")
            )
    return matrix, found["StreamForgetting/eval_phase/test_stream"]


def accuracies(module, stream):
    """Of a module as it is now, without a mask of its own: that of the stream."""
    rates = [torch.optim.SGD(module.parameters(), lr=1e-30)]
    return learn(Descent(module, *rates), stream, epochs=1, batch=1000).untrained


STREAMS = {
    "permuted": lambda a: permuted(a, 3, seed=0),
    "rotated": lambda a: rotated(a, [0, 40]),
    "domain": lambda a: split_classes(a, 2, scenario="domain"),
    "task": lambda a: split_classes(a, 2, order=[3, 0, 1, 2]),
    "class": lambda a: class_incremental(a, 2),
}


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)
def test_there_and_back_it_is_the_same_stream(make):
    stream = make(SMALL)
    benchmark = to_avalanche(stream, dtype=torch.float64)
    again = from_avalanche(benchmark)
    assert (again.scenario, again.labels, len(again)) == (stream.scenario, stream.labels, len(stream))
    for i, (a, b) in enumerate(zip(stream.tasks, again.tasks, strict=True)):
        assert set(a.classes) == set(b.classes)
        for part in ("train", "test"):
            for x, y in zip(a.part(part), b.part(part), strict=True):
                np.testing.assert_array_equal(x, y)
            some = np.array([3, 1])
            np.testing.assert_array_equal(b.source.inputs(part, some), a.part(part)[0][some])
            np.testing.assert_array_equal(a.source.inputs(part, some), a.part(part)[0][some])
        for side in (benchmark.train_stream, benchmark.test_stream):
            assert side[i].task_label == (i if stream.scenario == "task" else 0)
            assert set(side[i].classes_in_this_experience) == set(a.classes)
            x, y, t = side[i].dataset[5]
            np.testing.assert_array_equal(x, a.part("train" if side is benchmark.train_stream else "test")[0][5])
            assert isinstance(y, int) and t == side[i].task_label


def test_no_input_is_kept():
    made = to_avalanche(permuted(SMALL, 2, seed=1)).train_stream[0].dataset
    before = made[0][0].clone()
    SMALL.x[0] += 1
    try:
        np.testing.assert_allclose(made[0][0], before + 1, rtol=1e-6)
        assert made[0][0].dtype == torch.get_default_dtype()
    finally:
        SMALL.x[0] -= 1


@pytest.mark.parametrize("make", [Naive, EWC, Replay], ids=["Naive", "EWC", "Replay"])
def test_their_strategies_learn_our_streams(make):
    stream, module = permuted(arrays(), 3, seed=0), network()
    more = {EWC: {"ewc_lambda": 0.1}, Replay: {"mem_size": 100}}.get(make, {})
    matrix, lost = trained(strategy(make, module, **more), to_avalanche(stream, dtype=torch.float64))
    np.testing.assert_allclose(matrix[-1], accuracies(module, stream), rtol=0, atol=1e-12)
    assert lost == pytest.approx(forgetting(matrix, "avalanche"), abs=1e-12)
    assert np.diag(matrix).min() > 0.7 and lost > 0.01


@pytest.mark.parametrize("make", [Naive, LwF], ids=["Naive", "LwF"])
def test_labels_compete_where_the_task_is_known(make):
    stream, module = split_classes(arrays(), 5), network()
    more = {"alpha": 1.0, "temperature": 2.0} if make is LwF else {}
    matrix, lost = trained(
        strategy(make, task_masked(module, stream), **more), to_avalanche(stream, dtype=torch.float64)
    )
    np.testing.assert_allclose(matrix[-1], accuracies(module, stream), rtol=0, atol=1e-12)
    assert lost == pytest.approx(forgetting(matrix, "avalanche"), abs=1e-12)
    assert np.diag(matrix).min() > 0.8 and all(p.isfinite().all() for p in module.parameters())


def test_class_incremental_streams_are_as_hard_there():
    stream, module = class_incremental(arrays(), 5), network()
    matrix, lost = trained(strategy(Naive, module), to_avalanche(stream, dtype=torch.float64))
    np.testing.assert_allclose(matrix[-1], accuracies(module, stream), rtol=0, atol=1e-12)
    assert matrix[1, 0] < 0.3 and lost > 0.5 and lost == pytest.approx(forgetting(matrix, "avalanche"), abs=1e-12)


def tensors(*labels, n=60):
    """Experiences of blobs, one for each tuple of labels."""
    rng = np.random.default_rng(1)
    centres = 3 * np.random.default_rng(0).normal(size=(6, 64))
    made = []
    for own in labels:
        y = np.resize(own, n)
        made.append((torch.tensor(centres[y] + rng.normal(size=(n, 64))), torch.tensor(y)))
    return made


def test_our_methods_learn_their_benchmarks():
    benchmark = tensors_benchmark(
        train_tensors=tensors((0, 1), (2, 3), (4, 5)),
        test_tensors=tensors((0, 1), (2, 3), (4, 5)),
        task_labels=[0, 0, 0],
    )
    stream, module = from_avalanche(benchmark), network()
    assert (stream.scenario, stream.labels) == ("class", 6) and stream.tasks[1].classes == (2, 3)
    module[2] = torch.nn.Linear(32, 6).double()
    learned = learn(Descent(module, torch.optim.SGD(module.parameters(), lr=0.1)), stream, epochs=3, batch=20)
    assert np.diag(learned.accuracies).min() > 0.9
    found = strategy(Naive, module).eval(benchmark.test_stream)
    theirs = [v for k, v in sorted(found.items()) if k.startswith("Top1_Acc_Exp")]
    np.testing.assert_allclose(learned.accuracies[-1], theirs, rtol=0, atol=1e-12)


def test_the_scenario_is_found_and_labels_of_several_tasks_are_kept_apart():
    def stream(labels, tasks):
        side = tensors(*labels)
        return from_avalanche(tensors_benchmark(train_tensors=side, test_tensors=side, task_labels=tasks))

    assert stream([(0, 1), (1, 0)], [0, 0]).scenario == "domain"
    assert stream([(0, 1), (1, 2)], [0, 0]).scenario == "class"
    apart = stream([(0, 1), (2, 3)], [0, 1])
    assert apart.scenario == "task" and [apart.allowed(i) for i in (0, 1)] == [(0, 1), (2, 3)]
    # the same numbers in both: outputs of their own
    heads = stream([(0, 2), (0, 2, 3)], [7, 4])
    assert heads.labels == 5 and [heads.allowed(i) for i in (0, 1)] == [(3, 4), (0, 1, 2)]
    assert np.unique(heads.tasks[0].part("test")[1]).tolist() == [3, 4]
    assert np.unique(heads.tasks[1].part("train")[1]).tolist() == [0, 1, 2]
    # two experiences of one task: all of its labels compete
    parts = stream([(0, 1), (2, 3), (0, 4)], [0, 0, 1])
    assert parts.allowed(0) == parts.allowed(1) == (0, 1, 2, 3) and parts.allowed(2) == (4, 5)


def test_what_does_not_map():
    side = tensors((0, 1), (2, 3))
    with pytest.raises(ParameterError, match="got 2 and 1; a benchmark of new instances"):
        from_avalanche(tensors_benchmark(train_tensors=side, test_tensors=side[:1], task_labels=[0, 0]))
    mixed = dataset_of(torch.utils.data.TensorDataset(*side[0]), task_labels=[0, 1] * 30)
    with pytest.raises(ParameterError, match=r"of one task; got train_stream\[0\] with the task labels \[0, 1\]"):
        from_avalanche(benchmark_from_datasets(train=[mixed], test=[mixed]))
    one, two = (dataset_of(torch.utils.data.TensorDataset(*side[0]), task_labels=t) for t in (0, 1))
    with pytest.raises(ParameterError, match="got the task labels 0 and 1 at 0"):
        from_avalanche(benchmark_from_datasets(train=[one], test=[two]))
    with pytest.raises(ParameterError, match="without test_stream"):
        from_avalanche(benchmark_from_datasets(train=[one]))
    with pytest.raises(ParameterError, match=r"must be a saltation.continual.Stream; got Arrays"):
        to_avalanche(SMALL)
    with pytest.raises(ParameterError, match="must be of the scenario 'task'; got 'domain'"):
        task_masked(network(), permuted(SMALL, 2, seed=0))


def test_what_is_told_when_inputs_are_read():
    x, y = tensors((0, 1))[0]

    def reading(data=(x, y), **transforms):
        made = dataset_of(torch.utils.data.TensorDataset(*data), task_labels=0, **transforms)
        return from_avalanche(benchmark_from_datasets(train=[made], test=[made])).tasks[0]

    with pytest.raises(ParameterError, match="transformation at random"):
        reading(transform=lambda v: v + torch.randn(())).part("train")
    assert reading(transform=lambda v: 2 * v).part("train")[0].tolist() == (2 * x).tolist()
    with pytest.raises(ParameterError, match=r"labels must be those of dataset.targets; got 1 for 0 at 0"):
        reading(target_transform=lambda v: 1 - v).part("test")
    sizes = iter([2, 3])
    with pytest.raises(ParameterError, match=r"of one shape; got Tensor \(3,\) at 1"):
        reading(transform=lambda v: v[: next(sizes)]).part("test")
    with pytest.raises(ParameterError, match="labels must be from 0 on; got -1"):
        reading((x, y - 1))
