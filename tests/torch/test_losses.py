import math
from functools import partial

import pytest
import torch

from saltation.errors import ParameterError
from saltation.torch import (
    bump_silent,
    max_over_time_cross_entropy,
    rate_regularisation,
    spike_time_mse,
    ttfs_accuracy,
    ttfs_cross_entropy,
    ttfs_silent_labels,
)

INF, NAN = torch.inf, torch.nan
TAU0, TAU1, ALPHA = 2e-3, 10e-3, 0.3


def first_times(rows):
    return torch.tensor(rows, dtype=torch.float64, requires_grad=True)


def test_ttfs_cross_entropy_follows_its_formula():
    rows, labels = [[10e-3, 12e-3, 11e-3], [8e-3, 7e-3, INF]], [2, 0]
    first = first_times(rows)
    loss = ttfs_cross_entropy(first, torch.tensor(labels), tau0=TAU0, tau1=TAU1, alpha=ALPHA)
    loss.backward()
    value = 0.0
    for b, (row, label) in enumerate(zip(rows, labels, strict=True)):
        scores = [math.exp(-t / TAU0) for t in row]
        share = [score / sum(scores) for score in scores]
        value += (-math.log(share[label]) + ALPHA * math.expm1(row[label] / TAU1)) / 2
        for n, t in enumerate(row):
            expected = -share[n] / TAU0
            if n == label:
                expected = (1 - share[n]) / TAU0 + ALPHA / TAU1 * math.exp(t / TAU1)
            assert first.grad[b, n].item() == pytest.approx(expected / 2, rel=1e-12, abs=1e-15)
    assert loss.item() == pytest.approx(value, rel=1e-13)
    assert first.grad[1, 2].item() == 0.0


def test_a_sample_with_a_silent_label_has_neither_value_nor_gradient_and_is_counted():
    first = first_times([[INF, 12e-3], [INF, INF], [10e-3, 12e-3]])
    labels = torch.tensor([0, 1, 0])
    loss = ttfs_cross_entropy(first, labels, tau0=TAU0, tau1=TAU1, alpha=ALPHA)
    loss.backward()
    alone = ttfs_cross_entropy(first.detach()[2:], labels[2:], tau0=TAU0, tau1=TAU1, alpha=ALPHA)
    assert loss.item() == pytest.approx(alone.item() / 3, rel=1e-13)
    assert bool((first.grad[:2] == 0.0).all()) and bool(first.grad.isfinite().all())
    assert ttfs_silent_labels(first, labels).item() == 2


def test_accuracy_gives_a_tie_to_the_lowest_number_and_silence_is_wrong():
    first = torch.tensor([[2.0, 1.0], [1.0, 1.0], [1.0, 1.0], [INF, INF], [INF, 3.0]])
    assert ttfs_accuracy(first, torch.tensor([1, 0, 1, 0, 1])).item() == pytest.approx(3 / 5)


def test_spike_time_mse():
    first = first_times([[1.0, INF, 3.0], [2.0, 4.0, INF]])
    target = torch.tensor([[1.5, 2.0, INF], [2.0, 3.0, INF]], dtype=torch.float64)
    loss = spike_time_mse(first, target)
    loss.backward()
    assert loss.item() == pytest.approx((0.25 + 0.0 + 0.0 + 1.0) / 4)
    expected = torch.tensor([[-1.0, 0.0, 0.0], [0.0, 2.0, 0.0]], dtype=torch.float64) / 4
    torch.testing.assert_close(first.grad, expected, rtol=1e-14, atol=0)
    late = spike_time_mse(first, target, silent_time=5.0)
    assert late.item() == pytest.approx((0.25 + 9.0 + 0.0 + 1.0) / 4)
    assert torch.autograd.grad(late, first)[0][0, 1].item() == 0.0
    assert spike_time_mse(first, torch.tensor(INF)).item() == 0.0


def test_max_over_time_cross_entropy():
    v = torch.tensor([[[0.1, 2.0], [1.0, 0.3]], [[0.5, 0.2], [0.4, 0.1]]], requires_grad=True)
    labels = torch.tensor([1, 0])
    expected = torch.nn.functional.cross_entropy(torch.tensor([[1.0, 2.0], [0.5, 0.2]]), labels)
    torch.testing.assert_close(max_over_time_cross_entropy(v, labels), expected)
    torch.testing.assert_close(max_over_time_cross_entropy(v.amax(1), labels), expected)


def test_rate_regularisation_has_the_surrogate_gradient():
    weight = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    counts = torch.tensor([[0, 4], [2, 6]])
    penalty = rate_regularisation(weight, counts, target=torch.tensor([2.0, 3.0]), strength=0.5)
    assert penalty.item() == pytest.approx(0.25 * (4 + 1 + 0 + 9) / 2)
    penalty.backward()
    torch.testing.assert_close(weight.grad, torch.tensor([[-0.5, 1.0]] * 3, dtype=torch.float64), rtol=1e-14, atol=0)


def test_bump_silent_raises_the_weights_of_silent_neurons_alone_and_outside_autograd():
    weight = torch.nn.Parameter(torch.ones(2, 3))
    silent = bump_silent(weight, torch.tensor([[0, 1, 0], [0, 0, 0]]), 0.25)
    assert silent.tolist() == [True, False, True]
    assert weight.tolist() == [[1.25, 1.0, 1.25]] * 2
    assert weight.is_leaf and weight.grad_fn is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, n: ttfs_cross_entropy(f, n, tau0=0.0), r"ttfs_cross_entropy\.tau0"),
        (lambda f, n: ttfs_cross_entropy(f, n, tau0=1.0, alpha=1.0), r"ttfs_cross_entropy\.tau1"),
        (lambda f, n: ttfs_cross_entropy(f, n, tau0=1.0, tau1=-1.0, alpha=1.0), r"ttfs_cross_entropy\.tau1"),
        (lambda f, n: ttfs_cross_entropy(f, n, tau0=1.0, alpha=-1.0), r"ttfs_cross_entropy\.alpha"),
        (lambda f, n: ttfs_cross_entropy(f, n, tau0=INF), r"tau0 must be > 0 and finite; got inf"),
        (lambda f, n: ttfs_cross_entropy(f, n, tau0=NAN), r"tau0 must be > 0"),
        (lambda f, n: ttfs_cross_entropy(f, n, tau0=1.0, alpha=NAN), r"alpha must be >= 0 and finite; got nan"),
        (lambda f, n: ttfs_cross_entropy(f, n, tau0=1.0, tau1=1.0, alpha=INF), r"alpha must be >= 0"),
        (lambda f, n: ttfs_cross_entropy(f, n, tau0=1.0, tau1=INF, alpha=1.0), r"tau1 must be > 0"),
        (lambda f, n: ttfs_cross_entropy(f, n, tau0=1.0, tau1=NAN), r"tau1 must be > 0"),
        (lambda f, n: spike_time_mse(f, torch.tensor([1.0, NAN])), r"target must be times.* got nan at index \(1,\)"),
        (lambda f, n: spike_time_mse(f, torch.tensor([-INF, 1.0])), r"target must be times.* got -inf at index \(0,\)"),
        (lambda f, n: ttfs_cross_entropy(f[0], n, tau0=1.0), r"ttfs_cross_entropy\.first"),
        (lambda f, n: ttfs_cross_entropy(f, n[:1], tau0=1.0), r"ttfs_cross_entropy\.labels"),
        (lambda f, n: ttfs_accuracy(f, n.float()), r"ttfs_accuracy\.labels"),
        (lambda f, n: ttfs_silent_labels(f, torch.zeros(2, 2)), r"ttfs_silent_labels\.labels"),
        (lambda f, n: spike_time_mse(f, torch.zeros(3)), r"spike_time_mse\.target"),
        (lambda f, n: max_over_time_cross_entropy(f[0], n), r"max_over_time_cross_entropy\.v"),
        (lambda f, n: rate_regularisation(f, torch.zeros(2, 5), target=1.0), r"rate_regularisation\.counts"),
        (lambda f, n: bump_silent(f, torch.zeros(5), 1.0), r"bump_silent\.counts"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call(torch.ones(2, 2), torch.tensor([0, 1]))


OF_LABELS = [partial(ttfs_cross_entropy, tau0=1.0), ttfs_silent_labels, ttfs_accuracy, max_over_time_cross_entropy]


@pytest.mark.parametrize("label", [-1, 2, -100])  # the last is one that PyTorch's own loss leaves out
@pytest.mark.parametrize("function", OF_LABELS)
def test_a_label_without_a_neuron_is_refused(function, label):
    with pytest.raises(ParameterError, match=rf"\.labels must be from 0 to 1.*; got {label} at index \(1,\)"):
        function(torch.ones(2, 2, requires_grad=True), torch.tensor([0, label]))


@pytest.mark.parametrize("function", OF_LABELS)
def test_values_are_not_looked_at_where_they_cannot_be(function):
    first, labels = torch.tensor([[1.0, 2.0], [4.0, 3.0]]), torch.tensor([0, 1])
    expected = function(first, labels)
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(first, labels), expected)
    both = torch.vmap(function)(first.expand(3, 2, 2), labels.expand(3, 2))
    torch.testing.assert_close(both, expected.expand(3))
    assert function(first.to("meta"), labels.to("meta")).shape == ()


def test_a_target_that_is_no_number_under_the_compiler():
    first = torch.tensor([[1.0, INF]])
    compiled = torch.compile(spike_time_mse, fullgraph=True, backend="eager")
    for target, value in (([1.5, INF], 0.25), ([NAN, INF], NAN), ([1.0, NAN], NAN)):
        assert compiled(first, torch.tensor(target)).item() == pytest.approx(value, nan_ok=True)
