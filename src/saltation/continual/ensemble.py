"""`TangentEnsemble`: a network read as a Bayesian ensemble of tangent experts, exactly."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.continual.classifier import Classifier, Floats, Ints, checked_labels, checked_vector, jacobian
from saltation.continual.posterior import Posterior
from saltation.errors import ParameterError
from saltation.model.checks import number

__all__ = ["TangentEnsemble", "Validity"]


@final
@dataclass(frozen=True, slots=True)
class Validity:
    """Whether the experts of an ensemble are probability distributions on some inputs.

    ::

        f_i(y | x) >= 0 for all i, x, y   iff   z max(-s_i d_i log p0(y | x)) <= 1;     z L < 1 is enough

    Attributes
    ----------
    radius : float
        ``z = sum_i |delta_i|``.
    slope : float
        ``L``, the largest ``|d log p0(y | x) / dw_i|``.
    worst : float
        The largest ``-s_i d_i log p0(y | x)``.
    least : float
        The smallest ``f_i(y | x)``.
    """

    radius: float
    slope: float
    worst: float
    least: float

    @property
    def bound(self) -> float:
        """``z L``: below 1, every expert is a distribution, and no label gains more than the factor ``1 + z L``."""
        return self.radius * self.slope

    @property
    def holds(self) -> bool:
        """Whether every expert is a distribution on these inputs."""
        return self.radius * self.worst <= 1.0


@final
@dataclass(frozen=True, slots=True, eq=False)
class TangentEnsemble:
    """Tangent experts of a classifier around a seed point, one for each parameter.

    ::

        p(y | x, w0 + delta) ~ sum_i pi_i f_i(y | x),     z = sum_i |delta_i|,  s_i = sign(delta_i)
        pi_i = |delta_i| / z,     f_i(y | x) = p0(y | x) (1 + z s_i d log p0(y | x) / dw_i)

    An exact rearrangement of the first-order expansion of the probabilities, in which each expert is a predictor of its
    own. Every ``f_i`` sums to 1 over the labels; none is negative where `validity` holds. The experts are fixed, and so
    Bayes' rule gives a posterior that depends on neither order nor batches of the examples. It is a correct object, and
    a weak learner: no label can become more than ``1 + z L`` times as probable as at the seed point, and with many
    examples the posterior settles on few experts. `NTE` is the rule that learns.

    Parameters
    ----------
    classifier : Classifier
        Of `torch_classifier` or `jax_classifier`.
    delta : array_like, [parameter]
        Displacement of the parameters; its signs are those of the experts, its sizes the prior.
    seed : array_like, [parameter], optional
        ``w0``; by default the parameters as they are now.

    Raises
    ------
    ParameterError
        If a vector has another length or is not finite, or the displacement is zero.

    References
    ----------
    Benjamin, Pehle and Daruwalla, Continual learning with the neural tangent ensemble, 2024, arXiv:2408.17394.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from saltation.continual import TangentEnsemble, random_signs, torch_classifier
    >>> _ = torch.manual_seed(1)
    >>> classifier = torch_classifier(torch.nn.Linear(2, 3).double())
    >>> ensemble = TangentEnsemble(classifier, random_signs(classifier.size, 0.01, seed=1))
    >>> x, y = torch.tensor([[1.0, 0.5], [0.2, -1.0]]).double(), np.array([2, 0])
    >>> ensemble.validity(x).holds
    True
    >>> posterior = ensemble.update(ensemble.prior(), x, y)
    >>> ensemble.predict(x, posterior).sum(axis=1).round(12)
    array([1., 1.])
    """

    classifier: Classifier
    delta: Floats
    seed: Floats

    def __init__(self, classifier: Classifier, delta: npt.ArrayLike, seed: npt.ArrayLike | None = None) -> None:
        if not isinstance(classifier, Classifier):
            raise ParameterError(
                f"TangentEnsemble.classifier must be a Classifier; got {type(classifier).__name__}; torch_classifier "
                "and jax_classifier make one"
            )
        at = classifier.parameters() if seed is None else seed
        object.__setattr__(self, "classifier", classifier)
        object.__setattr__(self, "delta", checked_vector("TangentEnsemble", "delta", delta, classifier.size))
        object.__setattr__(self, "seed", checked_vector("TangentEnsemble", "seed", at, classifier.size))
        if not self.delta.any():
            raise ParameterError(
                "TangentEnsemble.delta must not be all zero: its sizes are the weights of the experts; random_signs "
                "gives one"
            )

    @property
    def radius(self) -> float:
        """``z``, the sum of the sizes of the displacement."""
        return float(np.abs(self.delta).sum())

    @property
    def signs(self) -> Floats:
        """``s``; 0 for a parameter that is not displaced, whose expert counts for nothing."""
        return np.sign(self.delta)

    def prior(self) -> Posterior:
        """Give the weights of the experts before any example, ``|delta| / z``."""
        return Posterior.from_weights(np.abs(self.delta))

    def displaced(self, posterior: Posterior) -> Floats:
        """Give the parameters of a posterior, ``w0 + z s pi``."""
        return self.seed + self.radius * self.signs * posterior.weights

    def experts(self, x: Any) -> Floats:
        """Give the label distribution of every expert, ``f_i(y | x)``, [batch, label, expert].

        Large: one backward pass for each label and example. Negative where `validity` does not hold.
        """
        p = np.exp(self.classifier.log_probabilities(self.seed, x))
        return p[:, :, None] * (1.0 + self.radius * self.signs * jacobian(self.classifier, self.seed, x))

    def validity(self, x: Any) -> Validity:
        """Tell whether the experts are distributions on these inputs; as costly as `experts`."""
        slopes = jacobian(self.classifier, self.seed, x)
        signed = -self.signs * slopes
        p = np.exp(self.classifier.log_probabilities(self.seed, x))
        least = p[:, :, None] * (1.0 - self.radius * signed)
        return Validity(self.radius, float(np.abs(slopes).max()), float(signed.max()), float(least.min()))

    def factors(self, x: Any, y: npt.ArrayLike) -> Floats:
        """Likelihood of each label under each expert, over that at the seed point, [batch, expert].

        ::

            f_i(y_k | x_k) / p0(y_k | x_k) = 1 - z s_i g_ik,     g_ik = -d log p0(y_k | x_k) / dw_i
        """
        labels, _ = self._labelled(x, y)
        return 1.0 - self.radius * self.signs * self.classifier.loss_gradients(self.seed, x, labels)

    def update(
        self, posterior: Posterior, x: Any, y: npt.ArrayLike, *, tempering: float = 1.0, floor: float | None = None
    ) -> Posterior:
        """Take some examples into account.

        ::

            log pi_i := log pi_i + beta sum_k log f_i(y_k | x_k) - log Z

        Parameters
        ----------
        posterior : Posterior
            Before.
        x, y : inputs and labels
            The examples.
        tempering : float
            ``beta``, the power of the likelihood, >= 0: below 1 the posterior settles more slowly.
        floor : float, optional
            What a likelihood that is not positive is replaced by, relative to that at the seed point; they are counted
            in `Posterior.clamped`. By default they are refused.

        Raises
        ------
        ParameterError
            If a likelihood is not positive and there is no floor: the displacement is too large for these examples.
        """
        beta = number("TangentEnsemble.update", "tempering", tempering, minimum=0.0)
        labels, log_p = self._labelled(x, y)
        factors = 1.0 - self.radius * self.signs * self.classifier.loss_gradients(self.seed, x, labels)
        bad = ~(factors > 0)
        if bad.any():
            if floor is None:
                raise ParameterError(
                    f"TangentEnsemble.update: likelihoods must be positive; got {factors.min():.3g} times that at the "
                    f"seed point ({int(bad.sum())} of {bad.size} are not); the displacement is too large for these "
                    f"examples: divide delta by {1.01 * (1.0 - factors.min()):.3g} or more, or give a floor"
                )
            least = number("TangentEnsemble.update", "floor", floor, minimum=0.0, strict=True)
            factors = np.where(bad, least, factors)
        own = log_p[np.arange(len(labels)), labels]
        return posterior.times(np.log(factors) + own[:, None], beta, int(bad.sum()))

    def predict(self, x: Any, posterior: Posterior | None = None) -> Floats:
        """Label probabilities of the ensemble, [batch, label], by one forward-mode pass and without any expert.

        ::

            p(y | x) = sum_i pi_i f_i(y | x) = p0(y | x) (1 + z sum_i pi_i s_i d_i log p0(y | x))
        """
        pi = (self.prior() if posterior is None else posterior).weights
        p = np.exp(self.classifier.log_probabilities(self.seed, x))
        return p * (1.0 + self.classifier.tangent(self.seed, x, self.radius * self.signs * pi))

    def _labelled(self, x: Any, y: npt.ArrayLike) -> tuple[Ints, Floats]:
        log_p = self.classifier.log_probabilities(self.seed, x)
        return checked_labels("TangentEnsemble", y, *log_p.shape), log_p


def random_signs(size: int, by: float, seed: int) -> Floats:
    """Displacement of one size for all parameters, with random signs: every expert has the same weight.

    ::

        delta_i = +by or -by,     pi_i = 1 / size

    Examples
    --------
    >>> from saltation.continual import random_signs
    >>> random_signs(4, 0.5, seed=0)
    array([ 0.5,  0.5,  0.5, -0.5])
    """
    by = number("random_signs", "by", by, minimum=0.0, strict=True)
    return by * np.random.default_rng(seed).choice([-1.0, 1.0], size)
