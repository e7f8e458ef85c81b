"""Learning that is put away between two tasks, in a file, goes on bit for bit as if nothing had been."""

import numpy as np
import pytest
import torch

from reference.classifiers import spiking_module
from saltation.continual import (
    AGEM,
    EWC,
    NTE,
    SI,
    Arrays,
    Descent,
    Ensemble,
    Joint,
    Learning,
    LwF,
    Replay,
    learn,
    permuted,
    split_classes,
)
from saltation.continual.methods import Batch, ensemble
from saltation.errors import ParameterError
from saltation.experiments.results import Checkpoint, ResultFolder
from saltation.experiments.torch_support import tensors

RNG = np.random.default_rng(5)
CENTRES = RNG.normal(size=(6, 4))
Y = np.tile(np.arange(6), 20)
ARRAYS = Arrays(CENTRES[Y] + RNG.normal(size=(120, 4)), Y, CENTRES[Y], Y)
STREAMS = {
    "task": split_classes(ARRAYS, 2),
    "domain": split_classes(ARRAYS, 2, scenario="domain"),
}


def sgd(module, lr=0.1, momentum=0.9):
    return torch.optim.SGD(module.parameters(), lr=lr, momentum=momentum)


def nte(module, reseed_every=None, **options):
    generator = torch.Generator().manual_seed(4)
    return Ensemble(module, NTE(module.parameters(), generator=generator, **options), reseed_every=reseed_every)


METHODS = {
    "sgd": lambda m: Descent(m, sgd(m, momentum=0.0)),
    "momentum": lambda m: Descent(m, sgd(m)),
    "reset": lambda m: Descent(m, sgd(m), reset=True),
    "adam": lambda m: Descent(m, torch.optim.Adam(m.parameters(), lr=0.01)),
    "EWC": lambda m: EWC(m, sgd(m), strength=10.0, examples=15),
    "SI": lambda m: SI(m, sgd(m), strength=1.0),
    "LwF": lambda m: LwF(m, sgd(m), strength=1.0),
    "Replay": lambda m: Replay(m, sgd(m), capacity=9),
    "AGEM": lambda m: AGEM(m, sgd(m), capacity=9, drawn=5),
    "Joint": lambda m: Joint(m, sgd(m)),
    "nte": lambda m: nte(m, lr=0.02, max_delta=0.6),
    "nte-sum": lambda m: nte(m, lr=0.005, max_delta=0.6, batch="sum"),
    "nte-initial": lambda m: nte(m, lr=0.05, seed_point="initial", noise=0.1, tempering=0.5),
    "nte-seed": lambda m: nte(m, lr=0.02, max_delta=0.6, gradient_at="seed", reseed_every=7),
    "scaled-sgd": lambda m: nte(m, lr=0.02, renormalise=False),
}
WITHOUT_MEMORY = ("sgd", "reset", "scaled-sgd")


def network(labels, seed=2):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(4, 7), torch.nn.Tanh(), torch.nn.Linear(7, labels))


def started(name, stream, seed=2):
    module = network(stream.labels, seed)
    return module, METHODS[name](module)


def assert_same(a, b):
    """Nested states are equal, to the bit."""
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            assert_same(left, right)
    elif isinstance(a, torch.Tensor | np.ndarray):
        assert a.dtype == b.dtype and np.array_equal(np.asarray(a), np.asarray(b))
    else:
        assert a == b


@pytest.mark.parametrize("scenario", STREAMS)
@pytest.mark.parametrize("name", METHODS)
def test_what_was_put_away_goes_on_as_if_nothing_had_been(name, scenario, tmp_path):
    stream = STREAMS[scenario]
    module, method = started(name, stream)
    whole = learn(method, stream, epochs=2, batch=8, seed=3)
    for done in (0, 1, 2, 3):
        first, before = started(name, stream)
        learning = Learning(before, stream, epochs=2, batch=8, seed=3)
        for _ in range(done):
            learning.task()
        folder = ResultFolder(tmp_path / str(done))
        folder.save_checkpoint(Checkpoint(done, first.state_dict(), learning.state()))
        state = learning.state()
        # what follows must not reach what was put away
        if done < 3:
            learning.task()
        other, again = started(name, stream, seed=77)
        checkpoint = folder.load_checkpoint()
        other.load_state_dict(tensors(dict(checkpoint.arrays)))
        resumed = Learning(again, stream, epochs=2, batch=8, seed=3)
        resumed.restore(tensors(checkpoint.optimiser))
        assert resumed.done == done
        timeless = [
            {key: value for key, value in each.items() if key != "seconds"} for each in (state, resumed.state())
        ]
        assert_same(*timeless)
        while resumed.done < 3:
            resumed.task()
        learned = resumed.learned()
        assert_same(module.state_dict(), other.state_dict())
        for part in ("accuracies", "untrained", "losses", "updates", "memory"):
            assert_same(getattr(whole, part), getattr(learned, part))
        assert_same(method.state(), again.state())
        assert (learned.seconds > 0).all()


@pytest.mark.parametrize("name", [name for name in METHODS if name not in WITHOUT_MEMORY])
def test_each_of_these_states_matters(name):
    # a control: with the parameters alone it goes on in another way, so that the test above can fail
    stream = STREAMS["domain"]
    module, method = started(name, stream)
    learning = Learning(method, stream, epochs=2, batch=8, seed=3)
    learning.task()
    other, forgetful = started(name, stream)
    state = learning.state()
    resumed = Learning(forgetful, stream, epochs=2, batch=8, seed=3)
    resumed.restore({**state, "method": started(name, stream, seed=77)[1].state()})  # another sum, for one
    other.load_state_dict(module.state_dict())
    learning.task()
    resumed.task()
    pairs = zip(module.parameters(), other.parameters(), strict=True)
    assert any(not torch.equal(p, q) for p, q in pairs)


def test_a_spiking_network_goes_on_too(tmp_path):
    arrays = Arrays(RNG.uniform(0.0, 1.0, (12, 4)), np.tile([0, 1, 2], 4), RNG.uniform(0.0, 1.0, (6, 4)), Y[:6] % 3)
    stream = permuted(arrays, 2, seed=1)
    first = spiking_module()
    learning = Learning(nte(first, lr=0.01), stream, epochs=1, batch=4)
    learning.task()
    folder = ResultFolder(tmp_path)
    folder.save_checkpoint(Checkpoint(1, first.state_dict(), learning.state()))
    checkpoint = folder.load_checkpoint()
    other = spiking_module(seed=9)
    resumed = Learning(nte(other, lr=0.01), stream, epochs=1, batch=4)
    other.load_state_dict(tensors(dict(checkpoint.arrays)))
    resumed.restore(tensors(checkpoint.optimiser))
    learning.task()
    resumed.task()
    assert_same(first.state_dict(), other.state_dict())
    np.testing.assert_array_equal(learning.learned().accuracies, resumed.learned().accuracies)


def test_gradients_are_taken_where_the_last_reseeding_was(monkeypatch):
    module = network(2)
    method = nte(module, reseed_every=3, lr=0.02, gradient_at="seed")
    x, y = STREAMS["domain"].tasks[0].part("train")
    batch = Batch(torch.from_numpy(x).float(), torch.from_numpy(y), None)
    real, points, values = ensemble.per_example_gradients, [], []

    def noting(module, *arguments):
        points.append(module[0].weight.detach().clone())
        return real(module, *arguments)

    monkeypatch.setattr(ensemble, "per_example_gradients", noting)
    for _ in range(7):
        values.append(module[0].weight.detach().clone())
        method.step(batch)
    assert all(torch.equal(points[k], values[k - k % 3]) for k in range(7))
    assert not torch.equal(points[1], values[1])
    with pytest.raises(ParameterError, match="gradient_at='seed'"):
        nte(network(2), reseed_every=3)


def test_what_is_refused():
    stream = STREAMS["task"]
    learning = Learning(started("sgd", stream)[1], stream, epochs=1, batch=50)
    with pytest.raises(ParameterError, match=r"0 of 3 tasks are done; call task\(\)"):
        learning.learned()
    other = Learning(started("sgd", stream)[1], stream, epochs=2, batch=50)
    with pytest.raises(ParameterError, match=r"losses must be of shape \(3, 2\); got \(3, 1\)"):
        other.restore(learning.state())
    for _ in range(3):
        learning.task()
    with pytest.raises(ParameterError, match="all 3 tasks of the stream are done"):
        learning.task()


def test_a_task_that_was_interrupted_is_not_begun_again_on_top_of_itself():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 4)), np.arange(12) % 2
    module = torch.nn.Linear(4, 2)
    method = Descent(module, torch.optim.SGD(module.parameters(), lr=0.1))
    learning = Learning(method, permuted(Arrays(x, y, x, y), 2, seed=0), epochs=2, batch=4)
    state, weights = learning.state(), {name: value.clone() for name, value in module.state_dict().items()}

    def stop(epoch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learning.task(stop)
    with pytest.raises(ParameterError, match="task 0 was interrupted"):
        learning.task()
    module.load_state_dict(weights)
    learning.restore(state)
    assert learning.task().shape == (2,)
