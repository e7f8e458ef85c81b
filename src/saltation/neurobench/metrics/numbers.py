"""MSE, R2 and sMAPE: how far predicted numbers are from what was to be predicted."""

from typing import Any

import numpy as np
import numpy.typing as npt

from saltation.errors import ParameterError
from saltation.model.checks import at_first, explain
from saltation.neurobench.metrics.given import given_array

__all__ = ["mse", "r2", "smape"]

Floats = npt.NDArray[np.float64]


def mse(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """Mean squared error over all entries.

    ::

        MSE = mean (prediction - target)^2

    Parameters
    ----------
    predictions, targets : array_like, of one shape
        Of all samples together.

    Raises
    ------
    ParameterError
        If shapes differ, or a value is not finite.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.neurobench import mse
    >>> mse([[1.0, 2.0]], [[0.0, 4.0]])
    2.5
    """
    found, wanted = _pair("mse", predictions, targets)
    _finite("mse", "predictions", found)
    return float(np.mean((found - wanted) ** 2))


def r2(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """Explained share of the variance, a mean over the outputs.

    ::

        R2 = mean over outputs of  1 - sum_n (target_n - prediction_n)^2 / sum_n (target_n - mean target)^2

    Each output is taken over all samples, so that it needs the whole test set at once.  The harness has two outputs, x
    and y of a velocity; this takes any number of them.

    Parameters
    ----------
    predictions, targets : array_like, [N] or [N, output]
        Of all samples together.

    Raises
    ------
    ParameterError
        If shapes differ, a value is not finite, or an output is constant, for which R2 is not defined.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.neurobench import r2
    >>> r2([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]], [[1.0, 1.0], [2.0, 0.0], [3.0, -1.0]])
    0.5
    """
    found, wanted = _pair("r2", predictions, targets)
    _finite("r2", "predictions", found)
    if wanted.ndim == 1:
        found, wanted = found[:, None], wanted[:, None]
    if wanted.ndim != 2:
        raise ParameterError(explain("r2.targets", "[N] or [N, output]", f"shape {wanted.shape}"))
    constant = np.ptp(wanted, axis=0) == 0.0
    if constant.any():
        raise ParameterError(
            f"r2.targets must vary; got output {int(constant.argmax())} with one value in all samples, of which no "
            "variance can be explained; take more samples, or leave the output out"
        )
    around = wanted - wanted.mean(axis=0)
    # in units of a power of two, which rounds nothing: squares of what is small or large are no numbers
    unit = -np.frexp(np.abs(around).max(axis=0))[1]
    total = (np.ldexp(around, unit) ** 2).sum(axis=0)
    left = (np.ldexp(wanted - found, unit) ** 2).sum(axis=0)
    return float(np.mean(1.0 - left / total))


def smape(predictions: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """Symmetric mean absolute percentage error, 0 to 200.

    ::

        sMAPE = 200 mean |target - prediction| / (|target| + |prediction|)

    An entry where both are zero is right and counts 0, where the harness has 0 / 0 and then 200 for everything.  A
    prediction that is not finite, of a model that diverged, makes the result 200, as in the harness.

    Parameters
    ----------
    predictions, targets : array_like, of one shape
        Of all samples together.

    Raises
    ------
    ParameterError
        If shapes differ, or a target is not finite.

    References
    ----------
    Yik et al., NeuroBench, arXiv:2304.04640.

    Examples
    --------
    >>> from saltation.neurobench import smape
    >>> smape([1.0, 0.0], [3.0, 0.0])
    50.0
    """
    found, wanted = _pair("smape", predictions, targets)
    if not np.isfinite(found).all():
        return 200.0
    # halves have the same ratio, and the sum of two large ones is a number
    half = np.where(np.maximum(np.abs(found), np.abs(wanted)) > 2.0**1022, 0.5, 1.0)
    found, wanted = half * found, half * wanted
    size = np.abs(found) + np.abs(wanted)
    error = np.divide(np.abs(found - wanted), size, out=np.zeros_like(size), where=size > 0.0)
    return float(200.0 * np.mean(error))


def _pair(owner: str, predictions: npt.ArrayLike, targets: npt.ArrayLike) -> tuple[Floats, Floats]:
    found, wanted = (_real(owner, name, each) for name, each in (("predictions", predictions), ("targets", targets)))
    if found.shape != wanted.shape or not found.size or not found.ndim:
        raise ParameterError(
            f"{owner}.predictions must be of the shape of targets, with one sample or more; got {found.shape} and "
            f"{wanted.shape}; an axis of length 1 too many would be broadcast, and is refused"
        )
    _finite(owner, "targets", wanted)
    return found, wanted


def _real(owner: str, name: str, value: Any) -> Floats:
    given = given_array(f"{owner}.{name}", value)
    if given.dtype.kind not in "iuf":
        raise ParameterError(explain(f"{owner}.{name}", "real numbers", f"dtype {given.dtype}"))
    return given.astype(np.float64)


def _finite(owner: str, name: str, values: Floats) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        raise ParameterError(explain(f"{owner}.{name}", "finite", at_first(values, bad)))
