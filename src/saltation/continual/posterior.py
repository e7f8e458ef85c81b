"""`Posterior`: how much each expert of an ensemble is believed, in log space."""

from dataclasses import dataclass
from typing import final

import numpy as np

from saltation.continual.classifier import Floats
from saltation.errors import ParameterError

__all__ = ["Posterior"]


@final
@dataclass(frozen=True, slots=True)
class Posterior:
    """Weights of experts after some examples.

    ::

        log pi_i = log pi_i(0) + beta sum_k log f_i(y_k | x_k) - log Z
        log Z = log sum_i pi_i(0) prod_k f_i(y_k | x_k)^beta

    Sums of logarithms do not depend on the order of the examples, nor on the batches they came in.

    Attributes
    ----------
    log_weights : ndarray, [expert]
        ``log pi``, normalised; -inf for an expert that counts for nothing.
    log_evidence : float
        ``log Z``: of all labels seen, in their order one after the other, under the ensemble.
    examples : int
        Number of examples seen.
    clamped : int
        Number of likelihoods that were not positive and were replaced.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.continual import Posterior
    >>> prior = Posterior.from_weights([0.5, 0.5])
    >>> after = prior.times(np.log([[0.9, 0.1], [0.9, 0.1]]))
    >>> after.weights.round(4), round(after.effective, 3)
    (array([0.9878, 0.0122]), 1.068)
    """

    log_weights: Floats
    log_evidence: float = 0.0
    examples: int = 0
    clamped: int = 0

    @staticmethod
    def from_weights(weights: object) -> "Posterior":
        """Begin at a prior: numbers >= 0, which are made to sum to 1.

        Raises
        ------
        ParameterError
            If a weight is negative or not finite, or none is positive.
        """
        pi = np.array(weights, np.float64)
        if pi.ndim != 1 or not np.isfinite(pi).all() or (pi < 0).any() or not pi.any():
            raise ParameterError(
                "Posterior.from_weights.weights must be [expert], finite, >= 0, not all zero; got "
                f"shape {pi.shape}, least {pi.min(initial=np.inf)}"
            )
        return Posterior(_log(pi / pi.sum()))

    @property
    def weights(self) -> Floats:
        """``pi``, which sums to 1."""
        return np.exp(self.log_weights)

    @property
    def effective(self) -> float:
        """Effective number of experts, ``exp(-sum_i pi_i log pi_i)``."""
        pi = self.weights
        return float(np.exp(-np.sum(np.where(pi > 0, pi * np.where(pi > 0, self.log_weights, 0.0), 0.0))))

    def times(self, log_likelihoods: Floats, tempering: float = 1.0, clamped: int = 0) -> "Posterior":
        """Multiply by the likelihoods of some examples, ``[example, expert]`` as logarithms, to the power of beta.

        Raises
        ------
        ParameterError
            If no expert is left.
        """
        log_weights = self.log_weights + tempering * log_likelihoods.sum(axis=0)
        top = log_weights.max()
        if not np.isfinite(top):
            raise ParameterError(
                f"Posterior.times: an expert must be left; got {top} as the largest logarithm: each expert with a "
                "weight gave some example the likelihood 0, or one is not a number"
            )
        total = float(top + np.log(np.exp(log_weights - top).sum()))
        return Posterior(
            log_weights - total,
            self.log_evidence + total,
            self.examples + len(log_likelihoods),
            self.clamped + clamped,
        )


def _log(values: Floats) -> Floats:
    """Logarithm, -inf at zero."""
    found = np.full(values.shape, -np.inf)
    np.log(values, out=found, where=values > 0)
    return found
