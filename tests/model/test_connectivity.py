"""Which synapses a connectivity lists, against PyTorch and matrices."""

import pickle

import numpy as np
import pytest
import scipy.sparse
import torch

import saltation as sal
from reference.dense import matrix
from saltation.errors import NetworkError, ParameterError


def projected(connectivity, weight, x):
    """The linear map of a projection, applied to values of the units."""
    return x @ matrix(sal.Projection("a", "b", weight, connectivity=connectivity), weight)


CONVOLUTIONS = [
    {"kernel_size": 3},
    {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 2)},
    {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2},
    {"kernel_size": 2, "groups": 2},
    {"kernel_size": (3, 1), "groups": 4, "padding": 1},
]


@pytest.mark.parametrize("options", CONVOLUTIONS)
def test_a_convolution_is_that_of_torch(options):
    rng = np.random.default_rng(1)
    conv = sal.Conv2d((4, 9, 8), 8, **options)
    weight, x = rng.normal(size=conv.weight_shape), rng.normal(size=(2, 4, 9, 8))
    names = {name: value for name, value in options.items() if name != "kernel_size"}
    expected = torch.nn.functional.conv2d(torch.tensor(x), torch.tensor(weight), **names)
    assert conv.output_shape == tuple(expected.shape[1:])
    np.testing.assert_allclose(
        projected(conv, weight, x.reshape(2, -1)), expected.flatten(1).numpy(), rtol=1e-13, atol=1e-13
    )


@pytest.mark.parametrize("options", [{"kernel_size": 3, "padding": 2}, {"kernel_size": 2, "stride": 3, "groups": 2}])
def test_a_convolution_in_one_dimension_is_that_of_torch(options):
    rng = np.random.default_rng(2)
    conv = sal.Conv1d((4, 11), 6, **options)
    weight, x = rng.normal(size=conv.weight_shape), rng.normal(size=(2, 4, 11))
    names = {name: value for name, value in options.items() if name != "kernel_size"}
    expected = torch.nn.functional.conv1d(torch.tensor(x), torch.tensor(weight), **names)
    np.testing.assert_allclose(
        projected(conv, weight, x.reshape(2, -1)), expected.flatten(1).numpy(), rtol=1e-13, atol=1e-13
    )


@pytest.mark.parametrize("options", [{"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}])
def test_pooling_is_that_of_torch(options):
    rng = np.random.default_rng(3)
    pool, x = sal.SumPool2d((3, 7, 6), **options), rng.normal(size=(2, 3, 7, 6))
    pooled = torch.nn.functional.avg_pool2d(torch.tensor(x), divisor_override=1, **options)
    np.testing.assert_allclose(projected(pool, np.array(1.0), x.reshape(2, -1)), pooled.flatten(1).numpy(), atol=1e-13)
    conv = sal.Conv2d(pool.output_shape, 4, 2)
    weight = rng.normal(size=conv.weight_shape)
    expected = torch.nn.functional.conv2d(pooled, torch.tensor(weight)).flatten(1)
    np.testing.assert_allclose(
        projected(sal.Pooled(pool, conv), weight, x.reshape(2, -1)), expected.numpy(), atol=1e-12
    )
    weight = rng.normal(size=(pool.n_post, 5))
    expected = pooled.flatten(1).numpy() @ weight
    np.testing.assert_allclose(projected(sal.Pooled(pool, 5), weight, x.reshape(2, -1)), expected, atol=1e-12)


def test_sparse_matrices_come_and_go():
    rng = np.random.default_rng(4)
    dense = rng.normal(size=(7, 5)) * (rng.random((7, 5)) < 0.4)
    for given in (dense, scipy.sparse.csr_array(dense), scipy.sparse.coo_array(dense)):
        connectivity, weight = sal.Sparse.from_matrix(given)
        np.testing.assert_array_equal(
            matrix(sal.Projection("a", "b", weight, connectivity=connectivity), weight), dense
        )
    assert pickle.loads(pickle.dumps(connectivity)) == connectivity
    assert not connectivity.pre.flags.writeable


def test_random_connectivity_has_the_rate_and_the_seed():
    connectivity = sal.Sparse.random((400, 300), 0.05, seed=7)
    pairs = connectivity.pre * 300 + connectivity.post
    assert np.all(np.diff(pairs) > 0)
    # six standard deviations of the binomial distribution
    assert abs(connectivity.n_synapses - 6000) < 6 * np.sqrt(6000 * 0.95)
    assert sal.Sparse.random((400, 300), 0.05, seed=7) == connectivity
    assert sal.Sparse.random((400, 300), 0.05, seed=8) != connectivity


POOL = sal.SumPool2d((1, 4, 4), 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sal.Sparse([0, 3], [0, 1], shape=(3, 2)), r"Sparse\.pre must be < 3.*got 3 at index \(1,\)"),
        (lambda: sal.Sparse([0, -1], [0, 1], shape=(3, 2)), r"Sparse\.pre must be >= 0"),
        (lambda: sal.Sparse([0, 1], [0], shape=(3, 2)), r"Sparse\.post must be as long as pre"),
        (lambda: sal.Sparse([], [], shape=(3, 2)), r"Sparse\.pre must be integers|at least one synapse"),
        (lambda: sal.Sparse([0], [0], shape=3), r"Sparse\.shape must be \(n_pre, n_post\)"),
        (lambda: sal.Sparse.random((3, 3), 0.0, seed=1), r"Sparse\.random\.p must be > 0"),
        (lambda: sal.Sparse.random((2, 2), 1e-9, seed=1), r"such that there are synapses"),
        (lambda: sal.Sparse.from_matrix([1.0]), r"Sparse\.from_matrix\.matrix must be \[n_pre, n_post\]"),
        (lambda: sal.Conv2d((1, 4), 1, 3), r"Conv2d\.input_shape must be 3 integers"),
        (lambda: sal.Conv2d((1, 4, 4), 1, 5), r"Conv2d\.kernel_size must be such that the window fits"),
        (lambda: sal.Conv2d((3, 4, 4), 2, 2, groups=2), r"Conv2d\.groups must be a divisor"),
        (lambda: sal.Conv2d((3, 4, 4), 2, 2, stride=0), r"Conv2d\.stride must be an integer >= 1"),
        (lambda: sal.SumPool2d((1, 2, 2), 3), r"SumPool2d\.kernel_size must be such"),
        (
            lambda: sal.Pooled(sal.SumPool2d((1, 4, 4), 2), sal.Conv2d((1, 4, 4), 1, 2)),
            r"Pooled\.then must be a Conv2d",
        ),
        (lambda: sal.Projection("a", "b", [[1.0]], connectivity="all"), r"Projection\.connectivity must be Sparse"),
        (
            lambda: sal.Projection("a", "b", [1.0], connectivity=sal.Sparse([0, 1], [0, 0], (2, 1))),
            r"Projection\.weight must be an array \[2\]",
        ),
        (
            lambda: sal.Projection("a", "b", np.ones((2, 1)), connectivity=sal.Sparse([0, 1], [0, 0], (2, 1))),
            r"one weight for each weight of its connectivity, of shape \(2,\); got a matrix of shape \(2, 1\)",
        ),
    ],
)
def test_nonsense_is_refused(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_a_connectivity_must_fit_its_populations():
    net = sal.Network()
    net.add("in", sal.Input(3))
    net.add("out", sal.LIF(2))
    with pytest.raises(NetworkError, match=r"Network\.connect\.connectivity must be of shape \(3, 2\).*transposed"):
        net.connect("in", "out", weight=[1.0], connectivity=sal.Sparse([0], [0], (2, 3)))
    key = net.connect("in", "out", weight=[1.0], connectivity=sal.Sparse([0], [0], (3, 2)))
    assert "3 x 2 Sparse" in net.summary()
    assert net.replace(weight={key: [2.0]}).projections[key].connectivity is net.projections[key].connectivity
