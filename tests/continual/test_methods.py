"""Methods of continual learning, each against what it says it does, computed in another way."""

import copy

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
    LwF,
    Replay,
    class_incremental,
    learn,
    per_example_gradients,
    permuted,
    split_classes,
)
from saltation.continual.methods import Batch, Reservoir
from saltation.errors import GradientError, ParameterError

RNG = np.random.default_rng(11)
CENTRES = 2.0 * RNG.normal(size=(4, 6))
Y, Y_TEST = np.tile(np.arange(4), 30), np.tile(np.arange(4), 15)
BLOBS = Arrays(CENTRES[Y] + RNG.normal(size=(120, 6)), Y, CENTRES[Y_TEST] + RNG.normal(size=(60, 6)), Y_TEST)
STREAM = split_classes(BLOBS, 2)


def network(labels=4):
    torch.manual_seed(2)
    return torch.nn.Sequential(torch.nn.Linear(6, 10), torch.nn.Tanh(), torch.nn.Linear(10, labels)).double()


def sgd(module, lr=0.1, **more):
    return torch.optim.SGD(module.parameters(), lr=lr, **more)


def batch_of(labels=(0, 1), n=20):
    chosen = np.flatnonzero(np.isin(BLOBS.y, labels))[:n]
    return Batch(torch.from_numpy(BLOBS.x[chosen]), torch.from_numpy(BLOBS.y[chosen]), None)


def flat(module):
    return torch.cat([p.detach().ravel() for p in module.parameters()])


def gradient(module, loss):
    return torch.cat([g.ravel() for g in torch.autograd.grad(loss, list(module.parameters()))])


# -------------------------------------------------------------------------------------------------- learn
def test_learn_is_a_plain_loop():
    module, other = network(), network()
    learned = learn(Descent(module, sgd(module)), STREAM, epochs=3, batch=16, seed=4)
    optimiser, generator = sgd(other), torch.Generator().manual_seed(4)
    allowed = [[0, 1], [2, 3]]
    for i, classes in enumerate(allowed):
        chosen = np.flatnonzero(np.isin(Y, classes))
        x, y = torch.from_numpy(BLOBS.x[chosen]), torch.from_numpy(Y[chosen])
        for _ in range(3):
            for part in torch.randperm(60, generator=generator).split(16):
                optimiser.zero_grad()
                logits = other(x[part])[:, classes]  # only the task's labels compete
                torch.nn.functional.cross_entropy(logits, y[part] - classes[0]).backward()
                optimiser.step()
        for j, classes_j in enumerate(allowed):
            inside = np.flatnonzero(np.isin(Y_TEST, classes_j))
            answers = other(torch.from_numpy(BLOBS.x_test[inside]))[:, classes_j].argmax(dim=1).numpy()
            assert learned.accuracies[i, j] == np.mean(answers == Y_TEST[inside] - classes_j[0])
    np.testing.assert_allclose(flat(module), flat(other), rtol=1e-12)
    assert learned.updates.tolist() == [12, 12] and learned.losses.shape == (2, 3) and (learned.seconds > 0).all()
    assert learned.memory == 0 and (learned.losses[:, -1] < learned.losses[:, 0]).all()
    assert learned.accuracies[0, 0] > 0.9 and learned.untrained.max() < 0.9


def test_all_labels_compete_in_class_incremental_streams():
    module = network()
    learned = learn(Descent(module, sgd(module)), class_incremental(BLOBS, 2), epochs=5, batch=16)
    assert learned.accuracies[1, 1] > 0.9 and learned.accuracies[1, 0] < learned.accuracies[0, 0] - 0.3


def test_learn_refuses():
    module = network()
    with pytest.raises(ParameterError, match=r"must be a saltation.continual.Method; got SGD"):
        learn(sgd(module), STREAM, epochs=1, batch=8)
    small = torch.nn.Linear(6, 2).double()
    with pytest.raises(ParameterError, match="has 4 labels; got a module with 2 outputs"):
        learn(Descent(small, sgd(small)), STREAM, epochs=1, batch=8)
    with pytest.raises(ParameterError, match=r"learn.epochs must be"):
        learn(Descent(module, sgd(module)), STREAM, epochs=0, batch=8)
    with pytest.raises(ParameterError, match="use Ensemble"):
        Descent(module, NTE(module.parameters()))
    with pytest.raises(ParameterError, match="use Descent"):
        Ensemble(module, sgd(module))
    needed = {AGEM: {"capacity": 3}, Replay: {"capacity": 3}, EWC: {"strength": 1.0}, SI: {"strength": 1.0}}
    for method in (AGEM, EWC, SI, Joint, LwF, Replay):
        with pytest.raises(ParameterError, match=f"{method.__name__}.optimiser must be"):
            method(module, "sgd", **needed.get(method, {}))


@pytest.mark.parametrize(
    "make",
    [
        lambda m: EWC(m, sgd(m), strength=0.0),
        lambda m: SI(m, sgd(m), strength=0.0),
        lambda m: LwF(m, sgd(m), strength=0.0),
    ],
)
def test_without_strength_a_method_is_descent(make):
    module, other = network(), network()
    a = learn(make(module), STREAM, epochs=2, batch=16)
    b = learn(Descent(other, sgd(other)), STREAM, epochs=2, batch=16)
    np.testing.assert_allclose(flat(module), flat(other), rtol=1e-12)
    np.testing.assert_array_equal(a.accuracies, b.accuracies)


@pytest.mark.parametrize(
    "make",
    [
        lambda m: EWC(m, sgd(m), strength=100.0),
        lambda m: SI(m, sgd(m), strength=3.0),
        lambda m: LwF(m, sgd(m)),
        lambda m: Replay(m, sgd(m), capacity=20),
        lambda m: AGEM(m, sgd(m), capacity=20),
        lambda m: Joint(m, sgd(m)),
    ],
    ids=["EWC", "SI", "LwF", "Replay", "AGEM", "Joint"],
)
def test_a_method_remembers_better_than_descent(make):
    # all tasks ask the same two questions of different classes, so that the second overwrites the first
    stream = split_classes(BLOBS, 2, scenario="domain")
    module, other = network(2), network(2)
    method = make(module)
    learned = learn(method, stream, epochs=10, batch=16)
    plain = learn(Descent(other, sgd(other)), stream, epochs=10, batch=16)
    assert learned.accuracies[1, 0] > plain.accuracies[1, 0] + 0.1
    assert learned.accuracies[0, 0] == plain.accuracies[0, 0]  # the first task is the same for all
    assert learned.memory > 0


# ---------------------------------------------------------------------------------------------- EWC and SI
def test_ewc_sums_the_parabolas_of_all_tasks():
    module = network()
    method = EWC(module, sgd(module), strength=7.0, examples=15, seed=3)
    parabolas = []
    for labels in ((0, 1), (2, 3), (1, 2)):
        with torch.no_grad():
            for p in module.parameters():
                p += 0.1 * torch.randn(p.shape, dtype=p.dtype)
        task = batch_of(labels)
        generator = method._generator.get_state()
        parabolas.append((torch.cat([f.ravel() for f in method.fisher(task)]), flat(module)))
        method._generator.set_state(generator)
        method.end(task)
    with torch.no_grad():
        for p in module.parameters():
            p += 0.1
    expected = sum(7.0 * f * (flat(module) - centre) for f, centre in parabolas)
    np.testing.assert_allclose(gradient(module, method.penalty()), expected, rtol=1e-10, atol=1e-14)
    assert method.memory() == 2 * 8 * flat(module).numel()


def test_ewc_estimates_the_fisher_information():
    torch.manual_seed(0)
    module = torch.nn.Linear(6, 4).double()
    x = torch.from_numpy(BLOBS.x[:3]) / 4
    p = module(x).softmax(dim=1).detach()
    # of a linear classifier: the mean of p_c (1 - p_c) x_i^2
    exact = torch.einsum("kc,ki->ci", p * (1 - p), x.square()) / 3
    many = Batch(x.repeat(1000, 1), torch.zeros(3000, dtype=torch.int64), None)
    found = EWC(module, sgd(module), strength=1.0, examples=3000, seed=1).fisher(many)
    np.testing.assert_allclose(found[0], exact, rtol=0.15, atol=0.05 * exact.max().item())
    masked = Batch(many.x, many.y, torch.tensor([True, True, False, False]).repeat(3000, 1))
    two = EWC(module, sgd(module), strength=1.0, examples=500).fisher(masked)
    assert not two[0][2:].any() and two[0][:2].abs().min() > 0


def test_si_divides_the_decrease_of_the_loss_among_the_parameters():
    module, task = network(), batch_of()
    method = SI(module, sgd(module, lr=1e-3), strength=0.0, damping=0.05)
    method.begin(task)
    begin, losses = flat(module), [float(method.step(task)) for _ in range(200)]
    decrease = losses[0] - torch.nn.functional.cross_entropy(module(task.x), task.y).item()
    path = torch.cat([p.ravel() for p in method._path])
    assert float(path.sum()) == pytest.approx(decrease, rel=1e-2) and decrease > 0.05
    method.end(task)
    expected = path.clamp(min=0) / ((flat(module) - begin).square() + 0.05)
    np.testing.assert_allclose(torch.cat([o.ravel() for o in method._importance]), expected, rtol=1e-12)


def test_si_pulls_towards_where_the_task_began():
    module, task = network(), batch_of()
    optimiser = sgd(module, lr=0.1)
    method = SI(module, optimiser, strength=2.0)
    for omega in method._importance:
        omega.fill_(0.3)
    method.begin(task)
    centre = flat(module)
    with torch.no_grad():
        for p in module.parameters():
            p += 0.1
    before = flat(module)
    loss = torch.nn.functional.cross_entropy(module(task.x), task.y)
    expected = before - 0.1 * (gradient(module, loss) + 2 * 2.0 * 0.3 * (before - centre))
    method.step(task)
    np.testing.assert_allclose(flat(module), expected, rtol=1e-12)


# ------------------------------------------------------------------------------------------------------ LwF
def test_lwf_compares_with_the_answers_of_before_on_labels_seen():
    module = network()
    method = LwF(module, sgd(module, lr=0.1), strength=3.0, temperature=2.0)
    first, second = batch_of((0, 1)), batch_of((2, 3))
    method.begin(first)
    method.end(first)
    method.begin(second)
    teacher = copy.deepcopy(module)
    with torch.no_grad():
        for p in module.parameters():
            p += 0.3 * torch.randn(p.shape, dtype=p.dtype)
    q, p = (m(second.x)[:, :2].div(2.0).softmax(dim=1) for m in (teacher, module))
    distance = (q * (q / p).log()).sum(dim=1).mean()
    loss = torch.nn.functional.cross_entropy(module(second.x), second.y) + 3.0 * 4.0 * distance
    expected = flat(module) - 0.1 * gradient(module, loss)
    assert method.step(second).item() == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(flat(module), expected, rtol=1e-10)
    assert method.memory() == 8 * flat(module).numel()


# ------------------------------------------------------------------------------------------ kept examples
def test_a_reservoir_keeps_each_example_with_the_same_probability():
    counts = np.zeros(40)
    for seed in range(600):
        reservoir = Reservoir(8, seed=seed)
        for part in torch.arange(40.0)[:, None].split(15):  # three times, of which the first fills it
            reservoir.add(Batch(part, part[:, 0].long(), None))
        kept = reservoir._kept.y.numpy()
        assert len(set(kept.tolist())) == 8
        counts[kept] += 1
    # 600 draws of 8 out of 40: 120 each, with a standard deviation of 9.8
    assert np.abs(counts - 120).max() < 4 * 9.8
    assert reservoir.memory() == 8 * (4 + 8)
    with pytest.raises(ParameterError, match="add some before"):
        Reservoir(3).draw(1)


def test_examples_with_and_without_a_mask_stand_together():
    masked = Batch(torch.zeros(2, 6), torch.tensor([0, 1]), torch.tensor([[True, True, False, False]] * 2))
    for first, second in ((masked, batch_of(n=3)), (batch_of(n=3), masked)):
        reservoir = Reservoir(5)
        module = network()
        joint = Joint(module, sgd(module))
        for part in (first, second):
            part = Batch(part.x.float(), part.y, part.mask)
            reservoir.add(part)
            given = joint.begin(part)
        for kept in (reservoir._kept, given):
            assert kept.mask.sum(dim=1).tolist() == [
                2 if b.mask is not None else 4 for b in (first, second) for _ in b.y
            ]
    reservoir.add(Batch(torch.zeros(0, 6), torch.zeros(0, dtype=torch.int64), None))
    assert len(reservoir) == 5


def test_a_task_without_examples_leaves_no_parabola():
    module = network()
    with pytest.raises(ParameterError, match="an example or more"):
        EWC(module, sgd(module), strength=1.0).end(batch_of(n=0))


def test_replay_averages_new_and_kept_examples():
    module, other = network(), network()
    method = Replay(module, sgd(module, lr=0.1), capacity=10, seed=5)
    method.end(batch_of((0, 1)))
    twin = Reservoir(10, seed=5)
    twin.add(batch_of((0, 1)))
    new, kept = batch_of((2, 3)), twin.draw(20)
    loss = sum(torch.nn.functional.cross_entropy(other(b.x), b.y) for b in (new, kept)) / 2
    expected = flat(other) - 0.1 * gradient(other, loss)
    method.step(new)
    np.testing.assert_allclose(flat(module), expected, rtol=1e-12)
    assert set(kept.y.tolist()) == {0, 1}


def test_agem_projects_only_what_would_hurt():
    projected = 0
    for seed, (old, new) in enumerate([((0, 1), (0, 1)), ((0, 1), (2, 3))]):
        module, other = network(), network()
        method = AGEM(module, sgd(module, lr=0.1), capacity=10, drawn=30, seed=seed)
        method.end(batch_of(old))
        twin = Reservoir(10, seed=seed)
        twin.add(batch_of(old))
        kept, fresh = twin.draw(30), batch_of(new)
        g = gradient(other, torch.nn.functional.cross_entropy(other(fresh.x), fresh.y))
        r = gradient(other, torch.nn.functional.cross_entropy(other(kept.x), kept.y))
        before = flat(module)
        method.step(fresh)
        step = (before - flat(module)) / 0.1
        if g @ r < 0:
            projected += 1
            assert abs(float(step @ r)) < 1e-10
            # nothing else is taken away: what is left of g is along r
            rest = g - step
            np.testing.assert_allclose(rest, r * (rest @ r) / (r @ r), atol=1e-12)
        else:
            np.testing.assert_allclose(step, g, atol=1e-12)
    assert projected == 1


def test_joint_training_sees_all_tasks_so_far():
    module = network()
    method = Joint(module, sgd(module))
    learned = learn(method, STREAM, epochs=2, batch=10)
    assert learned.updates.tolist() == [12, 24]
    assert learned.accuracies[1].min() > 0.85
    seen = method.begin(batch_of((0, 1)))
    assert len(seen) == 140


# ------------------------------------------------------------------------------------------- the ensemble
@pytest.mark.parametrize("how", ["product", "sum"])
def test_the_ensemble_is_a_loop_of_its_rule(how):
    module, other = network(), network()
    learned = learn(Ensemble(module, NTE(module.parameters(), lr=0.05, batch=how)), STREAM, epochs=2, batch=16, seed=1)
    rule, generator = NTE(other.parameters(), lr=0.05, batch=how), torch.Generator().manual_seed(1)
    for classes in ([0, 1], [2, 3]):
        chosen = np.flatnonzero(np.isin(Y, classes))
        x, y = torch.from_numpy(BLOBS.x[chosen]), torch.from_numpy(Y[chosen]) - classes[0]
        for _ in range(2):
            for part in torch.randperm(60, generator=generator).split(16):

                def loss(logits, labels, reduction, classes=classes):
                    return torch.nn.functional.cross_entropy(logits[:, classes], labels, reduction=reduction)

                if how == "product":
                    per_example_gradients(other, x[part], y[part], loss)
                else:
                    loss(other(x[part]), y[part], "sum").backward()
                rule.step()
    np.testing.assert_allclose(flat(module), flat(other), rtol=1e-10)
    assert learned.memory == 0 and learned.accuracies[1, 1] > 0.8


def test_momentum_is_forgotten_where_that_is_wanted():
    ends = []
    for reset in (False, True):
        module = network()
        learn(Descent(module, sgd(module, momentum=0.9), reset=reset), STREAM, epochs=1, batch=16)
        ends.append(flat(module))
    assert not torch.equal(*ends)


@pytest.mark.parametrize(
    "make",
    [
        lambda m: Descent(m, sgd(m, lr=0.5)),
        lambda m: Ensemble(m, NTE(m.parameters(), lr=0.02)),
        lambda m: EWC(m, sgd(m, lr=0.5), strength=10.0, examples=20),
        lambda m: SI(m, sgd(m, lr=0.5), strength=0.1),
        lambda m: LwF(m, sgd(m, lr=0.5)),
        lambda m: Replay(m, sgd(m, lr=0.5), capacity=10),
        lambda m: AGEM(m, sgd(m, lr=0.5), capacity=10),
        lambda m: Joint(m, sgd(m, lr=0.5)),
    ],
    ids=["Descent", "Ensemble", "EWC", "SI", "LwF", "Replay", "AGEM", "Joint"],
)
def test_spiking_networks_learn_by_every_method(make):
    rng = np.random.default_rng(0)
    y = np.tile(np.arange(3), 12)
    times = rng.uniform(0.5, 1.0, (36, 4))
    times[np.arange(36), y] -= 0.5  # the earliest input tells the class
    arrays = Arrays(times, y, times, y)
    module = spiking_module()
    learned = learn(make(module), permuted(arrays, 2, seed=0, first=False), epochs=4, batch=9)
    assert learned.losses[0, -1] < learned.losses[0, 0] - 0.02
    module = spiking_module()
    learned = learn(make(module), split_classes(arrays, 1), epochs=1, batch=6)
    np.testing.assert_array_equal(learned.accuracies, 1.0)  # one label alone competes


def test_outputs_that_are_not_finite_are_no_answers():
    module = torch.nn.Linear(4, 2)
    x, y = 10.0 * np.ones((6, 4)), np.array([0, 0, 0, 0, 0, 1])
    method = Descent(module, torch.optim.SGD(module.parameters(), lr=3e38))
    with pytest.raises(GradientError, match="outputs are not finite on the test set of task 0"):
        learn(method, permuted(Arrays(x, y, x, y), 1, seed=0), epochs=1, batch=6)


def test_inputs_must_be_finite():
    x, y = np.ones((6, 4)), np.arange(6) % 2
    bad = x.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ParameterError, match=r"Arrays\.x_test must be finite"):
        Arrays(x, y, bad, y)


def test_a_training_that_diverges_is_told():
    module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 4)), rng.integers(0, 2, 64)
    method = Descent(module, torch.optim.SGD(module.parameters(), lr=1e20))
    with pytest.raises(GradientError, match=r"the loss is .* in epoch 1 of task 0"):
        learn(method, permuted(Arrays(x, y, x, y), 2, seed=0), epochs=2, batch=8)


def test_an_optimiser_of_another_module_is_refused():
    module, other = torch.nn.Linear(4, 2), torch.nn.Linear(4, 2)
    with pytest.raises(ParameterError, match=r"Descent\.optimiser must have parameters of the module"):
        Descent(module, torch.optim.SGD(other.parameters(), lr=0.1))


def test_a_module_is_left_in_the_mode_it_was_in():
    module = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Dropout(0.5))
    x, y = np.zeros((6, 4)), np.arange(6) % 2
    method = Descent(module, torch.optim.SGD(module.parameters(), lr=0.1))
    learn(method, permuted(Arrays(x, y, x, y), 2, seed=0), epochs=1, batch=3)
    assert module.training
