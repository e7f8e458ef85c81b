"""`Adam`, for training without an automatic differentiation framework."""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import numpy.typing as npt

from saltation.kernels.adam import adam

__all__ = ["Adam"]

Floats = npt.NDArray[np.float64]


@final
class Adam:
    """The optimiser Adam, as ``torch.optim.Adam`` has it.

    ::

        m := m + (1 - beta1) (g - m),     v := beta2 v + (1 - beta2) g^2
        w := w - lr / (1 - beta1^k)  m / (sqrt(v) / sqrt(1 - beta2^k) + eps)

    Parameters
    ----------
    like : dict of str to ndarray
        Arrays whose shapes the trained ones have.
    betas : (float, float)
        beta1 and beta2.
    eps : float
        eps.

    References
    ----------
    Kingma and Ba, Adam: a method for stochastic optimization, arXiv:1412.6980.

    Examples
    --------
    >>> import numpy as np
    >>> from saltation.experiments.adam import Adam
    >>> adam = Adam({"w": np.zeros(2)})
    >>> adam.step({"w": np.zeros(2)}, {"w": np.array([3.0, -4.0])}, learning_rate=0.1)["w"].round(6)
    array([-0.1,  0.1])
    """

    def __init__(
        self, like: Mapping[str, Floats], betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        self._betas, self._eps = betas, eps
        self._steps = 0
        self._mean = {name: np.zeros(array.shape) for name, array in like.items()}
        self._square = {name: np.zeros(array.shape) for name, array in like.items()}

    def step(
        self,
        values: Mapping[str, Floats],
        gradients: Mapping[str, Floats],
        learning_rate: float | Mapping[str, float],
    ) -> dict[str, Floats]:
        """Give the values after one step, with one learning rate for all arrays or one for each."""
        self._steps += 1
        beta1, beta2 = self._betas
        scale = (1.0 - beta2**self._steps) ** 0.5
        moved: dict[str, Floats] = {}
        for name, gradient in gradients.items():
            rate = learning_rate[name] if isinstance(learning_rate, Mapping) else learning_rate
            size = rate / (1.0 - beta1**self._steps)
            new = np.empty(gradient.shape)
            before, slope = (np.ascontiguousarray(array, np.float64).reshape(-1) for array in (values[name], gradient))
            mean, square = self._mean[name].reshape(-1), self._square[name].reshape(-1)
            adam(before, slope, mean, square, beta1, beta2, size, scale, self._eps, new.reshape(-1))
            moved[name] = new
        return moved

    def state(self) -> dict[str, Any]:
        """Give what `restore` takes."""
        return {"steps": self._steps, "mean": dict(self._mean), "square": dict(self._square)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up an earlier state."""
        self._steps = int(state["steps"])
        self._mean = {name: np.array(state["mean"][name], np.float64, order="C") for name in self._mean}
        self._square = {name: np.array(state["square"][name], np.float64, order="C") for name in self._square}
