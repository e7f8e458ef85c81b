"""`NormClip`: gradients shortened to a usual length, which those of the steps before give."""

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.model.checks import number

__all__ = ["NormClip"]

Floats = npt.NDArray[np.float64]

# steps that are remembered, and that there must be before any gradient is shortened
_LENGTH, _LEAST = 300, 10


@final
class NormClip:
    """Clipping of gradients to a quantile of the norms of those before.

    ::

        g := g min(1, L / |g|),    L = quantile of |g| over the last 300 steps with |g| > 0

    for each array on its own.  The derivative of a spike time grows without bound as a neuron barely crosses its
    threshold.  On a chip, which crosses where the model would not, single samples have gradients of a hundred times
    the usual length, and one of them would decide the steps of an epoch.

    Parameters
    ----------
    names : iterable of str
        Of the arrays.
    quantile : float
        0 < quantile <= 1; 1 shortens what is longer than all before.

    Raises
    ------
    ParameterError
        If the quantile is another number.

    References
    ----------
    Seetharaman, Wichern, Pardo, Le Roux, AutoClip: adaptive gradient clipping for source separation networks,
    MLSP (2020), doi:10.1109/MLSP49062.2020.9231926; there the quantile is over all steps.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.norm_clip import NormClip
    >>> clip = NormClip(["w"], 0.5)
    >>> for _ in range(10):
    ...     _ = clip({"w": np.array([3.0, 4.0])})
    >>> clip({"w": np.array([30.0, 40.0])})["w"]
    array([3., 4.])
    """

    def __init__(self, names: Any, quantile: float) -> None:
        self._quantile = number("NormClip", "quantile", quantile, minimum=0.0, maximum=1.0, strict=True)
        self._norms: dict[str, deque[float]] = {name: deque(maxlen=_LENGTH) for name in names}

    def __call__(self, gradients: Mapping[str, Floats]) -> dict[str, Floats]:
        """Give the gradients, shortened where they are too long, and remember how long they were."""
        limits = self.limits()
        norms = {name: float(np.sqrt(np.vdot(gradient, gradient))) for name, gradient in gradients.items()}
        self.remember(norms)
        return {
            name: gradient * (limits[name] / norms[name]) if norms[name] > limits[name] else gradient
            for name, gradient in gradients.items()
        }

    def limits(self) -> dict[str, float]:
        """How long the next gradient of each array may be; infinity in the first steps."""
        return {
            name: _quantile(sorted(each), self._quantile) if len(each) >= _LEAST else math.inf
            for name, each in self._norms.items()
        }

    def remember(self, norms: Mapping[str, Any]) -> None:
        """Add the norms of a step, before they were shortened."""
        for name, norm in norms.items():
            # where nothing was learned, nothing is said of the usual length
            if norm > 0.0:
                self._norms[name].append(float(norm))

    def state(self) -> dict[str, Floats]:
        """Give what `restore` takes."""
        return {name: np.array(each) for name, each in self._norms.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up an earlier state."""
        for name, each in self._norms.items():
            each.clear()
            each.extend(np.asarray(state[name], np.float64).tolist())


def _quantile(ordered: list[float], share: float) -> float:
    # np.quantile takes five times as long for so few
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])
