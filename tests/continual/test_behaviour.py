"""What training shows, on digits of 8 x 8 pixels: B1, B3 and B4 in small. B2 and B5 need MNIST and wide networks."""

import numpy as np
import pytest
import torch

from saltation.continual import NTE, Arrays, Descent, learn, per_example_gradients, permuted
from saltation.data import digits

pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def arrays():
    train, test = digits("train"), digits("test")
    return Arrays(train.values(), train.labels, test.values(), test.labels)


def network(seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))


def test_b1_momentum_learns_one_task_better_and_forgets_more(arrays):
    first, kept = {}, {}
    for momentum in (0.0, 0.9):
        found = []
        for seed in range(3):
            module = network(seed)
            method = Descent(module, torch.optim.SGD(module.parameters(), lr=0.1, momentum=momentum))
            found.append(learn(method, permuted(arrays, 5, seed=seed), epochs=5, batch=32, seed=seed).accuracies)
        first[momentum] = np.mean([r[0, 0] for r in found])
        kept[momentum] = np.mean([r[-1, 0] for r in found])
    assert first[0.9] > first[0.0] + 0.02 and kept[0.0] > kept[0.9] + 0.05


def trained(arrays, interval=None, epochs=8, **settings):
    """Accuracy, and optimiser, after one task; gradients at a point that moves after so many updates, or current."""
    module = network(0)
    where = "current" if interval is None else "seed"
    noise = torch.Generator().manual_seed(0)
    optimiser = NTE(module.parameters(), gradient_at=where, generator=noise, **settings)
    x, y = torch.tensor(arrays.x, dtype=torch.float32), torch.tensor(arrays.y)
    generator, effective = torch.Generator().manual_seed(1), []
    for _ in range(epochs):
        for k, part in enumerate(torch.randperm(len(y), generator=generator).split(32)):
            if interval is not None and k % interval == 0:
                optimiser.reseed()
            optimiser.step(lambda part=part: per_example_gradients(module, x[part], y[part]))
        effective.append(optimiser.report().effective)
    answers = module(torch.tensor(arrays.x_test, dtype=torch.float32)).argmax(dim=1).numpy()
    return np.mean(answers == arrays.y_test), effective


def test_b3_gradients_at_a_fixed_point_serve_for_few_updates_only(arrays):
    current, _ = trained(arrays, lr=0.1)
    each, _ = trained(arrays, interval=1, lr=0.1)
    rare, _ = trained(arrays, interval=45, lr=0.1)
    assert current == each and current > 0.85 and rare < 0.4


def test_b4_the_experts_that_count_become_few_sooner_without_tempering(arrays):
    tempered, full = (trained(arrays, lr=0.1, tempering=beta, epochs=3)[1] for beta in (0.1, 1.0))
    assert all(a > 1.2 * b for a, b in zip(tempered, full, strict=True))
    assert full[-1] < 0.5 * NTE(network(0).parameters()).report().effective
