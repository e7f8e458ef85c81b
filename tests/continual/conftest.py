"""Classifiers that the tests of the tangent ensemble share: the same kind of network from each front end."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from reference.classifiers import mlp, spiking_module
from saltation.continual import Classifier, TangentEnsemble, jax_classifier, torch_classifier
from saltation.continual.classifier import jacobian

jax.config.update("jax_enable_x64", True)

EXAMPLES = 50


@dataclass(frozen=True)
class Case:
    """A classifier and 50 labelled examples, with what a slow computation needs of them."""

    classifier: Classifier
    x: Any
    y: np.ndarray
    labels: int

    @property
    def seed(self):
        return self.classifier.parameters()

    def log_p(self):
        return self.classifier.log_probabilities(self.seed, self.x)

    @cached_property
    def slopes(self):
        """``d_i log p0(y | x)``, [example, label, parameter]."""
        return jacobian(self.classifier, self.seed, self.x)

    def gradients(self):
        """``g_ik``, out of the slopes of all labels, [example, parameter]."""
        return -self.slopes[np.arange(EXAMPLES), self.y]

    def ensemble(self, bound, seed=0):
        """Random signs, weights from a flat Dirichlet distribution, and z such that z L is `bound`."""
        rng = np.random.default_rng(seed)
        pi = rng.dirichlet(np.ones(self.classifier.size))
        signs = rng.choice([-1.0, 1.0], self.classifier.size)
        z = bound / np.abs(self.slopes).max()
        return TangentEnsemble(self.classifier, z * signs * pi)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    # for arrays this small, threads cost more than they bring
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def numbers():
    rng = np.random.default_rng(7)
    return rng.normal(size=(EXAMPLES, 6)), rng.integers(0, 4, EXAMPLES)


@pytest.fixture(scope="session")
def torch_case(numbers):
    x, y = numbers
    return Case(torch_classifier(mlp()), torch.from_numpy(x), y, 4)


@pytest.fixture(scope="session")
def jax_case(numbers):
    x, y = numbers
    weights = [jnp.asarray(p.detach().numpy()) for p in mlp().parameters()]

    def apply(w, x):
        return jnp.tanh(x @ w[0].T + w[1]) @ w[2].T + w[3]

    return Case(jax_classifier(apply, weights), jnp.asarray(x), y, 4)


@pytest.fixture(scope="session")
def spiking_case():
    rng = np.random.default_rng(8)
    x = torch.from_numpy(rng.uniform(0.0, 1.0, (EXAMPLES, 4)))
    return Case(torch_classifier(spiking_module()), x, rng.integers(0, 3, EXAMPLES), 3)


@pytest.fixture(scope="session", params=["torch", "jax", "spiking"])
def case(request):
    return request.getfixturevalue(f"{request.param}_case")
